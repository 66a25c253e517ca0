r"""Layers of a normalising flow on a latent map `(c, h, w)`: coupling by convolutions.

A coupling layer keeps the entries of the map where a mask is one and transforms each of the others
by a monotone curve; a small convolutional network computes the curves' parameters at all places
from the kept entries. As for vectors (`genlab.priors.flow`), the log-determinant is the sum of the
curves' log-slopes, here over all channels and places that are transformed.

Three kinds of masks take turns, each with its complement: the first half of the channels, a
checkerboard of places (place (i, j) is kept where i + j is even), and every other channel. Halves
of channels let channels of a place depend on each other and on the neighbours', checkerboards let
all channels of a place depend on those of the places beside it. A map of one channel has
checkerboards only.

References:
    | Density estimation using Real NVP (Dinh et al., 2017), section 3.4: both kinds of masks
    | https://arxiv.org/abs/1605.08803
    | Glow: Generative Flow with Invertible 1x1 Convolutions (Kingma & Dhariwal, 2018)
    | https://arxiv.org/abs/1807.03039: a shift and scale of each channel, initialised from a batch

Shapes: N points, D = c h w latent dimensions, M of them transformed, P parameters of a curve; `*`
any leading dimensions.
"""

__all__ = ["ChannelAffine", "MapCoupling", "MapFlow", "map_masks"]

import math

from typing import cast

import torch
import torch.nn as nn

from torch import Tensor

from genlab.networks.interface import Shape
from genlab.networks.maps import Residual, norm
from genlab.priors.flow import LOG_SCALE_BOUND, Affine, Bijection, Composed, Curve

BLOCKS = 2
"""Residual blocks of a coupling layer's network."""
LARGEST_SHARE = 0.99
"""The share of its bound that a fitted log-scale may take: beyond, its gradient vanishes."""


class ChannelAffine(Affine):
    r"""A shift and a scale of each channel, the same at all places, :math:`u = (z - b) e^{-s}`.

    The first batch of training sets both so that the channels' codes have mean 0 and variance 1,
    in closed form; from there they are learned. The scale of codes is free under a learned prior,
    and gradients take hundreds of steps to reach it. Until then the layer is the identity.

    Arguments:
        shape: Channels, height and width of the map.
    """

    fitted: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape[0])
        self.sizes = shape[0], shape[1] * shape[2]
        self.register_buffer("fitted", torch.tensor(False))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Returns u = f(z), with shape `(*, D)`, and ln |det du/dz|, with shape `(*)`."""
        u, log_det = super().forward(self._places(z))
        return u.mT.flatten(-2), log_det.sum(-1)

    def inverse(self, u: Tensor) -> Tensor:
        """Returns z, with shape `(*, D)`."""
        return super().inverse(self._places(u)).mT.flatten(-2)

    @torch.no_grad()
    def fit_once(self, z: Tensor) -> None:
        """Sets shift and scale from codes `(*, D)`, the first time that it is called."""
        if self.fitted:
            return
        values = self._places(z).flatten(0, -2)  # (N h w, c)
        std = values.std(0, correction=0).clamp(min=torch.finfo(z.dtype).tiny)
        share = (std.log() / LOG_SCALE_BOUND).clamp(-LARGEST_SHARE, LARGEST_SHARE)
        self.shift.copy_(values.mean(0))
        self.raw_log_scale.copy_(LOG_SCALE_BOUND * share.atanh())
        self.fitted.fill_(True)

    def _places(self, z: Tensor) -> Tensor:
        """Returns the channels of every place, `(*, h w, c)`, of rows `(*, D)`."""
        return z.unflatten(-1, self.sizes).mT


def map_masks(shape: Shape) -> list[Tensor]:
    """Returns the masks of the entries that coupling layers keep, in turn, each `(c, h, w)`.

    Arguments:
        shape: Channels, height and width of the map, of two places at least.
    """
    channels, height, width = shape
    place = torch.arange(height)[:, None] + torch.arange(width)
    checkerboard = (place % 2 == 0).expand(shape)
    if channels == 1:
        return [checkerboard, ~checkerboard]
    channel = torch.arange(channels)[:, None, None]
    half = (channel < channels // 2).expand(shape)
    other = (channel % 2 == 0).expand(shape)
    return [half, ~half, checkerboard, ~checkerboard, other, ~other, checkerboard, ~checkerboard]


class MapCoupling(Bijection):
    """Keeps some entries of a map and transforms the others, each by a curve of its own.

    It starts as the identity.

    Arguments:
        mask: The entries that are kept, with shape `(c, h, w)`, bool; neither all nor none.
        width: The channels of the network.
        curve: The kind of curve.
    """

    mask: Tensor
    bent: Tensor
    among: Tensor

    def __init__(self, mask: Tensor, width: int, curve: Curve) -> None:
        super().__init__()
        self.shape, self.curve = mask.shape, curve
        # Only channels with an entry that is transformed have curves; places that are kept there
        # (of a checkerboard) have some too, which are not used.
        channels = (~mask).flatten(1).any(1)
        self.register_buffer("mask", mask, persistent=False)
        self.register_buffer("bent", (~mask).flatten().nonzero()[:, 0], persistent=False)
        self.register_buffer(
            "among", (~mask)[channels].flatten().nonzero()[:, 0], persistent=False
        )
        last = nn.Conv2d(width, int(channels.sum()) * curve.parameters, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(cast(Tensor, last.bias))
        self.net = nn.Sequential(
            nn.Conv2d(mask.shape[0], width, 3, padding=1),
            *(Residual(width) for _ in range(BLOCKS)), norm(width), nn.SiLU(), last,
        )

    def split(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns z, its transformed part `(*, M)`, and that one's curves, `(*, M, P)`."""
        maps = z.reshape(-1, *self.shape) * self.mask
        raw = self.net(maps).unflatten(1, (-1, self.curve.parameters))
        raw = raw.movedim(2, -1).flatten(1, 3)[:, self.among]
        return z, z[..., self.bent], raw.view(*z.shape[:-1], *raw.shape[1:])

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Returns u = f(z), with shape `(*, D)`, and ln |det du/dz|, with shape `(*)`."""
        z, bent, raw = self.split(z)
        bent, log_slope = self.curve.forward(bent, raw)
        return z.index_copy(-1, self.bent, bent), log_slope.sum(-1)

    def inverse(self, u: Tensor) -> Tensor:
        """Returns z, with shape `(*, D)`."""
        u, bent, raw = self.split(u)
        return u.index_copy(-1, self.bent, self.curve.inverse(bent, raw))


class MapFlow(Composed):
    """A shift and scale of each channel, then coupling layers with masks in turn.

    Arguments:
        shape: Channels, height and width of the map, of two places at least.
        blocks: The number of coupling layers.
        width: The channels of their networks.
        curve: The kind of curve.
    """

    def __init__(self, shape: Shape, blocks: int, width: int, curve: Curve) -> None:
        if math.prod(shape[1:]) < 2:
            raise ValueError(f"a map of one place is a vector: {shape}")
        masks = map_masks(shape)
        inner = (MapCoupling(masks[i % len(masks)], width, curve) for i in range(blocks))
        super().__init__([ChannelAffine(shape), *inner])

    @property
    def affine(self) -> ChannelAffine:
        """The layer outside."""
        return cast(ChannelAffine, self.layers[0])
