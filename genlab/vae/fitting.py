r"""VAEs of your own objects: trained into a run directory, measured, and loaded again.

    vae = VAE.perceptron(784, 2, Mixture(2, components=64), Bernoulli())
    results = fit(vae, genlab.data.splits("mnist"), "runs/mixture", TrainingConfig(epochs=20))
    print(results.nll_exact)                          # 131.27 ± 0.45 nats

The command `genlab vae train` does the same from names. Here prior, likelihood and networks may
be classes that genlab does not know. The run keeps the names of these classes and the weights;
`load_weights` gives them to a model that was built in the same way.
"""

__all__ = ["fit", "load_weights"]

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.typed_json import to_json
from genlab.compute.hardware import device_context, resolve_hardware
from genlab.configs.hardware import HardwareConfig
from genlab.configs.vae import TrainingConfig
from genlab.runs.lock import run_lock
from genlab.runs.records import readable
from genlab.runs.run import Run, open_run
from genlab.runs.seal import write_kept
from genlab.vae.divergence import refused_as_divergence
from genlab.vae.findings import copies, findings, say_all
from genlab.vae.load import MEASURES, initialise_prior
from genlab.vae.loop import train_loop
from genlab.vae.measure import measure
from genlab.vae.model import VAE
from genlab.vae.probe import require_sound
from genlab.vae.results import OBJECTS, VaeResults, read_results
from genlab.vae.splits import Data, observed_test_images, observed_train_images, splits_of

CLIP = 20.0
"""The longest gradient where a prior is learned, if the configuration does not say."""


@dataclass(frozen=True, kw_only=True)
class ObjectsConfig(TrainingConfig):
    """What such a run records: how it was trained, and the classes of what was trained."""

    classes: dict[str, str]


def fit(
    vae: VAE, digits: Data, out: str | Path, config: TrainingConfig | None = None, *,
    draws: int = 16, importance: int = 1000, device: Literal["auto", "cpu", "cuda"] = "auto",
) -> VaeResults:
    """Trains a VAE into a run directory, or goes on there, and measures it.

    A run that was stopped and is started again ends with the same weights, bit for bit on the
    processor of one machine. The model has the trained weights afterwards.

    Arguments:
        vae: The model, untrained.
        digits: The images, as `genlab.data.splits` opens them, or the rows of a table, as
            `genlab.data.table` does.
        out: The run directory.
        config: How it is trained; the defaults if not given.
        draws: Draws of z per test image when the bound is measured.
        importance: Draws per test image of the importance-sampled likelihood; 0 leaves it out.
        device: Where it trains: "auto", "cpu" or "cuda".

    Returns:
        Every quantity that was measured on the test images, with its standard error.

    Raises:
        InputError: If a part of `vae` has a fault (`genlab.vae.probe`), `out` holds something
            else or was begun with other settings, or another process trains there.
        TrainingError: If training diverges, or something measured is not finite: the run is not
            done, and its last saved state stays. Its `quantity` and `step` say what, and where.

    Example:
        >>> import tempfile
        >>> import torch
        >>> import genlab
        >>> shapes = (torch.rand(3, 4, 4) > 0.5).float()
        >>> digits = genlab.data.splits(shapes.repeat(60, 1, 1))
        >>> vae = genlab.VAE.perceptron(16, 1, genlab.priors.Standard(1), genlab.Bernoulli())
        >>> with tempfile.TemporaryDirectory() as out:
        ...     results = genlab.vae.fit(vae, digits, out, genlab.configs.TrainingConfig(epochs=2))
        >>> results.nll_exact.value < results.nll_is.value + 1
        True
    """
    out, config = Path(out), config or TrainingConfig()
    if config.clip is None:
        learned = any(True for _ in vae.prior.parameters())
        config = replace(config, clip=CLIP if learned else 0.0)
    splits = splits_of(digits, config, vae.likelihood)
    hardware = resolve_hardware(HardwareConfig(device=device))
    recorded = ObjectsConfig(**asdict(config), classes=_classes(vae))
    initialise_prior(vae, splits, config.seed)
    require_sound(vae, splits.train, digits.shape)
    with run_lock(out):
        run = open_run(out, OBJECTS, recorded, {"images": digits.identity}, hardware.facts)
        if run.done:
            load_weights(vae, out)
            return read_results(run)
        counts = digits.counts()
        say_all(out, copies(counts, digits.reals))
        with device_context(hardware):
            seconds, epochs = train_loop(config, run, vae, splits, hardware.device)
        weights = atomic.tensor_bytes(vae.cpu().eval().state_dict())
        write_kept(out, digits.files() | {"model.safetensors": weights})
        with refused_as_divergence("in the measurement"):
            measured = measure(
                vae, observed_test_images(digits, vae.likelihood),
                observed_train_images(digits, vae.likelihood), draws=draws, importance=importance,
                seed=config.seed, device=hardware.device,
            )
        results = VaeResults(
            **vars(measured), prior=recorded.classes["prior"], prior_options={},
            likelihood=recorded.classes["likelihood"], likelihood_options={}, epochs=epochs,
            train_images=len(splits.train), seconds=round(seconds, 1), data=digits.identity,
            images=counts, log_volume=digits.log_volume,
        )
        run.finish(to_json(results), {MEASURES: results.values})
        say_all(out, findings(results))
    return results


def load_weights(vae: VAE, path: str | Path) -> VAE:
    """Gives a model the weights of a finished run of `fit`.

    Arguments:
        vae: A model that was built as the run's was.
        path: The run directory.

    Returns:
        The model, in evaluation mode.

    Raises:
        InputError: If `path` is not such a run, is unfinished, or its model was of other classes
            or sizes.
    """
    run = Run(Path(path))
    if run.kind != OBJECTS:
        raise InputError(f"{path}: a {run.kind!r} run, not one of `genlab.vae.fit`")
    was, now = run.config["classes"], _classes(vae)
    if was != now:
        changed = ", ".join(f"{k}: {was[k]} there, {now[k]} here" for k in was if was[k] != now[k])
        raise InputError(f"{path}: the model there is of other classes ({changed})")
    weights = run.weights("model.safetensors")
    with readable(run.path):
        vae.load_state_dict(weights)
    return vae.eval()


def _classes(vae: VAE) -> dict[str, str]:
    parts = {"encoder": vae.encoder, "decoder": vae.decoder, "prior": vae.prior,
             "likelihood": vae.likelihood}
    parts |= {} if vae.flow is None else {"posterior": vae.flow}
    return {name: type(part).__qualname__ for name, part in parts.items()}
