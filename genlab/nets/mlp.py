"""Perceptrons for images: the encoder q(z|x) and the decoder p(x|z) of a small VAE.

Shapes: B batch, X pixels, D latent dimensions, H hidden units.
"""

__all__ = ["Decoder", "Encoder", "GatedLinear"]

from collections.abc import Sequence

import torch
import torch.nn as nn

from torch import Tensor

LOG_STD_RANGE = (-6.0, 0.0)
"""Bounds on ln sigma of q(z|x).

The upper one fixes the scale of the latent. Under a learned prior that scale is free (enlarge z,
the posteriors and the prior alike, and nothing changes), and early in training, when the
posteriors say nothing yet, it would drift off to wherever the bound is.
"""


class GatedLinear(nn.Module):
    r"""A linear layer with a gate, :math:`(A x + a) \odot \sigma(B x + b)`.

    References:
        | Language Modeling with Gated Convolutional Networks (Dauphin et al., 2017), equation 1
        | https://arxiv.org/abs/1612.08083

    Arguments:
        inner: Values in.
        outer: Values out.
    """

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.both = nn.Linear(inner, 2 * outer)

    def forward(self, x: Tensor) -> Tensor:
        """Returns `(*, outer)`, of `(*, inner)`."""
        value, gate = self.both(x).chunk(2, dim=-1)
        return value * torch.sigmoid(gate)


def perceptron(widths: Sequence[int], *, gated: bool = False) -> nn.Sequential:
    """Returns layers of these widths, gated or with SiLU between them; the last is linear."""
    layers: list[nn.Module] = []
    for inner, outer in zip(widths[:-2], widths[1:-1]):
        layers += [GatedLinear(inner, outer)] if gated else [nn.Linear(inner, outer), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))


class Encoder(nn.Module):
    """Maps images to the mean and log standard deviation of a diagonal Gaussian q(z|x).

    Arguments:
        pixels: The number of pixels X.
        hidden: The widths of the hidden layers.
        latent: The number of latent dimensions D.
        gated: Gated hidden layers in place of SiLU.
    """

    def __init__(
        self, pixels: int, hidden: Sequence[int], latent: int, *, gated: bool = False
    ) -> None:
        super().__init__()
        self.body = perceptron([pixels, *hidden, 2 * latent], gated=gated)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns mean and log standard deviation, each with shape `(B, D)`, of `(B, X)`."""
        mean, log_std = self.body(x).chunk(2, dim=-1)
        return mean, log_std.clamp(*LOG_STD_RANGE)


class Decoder(nn.Module):
    """Maps latents to the logits of the pixels.

    Arguments:
        latent: The number of latent dimensions D.
        hidden: The widths of the hidden layers.
        pixels: The number of pixels X.
        gated: Gated hidden layers in place of SiLU.
    """

    def __init__(
        self, latent: int, hidden: Sequence[int], pixels: int, *, gated: bool = False
    ) -> None:
        super().__init__()
        self.body = perceptron([latent, *hidden, pixels], gated=gated)

    def forward(self, z: Tensor) -> Tensor:
        """Returns logits with shape `(*, X)`, of latents with shape `(*, D)`."""
        return self.body(z)
