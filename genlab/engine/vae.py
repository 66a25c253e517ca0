"""Trains a VAE into a run directory and measures it on the test digits."""

__all__ = ["binary_test_digits", "evaluate_vae", "load_vae", "train_vae"]

import math

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from torch import Tensor

from genlab import atomic
from genlab.data.mnist import DigitSet, load_digits
from genlab.engine.measure import measure
from genlab.engine.progress import Progress
from genlab.engine.rng import generator, seeded
from genlab.engine.run import Run, Stopwatch, open_run
from genlab.engine.state import pack, unpack
from genlab.errors import InputError
from genlab.recipes.vae import VaeConfig
from genlab.vae import VAE

SAVE_EVERY_S = 60.0
TEST_SEED = 20240115
"""Fixes the one binary draw of the test digits: the same for every model, whatever its seed."""


def grey(images: Tensor) -> Tensor:
    """Returns uint8 images `(N, H, W)` as rows in [0, 1], with shape `(N, H W)`."""
    return images.flatten(1).float() / 255


def binarise(x: Tensor, random: torch.Generator) -> Tensor:
    """Draws each pixel from Bernoulli(grey value) (Salakhutdinov & Murray, 2008)."""
    return (torch.rand(x.shape, generator=random) < x).to(x.dtype)


def binary_test_digits(digits: DigitSet) -> Tensor:
    """Returns the test digits, binarised once and for all, with shape `(N, X)`."""
    return binarise(grey(digits.test), generator(TEST_SEED, "test digits"))


def build_vae(config: VaeConfig, pixels: int, examples: Tensor | None = None) -> VAE:
    """Builds the untrained model; without `examples` its pseudo-inputs await loaded weights."""
    with seeded(config.seed, "weights"):
        return VAE(
            pixels=pixels, latent=config.latent, hidden=config.hidden, prior=config.prior,
            components=config.components,
            examples=torch.zeros(config.components, pixels) if examples is None else examples,
        )


def load_vae(path: Path) -> tuple[VAE, VaeConfig]:
    """Rebuilds the model of a finished run from its JSON and safetensors.

    Raises:
        InputError: If `path` is not a finished VAE run.
    """
    from safetensors.torch import load

    run = Run(path)
    weights = path / "model.safetensors"
    if run.kind != "vae" or not weights.exists():
        raise InputError(f"{path}: not a finished VAE run; train it with: genlab vae train")
    config = vae_config(run)
    model = build_vae(config, math.prod(run.env["data"]["mnist"]["shape"]))
    model.load_state_dict(load(weights.read_bytes()))
    return model.eval(), config


def vae_config(run: Run) -> VaeConfig:
    """Returns the configuration of a VAE run."""
    return VaeConfig(**{**run.config, "hidden": tuple(run.config["hidden"])})


def rate(step: int, steps: int) -> float:
    """The learning rate as a share of its highest: a short rise, then half a cosine to zero."""
    rise = max(1, steps // 50)
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def train_vae(config: VaeConfig, out: Path) -> dict[str, Any]:
    """Trains into `out` (or goes on there) and returns the results.

    A run stopped at any moment and started again ends with the same weights, bit for bit on the
    same machine.

    Raises:
        InputError: If the digits or `out` cannot be used.
        FloatingPointError: If training diverges; the last good state stays.
    """
    digits = load_digits(config.mnist)
    images = grey(digits.train)
    if len(images) < config.components:
        raise InputError(
            f"--components {config.components}: more than the {len(images)} training digits"
        )
    run = open_run(out, "vae", config, {"mnist": digits.identity})
    if run.done:
        return run.results
    order = torch.randperm(len(images), generator=generator(config.seed, "examples"))
    model = build_vae(config, images.shape[1], images[order[: config.components]])
    x_test = binary_test_digits(digits)
    seconds = _fit(config, run, model, images, x_test)
    atomic.write_tensors(out / "model.safetensors", model.state_dict())
    results = {
        "prior": config.prior,
        "components": config.components if config.prior != "standard" else None,
        "epochs": config.epochs,
        "train_images": len(images),
        "seconds": round(seconds, 1),
        "data": asdict(digits.identity),
    }
    run.finish(results | measured(model.eval(), x_test, config))
    run.drop_state()
    return run.results


def evaluate_vae(out: Path, mnist: str | None = None) -> dict[str, Any]:
    """Measures a finished run again and writes its results.

    Arguments:
        out: The run directory.
        mnist: Where the digits are now, if no longer where they were; they must be the same.

    Raises:
        InputError: If `out` is not a finished VAE run, or the digits are others.
    """
    model, config = load_vae(out)
    digits = load_digits(mnist or config.mnist)
    run = Run(out)
    run.refuse_other_data({"mnist": digits.identity})
    run.finish(run.results | measured(model, binary_test_digits(digits), config))
    return run.results


def measured(model: VAE, x_test: Tensor, config: VaeConfig) -> dict[str, Any]:
    """Returns the measurements with what they were measured on."""
    results = measure(model, x_test, config.draws, config.seed)
    return results | {"binarisation": "dynamic in training; one fixed draw of the test digits"}


def _fit(config: VaeConfig, run: Run, model: VAE, images: Tensor, x_test: Tensor) -> float:
    """Trains `model` from where `run` is; returns the seconds that took, over all sessions."""
    optimiser = torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)
    steps_per_epoch = math.ceil(len(images) / config.batch)
    steps = config.epochs * steps_per_epoch
    step, watch = 0, Stopwatch()
    sums = torch.zeros(2, dtype=torch.float64)  # of RE and Omega, over this epoch's digits
    if state := run.load_state():
        tensors, step, before = state
        unpack(tensors, {"vae": model}, {"adam": optimiser})
        sums, watch = tensors["sums"], Stopwatch(before)
    saved = watch.seconds
    with Progress(steps, f"VAE, {config.prior} prior", "steps", step) as progress:
        for epoch in range(step // steps_per_epoch, config.epochs):
            shuffle = torch.randperm(
                len(images), generator=generator(config.seed, "order", epoch)
            )
            for rows in shuffle.split(config.batch)[step % steps_per_epoch :]:
                random = generator(config.seed, "step", step)
                x = binarise(images[rows], random)
                terms = model.terms(x, torch.randn(1, len(x), config.latent, generator=random))
                for group in optimiser.param_groups:
                    group["lr"] = config.learning_rate * rate(step, steps)
                loss = -terms.elbo.mean()
                if not torch.isfinite(loss):
                    raise FloatingPointError(
                        f"the ELBO is {-loss.item()} in epoch {epoch + 1}, step {step + 1}; the "
                        "last saved state is kept; try a lower --learning-rate"
                    )
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                step += 1
                sums += torch.stack([terms.re.sum(), terms.omega.sum()]).detach().double()
                if step % steps_per_epoch == 0:
                    record = _epoch_record(config, model, x_test, epoch + 1, sums / len(images))
                    run.log({"step": step, **record})
                    sums.zero_()
                    progress.advance(0, f"ELBO {record['elbo']:.2f}")
                progress.advance()
                if watch.seconds - saved > SAVE_EVERY_S:
                    tensors = pack({"vae": model}, {"adam": optimiser}) | {"sums": sums}
                    run.save_state(tensors, step, watch.seconds)
                    saved = watch.seconds
    return watch.seconds


def _epoch_record(
    config: VaeConfig, model: VAE, x_test: Tensor, epoch: int, means: Tensor
) -> dict[str, Any]:
    """One line of the metrics; some twenty times a run the test ELBO (one draw) joins it."""
    re, omega = means.tolist()
    record = {"epoch": epoch, "re": re, "omega": omega, "elbo": re + omega}
    if epoch % max(1, config.epochs // 20) == 0 or epoch == config.epochs:
        noise = torch.randn(
            1, len(x_test), config.latent, generator=generator(TEST_SEED, "test curve")
        )
        with torch.no_grad():
            record["test_elbo"] = model.terms(x_test, noise).elbo.double().mean().item()
    return record
