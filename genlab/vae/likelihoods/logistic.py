r"""The discretised logistic likelihood of grey levels taken as they are.

A logistic variable y with location mu and scale s is rounded to the nearest level, those beyond
the first and last level to these (Salimans et al., 2017, equation 2):

    P(k) = F(k + 1/2) - F(k - 1/2),   F(y) = 1 / (1 + e^-(y - mu) / s),   k = 0, ..., 255
    with F(-1/2) = 0 and F(255 + 1/2) = 1 in its place, so that the sum over k is exactly one.

With a = (lower end - mu) / s and b = (upper end - mu) / s of a level's cell this is

    ln P(k) = -ln(1 + e^-b) - ln(1 + e^a) + ln(1 - e^-(b - a))                            (1)

for every cell, the open ones at the edges included. No term is a difference of nearly equal
numbers, so (1) holds to the last digits of float32 however far k lies from mu, where the
difference of two values of F is zero.

All is computed in levels, from the middle of the scale: level k has the cell [k - 128, k - 127].
The decoder's output m stands for the location mu = 128 m, so that -1 and 1 are the ends of the
scale, and products with 128 are exact. Its output t stands for the scale

    s = 1/16 + s_0 e^t                                                                    (2)

with s_0 + 1/16 the scale to start from. The bound of a sixteenth of a level keeps slopes finite: a
value that is always the same costs 7e-4 nats at it, which a smaller one would hardly improve.

References:
    | PixelCNN++: Improving the PixelCNN with Discretized Logistic Mixture Likelihood and Other
    | Modifications (Salimans et al., 2017), section 2.1, https://arxiv.org/abs/1701.05517
    | Improved Variational Inference with Inverse Autoregressive Flow (Kingma et al., 2016),
    | section 5.2: the likelihood of a VAE, https://arxiv.org/abs/1606.04934

Shapes: X values of an image, K parameters; `*` any leading dimensions.
"""

__all__ = [
    "DiscretisedLogistic", "draw_levels", "level_mean", "levels_of", "location_of",
    "log_level", "log_spread_of",
]  # fmt: skip

import math

from typing import Any, cast

import torch
import torch.nn as nn

from torch import Tensor
from torch.autograd.function import once_differentiable

from genlab.common.errors import InputError
from genlab.common.text import Title
from genlab.vae.likelihoods.base import Likelihood

HIGHEST = 255
"""The highest level."""
HALF = 128
"""Half of the scale, in levels: it goes from -128 to 128."""
FLOOR = 1 / 16
"""The scale's bound from below, in levels."""
FAR = 1e30
"""The far end of an edge level's cell: the exponential of it is infinite at every scale."""
BISECTIONS = 64
"""Halvings after which float64 has no number between the ends."""
TILE = 2**16
"""Values that are computed at a time: what is computed on the way stays in the processor's cache,
which makes it three times as fast."""


class DiscretisedLogistic(Likelihood):
    """Grey levels, independent, each a rounded logistic variable.

    An image x holds the levels as fractions 0, 1/255, ..., 1. Parameters `(*, 2 X)` are all
    locations, then all scales; with one scale for all, `(*, X)` are the locations.

    Arguments:
        scale: The logistic scale to start from, in units of [0, 1]; the standard deviation is
            1.8 times as large.
        each: The decoder returns a scale for each value; otherwise one is learned for all.

    Raises:
        InputError: If the scale is not above 1/4080 (a sixteenth of a level), or not finite.
    """

    domain = Title("灰度级图像，取原有灰度级", "grey levels, as they are")

    def __init__(self, scale: float = 0.1, each: bool = True) -> None:
        super().__init__()
        self.outputs = 2 if each else 1
        self.start = log_spread_of(scale)
        if not each:
            self.log_spread = nn.Parameter(torch.zeros(()))

    def _law(self, eta: Tensor) -> tuple[Tensor, Tensor]:
        """Returns locations and log-spreads that broadcast, with shape `(*, X)` or `()`."""
        if self.outputs == 1:
            return eta, self.log_spread.to(eta.dtype) + self.start
        location, log_spread = eta.unflatten(-1, (2, -1)).unbind(-2)
        return location, log_spread + self.start

    def log_prob(self, x: Tensor, eta: Tensor) -> Tensor:
        """Returns ln p(x|z) in nats, the sum of (1) over values.

        Its derivative is for the parameters alone, and can itself not be derived.
        """
        return log_level(levels_of(x), *self._law(eta)).sum(-1)

    def mean(self, eta: Tensor) -> Tensor:
        """Returns the exact mean of the discretised law, a sum over levels, in [0, 1]."""
        return level_mean(*self._law(eta))

    def with_mean(self, mean: Tensor) -> Tensor:
        """Returns parameters with the scale to start from, or the one learned for all."""
        if self.outputs == 1:
            return location_of(mean, self.log_spread.detach().to(mean.dtype) + self.start)
        location = location_of(mean, mean.new_tensor(self.start))
        return torch.cat([location, torch.zeros_like(location)], -1)

    @torch.no_grad()
    def sample(self, eta: Tensor) -> Tensor:
        """Draws images of grey levels 0, 1/255, ..., 1."""
        return draw_levels(*self._law(eta)) / HIGHEST

    def observe(self, grey: Tensor, random: torch.Generator) -> Tensor:
        """Returns grey values rounded to multiples of 1/255; 8-bit levels stay."""
        del random
        return levels_of(grey) / HIGHEST


def log_spread_of(scale: float) -> float:
    """Returns ln s_0 of (2) for a scale to start from in units of [0, 1].

    Raises:
        InputError: If the scale is not above `FLOOR`, or not finite.
    """
    if not FLOOR < HIGHEST * scale < math.inf:
        raise InputError(
            f"`scale` must be a number above 1/{HIGHEST / FLOOR:.0f} (a sixteenth of a level), "
            f"not {scale}"
        )
    return math.log(HIGHEST * scale - FLOOR)


def levels_of(x: Tensor) -> Tensor:
    """Returns the levels 0 to 255 of grey values, in their type."""
    return (HIGHEST * x).round()


def log_level(level: Tensor, location: Tensor, log_spread: Tensor) -> Tensor:
    """Returns ln P(k) of (1) for each value; all arguments broadcast.

    Its derivative is for location and spread alone, and can itself not be derived.

    Arguments:
        level: Levels k, with shape `(*)`.
        location: The outputs m, with shape `(*)`.
        log_spread: ln s_0 + t of (2), with shape `(*)`.
    """
    return cast(Tensor, LogLevel.apply(level, location, log_spread))


def level_mean(location: Tensor, log_spread: Tensor) -> Tensor:
    r"""Returns the mean of each discretised law in units of [0, 1], with shape `(*)`.

    .. math:: E[k] = \sum_{j = 1}^{255} P(k \ge j)
                   = \sum_{v = -127}^{127} \frac{1}{1 + e^{-(128 m - v) / s}}
    """
    rate = (log_spread.exp() + FLOOR).reciprocal().expand(location.shape)
    ends = torch.arange(1 - HALF, HALF, dtype=location.dtype, device=location.device)
    many = TILE // len(ends)
    parts = [
        torch.sigmoid((HALF * m[:, None] - ends) * r[:, None]).sum(-1)
        for m, r in zip(location.reshape(-1).split(many), rate.reshape(-1).split(many))
    ]
    return torch.cat(parts).view(location.shape) / HIGHEST


def location_of(mean: Tensor, log_spread: Tensor) -> Tensor:
    """Returns the location of each law that has a mean in (0, 1), by bisection.

    P(k = 255) <= E[k] / 255 <= P(k >= 1), and both of these have known inverses.

    Arguments:
        mean: Means in units of [0, 1], with shape `(*)`.
        log_spread: ln s_0 + t of (2), with shape `()`.
    """
    middle = (log_spread.exp() + FLOOR) * mean.logit() / HALF
    low, high = middle - (HALF - 1) / HALF, middle + (HALF - 1) / HALF
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        below = level_mean(middle, log_spread) < mean
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2


def draw_levels(location: Tensor, log_spread: Tensor) -> Tensor:
    """Draws a level 0 to 255 of each law: the inverse of F, of uniform numbers, rounded."""
    u = torch.rand_like(location)
    y = HALF * location + (log_spread.exp() + FLOOR) * (u.log() - torch.log1p(-u))
    return (y + HALF).floor().clamp(0, HIGHEST)


class LogLevel(torch.autograd.Function):
    """Value and derivatives by their formulas; the derivatives are computed with the value."""

    @staticmethod
    def forward(ctx: Any, level: Tensor, location: Tensor, log_spread: Tensor) -> Tensor:
        """Returns ln P(k), with shape `(*)`, of arguments that broadcast."""
        ctx.shapes = location.shape, log_spread.shape
        dtype = torch.promote_types(level.dtype, location.dtype)
        given = torch.broadcast_tensors(level.to(dtype), location.to(dtype), log_spread.to(dtype))
        shape, slopes = given[0].shape, any(ctx.needs_input_grad)
        found = [given[0].new_empty(shape) for _ in range(3 if slopes else 1)]
        dim = next((index for index, size in enumerate(shape) if size > 1), 0)
        rows = max(1, TILE * shape[dim] // max(1, shape.numel()))
        for parts in zip(*(tensor.split(rows, dim) for tensor in (*given, *found))):
            write_log_level(*parts)
        if slopes:
            ctx.save_for_backward(*found[1:])
        return found[0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[None, Tensor, Tensor]:
        """Returns no gradient in the levels, and those in location and spread."""
        of_location, of_spread = ctx.saved_tensors
        location, spread = ctx.shapes
        return (
            None, (upstream * of_location).sum_to_size(location),
            (upstream * of_spread).sum_to_size(spread),
        )


def write_log_level(
    level: Tensor, location: Tensor, log_spread: Tensor, value: Tensor,
    of_location: Tensor | None = None, of_spread: Tensor | None = None,
) -> None:
    r"""Writes ln P(k) over `value` and its derivatives over the other two, if they are given.

    With :math:`S(y) = 1 / (1 + e^{-y})` and w = b - a,

    .. math:: \frac{\partial \ln P}{\partial m} = -\frac{128}{s} (S(-b) - S(a)), \qquad
              \frac{\partial \ln P}{\partial t} = -\frac{s_0 e^t}{s}
              \left( b \, S(-b) - a \, S(a) + \frac{w}{e^w - 1} \right)

    All arguments have the shape `(*)`.
    """
    upper = torch.where(level == HIGHEST, FAR, level - (HALF - 1))
    lower = torch.where(level == 0, -FAR, level - HALF)
    spread = log_spread.exp()
    rate = (spread + FLOOR).reciprocal_()
    b = torch.sub(upper, location, alpha=HALF).mul_(rate)
    a = torch.sub(lower, location, alpha=HALF).mul_(rate)
    w = upper.sub_(lower).mul_(rate)
    torch.expm1(-w, out=value).neg_().log_()
    value.add_(nn.functional.logsigmoid(b)).add_(nn.functional.logsigmoid(-a))
    if of_location is not None and of_spread is not None:
        tail, head = torch.sigmoid(-b), torch.sigmoid(a)
        of_spread.copy_(w.div_(torch.expm1(w)))
        of_spread.addcmul_(tail, b).addcmul_(head, a, value=-1).mul_(spread.mul_(rate)).neg_()
        of_location.copy_(head.sub_(tail)).mul_(rate).mul_(HALF)
