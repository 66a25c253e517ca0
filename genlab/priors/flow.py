r"""Normalising flows: z is a Gaussian transformed by a bijection, :math:`z = f^{-1}(u)`.

    ln p(z) = ln N(f(z); 0, I) + ln |det df/dz|                    (1)

The log-determinant is *one number a point*. It is added after the base density has been summed
over the D dimensions. Added to each dimension before that sum it would count D times, and the
result would be no density.

For f made of layers, u = f_n(... f_1(z)), the log-determinants of the layers add up. A coupling
layer keeps one half of the coordinates and transforms each of the others by a monotone curve whose
parameters a network computes from the kept half: its Jacobian is triangular, and its
log-determinant is the sum of the curves' log-slopes.

References:
    | NICE: Non-linear Independent Components Estimation (Dinh et al., 2014)
    | https://arxiv.org/abs/1410.8516
    | Density estimation using Real NVP (Dinh et al., 2017), https://arxiv.org/abs/1605.08803

Shapes: D latent dimensions, M of them transformed, P parameters of a curve; `*` any leading
dimensions.
"""

__all__ = [
    "LOG_SCALE_BOUND", "Affine", "Bijection", "Composed", "Coupling", "Curve", "FlowDistribution",
    "couplings",
]  # fmt: skip

import math

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn as nn

from torch import Tensor
from torch.distributions import Distribution

from genlab.networks.mlp import perceptron

LOG_SCALE_BOUND = 5.0
"""The affine layer shrinks or stretches by at most e^5 = 148."""
WIDE = 256
"""Above so many dimensions points are transformed in parts: a curve may have fifty parameters a
dimension, ..."""
NUMBERS = 2**20
"""... of parts of so many numbers each."""


class Bijection(nn.Module, ABC):
    """An invertible map of the latent space."""

    @abstractmethod
    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Returns u = f(z), with shape `(*, D)`, and ln |det du/dz|, with shape `(*)`."""

    @abstractmethod
    def inverse(self, u: Tensor) -> Tensor:
        """Returns z, with shape `(*, D)`."""


class Affine(Bijection):
    r"""A shift and a scale of each dimension, :math:`u = (z - b) e^{-s}`.

    It is the first layer. Under a learned prior the location and the scale of the codes are free;
    this layer follows them, so that the other layers see codes near N(0, I) at any scale. (ActNorm
    of Glow, Kingma & Dhariwal, 2018, section 3.1, without its initialisation from a batch.)

    Arguments:
        latent: The number of latent dimensions D.
    """

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(latent))
        self.raw_log_scale = nn.Parameter(torch.zeros(latent))

    @property
    def log_scale(self) -> Tensor:
        """The logarithm of the scale s, bounded with slope one at zero, with shape `(D,)`."""
        return LOG_SCALE_BOUND * torch.tanh(self.raw_log_scale / LOG_SCALE_BOUND)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Returns u = f(z), with shape `(*, D)`, and ln |det du/dz|, with shape `(*)`."""
        u = (z - self.shift) * (-self.log_scale).exp()
        return u, -self.log_scale.sum().expand(z.shape[:-1])

    def inverse(self, u: Tensor) -> Tensor:
        """Returns z, with shape `(*, D)`."""
        return u * self.log_scale.exp() + self.shift


class Curve(ABC):
    """An increasing function of one variable, from the real line onto itself."""

    parameters: int
    """The number P of its parameters. Where all are zero it is the identity."""

    @abstractmethod
    def forward(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Returns y and ln dy/dx, each with shape `(*, M)`, for parameters `(*, M, P)`."""

    @abstractmethod
    def inverse(self, y: Tensor, raw: Tensor) -> Tensor:
        """Returns x, with shape `(*, M)`, for parameters with shape `(*, M, P)`."""


class Constant(nn.Module):
    """A learned vector that does not depend on the input."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Returns the vector once for each point."""
        return self.value.expand(*x.shape[:-1], -1)


def conditioner(inputs: int, hidden: Sequence[int], outputs: int) -> nn.Module:
    """Returns a perceptron that is zero everywhere at the start, so its curves are the identity.

    Without inputs (D = 1 has no second half) it is a learned constant.
    """
    if inputs == 0:
        return Constant(outputs)
    net = perceptron([inputs, *hidden, outputs])
    last = cast(nn.Linear, net[-1])
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return net


class Coupling(Bijection):
    """Keeps one half of the coordinates and transforms the others, each by a curve of its own.

    Arguments:
        latent: The number of latent dimensions D.
        keep_last: Whether the last half is kept, or the first.
        hidden: The widths of the network's hidden layers.
        curve: The kind of curve.
    """

    def __init__(
        self, latent: int, *, keep_last: bool, hidden: Sequence[int], curve: Curve
    ) -> None:
        super().__init__()
        halves = (latent // 2, latent - latent // 2)
        self.halves, self.keep_last, self.curve = halves, keep_last, curve
        kept, bent = reversed(halves) if keep_last else halves
        self.net = conditioner(kept, hidden, bent * curve.parameters)

    def split(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the kept half, the other, and that one's curves, with shape `(*, M, P)`."""
        first, last = z.split(self.halves, dim=-1)
        kept, bent = (last, first) if self.keep_last else (first, last)
        return kept, bent, self.net(kept).unflatten(-1, (-1, self.curve.parameters))

    def join(self, kept: Tensor, bent: Tensor) -> Tensor:
        """Joins both halves in their order, with shape `(*, D)`."""
        return torch.cat((bent, kept) if self.keep_last else (kept, bent), dim=-1)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Returns u = f(z), with shape `(*, D)`, and ln |det du/dz|, with shape `(*)`."""
        kept, bent, raw = self.split(z)
        bent, log_slope = self.curve.forward(bent, raw)
        return self.join(kept, bent), log_slope.sum(-1)

    def inverse(self, u: Tensor) -> Tensor:
        """Returns z, with shape `(*, D)`."""
        kept, bent, raw = self.split(u)
        return self.join(kept, self.curve.inverse(bent, raw))


def couplings(latent: int, blocks: int, hidden: Sequence[int], curve: Curve) -> list[Coupling]:
    """Returns coupling layers that keep the halves in turn; D = 1 has only one half."""
    return [
        Coupling(latent, keep_last=latent > 1 and i % 2 == 1, hidden=hidden, curve=curve)
        for i in range(blocks)
    ]


class Composed(Bijection):
    """Layers one after the other.

    Arguments:
        layers: The bijections, in the order in which they are applied to z.
    """

    layers: Sequence[Bijection]

    def __init__(self, layers: Sequence[Bijection]) -> None:
        super().__init__()
        # The ModuleList registers them, but its type does not tell what its modules are.
        self.layers = cast(Sequence[Bijection], nn.ModuleList(layers))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Returns u = f(z), with shape `(*, D)`, and ln |det du/dz|, with shape `(*)`."""
        total = z.new_zeros(z.shape[:-1])
        for layer in self.layers:
            z, log_det = layer(z)
            total = total + log_det
        return z, total

    def inverse(self, u: Tensor) -> Tensor:
        """Returns z, with shape `(*, D)`."""
        for layer in reversed(self.layers):
            u = layer.inverse(u)
        return u


class FlowDistribution(Distribution):
    """The density of equation 1.

    Arguments:
        base: The distribution of u, with event shape `(D,)`.
        bijection: The map f from z to u.
    """

    arg_constraints = {}  # pyright: ignore[reportAssignmentType]

    def __init__(self, base: Distribution, bijection: Bijection) -> None:
        super().__init__(event_shape=base.event_shape, validate_args=False)
        self.base = base
        self.bijection = bijection

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns ln p(z) in nats, with shape `(*)`, of points with shape `(*, D)`."""
        if self._together(value.shape):
            return self._log_prob(value)
        rows = value.reshape(-1, value.shape[-1])
        parts = [self._log_prob(part) for part in rows.split(self._part)]
        return torch.cat(parts).view(value.shape[:-1])

    @torch.no_grad()
    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Returns points with shape `(*sample_shape, D)`."""
        u = self.base.sample(torch.Size(sample_shape))
        if self._together(u.shape):
            return self.bijection.inverse(u)
        rows = u.reshape(-1, u.shape[-1])
        parts = [self.bijection.inverse(part) for part in rows.split(self._part)]
        return torch.cat(parts).view(u.shape)

    def _log_prob(self, value: Tensor) -> Tensor:
        u, log_det = self.bijection(value)
        return self.base.log_prob(u) + log_det

    @property
    def _part(self) -> int:
        """Points of a part."""
        return max(1, NUMBERS // self.event_shape[0])

    def _together(self, shape: torch.Size) -> bool:
        """Returns whether points of this shape are transformed at once."""
        return shape[-1] <= WIDE or math.prod(shape[:-1]) <= self._part
