r"""Draws images from a trained GAN: single ones, truncated ones, and walks between them.

Image i follows from the seed, the stream and i alone: more images are the same ones and further
ones, at any number, in any process. So does its class, where there are classes: they are drawn
with the training images' frequencies, after the latent, which is the same for any class. Images
come from the averaged generator with its running statistics: none depends on those it is
computed with.

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

__all__ = [
    "END", "Choice", "classes_of", "draw", "drawn", "gan_config", "images_of", "load_generator",
    "sample", "walk", "walk_latents",
]  # fmt: skip

import math

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F

from torch import Tensor, nn

from genlab.common.errors import InputError
from genlab.common.rng import generator
from genlab.configs.gan import GanConfig
from genlab.data.classes import Classes
from genlab.gan.classes import read_classes
from genlab.gan.players import build_generator
from genlab.gan.truncation import Generator, mean_map, truncated
from genlab.runs.run import Run
from genlab.runs.state import readable

CHUNK = 20
"""Images made at a time, always: so that an image's bits never depend on how many are wanted."""

STEPS = 24
"""Steps of a walk from one latent to the next."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which of a run's generators draws, and what.

    Raises:
        InputError: If both an epoch and the best are asked for, or `truncation` is not in [0, 1].
    """

    epoch: int | None = None
    """A snapshot's epoch; without it, the end of the run."""
    best: bool = False
    """In place of that, the generator that was nearest to the held-out images."""
    truncation: float = 1.0
    """Psi (`gan/truncation.py`): 1 leaves the images as they are, bit for bit; 0 makes all of
    them the mean image."""
    of_class: str | None = None
    """Images of this class only, of a run with classes."""

    def __post_init__(self) -> None:
        if self.best and self.epoch is not None:
            raise InputError(f"--best, --epoch {self.epoch}: give one of them")
        if not 0 <= self.truncation <= 1:  # not a number is neither
            raise InputError(
                f"--truncation {self.truncation:g}: give a number from 0 (one mean image) to 1 "
                "(none)"
            )


END = Choice()
"""The generator at the end of the run, as it is."""


def drawn(
    config: GanConfig, n: int, seed: int, stream: str, classes: Classes | None = None
) -> tuple[Tensor, Tensor | None]:
    """Returns the latents `(N, Z)` of images and, where there are classes, theirs, int64 `(N,)`.

    A class is drawn with the training images' frequencies, by inversion of their sums.
    """
    randoms = [generator(seed, stream, index) for index in range(n)]
    z = torch.stack([torch.randn(config.latent, generator=random) for random in randoms])
    if classes is None:
        return z, None
    sums = torch.tensor(classes.counts).cumsum(0)
    count = int(sums[-1])
    places = [torch.randint(count, (), generator=random) for random in randoms]
    return z, torch.searchsorted(sums, torch.stack(places), right=True)


@torch.no_grad()
def images_of(
    network: nn.Module, z: Tensor, psi: float = 1.0, labels: Tensor | None = None
) -> Tensor:
    """Returns the images of latents `(N, Z)`, truncated to `psi`: uint8 `(N, 3, S, S)`.

    Arguments:
        network: The generator, in evaluation mode, on any device.
        z: The latents, on the processor, as the result is.
        psi: Truncation; 1 for none.
        labels: The images' classes `(N,)`, of a generator that has classes.
    """
    make = network
    if psi != 1:
        assert isinstance(network, Generator)
        mean = mean_map(network, generator(0, "mean map"))  # the run's, whatever the seed
        make = partial(truncated, network, psi=psi, mean=mean)
    parts, device = [], next(network.parameters()).device
    for start in range(0, len(z), CHUNK):
        rows = z[start : start + CHUNK]
        empty = CHUNK - len(rows)
        full, of_full = F.pad(rows, (0, 0, 0, empty), value=1.0), None
        if labels is not None:
            of_full = F.pad(labels[start : start + CHUNK], (0, empty))
        told = [part.to(device) for part in (full, of_full) if part is not None]
        made = make(*told)
        images = ((made + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        parts.append(images[: len(rows)].cpu())
    return torch.cat(parts)


def draw(
    network: nn.Module, config: GanConfig, n: int, seed: int, stream: str,
    classes: Classes | None = None, of_class: int | None = None, psi: float = 1.0,
) -> Tensor:
    """Draws images, uint8 `(N, 3, S, S)`; image i follows from seed, stream and i alone.

    Arguments:
        network: The generator, in evaluation mode.
        config: Its configuration.
        n: How many images N.
        seed: Decides latents and classes.
        stream: Names what they are drawn for.
        classes: The classes of a generator that has them.
        of_class: The class of all images, 0..K-1, in place of drawn ones.
        psi: Truncation, as of `sample`.
    """
    z, labels = drawn(config, n, seed, stream, classes)
    if labels is not None and of_class is not None:
        labels = torch.full_like(labels, of_class)
    return images_of(network, z, psi, labels)


def gan_config(run: Run) -> GanConfig:
    """Returns the configuration of a GAN run.

    Raises:
        InputError: If this version of genlab cannot read it.
    """
    # A run from before there was such a thing held nothing out and measured nothing.
    known = {"held_out": 0.0, "measure_every": 0} | run.config
    lists = {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
    with readable(run.path):
        return GanConfig(**{**known, **lists})


def load_generator(path: Path, choice: Choice = END) -> nn.Module:
    """Rebuilds the averaged generator of a run from its JSON and safetensors.

    Arguments:
        path: The run directory.
        choice: Which of its generators.

    Returns:
        The generator, in evaluation mode: latents `(B, Z)` (and labels `(B,)`, where the run has
        classes: `classes_of`) to images `(B, 3, S, S)` in [-1, 1].

    Raises:
        InputError: If `path` is no GAN run, has not come as far, kept no best generator, or is
            damaged.
    """
    from safetensors.torch import load

    run = Run(path)
    if run.kind != "gan":
        raise InputError(f"{path}: a {run.kind!r} run; give the folder of a GAN run")
    config = gan_config(run)
    weights = path / "generator.safetensors"
    if choice.epoch is not None:
        weights = path / "snapshots" / f"epoch_{choice.epoch:03d}.safetensors"
        if choice.epoch not in config.snapshot_epochs:
            kept = ", ".join(map(str, config.snapshot_epochs))
            raise InputError(f"--epoch {choice.epoch}: {path} keeps the epochs {kept}")
    if choice.best:
        weights = _best(run)
    if not weights.exists():
        raise run.lacking(weights.relative_to(path).as_posix())
    classes = classes_of(path)
    with readable(path):
        network = build_generator(config, len(classes.names) if classes else 0)
        network.load_state_dict(load(weights.read_bytes()))
    return network.eval().requires_grad_(False)


def _best(run: Run) -> Path:
    if run.done and run.results.get("best_epoch") is None:
        raise InputError(
            f"--best: {run.path} measured nothing on held-out images, so none of its generators "
            "is known to be the best; leave it out"
        )
    return run.path / "best.safetensors"


def classes_of(path: Path) -> Classes | None:
    """Returns the classes of a GAN run; None if it has none."""
    return None if gan_config(Run(path)).classes == "none" else read_classes(path)


def _chosen(
    path: Path, choice: Choice
) -> tuple[nn.Module, GanConfig, Classes | None, int | None]:
    """Returns the generator that is asked for, its configuration, its classes and the one."""
    network, classes = load_generator(path, choice), classes_of(path)
    if choice.truncation != 1 and classes is not None:
        raise InputError(
            f"--truncation {choice.truncation:g}: images of a run with classes are drawn towards "
            "their own class, not towards one mean image; leave it out"
        )
    only = None
    if choice.of_class is not None:
        if classes is None:
            raise InputError(f"--class {choice.of_class}: {path} was trained without classes")
        only = classes.index(choice.of_class)
    return network, gan_config(Run(path)), classes, only


def sample(path: Path, n: int, seed: int, choice: Choice = END) -> Tensor:
    """Draws images from a generator of a run.

    Image i depends on the seed and on i alone: more images are the same ones and further ones.

    Arguments:
        path: The run directory.
        n: How many images N.
        seed: Decides the latents, and the classes where there are any.
        choice: Which generator, and what of it.

    Returns:
        Images, uint8 with shape `(N, 3, S, S)`.

    Raises:
        InputError: If `n` is under 1, `path` is no GAN run or has no such class, truncation is
            asked of one with classes, or as of `load_generator`.
    """
    if n < 1:
        raise InputError(f"--n {n}: must be at least 1")
    network, config, classes, only = _chosen(path, choice)
    return draw(network, config, n, seed, "sample", classes, only, choice.truncation)


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
    path: Path, stops: int, seed: int, choice: Choice = END, steps: int = STEPS
) -> Tensor:
    """Returns the images of a closed walk through the latents of the seed's first images.

    Arguments:
        path: The run directory.
        stops: Through how many latents K: those of the first K images of `sample`.
        seed: Decides the latents.
        choice: Which generator, and what of it; of a run with classes, the class of all images is
            that of the first of `sample` if none is chosen.
        steps: Steps F from one to the next.

    Returns:
        Images, uint8 with shape `(K F, 3, S, S)`; the last is one step before the first.

    Raises:
        InputError: If `stops` is under 2, or as of `sample`.
    """
    if stops < 2:
        raise InputError(f"--n {stops}: a walk leads through at least 2 images")
    network, config, classes, only = _chosen(path, choice)
    z, labels = drawn(config, stops, seed, "sample", classes)
    z = walk_latents(z, steps)
    if labels is not None:
        first = labels[:1]
        labels = (first if only is None else torch.full_like(first, only)).expand(len(z))
    return images_of(network, z, choice.truncation, labels)
