"""Draws images from a trained GAN.

Image i follows from the seed, the stream and i alone: more images are the same ones and further
ones, at any number, in any process. So does its class, where there are classes: they are drawn
with the training images' frequencies, after the latent, which is the same for any class.

Shapes: N images, Z latent dimensions, S pixels a side, K classes.
"""

__all__ = ["classes_of", "draw", "drawn_classes", "gan_config", "load_generator", "sample"]

from pathlib import Path

import torch

from torch import Tensor, nn

from genlab.data.classes import Classes
from genlab.engine.classes import read_classes
from genlab.engine.players import build_generator, told
from genlab.engine.rng import generator
from genlab.engine.run import Run
from genlab.errors import InputError
from genlab.recipes.gan import GanConfig

CHUNK = 20
"""Images made at a time, always: so that an image's bits never depend on how many are wanted."""


@torch.no_grad()
def draw(
    network: nn.Module, config: GanConfig, n: int, seed: int, stream: str,
    classes: Classes | None = None, of_class: int | None = None,
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
    """
    parts = []
    for start in range(0, n, CHUNK):
        randoms = [generator(seed, stream, i) for i in range(start, start + CHUNK)]
        z = torch.stack([torch.randn(config.latent, generator=random) for random in randoms])
        labels = None
        if classes is not None:
            labels = torch.stack([_class_of(classes, random) for random in randoms])
            if of_class is not None:
                labels = torch.full_like(labels, of_class)
        images = told(network, z, labels)
        parts.append(((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8))
    return torch.cat(parts)[:n]


def drawn_classes(
    classes: Classes, config: GanConfig, n: int, seed: int, stream: str
) -> Tensor:
    """Returns the classes of the images that `draw` makes, int64 `(N,)`."""
    found = []
    for index in range(n):
        random = generator(seed, stream, index)
        torch.randn(config.latent, generator=random)  # the latent comes first
        found.append(_class_of(classes, random))
    return torch.stack(found)


def _class_of(classes: Classes, random: torch.Generator) -> Tensor:
    """Draws one class with the training images' frequencies: inversion of their sums."""
    places = torch.tensor(classes.counts).cumsum(0)
    place = torch.randint(len(classes.labels), (), generator=random)
    return torch.searchsorted(places, place, right=True)


def gan_config(run: Run) -> GanConfig:
    """Returns the configuration of a GAN run."""
    # A run from before there was such a thing held nothing out and measured nothing.
    known = {"held_out": 0.0, "measure_every": 0} | run.config
    lists = {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
    return GanConfig(**{**known, **lists})


def load_generator(path: Path, epoch: int | None = None, best: bool = False) -> nn.Module:
    """Rebuilds the averaged generator of a run from its JSON and safetensors.

    Arguments:
        path: The run directory.
        epoch: A snapshot's epoch; without it, the end of the run.
        best: In place of that, the one that was nearest to the held-out images.

    Returns:
        The generator, in evaluation mode: latents `(B, Z)` (and labels `(B,)`, where the run has
        classes: `classes_of`) to images `(B, 3, S, S)` in [-1, 1].

    Raises:
        InputError: If `path` is no GAN run, has not come as far, or kept no best generator.
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
    if best:
        weights = _best(run, epoch)
    if not weights.exists():
        raise InputError(
            f"{path}: {weights.name} is not there yet; finish the training with: "
            f"genlab resume {path}"
        )
    classes = classes_of(path)
    network = build_generator(config, len(classes.names) if classes else 0)
    network.load_state_dict(load(weights.read_bytes()))
    return network.eval().requires_grad_(False)


def _best(run: Run, epoch: int | None) -> Path:
    if epoch is not None:
        raise InputError(f"--best, --epoch {epoch}: give one of them")
    if run.done and run.results.get("best_epoch") is None:
        raise InputError(
            f"--best: {run.path} measured nothing on held-out images, so none of its generators "
            "is known to be the best; leave it out"
        )
    return run.path / "best.safetensors"


def classes_of(path: Path) -> Classes | None:
    """Returns the classes of a GAN run; None if it has none."""
    return None if gan_config(Run(path)).classes == "none" else read_classes(path)


def sample(
    path: Path, n: int, seed: int, epoch: int | None = None, best: bool = False,
    of_class: str | None = None,
) -> Tensor:
    """Draws images from the generator of a run.

    Image i depends on the seed and on i alone: more images are the same ones and further ones.

    Arguments:
        path: The run directory.
        n: How many images N.
        seed: Decides the latents, and the classes where there are any.
        epoch: A snapshot's epoch; without it, the end of the run.
        best: In place of that, the generator that was nearest to the held-out images.
        of_class: Draws images of this class only, of a run with classes.

    Returns:
        Images, uint8 with shape `(N, 3, S, S)`.

    Raises:
        InputError: If `n` is under 1, `path` is no GAN run, it has no such class, or as of
            `load_generator`.
    """
    if n < 1:
        raise InputError(f"--n {n}: must be at least 1")
    network, classes = load_generator(path, epoch, best), classes_of(path)
    only = None
    if of_class is not None:
        if classes is None:
            raise InputError(f"--class {of_class}: {path} was trained without classes")
        only = classes.index(of_class)
    return draw(network, gan_config(Run(path)), n, seed, "sample", classes, only)
