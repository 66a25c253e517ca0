"""Trains a VAE into a run directory, or a new prior for one, and measures it."""

__all__ = ["discard_parts", "evaluate_vae", "refit_config", "train_vae"]

import hashlib
import json
import time

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch.nn as nn

from genlab.common import atomic
from genlab.common.cache import NOTHING_KEPT, Parts
from genlab.common.errors import InputError
from genlab.common.paths import from_way, way_from
from genlab.common.typed_json import to_json
from genlab.compute.hardware import CPU, Hardware, device_context
from genlab.configs.checks import require_alike
from genlab.configs.vae import VaeConfig
from genlab.priors import PRIORS
from genlab.runs.lock import resumable, run_lock
from genlab.runs.records import readable
from genlab.runs.run import Run, open_run
from genlab.runs.seal import write_kept
from genlab.runs.state import unpack
from genlab.vae.em_init import fit_prior_by_em
from genlab.vae.findings import copies, findings, say_all
from genlab.vae.load import (
    MEASURES,
    build_likelihood,
    build_vae,
    first_vae,
    load_vae,
    shape_of,
    vae_config,
)
from genlab.vae.loop import NEVER, train_loop
from genlab.vae.measure import measure
from genlab.vae.model import VAE
from genlab.vae.results import Measurement, VaeResults, read_results
from genlab.vae.splits import (
    Data,
    Splits,
    observed_test_images,
    observed_train_images,
    open_data,
    splits_of,
    suited,
)

BUILT_OF = (
    "latent", "net", "hidden", "gated", "fourier", "width", "depth", "halve",
    "likelihood", "likelihood_options", "posterior",
)  # fmt: skip
"""What the networks, the posterior and the likelihood of a run are built of."""
MEASURING = "measuring"
"""The folder of a measurement that goes on, in the run."""


def refit_config(
    base: Path, out: Path, prior: str, options: Mapping[str, Any], *, epochs: int,
    learning_rate: float, em: bool,
) -> VaeConfig:
    """Returns the configuration of a new prior for a finished run.

    Arguments:
        base: The finished run.
        out: The run directory of the new prior.
        prior: The new prior.
        options: Its options.
        epochs: Passes over the images' codes.
        learning_rate: Highest learning rate of Adam.
        em: Whether expectation-maximisation fits it, if it can (`Prior.fitted_by_em`).

    Raises:
        InputError: If `base` is not a finished VAE run, or an option does not fit.
    """
    _, config = load_vae(base)
    config = replace(
        config, prior=prior, prior_options=options, post_hoc=way_from(out, base), epochs=epochs,
        learning_rate=learning_rate, schedule="cosine", patience=None, clip=None, em=False,
        objective="elbo", lattice=VaeConfig.lattice, samples=1, gradient="dreg", beta=1.0,
        warmup=0, free_bits=0.0, checkpoints=False,
    )
    return replace(config, em=em and PRIORS[prior].fitted_by_em)


def train_vae(
    config: VaeConfig, out: Path, on: Hardware = CPU, *, wait: bool = False
) -> VaeResults:
    """Trains into `out` (or goes on there) and returns the results.

    A run stopped at any moment and started again ends with the same weights, bit for bit on the
    processor of one machine; it may go on on other hardware. Training and importance sampling
    run on the device, what else is measured and expectation-maximisation on the processor.

    Arguments:
        config: What to train. Its `post_hoc` is the way from `out` to the run whose networks
            are kept (`places.way_from`).
        out: The run directory.
        on: What it runs on.
        wait: If another process trains there now: whether its end is waited for.

    Raises:
        InputError: If the images or `out` cannot be used, or another process trains there.
        TrainingError: If training diverges, or something measured is not finite; the last saved
            state stays.
    """
    digits = open_data(config)
    config = suited(config, digits)
    splits = splits_of(digits, config, build_likelihood(config))
    # What cannot be built is refused before anything is written.
    model = None if (out / "DONE").exists() else _beginning(config, out, digits, splits)
    with run_lock(out, wait=wait), resumable(out):
        return _train(config, out, on, digits, splits, model)


def _train(
    config: VaeConfig, out: Path, on: Hardware, digits: Data, splits: Splits,
    model: VAE | None,
) -> VaeResults:
    """Trains the model and measures it, or returns the results of a finished run."""
    run = open_run(out, "vae", config, {"images": digits.identity}, on.facts)
    if run.done or model is None:
        discard_parts(out)  # where the process that finished it was stopped before
        return read_results(run)
    counts = digits.counts()
    say_all(out, copies(counts, digits.reals))
    began, seconds, epochs, converged = time.monotonic(), 0.0, 0, False
    if config.em:
        converged = fit_prior_by_em(config, model, splits)
        seconds = time.monotonic() - began
    if not converged:
        with device_context(on):
            took, epochs = train_loop(
                config, run, model, splits, on.device, prior_only=config.post_hoc is not None
            )
        seconds += took
    weights = atomic.tensor_bytes(model.cpu().state_dict())
    write_kept(out, digits.files() | {"model.safetensors": weights})
    model.eval()
    results = VaeResults(
        **vars(_measured(_parts(run, model, config), model, digits, config, on)),
        prior=config.prior, prior_options=dict(config.prior_options), epochs=epochs,
        train_images=len(splits.train), seconds=round(seconds, 1), data=digits.identity,
        likelihood=config.likelihood, likelihood_options=dict(config.likelihood_options),
        images=counts, log_volume=digits.log_volume,
    )
    _finish(run, results)
    say_all(out, findings(results))
    return read_results(run)


def _beginning(config: VaeConfig, out: Path, digits: Data, splits: Splits) -> VAE:
    """Returns the model before training; post hoc with the networks of the finished run."""
    model = first_vae(config, splits)
    if config.post_hoc is not None:
        base = from_way(out, config.post_hoc)
        Run(base).refuse_other_data({"images": digits.identity})
        _take_over(model, config, base)
        model.prior.hold_encoder()
    return model


def _take_over(model: VAE, config: VaeConfig, base: Path) -> None:
    """Gives the model the networks, posterior and likelihood of a finished run, as they are."""
    source, other = load_vae(base)
    require_alike(BUILT_OF, config, other, f"`post_hoc` {base}")
    pairs: list[tuple[nn.Module, nn.Module]] = [
        (model.encoder, source.encoder), (model.decoder, source.decoder),
        (model.likelihood, source.likelihood),
    ]
    if model.flow is not None and source.flow is not None:
        pairs.append((model.flow, source.flow))
    for ours, theirs in pairs:
        ours.load_state_dict(theirs.state_dict())
        ours.requires_grad_(False)


def evaluate_vae(
    out: Path, data: str | None = None, importance: int | None = None,
    annealed: int | None = None, on: Hardware = CPU,
) -> Measurement:
    """Measures a finished run again and writes its results; or an unfinished one, and writes none.

    Of an unfinished run the weights last saved are measured: with early stopping the best so far.
    `unfinished` of its measurement says which; it may be training meanwhile.

    Arguments:
        out: The run directory.
        data: SOURCE of the images, if no longer where they were; they must be the same.
        importance: Draws of the importance-sampled likelihood, if other than the run's own.
        annealed: Images whose likelihood is bracketed by annealing, likewise.
        on: What importance sampling runs on.

    Raises:
        InputError: If `out` is not a VAE run or has saved nothing yet, or the images are others.
    """
    run = Run(out)
    model, config, note = (*load_vae(out), "") if run.done else _unfinished(run)
    digits = open_data(config, data)
    run.refuse_other_data({"images": digits.identity})
    if importance is not None:
        config = replace(config, importance=importance)
    if annealed is not None:
        config = replace(config, annealed=annealed)
    parts = NOTHING_KEPT if note else _parts(run, model, config)
    measurement = _measured(parts, model, digits, config, on)
    say_all(out, findings(measurement))
    if note:
        return replace(measurement, unfinished=note)
    _finish(run, replace(read_results(run), **vars(measurement)))
    return read_results(run)


def _unfinished(run: Run) -> tuple[VAE, VaeConfig, str]:
    """Returns the model that a run has saved so far, its configuration, and which weights."""
    state = run.newest_state() if run.kind == "vae" else None
    if state is None:
        raise InputError(f"{run.path}: no VAE run, or one that has saved nothing yet")
    tensors, step, _ = state
    best = "best" in tensors and tensors["best"][0] > NEVER
    with readable(run.path):
        config = vae_config(run)
        model = build_vae(config, shape_of(run, tensors))
        unpack(tensors, {"best" if best else "vae": model}, {})
    which = "the best by validation ELBO" if best else "the last saved"
    return model.eval(), config, f"not finished; weights measured: {which} until step {step}"


def _measured(
    parts: Parts, model: VAE, digits: Data, config: VaeConfig, on: Hardware
) -> Measurement:
    with device_context(on):
        return measure(
            model, observed_test_images(digits, model.likelihood),
            observed_train_images(digits, model.likelihood), draws=config.draws,
            importance=config.importance, seed=config.seed, annealed=config.annealed,
            device=on.device, parts=parts,
        )


def _parts(run: Run, model: VAE, config: VaeConfig) -> Parts:
    """Returns the parts of the measurement of a run's model that are done.

    They lie in the folder `measuring` of the run until the measurement is written. They depend
    on the weights, on the run's data and seed, and on how the model is measured.
    """
    how = config.draws, config.importance, config.annealed
    digest = hashlib.sha256(json.dumps([to_json(run.env.data), config.seed, how]).encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    return Parts(run.path / MEASURING, digest.hexdigest())


def _finish(run: Run, results: VaeResults) -> None:
    run.finish(to_json(results), {MEASURES: results.values})
    discard_parts(run.path)


def discard_parts(path: Path) -> None:
    """Deletes the parts that a measurement of the run at `path` has left, once it has ended."""
    with run_lock(path, wait=True):
        Parts(path / MEASURING).discard()
