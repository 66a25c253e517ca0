r"""Draws images from a trained GAN: single ones, truncated ones, and walks between them.

Image i follows from the seed, the stream and i alone: more images are the same ones and further
ones, at any number, in any process. They come from the averaged generator with its running
statistics, so that no image depends on those it is computed with.

A walk leads through K latents and back to the first. On the sphere of radius r = sqrt(Z) the
way from u to v is the arc of the great circle between them,

    w(t) = (sin((1 - t) a) u + sin(t a) v) / sin(a),    cos(a) = <u, v> / r^2,                  (1)

(Shoemake, section 3.3): straight lines would leave the sphere, and the generators send them back
to it faster in the middle. t = (1 - cos(pi s)) / 2 for s = 0, 1/F, ..., (F - 1)/F: the walk
slows down at each latent, and its velocity has no jumps, there and where the loop closes.

References:
    | Animating Rotation with Quaternion Curves (Shoemake, 1985)
    | Sampling Generative Networks (White, 2016), section 2.1, https://arxiv.org/abs/1609.04468

Shapes: N images, Z latent dimensions, S pixels a side, K latents of a walk, F steps between two.
"""

__all__ = ["draw", "gan_config", "images_of", "load_generator", "sample", "walk", "walk_latents"]

import math

from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F

from torch import Tensor, nn

from genlab.engine.players import build_generator
from genlab.engine.rng import generator
from genlab.engine.run import Run
from genlab.errors import InputError
from genlab.nets.truncation import Generator, mean_map, truncated
from genlab.recipes.gan import GanConfig

CHUNK = 20
"""Images made at a time, always: so that an image's bits never depend on how many are wanted."""

STEPS = 24
"""Steps of a walk from one latent to the next."""


def latents(config: GanConfig, places: range, seed: int, stream: str) -> Tensor:
    """Returns the latents of these places, with shape `(N, Z)`."""
    return torch.stack([
        torch.randn(config.latent, generator=generator(seed, stream, i)) for i in places
    ])


@torch.no_grad()
def images_of(network: nn.Module, z: Tensor, psi: float = 1.0) -> Tensor:
    """Returns the images of latents `(N, Z)`, truncated to `psi`: uint8 `(N, 3, S, S)`."""
    make = network
    if psi != 1:
        assert isinstance(network, Generator)
        mean = mean_map(network, generator(0, "mean map"))  # the run's, whatever the seed
        make = partial(truncated, network, psi=psi, mean=mean)
    parts = []
    for rows in z.split(CHUNK):
        full = F.pad(rows, (0, 0, 0, CHUNK - len(rows)), value=1.0)
        images = ((make(full) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        parts.append(images[: len(rows)])
    return torch.cat(parts)


def draw(
    network: nn.Module, config: GanConfig, n: int, seed: int, stream: str, psi: float = 1.0
) -> Tensor:
    """Draws images, uint8 `(N, 3, S, S)`; image i follows from seed, stream and i alone."""
    return images_of(network, latents(config, range(n), seed, stream), psi)


def gan_config(run: Run) -> GanConfig:
    """Returns the configuration of a GAN run."""
    tuples = {name: tuple(run.config[name]) for name in ("snapshots", "augment")}
    return GanConfig(**{**run.config, **tuples})


def load_generator(path: Path, epoch: int | None = None) -> nn.Module:
    """Rebuilds the averaged generator of a run from its JSON and safetensors.

    Arguments:
        path: The run directory.
        epoch: A snapshot's epoch; without it, the end of the run.

    Returns:
        The generator, in evaluation mode: latents `(B, Z)` to images `(B, 3, S, S)` in [-1, 1].

    Raises:
        InputError: If `path` is no GAN run, or has not come as far.
    """
    from safetensors.torch import load

    run = Run(path)
    if run.kind != "gan":
        raise InputError(f"{path}: a {run.kind!r} run; give the folder of a GAN run")
    config = gan_config(run)
    weights = path / "generator.safetensors"
    if epoch is not None:
        weights = path / "snapshots" / f"epoch_{epoch:03d}.safetensors"
        if epoch not in config.snapshots:
            kept = ", ".join(map(str, config.snapshots))
            raise InputError(f"--epoch {epoch}: {path} keeps the epochs {kept}")
    if not weights.exists():
        raise InputError(
            f"{path}: {weights.name} is not there yet; finish the training with: "
            f"genlab resume {path}"
        )
    network = build_generator(config)
    network.load_state_dict(load(weights.read_bytes()))
    return network.eval().requires_grad_(False)


def check_truncation(psi: float) -> None:
    """Raises `InputError` if `psi` is not between 0 and 1."""
    if not 0 <= psi <= 1:  # not a number is neither
        raise InputError(
            f"--truncation {psi:g}: give a number from 0 (one mean image) to 1 (none)"
        )


def sample(
    path: Path, n: int, seed: int, epoch: int | None = None, psi: float = 1.0
) -> Tensor:
    """Draws images from the generator of a run.

    Image i depends on the seed and on i alone: more images are the same ones and further ones.

    Arguments:
        path: The run directory.
        n: How many images N.
        seed: Decides the latents.
        epoch: A snapshot's epoch; without it, the end of the run.
        psi: Truncation (`nets/truncation.py`): 1 leaves the images as they are, bit for
            bit; 0 makes all of them the mean image.

    Returns:
        Images, uint8 with shape `(N, 3, S, S)`.

    Raises:
        InputError: If `n` is under 1, `psi` outside [0, 1], `path` is no GAN run, or it has not
            come as far.
    """
    if n < 1:
        raise InputError(f"--n {n}: must be at least 1")
    check_truncation(psi)
    network = load_generator(path, epoch)
    return draw(network, gan_config(Run(path)), n, seed, "sample", psi)


def walk_latents(stops: Tensor, steps: int) -> Tensor:
    """Returns the closed walk (1) through latents of any length.

    Arguments:
        stops: Latents, with shape `(K, Z)`; only their directions count.
        steps: Steps F from one to the next.

    Returns:
        Latents, with shape `(K F, Z)`; row k F is stop k itself, the others have length sqrt(Z).
    """
    u = F.normalize(stops.double(), dim=1)
    v = u.roll(-1, 0)
    s = torch.arange(steps, dtype=torch.float64) / steps
    t = ((1 - (math.pi * s).cos()) / 2)[:, None]
    # By half-angle tangents: the arc cosine loses half of its digits near 0 and pi.
    angle = 2 * torch.atan2((u - v).norm(dim=1), (u + v).norm(dim=1))[:, None, None]
    way = ((1 - t) * angle).sin() * u[:, None] + (t * angle).sin() * v[:, None]
    way = (F.normalize(way, dim=2) * stops.shape[1] ** 0.5).to(stops.dtype)
    way[:, 0] = stops
    return way.flatten(0, 1)


def walk(
    path: Path, stops: int, seed: int, epoch: int | None = None, psi: float = 1.0,
    steps: int = STEPS,
) -> Tensor:
    """Returns the images of a closed walk through the latents of the seed's first images.

    Arguments:
        path: The run directory.
        stops: Through how many latents K: those of the first K images of `sample`.
        seed: Decides the latents.
        epoch: A snapshot's epoch; without it, the end of the run.
        psi: Truncation, as of `sample`.
        steps: Steps F from one to the next.

    Returns:
        Images, uint8 with shape `(K F, 3, S, S)`; the last is one step before the first.

    Raises:
        InputError: If `stops` is under 2, or as of `sample`.
    """
    if stops < 2:
        raise InputError(f"--n {stops}: a walk leads through at least 2 images")
    check_truncation(psi)
    network = load_generator(path, epoch)
    config = gan_config(Run(path))
    return images_of(
        network, walk_latents(latents(config, range(stops), seed, "sample"), steps), psi
    )
