r"""Losses of generative adversarial networks: pure, one value an image.

With scores D(x), high for what looks real:

    hinge            L_D = E_x[max(0, 1 - D(x))] + E_z[max(0, 1 + D(G(z)))],
                     L_G = -E_z[D(G(z))]
    non-saturating   L_D = E_x[ln(1 + e^{-D(x)})] + E_z[ln(1 + e^{D(G(z))})],
                     L_G = E_z[ln(1 + e^{-D(G(z))})]
    R1               gamma / 2 E_x[||grad_x D(x)||^2], added to L_D

References:
    | Generative Adversarial Nets (Goodfellow et al., 2014), section 3, https://arxiv.org/abs/1406.2661
    | Geometric GAN (Lim & Ye, 2017), eq. 8, 9, https://arxiv.org/abs/1705.02894
    | Which Training Methods for GANs do actually Converge? (Mescheder et al., 2018), eq. 9,
    | https://arxiv.org/abs/1801.04406

Scores have shape `(B, ...)`: a score an image, or one a place of the image; places are averaged.

Shapes: B batch, C H W image.
"""

__all__ = [
    "HINGE",
    "NON_SATURATING",
    "Losses",
    "hinge_fake",
    "hinge_generator",
    "hinge_real",
    "r1",
    "softplus_fake",
    "softplus_generator",
    "softplus_real",
]

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F

from torch import Tensor


def per_image(values: Tensor) -> Tensor:
    """Averages `(B, ...)` over all but the batch, with shape `(B,)`."""
    return values.reshape(len(values), -1).mean(1)


def hinge_real(scores: Tensor) -> Tensor:
    """Returns the discriminator's hinge loss max(0, 1 - D) of reals (Lim & Ye, eq. 8).

    Arguments:
        scores: D's scores of real images, with shape `(B, ...)`.

    Returns:
        With shape `(B,)`.
    """
    return per_image(F.relu(1 - scores))


def hinge_fake(scores: Tensor) -> Tensor:
    """Returns the discriminator's hinge loss max(0, 1 + D) of fakes (Lim & Ye, eq. 8).

    Arguments:
        scores: D's scores of generated images, with shape `(B, ...)`.

    Returns:
        With shape `(B,)`.
    """
    return per_image(F.relu(1 + scores))


def hinge_generator(scores: Tensor) -> Tensor:
    """Returns the generator's loss -D that goes with the hinge (Lim & Ye, eq. 9).

    Arguments:
        scores: D's scores of generated images, with shape `(B, ...)`.

    Returns:
        With shape `(B,)`.
    """
    return per_image(-scores)


def softplus_real(scores: Tensor) -> Tensor:
    """Returns -ln sigma(D), the discriminator's loss of reals (Goodfellow et al., eq. 1).

    Arguments:
        scores: D's scores (logits) of real images, with shape `(B, ...)`.

    Returns:
        With shape `(B,)`, in nats.
    """
    return per_image(F.softplus(-scores))


def softplus_fake(scores: Tensor) -> Tensor:
    """Returns -ln(1 - sigma(D)), the discriminator's loss of fakes (Goodfellow et al., eq. 1).

    Arguments:
        scores: D's scores (logits) of generated images, with shape `(B, ...)`.

    Returns:
        With shape `(B,)`, in nats.
    """
    return per_image(F.softplus(scores))


def softplus_generator(scores: Tensor) -> Tensor:
    """Returns -ln sigma(D), the generator's non-saturating loss (Goodfellow et al., section 3).

    Arguments:
        scores: D's scores (logits) of generated images, with shape `(B, ...)`.

    Returns:
        With shape `(B,)`, in nats.
    """
    return per_image(F.softplus(-scores))


class Losses(NamedTuple):
    """The losses of a game; each maps scores `(B, ...)` to one value an image, `(B,)`."""

    real: Callable[[Tensor], Tensor]
    """The discriminator's, of reals."""
    fake: Callable[[Tensor], Tensor]
    """The discriminator's, of fakes."""
    generator: Callable[[Tensor], Tensor]
    """The generator's."""


HINGE = Losses(hinge_real, hinge_fake, hinge_generator)
NON_SATURATING = Losses(softplus_real, softplus_fake, softplus_generator)


def r1(scores: Tensor, images: Tensor) -> Tensor:
    r"""Returns :math:`\|\nabla_x D(x)\|^2`, to be scaled by gamma / 2 (Mescheder et al., eq. 9).

    Arguments:
        scores: D's scores of `images`, with shape `(B, ...)`, where no image's score depends on
            another image; their graph is kept, for the penalty is differentiated in its turn.
        images: The real images, with shape `(B, C, H, W)`, `requires_grad` set before D saw them.

    Returns:
        With shape `(B,)`.
    """
    (gradient,) = torch.autograd.grad(per_image(scores).sum(), images, create_graph=True)
    return gradient.square().sum((1, 2, 3))
