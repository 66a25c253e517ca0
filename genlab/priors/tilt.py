r"""Normaliser and sampler of a tilted Gaussian, :math:`p(z) = \mathcal{N}(z; 0, I) \, w(z) / Z`.

    Z = E_N[w] = sum_g r_g w(z_g),    sum_g r_g = 1

over nodes z_g with shares r_g. In one and two dimensions the nodes are a midpoint grid: smooth
functions that die out at the border are summed with an error that falls faster than any power
of the step, so Z and its gradient are exact for all practical purposes. Above, they are draws
and ln Z is an estimate that is too low on average (Jensen): then p is too high, and a negative
log-likelihood too low. `normaliser_bounds` tells by how much at most.

Weights are at most one everywhere, w <= 1. So Z is finite, and sampling is exact: accept a draw
of N(0, I) with probability w (the share accepted is Z).

Shapes: G nodes, D latent dimensions, S draws; `*` any leading dimensions.
"""

__all__ = [
    "LogWeight",
    "Nodes",
    "NormaliserBounds",
    "drawn_nodes",
    "fixed_nodes",
    "fresh_nodes",
    "log_normaliser",
    "normaliser_bounds",
    "normaliser_diagnostics",
    "rejection_sample",
    "tilt_net",
]  # fmt: skip

import itertools
import math

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn as nn

from torch import Tensor

LogWeight = Callable[[Tensor], Tensor]
"""ln w, from `(*, D)` to `(*)`; at most 0."""

RADIUS = 6.0
"""The grid is a disc: beyond it lie exp(-RADIUS^2 / 2) = 1.5e-8 of N(0, I), and so at most
1.5e-8 / Z of p, as w <= 1."""

SIDE = {1: 4096, 2: 192}
"""Points along each axis of the grid for evaluation: steps of 0.003 and 0.06. ln Z of a
rough network (100-100 units, weights moved by 0.5 N(0, 1) each) then has an error of 1e-7."""

FRESH_SIDE = {1: 1024, 2: 64}
"""The same for a training step: 0.19 in the plane, and the grid is shifted at random."""

FIXED_DRAWS = 2**16
"""The number of draws in place of the grid above two dimensions, the same draws each time."""

ROUND = 2**14
"""The number of proposals at a time."""

BOUNDS_DRAWS = 50_000
"""The number of draws of each kind for the bounds of ln Z among a run's results."""

MOST_DRAWS = 10**8
"""The number of proposals (about a minute) after which sampling gives up, up to ..."""
FEW_DIMENSIONS = 40
"""... so many dimensions; above, as many fewer as a proposal takes longer."""


class Nodes(NamedTuple):
    """A quadrature rule for expectations under N(0, I)."""

    points: Tensor
    """With shape `(G, D)`."""
    log_share: Tensor
    """Logarithms of the shares r, whose sum is 1, with shape `(G,)`."""


class NormaliserBounds(NamedTuple):
    """Two estimates of ln Z, one low and one high on average, with their standard errors."""

    low: float
    low_error: float
    high: float | None
    """None where p is too far from N(0, I) to be sampled."""
    high_error: float | None


class TooFarError(RuntimeError):
    """Raised where next to no draw of N(0, I) is accepted."""


def tilt_net(latent: int, hidden: Sequence[int]) -> nn.Sequential:
    """Returns a tanh network from `(*, D)` to `(*, 1)` that starts as the constant zero."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise([latent, *hidden]):
        layers += [nn.Linear(inputs, outputs), nn.Tanh()]
    last = nn.Linear([latent, *hidden][-1], 1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers, last)


def fixed_nodes(origin: Tensor) -> Nodes:
    """Returns the nodes that a density is evaluated with: a grid for D <= 2, else fixed draws.

    Arguments:
        origin: Zeros, with shape `(D,)`; says D, dtype and device.
    """
    if len(origin) > 2:
        return drawn_nodes(origin, FIXED_DRAWS, torch.Generator().manual_seed(0))
    return _grid(SIDE[len(origin)], torch.full_like(origin, 0.5))


def fresh_nodes(origin: Tensor, count: int, random: torch.Generator) -> Nodes:
    """Returns the nodes of a training step, new ones each time, to which training cannot overfit.

    For D <= 2 that is a coarse grid at a random offset. Its mean over all offsets is the
    integral, so it is unbiased even where the network is sharper than its step.

    Arguments:
        origin: Zeros, with shape `(D,)`; says D, dtype and device.
        count: The number of draws if D > 2.
        random: Draws them, or the offset.
    """
    if len(origin) > 2:
        return drawn_nodes(origin, count, random)
    return _grid(FRESH_SIDE[len(origin)], torch.rand(len(origin), generator=random).to(origin))


def _grid(side: int, offset: Tensor) -> Nodes:
    """Returns a grid of `side` points along each axis, at an offset `(D,)` in its cells."""
    step = 2 * RADIUS / side
    line = -RADIUS + step * torch.arange(side).to(offset)
    lines = [line + step * part for part in offset]
    points = torch.cartesian_prod(*lines).view(-1, len(offset))
    square = (points**2).sum(-1)
    kept = square < RADIUS**2
    # Equal cells, so shares proportional to the density; the softmax makes their sum exactly 1.
    return Nodes(points[kept], (-0.5 * square[kept]).log_softmax(0))


def drawn_nodes(origin: Tensor, count: int, random: torch.Generator) -> Nodes:
    """Returns draws of N(0, I) in pairs z, -z with equal shares (`count` rounded up to even).

    Arguments:
        origin: Zeros, with shape `(D,)`; says D, dtype and device.
        count: The number of draws.
        random: Draws them.
    """
    half = torch.randn((count + 1) // 2, len(origin), generator=random, dtype=torch.float64)
    points = torch.cat([half, -half]).to(origin)
    return Nodes(points, origin.new_full((len(points),), -math.log(len(points))))


def log_normaliser(log_weight: LogWeight, nodes: Nodes) -> Tensor:
    """Returns ln Z, a number, differentiable with respect to the parameters of w."""
    return (log_weight(nodes.points) + nodes.log_share).logsumexp(0)


@torch.no_grad()
def rejection_sample(
    log_weight: LogWeight, count: int, origin: Tensor, random: torch.Generator | None = None
) -> Tensor:
    """Draws from p = N w / Z exactly.

    Arguments:
        log_weight: ln w, at most 0.
        count: The number of samples S.
        origin: Zeros, with shape `(D,)`; says D, dtype and device.
        random: Draws them; torch's own generator if not given.

    Returns:
        With shape `(S, D)`.

    Raises:
        TooFarError: If next to nothing is accepted.
    """
    kept, found, proposed = [origin.new_empty(0, len(origin))], 0, 0
    most = MOST_DRAWS * FEW_DIMENSIONS // max(FEW_DIMENSIONS, len(origin))
    while found < count:
        if proposed >= most:
            raise TooFarError(
                f"{found} of {proposed:.0e} draws of N(0, I) accepted, {count} wanted: the prior "
                "is too far from N(0, I) to be sampled by rejection"
            )
        z = torch.randn(ROUND, len(origin), generator=random).to(origin)
        # An exponential variable exceeds -ln w with probability w.
        level = torch.empty(ROUND).exponential_(generator=random).to(origin)
        kept.append(z[level >= -log_weight(z)])
        found, proposed = found + len(kept[-1]), proposed + ROUND
    return torch.cat(kept)[:count]


@torch.no_grad()
def normaliser_bounds(
    log_weight: LogWeight, origin: Tensor, count: int, random: torch.Generator
) -> NormaliserBounds:
    r"""Returns a low and a high estimate of ln Z, from draws of N(0, I) and of p.

        low  =  ln 1/S sum_s w(z_s),      z_s ~ N(0, I)
        high = -ln 1/S sum_s 1 / w(z_s),  z_s ~ p         (E_p[1/w] = 1/Z)

    By Jensen's inequality the expectations of low and high enclose ln Z (Grosse et al., 2015,
    do so for annealed importance sampling). The errors are the delta method's, and the high one
    is unreliable when it is large: 1/w has no bound, and the variance of the mean of 1/w
    is E_N[1/w] / Z - 1/Z^2, which rare draws of tiny weight carry.

    References:
        | Sandwiching the marginal likelihood using bidirectional Monte Carlo (Grosse et al.,
        | 2015), https://arxiv.org/abs/1511.02543

    Arguments:
        log_weight: ln w, at most 0.
        origin: Zeros, with shape `(D,)`; says D, dtype and device.
        count: The number of draws S of each kind.
        random: Draws them.
    """
    points = torch.randn(count, len(origin), generator=random).to(origin)
    low, low_error = _log_mean(log_weight(points))
    try:
        points = rejection_sample(log_weight, count, origin, random)
    except TooFarError:
        return NormaliserBounds(low, low_error, None, None)
    minus_high, high_error = _log_mean(-log_weight(points))
    return NormaliserBounds(low, low_error, -minus_high, high_error)


def normaliser_diagnostics(
    log_weight: LogWeight, origin: Tensor, random: torch.Generator
) -> dict[str, float | None]:
    """Returns the bounds of ln Z by name (`log_z_low`, ...); none for D <= 2, where Z is exact.

    Arguments:
        log_weight: ln w, at most 0.
        origin: Zeros, with shape `(D,)`; says D, dtype and device.
        random: Draws what is needed.
    """
    if len(origin) <= 2:
        return {}
    found = normaliser_bounds(log_weight, origin, BOUNDS_DRAWS, random)
    return {f"log_z_{name}": value for name, value in found._asdict().items()}


def _log_mean(log_values: Tensor) -> tuple[float, float]:
    """Returns the logarithm of the mean and its standard error, by the delta method."""
    log_values = log_values.double()
    log_mean = log_values.logsumexp(0) - math.log(len(log_values))
    error = (log_values - log_mean).exp().std() / math.sqrt(len(log_values))
    return log_mean.item(), error.item()
