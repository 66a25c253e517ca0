"""Perceptrons for images: the encoder q(z|x) and the decoder p(x|z) of a small VAE.

Shapes: B batch, X pixels, K natural parameters, D latent dimensions.
"""

__all__ = ["WAVES", "Decoder", "Encoder", "FourierFeatures", "GatedLinear"]

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn as nn

from torch import Tensor

from genlab.networks.interface import LOG_STD_RANGE, ImageDecoder, ImageEncoder
from genlab.numerics.linear import Linear, linear_over

WAVES = 64
"""Fourier features of the latent, where the decoder has them."""


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
        self.both = Linear(inner, 2 * outer)

    def forward(self, x: Tensor) -> Tensor:
        """Returns `(*, outer)`, of `(*, inner)`."""
        value, gate = self.both(x).chunk(2, dim=-1)
        return value * torch.sigmoid(gate)


class FourierFeatures(nn.Module):
    r"""A vector beside waves of it, :math:`(z, \sin B z, \cos B z)`, with fixed B_ij ~ N(0, s^2).

    A perceptron of few inputs learns what varies slowly along them first, and what varies fast
    late or never. A latent plane that holds all digits is folded finely: with waves for inputs
    the decoder finds the folds many times sooner.

    References:
        | Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional Domains
        | (Tancik et al., 2020), https://arxiv.org/abs/2006.10739

    Arguments:
        inner: Values in, D.
        waves: The number of waves.
        scale: The frequencies' standard deviation s, in radians by unit of z.
    """

    frequencies: Tensor

    def __init__(self, inner: int, waves: int, scale: float) -> None:
        super().__init__()
        self.register_buffer("frequencies", scale * torch.randn(inner, waves))

    def forward(self, z: Tensor) -> Tensor:
        """Returns `(*, D + 2 waves)`, of `(*, D)`."""
        phase = z @ self.frequencies
        return torch.cat([z, phase.sin(), phase.cos()], -1)


def perceptron(widths: Sequence[int], *, gated: bool = False) -> nn.Sequential:
    """Returns layers of these widths, gated or with SiLU between them; the last is linear."""
    layers: list[nn.Module] = []
    for inner, outer in zip(widths[:-2], widths[1:-1]):
        layers += [GatedLinear(inner, outer)] if gated else [Linear(inner, outer), nn.SiLU()]
    return nn.Sequential(*layers, Linear(widths[-2], widths[-1]))


class Encoder(ImageEncoder):
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
        self.pixels, self.latent = pixels, latent
        self.hidden = hidden[-1] if hidden else pixels
        self.body = perceptron([pixels, *hidden, 2 * latent], gated=gated)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns mean and log standard deviation, each with shape `(B, D)`, of `(B, X)`."""
        mean, log_std = self.body(x).chunk(2, dim=-1)
        return mean, log_std.clamp(*LOG_STD_RANGE)

    def describe(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns what `forward` returns, and the last hidden layer, with shape `(B, hidden)`."""
        hidden = self.body[:-1](x)
        mean, log_std = self.body[-1](hidden).chunk(2, dim=-1)
        return mean, log_std.clamp(*LOG_STD_RANGE), hidden


class Decoder(ImageDecoder):
    """Maps latents to the natural parameters of the pixels, such as logits.

    Arguments:
        latent: The number of latent dimensions D.
        hidden: The widths of the hidden layers.
        outputs: The number of natural parameters K; for most likelihoods one a pixel.
        gated: Gated hidden layers in place of SiLU.
        fourier: The scale of random Fourier features of the latent; 0 for none.
    """

    def __init__(
        self, latent: int, hidden: Sequence[int], outputs: int, *, gated: bool = False,
        fourier: float = 0.0,
    ) -> None:
        super().__init__()
        self.features = FourierFeatures(latent, WAVES, fourier) if fourier else nn.Identity()
        inputs = latent + 2 * WAVES if fourier else latent
        self.body = perceptron([inputs, *hidden, outputs], gated=gated)

    def forward(self, z: Tensor) -> Tensor:
        """Returns natural parameters `(*, K)`, of latents `(*, D)`."""
        return self.body(self.features(z))

    @torch.no_grad()
    def write(self, z: Tensor, sheet: Tensor) -> Tensor:
        """Returns natural parameters, written over the `(*, K)` of `sheet`."""
        hidden = self.features(z)
        for layer in list(self.body)[:-1]:
            hidden = layer(hidden)
        last = cast(Linear, self.body[-1])
        return linear_over(sheet, hidden, last.weight, last.bias)
