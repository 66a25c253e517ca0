r"""Images drawn from a trained GAN.

Image i follows from the seed, the stream and i alone: the images do not depend on how many are
drawn. Nor does its class, where there are classes: it is drawn with the training images'
frequencies, after the latent, which is the same for any class. Images come from the averaged
generator with its running statistics, so none depends on the others in its batch.

Shapes: N images, Z latent dimensions, S pixels a side.
"""

__all__ = ["draw", "draw_latents", "generate_images", "pixels_of", "sample", "sample_in_parts"]

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F

from torch import Tensor, nn

from genlab.common.checks import require_count
from genlab.common.errors import InputError, TrainingError
from genlab.common.rng import generator
from genlab.configs.gan import GanConfig
from genlab.data.classes import Classes
from genlab.gan.designs import Design
from genlab.gan.load import END, Choice, load_chosen
from genlab.gan.truncation import TwoStageGenerator, mean_map, truncated

CHUNK = 20
"""Images of a batch, always: an image's bits must not depend on how many are drawn."""
PART = 50 * CHUNK
"""Images that are in memory where many are drawn into files."""


def draw_latents(
    config: GanConfig, n: int, seed: int, stream: str, classes: Classes | None = None,
    first: int = 0, label: int | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Draws the latents `(N, Z)` of images and, where there are classes, their labels `(N,)`.

    The images are number `first` and those after it. A class is drawn with the training images'
    frequencies, by inversion of their sums, unless it is given as `label`.
    """
    randoms = [generator(seed, stream, index) for index in range(first, first + n)]
    z = torch.stack([torch.randn(config.latent, generator=random) for random in randoms])
    if classes is None:
        return z, None
    if label is not None:
        return z, torch.full((n,), label)
    sums = torch.tensor(classes.counts).cumsum(0)
    count = int(sums[-1])
    places = [torch.randint(count, (), generator=random) for random in randoms]
    return z, torch.searchsorted(sums, torch.stack(places), right=True)


@torch.no_grad()
def generate_images(
    network: nn.Module, z: Tensor, psi: float = 1.0, labels: Tensor | None = None
) -> Tensor:
    """Returns the images of latents `(N, Z)`, truncated to `psi`: uint8 `(N, 3, S, S)`.

    Arguments:
        network: The generator, in evaluation mode, on any device.
        z: The latents, on the processor, as the result is.
        psi: Truncation; 1 for none.
        labels: The images' classes `(N,)`, of a conditional generator.

    Raises:
        TrainingError: If an image is not finite.
    """
    found, device = torch.empty(0, dtype=torch.uint8), next(network.parameters()).device
    truncate = None
    if psi != 1:
        if not isinstance(network, TwoStageGenerator):
            raise InputError("`truncation`: this generator cannot be split into two stages")
        mean = mean_map(network, generator(0, "mean map"))  # the run's, whatever the seed
        truncate = partial(truncated, network, psi=psi, mean=mean)
    for start in range(0, len(z), CHUNK):
        rows = z[start : start + CHUNK]
        missing = CHUNK - len(rows)
        inputs = [F.pad(rows, (0, 0, 0, missing), value=1.0)]
        if labels is not None:
            inputs.append(F.pad(labels[start : start + CHUNK], (0, missing)))
        inputs = [x.to(device) for x in inputs]
        made = truncate(inputs[0]) if truncate else network(*inputs)
        images = pixels_of(made[: len(rows)]).cpu()
        if not start:
            found = torch.empty(len(z), *images.shape[1:], dtype=torch.uint8)
        found[start : start + CHUNK] = images
    return found


def pixels_of(made: Tensor) -> Tensor:
    """Returns what a generator made, in [-1, 1], as uint8 of the same shape.

    Raises:
        TrainingError: If a value is not finite: NaN would become black.
    """
    if not made.isfinite().all():
        message = "the generator's images are not finite (those of an earlier `epoch` may be)"
        raise TrainingError(message, "images")
    return ((made + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def draw(
    network: nn.Module, config: GanConfig, n: int, seed: int, stream: str,
    classes: Classes | None = None, label: int | None = None, psi: float = 1.0, first: int = 0,
) -> Tensor:
    """Draws images, uint8 `(N, 3, S, S)`; image i follows from seed, stream and i alone.

    Arguments:
        network: The generator, in evaluation mode.
        config: Its configuration.
        n: The number of images N.
        seed: Determines latents and classes.
        stream: The name of the random stream.
        classes: The classes of a conditional generator.
        label: The class of all images, 0..K-1; None: drawn.
        psi: Truncation; 1 for none.
        first: The number i of the first image.
    """
    z, labels = draw_latents(config, n, seed, stream, classes, first, label)
    return generate_images(network, z, psi, labels)


def sample(
    path: str | Path, n: int, seed: int = 0, choice: Choice = END, design: Design | None = None
) -> Tensor:
    """Draws images from a generator of a run.

    Image i follows from the seed and from i alone: the images do not depend on how many are drawn.

    Arguments:
        path: The run directory.
        n: The number of images N.
        seed: Determines the latents, and the classes where there are any.
        choice: Which generator, and what of it.
        design: The design, of a run whose design is none of genlab's.

    Returns:
        Images, uint8 with shape `(N, 3, S, S)`.

    Raises:
        InputError: If `n` is under 1, or as of `load_chosen`.
        TrainingError: If an image is not finite.
    """
    n = require_count("n", n)
    network, config, classes, label = load_chosen(Path(path), choice, design)
    return draw(network, config, n, seed, "sample", classes, label, choice.truncation)


def sample_in_parts(path: Path, n: int, seed: int, choice: Choice = END) -> Iterator[Tensor]:
    """Draws the images that `sample` draws, `PART` at a time."""
    n = require_count("n", n)
    network, config, classes, label = load_chosen(path, choice)
    for first in range(0, n, PART):
        yield draw(
            network, config, min(PART, n - first), seed, "sample", classes, label,
            choice.truncation, first,
        )  # fmt: skip
