r"""Mixtures of discretised logistics: the likelihood of PixelCNN++, given z.

Each value of a grey image is of M discretised logistics with weights pi (`logistic.py` has P):

    p(k) = sum_i pi_i P(k | m_i, t_i),    pi = softmax(w)                                 (1)

In colour, the three values of a position share one component, and the locations of green and blue
depend on the levels before them (Salimans et al., 2017, equation 3), u being levels on the scale
from -1 to 1 that locations are on, u = (k - 127.5) / 128:

    p(r, g, b) = sum_i pi_i P(r | m_r) P(g | m_g + a u_r) P(b | m_b + c u_r + d u_g)      (2)

with a, c and d = tanh of the decoder's outputs, another three for each component. So p(x|z) is
that of positions, which are independent given z.

Where the decoder returns zero, components are still told apart: with i = 0, ..., M - 1 component
i has its locations at (2 i + 1) / M - 1, the middles of M equal parts of the scale, in all three
channels. The mean is then 1/2.

References:
    | PixelCNN++: Improving the PixelCNN with Discretized Logistic Mixture Likelihood and Other
    | Modifications (Salimans et al., 2017), sections 2.1 and 2.2,
    | https://arxiv.org/abs/1701.05517

Shapes: M components, P positions, X values of an image (P, or 3 P in colour), K parameters;
`*` any leading dimensions.
"""

__all__ = ["LogisticMixture"]

import math

from collections.abc import Sequence
from typing import NamedTuple

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.text import Title
from genlab.vae.likelihoods.base import Likelihood
from genlab.vae.likelihoods.logistic import (
    HALF,
    HIGHEST,
    draw_levels,
    level_mean,
    levels_of,
    location_of,
    log_level,
    log_spread_of,
)

CHANNELS = 3
MOST = 100
"""The largest number of components."""


class Law(NamedTuple):
    """The parameters of (1) or (2), with C = 1 or 3 channels."""

    weight: Tensor
    """w, with shape `(*, M, P)`."""
    location: Tensor
    """m, with shape `(*, C, M, P)`."""
    log_spread: Tensor
    """ln s_0 + t, with shape `(*, C, M, P)`."""
    factor: Tensor
    """a, c and d, with shape `(*, 3, M, P)`; `(*, 0, M, P)` for C = 1."""

    def located(self, before: Sequence[Tensor]) -> Tensor:
        """Returns the location of the next channel, `(*, M, P)`.

        Arguments:
            before: u of the channels before it, each with shape `(*, 1 or M, P)`.
        """
        first = len(before) * (len(before) - 1) // 2  # a; then c and d
        location = self.location[..., len(before), :, :]
        for index, u in enumerate(before, first):
            location = location + self.factor[..., index, :, :] * u
        return location


class LogisticMixture(Likelihood):
    """Grey levels, or colours of a position, of a mixture of discretised logistics each.

    An image x holds the levels as fractions 0, 1/255, ..., 1. Parameters are a row of maps, each
    with one number a position: of the M components the weights, then the locations, then the
    scales; in colour, locations and scales are those of red, green and blue in turn, and the
    factors a, c and d follow. So `outputs` is that of a position.

    Arguments:
        logistics: The number of components M.
        scale: The logistic scale to start from, in units of [0, 1].
        colour: The images have three channels, and the three values of a position one mixture;
            otherwise each value has its own, whatever the channels.

    Raises:
        InputError: If there are fewer components than 1 or too many, or the scale is not above
            1/4080 (a sixteenth of a level), or not finite.
    """

    domain = Title("灰度级图像，取原有灰度级", "grey levels, as they are")
    offset: Tensor

    def __init__(self, logistics: int = 5, scale: float = 0.1, colour: bool = False) -> None:
        super().__init__()
        if not 1 <= logistics <= MOST:
            raise InputError(f"`logistics` must be between 1 and {MOST}, not {logistics}")
        self.components, self.channels = logistics, CHANNELS if colour else 1
        factors = self.channels * (self.channels - 1) // 2
        self.outputs = logistics * (1 + 2 * self.channels + factors)
        self.start = log_spread_of(scale)
        part = torch.arange(logistics, dtype=torch.float64)
        offset = (2 * part + 1) / logistics - 1
        self.register_buffer("offset", offset[:, None], persistent=False)

    def width(self, shape: Sequence[int]) -> int:
        """Returns the number K of parameters: 3 M a value, or in colour 10 M a position.

        Raises:
            InputError: If it is for colour, and the images are not.
        """
        positions, rest = divmod(math.prod(shape), self.channels)
        if rest or (len(shape) > 1 and self.channels > 1 and shape[0] != self.channels):
            raise InputError(
                f"`colour` is for images of {CHANNELS} channels, not of shape {tuple(shape)}"
            )
        return self.outputs * positions

    def _law(self, eta: Tensor) -> Law:
        """Returns the parameters by their parts."""
        maps, c = self.outputs // self.components, self.channels
        parts = eta.unflatten(-1, (maps, self.components, -1))
        weight, location, log_spread, factor = parts.split([1, c, c, maps - 1 - 2 * c], -3)
        return Law(
            weight.squeeze(-3), location + self.offset.to(eta.dtype), log_spread + self.start,
            factor.tanh(),
        )

    def log_prob(self, x: Tensor, eta: Tensor) -> Tensor:
        """Returns ln p(x|z) in nats, the sum of ln of (1) or (2) over positions.

        Its derivative is for the parameters alone, and can itself not be derived.
        """
        law, levels = self._law(eta), levels_of(x).unflatten(-1, (self.channels, 1, -1))
        before: list[Tensor] = []
        total = law.weight
        for channel, level in enumerate(levels.unbind(-3)):
            log_spread = law.log_spread[..., channel, :, :]
            total = total + log_level(level, law.located(before), log_spread)
            before.append(scaled(level))
        return (total.logsumexp(-2) - law.weight.logsumexp(-2)).sum(-1)

    def mean(self, eta: Tensor) -> Tensor:
        """Returns the mean image, in [0, 1].

        It is exact for grey images and for red: a sum over levels. Green and blue depend on the
        levels before them: their means are those given the mean of these in each component, which
        is exact while no law reaches the ends of the scale (`docs/likelihoods.md` says how far
        off it is where many do).
        """
        law = self._law(eta)
        share, before, means = torch.softmax(law.weight, -2), [], []
        for channel in range(self.channels):
            mean = level_mean(law.located(before), law.log_spread[..., channel, :, :])
            before.append(scaled(HIGHEST * mean))
            means.append((share * mean).sum(-2))
        return torch.cat(means, -1)

    def with_mean(self, mean: Tensor) -> Tensor:
        """Returns parameters of equal components, with the scale to start from."""
        location = location_of(mean, mean.new_tensor(self.start))
        location = location.unflatten(-1, (self.channels, 1, -1)) - self.offset.to(mean.dtype)
        maps = self.outputs // self.components
        eta = location.new_zeros(*mean.shape[:-1], maps, *location.shape[-2:])
        eta[..., 1 : 1 + self.channels, :, :] = location
        return eta.flatten(-3)

    @torch.no_grad()
    def sample(self, eta: Tensor) -> Tensor:
        """Draws images of grey levels 0, 1/255, ..., 1: components, then channel by channel."""
        law = self._law(eta)
        gumbel = -torch.empty_like(law.weight).exponential_().log()
        chosen = (law.weight + gumbel).argmax(-2, keepdim=True)
        own = Law(law.weight, *(
            part.take_along_dim(chosen.unsqueeze(-3), -2) for part in law[1:]
        ))
        levels: list[Tensor] = []
        for channel in range(self.channels):
            location = own.located([scaled(level) for level in levels])
            levels.append(draw_levels(location, own.log_spread[..., channel, :, :]))
        return torch.cat(levels, -2).flatten(-2) / HIGHEST

    def observe(self, grey: Tensor, random: torch.Generator) -> Tensor:
        """Returns grey values rounded to multiples of 1/255; 8-bit levels stay."""
        del random
        return levels_of(grey) / HIGHEST


def scaled(level: Tensor) -> Tensor:
    """Returns u of (2), the place of levels on the scale from -1 to 1."""
    return (level - HIGHEST / 2) / HALF
