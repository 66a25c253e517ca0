"""The conditional flow of a posterior: coupling layers of splines that see the image.

Shapes: N images, M bent coordinates, P parameters of a curve, H features, D latent
dimensions; `*` any leading dimensions.
"""

__all__ = ["BOUND", "ConditionalFlow"]

from typing import cast

import torch
import torch.nn as nn
import torch.nn.functional as F

from torch import Tensor

from genlab.numerics.linear import Linear
from genlab.priors.spline import SplineCurve

BOUND, BINS = 5.0, 10
"""Half the interval B on which the splines bend, and the number of their pieces."""
LAYERS = 4
"""Coupling layers; for D = 1 there is one curve."""
FEATURES, WIDTH = 64, 64
"""Features of an image, and the width of the conditioners' hidden layers."""


class Conditioner(nn.Module):
    """A perceptron of two hidden layers over kept coordinates and features of an image.

    It is zero everywhere at the start. The features' part of the first layer is computed once for
    all draws of an image.

    Arguments:
        kept: Kept coordinates; 0 for none.
        outputs: Values out.
    """

    def __init__(self, kept: int, outputs: int) -> None:
        super().__init__()
        self.of_image = Linear(FEATURES, WIDTH)
        self.of_kept = Linear(kept, WIDTH, bias=False) if kept else None
        self.hidden, self.leave = Linear(WIDTH, WIDTH), Linear(WIDTH, outputs)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, kept: Tensor, features: Tensor) -> Tensor:
        """Returns `(*, N, outputs)`, of coordinates `(*, N, kept)` and features `(N, H)`."""
        first = self.of_image(features)
        if self.of_kept is not None:
            first = first + self.of_kept(kept)
        return self.leave(F.silu(self.hidden(F.silu(first)))).expand(*kept.shape[:-1], -1)


class ConditionalCoupling(nn.Module):
    """Keeps one half of the coordinates and bends each of the others by a spline of its own.

    Arguments:
        latent: The number of latent dimensions D.
        keep_last: Whether the last half is kept, or the first.
    """

    def __init__(self, latent: int, *, keep_last: bool) -> None:
        super().__init__()
        halves = (latent // 2, latent - latent // 2)
        self.halves, self.keep_last, self.curve = halves, keep_last, SplineCurve(BINS, BOUND)
        kept, bent = reversed(halves) if keep_last else halves
        self.net = Conditioner(kept, bent * self.curve.parameters)

    def _split(self, points: Tensor, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the kept half, the other, and that one's curves, with shape `(*, M, P)`."""
        first, last = points.split(self.halves, dim=-1)
        kept, bent = (last, first) if self.keep_last else (first, last)
        raw = self.net(kept, features).unflatten(-1, (-1, self.curve.parameters))
        return kept, bent, raw

    def _join(self, kept: Tensor, bent: Tensor) -> Tensor:
        return torch.cat((bent, kept) if self.keep_last else (kept, bent), dim=-1)

    def forward(self, points: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the layer's images of points, and the log-determinant there."""
        kept, bent, raw = self._split(points, features)
        bent, log_slope = self.curve.forward(bent, raw)
        return self._join(kept, bent), log_slope.sum(-1)

    def inverse(self, images: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the points of images, and the log-determinant of `forward` at these points."""
        kept, bent, raw = self._split(images, features)
        bent = self.curve.inverse(bent, raw)
        return self._join(kept, bent), self.curve.forward(bent, raw)[1].sum(-1)


class ConditionalFlow(nn.Module):
    """The map g of equation 2 of the package. It starts as the identity.

    Arguments:
        hidden: The width of the encoder's last hidden layer.
        latent: The number of latent dimensions D.
    """

    def __init__(self, hidden: int, latent: int) -> None:
        super().__init__()
        self.enter = Linear(hidden, FEATURES)
        self.layers = nn.ModuleList(
            ConditionalCoupling(latent, keep_last=i % 2 == 1)
            for i in range(LAYERS if latent > 1 else 1)
        )

    def features(self, hidden: Tensor) -> Tensor:
        """Returns what the layers see of images, `(N, H)`, of the encoder's hidden layer."""
        return F.silu(self.enter(hidden))

    def forward(self, noise: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Returns v = g(e), `(*, N, D)`, and ln |det dg/de|, `(*, N)`, of features `(N, H)`."""
        v, total = noise, noise.new_zeros(noise.shape[:-1])
        for layer in self.layers:
            v, log_det = layer(v, features)
            total = total + log_det
        return v, total

    def inverse(self, v: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Returns e = g^-1(v), `(*, N, D)`, and ln |det dg/de| there, `(*, N)`."""
        noise, total = v, v.new_zeros(v.shape[:-1])
        for layer in reversed(list(self.layers)):
            noise, log_det = cast(ConditionalCoupling, layer).inverse(noise, features)
            total = total + log_det
        return noise, total
