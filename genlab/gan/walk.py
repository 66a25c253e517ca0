r"""Closed walks through the latents of a trained GAN.

A walk leads through K latents and back to the first. On the sphere of radius r = sqrt(Z) the
way from u to v is the arc of the great circle between them,

    w(t) = (sin((1 - t) a) u + sin(t a) v) / sin(a),    cos(a) = <u, v> / r^2,                  (1)

(Shoemake, section 3.3): straight lines would leave the sphere, and the generators project them
back to it faster in the middle. t = (1 - cos(pi s)) / 2 for s = 0, 1/F, ..., (F - 1)/F: the walk
slows down at each latent, and its velocity has no jumps, there and where the loop closes.

References:
    | Animating Rotation with Quaternion Curves (Shoemake, 1985)
    | Sampling Generative Networks (White, 2016), section 2.1, https://arxiv.org/abs/1609.04468

Shapes: Z latent dimensions, S pixels a side, K latents of a walk, F steps between two.
"""

__all__ = ["walk", "walk_latents", "walk_through"]

from pathlib import Path

import torch
import torch.nn.functional as F

from torch import Tensor, nn

from genlab.common.errors import InputError
from genlab.gan.designs import Design
from genlab.gan.load import END, Choice, load_chosen
from genlab.gan.sampling import draw_latents, generate_images
from genlab.numerics.easing import eased

STEPS = 24
"""Steps of a walk from one latent to the next."""


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
    t = eased(steps)[:, None]
    # By half-angle tangents: the arc cosine loses half of its digits near 0 and pi.
    angle = 2 * torch.atan2((u - v).norm(dim=1), (u + v).norm(dim=1))[:, None, None]
    way = ((1 - t) * angle).sin() * u[:, None] + (t * angle).sin() * v[:, None]
    way = (F.normalize(way, dim=2) * stops.shape[1] ** 0.5).to(stops.dtype)
    way[:, 0] = stops
    return way.flatten(0, 1)


def walk(
    path: Path, stops: int, seed: int, choice: Choice = END, steps: int = STEPS,
    design: Design | None = None,
) -> Tensor:
    """Returns the images of a closed walk through the latents of the seed's first images.

    Arguments:
        path: The run directory.
        stops: The number K of latents on the walk: those of the first K images of `sample`.
        seed: Determines the latents.
        choice: Which generator, and what of it; of a run with classes, the class of all images is
            that of the first of `sample` if none is chosen.
        steps: Steps F from one to the next.
        design: The design, of a run whose design is none of genlab's.

    Returns:
        Images, uint8 with shape `(K F, 3, S, S)`; the last is one step before the first.

    Raises:
        InputError: If `stops` is under 2, or as of `sample`.
    """
    if stops < 2:
        raise InputError(f"`n` {stops}: a walk leads through at least 2 images")
    chosen = load_chosen(path, choice, design)
    z, labels = draw_latents(
        chosen.config, stops, seed, "sample", chosen.classes, label=chosen.label
    )
    return walk_through(chosen.generator, z, labels, steps, choice.truncation)


def walk_through(
    network: nn.Module, stops: Tensor, labels: Tensor | None, steps: int = STEPS, psi: float = 1.0
) -> Tensor:
    """Returns the images of a closed walk through latents; all are of the first one's class.

    Arguments:
        network: The generator, in evaluation mode.
        stops: Latents, with shape `(K, Z)`.
        labels: Their classes `(K,)`, where there are any.
        steps: Steps F from one to the next.
        psi: Truncation; 1 for none.
    """
    z = walk_latents(stops, steps)
    label = None if labels is None else labels[:1].expand(len(z))
    return generate_images(network, z, psi, label)
