r"""GAN inversion: the latents whose images come nearest to given pictures.

For a picture x the latent z, on the sphere that the generator G reads, is sought that minimises

    L(z) = d(G(z), x) + 4 |G(z) - x|^2 / (3 S^2),                                               (1)

images in [-1, 1]. d is the distance of Zhang et al., eq. 1, with all weights 1,

    d(x, y) = sum_l 1/(H_l W_l) sum_hw |f_l(x)_hw - f_l(y)_hw|^2,                               (2)

f_l the maps of EfficientNet-Lite0 at strides 4, 8, 16 and 32, each place's channels scaled to
length one. A thousand random latents are drawn; Adam goes on from the four best of them, and the
best end is taken (Karras et al., appendix D, go on from the mean of a latent space W, which these
generators lack).

The search can fail although the generator has such an image. So it is also made for images that
the generator drew itself: what it comes to there is what a picture that the generator has would
come to (Webster et al. compare training and test images so, to see what was learned by heart).

References:
    | Generative Visual Manipulation on the Natural Image Manifold (Zhu et al., 2016), section 4,
    | https://arxiv.org/abs/1609.03552
    | The Unreasonable Effectiveness of Deep Features as a Perceptual Metric (Zhang et al., 2018),
    | https://arxiv.org/abs/1801.03924
    | Analyzing and Improving the Image Quality of StyleGAN (Karras et al., 2020), section 5 and
    | appendix D, https://arxiv.org/abs/1912.04958
    | Detecting Overfitting of Deep Generative Networks via Latent Recovery (Webster et al., 2019),
    | https://arxiv.org/abs/1901.03396

Shapes: N pictures, Z latent dimensions, S pixels a side, B images of a batch.
"""

__all__ = ["OWN", "Inversion", "invert"]

import math

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F

from torch import Tensor, nn

from genlab.common.errors import InputError
from genlab.common.progress import SOON, Progress
from genlab.gan.designs import Design
from genlab.gan.load import END, Choice, load_chosen
from genlab.gan.networks.fastgan import to_sphere
from genlab.gan.sampling import CHUNK, draw, draw_latents, generate_images
from genlab.gan.training.players import call_with_labels, to_signed
from genlab.networks.pretrained.efficientnet_lite0 import SIZE, load_efficientnet_lite0, to_input

AFTER = (2, 4, 10, 15)
"""The blocks of EfficientNet-Lite0 whose maps are compared."""

SMALLEST = 96
"""The side to which smaller images are brought for them."""

PIXELS = 4.0
"""The weight of the pixels in (1)."""

DRAWS = 1000
"""Random latents of which the best begin."""

STARTS = 4
"""How many begin."""

STEPS = 150
"""Steps of Adam for each."""

RATE = 0.3
"""Its learning rate at the start; it falls to 0 by half a cosine."""

OWN = 3
"""Images of the generator's own that are looked for too."""


@dataclass(frozen=True, kw_only=True)
class Inversion:
    """What was found for each of N pictures."""

    pictures: Tensor
    """The pictures x, uint8 with shape `(N, 3, S, S)`."""
    latents: Tensor
    """The best latents z, with shape `(N, Z)` and length sqrt(Z)."""
    labels: Tensor | None
    """Their classes `(N,)`, where there are any."""
    images: Tensor
    """G(z), uint8 with shape `(N, 3, S, S)`."""
    losses: Tensor
    """L(z) of (1), with shape `(N,)`."""
    drawn_images: Tensor
    """The images of the best of the random latents, likewise."""
    drawn_losses: Tensor
    """L of these."""
    own_losses: Tensor
    """L at the end of the search for images that the generator itself drew, `(OWN,)`."""

    @property
    def levels(self) -> Tensor:
        """The root mean square difference of G(z) and x, in levels of 255, with shape `(N,)`."""
        return levels_between(self.images, self.pictures)

    @property
    def drawn_levels(self) -> Tensor:
        """That of the best of the random images."""
        return levels_between(self.drawn_images, self.pictures)


def levels_between(images: Tensor, others: Tensor) -> Tensor:
    """Returns the root mean square differences of images, uint8 `(N, 3, S, S)`, in levels."""
    return (images.double() - others.double()).square().mean((1, 2, 3)).sqrt()


def invert(
    path: str | Path, pictures: Tensor, seed: int = 0, choice: Choice = END,
    design: Design | None = None,
) -> Inversion:
    """Searches the latents of a run's generator for those whose images are nearest to pictures.

    Arguments:
        path: The run directory.
        pictures: Pictures of the size that the run's images have, uint8 with shape
            `(N, 3, S, S)`.
        seed: Determines where the search begins.
        choice: Which generator, and which class; without a class all are searched, with the
            frequencies of the training images.
        design: The design, of a run whose design is none of genlab's.

    Returns:
        The latents and their images, with what the search came to.

    Raises:
        InputError: If the pictures are of another size, truncation is asked for, the weights of
            EfficientNet-Lite0 are not at hand, or as of `load_generator`.
        TrainingError: If an image is not finite.
    """
    if choice.truncation != 1:
        raise InputError(
            f"`truncation` {choice.truncation:g}: all latents are searched; leave it out"
        )
    network, config, classes, label = load_chosen(Path(path), choice, design)
    _require_pictures(pictures, config.size)
    own = draw(network, config, OWN, seed, "inversion own", classes, label)
    z, labels = draw_latents(config, DRAWS, seed, "inversion", classes, label=label)
    z, loss = to_sphere(z), Loss(config.size)
    targets = [loss.target(x) for x in torch.cat([pictures, own])]
    of_draws = losses_of_draws(network, loss, z, labels, targets)
    first, found = of_draws.argmin(1), []
    with Progress(len(targets) * STEPS, "searching the latents", "steps") as progress:
        for target, losses in zip(targets, of_draws):
            rows = losses.topk(STARTS, largest=False).indices
            of_rows = None if labels is None else labels[rows]
            found.append(descent(network, loss, z[rows], of_rows, target, progress))
    count = len(pictures)
    latents = torch.stack([end.latent for end in found[:count]])
    of_found = torch.stack([end.label for end in found[:count]]) if labels is not None else None
    of_first = None if labels is None else labels[first[:count]]
    return Inversion(
        pictures=pictures,
        latents=latents,
        labels=of_found,
        images=generate_images(network, latents, labels=of_found),
        losses=torch.stack([end.loss for end in found[:count]]),
        drawn_images=generate_images(network, z[first[:count]], labels=of_first),
        drawn_losses=of_draws.amin(1)[:count],
        own_losses=torch.stack([end.loss for end in found[count:]]),
    )


def _require_pictures(pictures: Tensor, size: int) -> None:
    """Raises `InputError` if these are no pictures of a side."""
    shape = tuple(pictures.shape)
    if pictures.dtype != torch.uint8 or not len(pictures) or shape[1:] != (3, size, size):
        raise InputError(
            f"`pictures`: {pictures.dtype} of shape {shape}; the run's images are uint8 of shape "
            f"(N, 3, {size}, {size})"
        )


class Target(NamedTuple):
    """A picture x that is looked for."""

    pixels: Tensor
    """In [-1, 1], with shape `(1, 3, S, S)`."""
    maps: list[Tensor]
    """f_l(x), with shape `(1, C_l, H_l, W_l)`."""


class Loss:
    """L of (1), of images of S pixels a side."""

    def __init__(self, size: int) -> None:
        self.network = load_efficientnet_lite0()
        self.side = min(SIZE, max(SMALLEST, size))

    def maps(self, images: Tensor) -> list[Tensor]:
        """Returns f_l of images in [-1, 1], `(B, 3, S, S)`; gradients flow to them."""
        taps = self.network.taps(to_input((images + 1) / 2, self.side), AFTER)
        return [F.normalize(tap, dim=1) for tap in taps]

    @torch.no_grad()
    def target(self, picture: Tensor) -> Target:
        """Prepares a picture, uint8 `(3, S, S)`."""
        pixels = to_signed(picture[None])
        return Target(pixels, self.maps(pixels))

    @staticmethod
    def between(images: Tensor, maps: list[Tensor], target: Target) -> Tensor:
        """Returns L of images in [-1, 1] with their maps, `(B,)`."""
        distances = [
            (ours - theirs).square().sum(1).mean((1, 2))
            for ours, theirs in zip(maps, target.maps)
        ]  # fmt: skip
        return sum(distances, PIXELS * (images - target.pixels).square().mean((1, 2, 3)))


@torch.no_grad()
def losses_of_draws(
    network: nn.Module, loss: Loss, z: Tensor, labels: Tensor | None, targets: list[Target]
) -> Tensor:
    """Returns L of the images of all latents, for each target: `(targets, latents)`."""
    found = torch.empty(len(targets), len(z))
    with Progress(len(z), "drawing images to begin with", "images", delay=SOON) as progress:
        for rows in torch.arange(len(z)).split(CHUNK):
            images = call_with_labels(network, z[rows], None if labels is None else labels[rows])
            maps = loss.maps(images)
            for row, target in zip(found, targets):
                row[rows] = loss.between(images, maps, target)
            progress.advance(len(rows))
    return found


class End(NamedTuple):
    """The best of several descents."""

    latent: Tensor
    label: Tensor | None
    loss: Tensor


def descent(
    network: nn.Module, loss: Loss, z: Tensor, labels: Tensor | None, target: Target,
    progress: Progress,
) -> End:
    """Minimises (1) by Adam from each of some latents `(B, Z)`, which stay on the sphere."""
    z = z.clone().requires_grad_(True)
    adam = torch.optim.Adam([z], betas=(0.9, 0.99))

    def losses() -> Tensor:
        images = call_with_labels(network, z, labels)
        return loss.between(images, loss.maps(images), target)

    for step in range(STEPS):
        adam.param_groups[0]["lr"] = RATE * (1 + math.cos(math.pi * step / STEPS)) / 2
        (z.grad,) = torch.autograd.grad(losses().sum(), z)
        adam.step()
        with torch.no_grad():
            z.copy_(to_sphere(z))
        progress.advance()
    with torch.no_grad():
        ends = losses()
    best = ends.argmin()
    return End(z.detach()[best], None if labels is None else labels[best], ends[best])
