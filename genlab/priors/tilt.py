r"""What a tilted Gaussian needs, :math:`p(z) = \mathcal{N}(z; 0, I) \, w(z) / Z`: its normaliser.

    Z = E_N[w] = sum_g r_g w(z_g),    sum_g r_g = 1

over nodes z_g with shares r_g. In one and two dimensions the nodes are a midpoint grid: smooth
functions that die out at the border are summed with an error that falls faster than any power
of the step, so Z and its gradient are exact for all practical purposes. Above, they are draws
and ln Z is an estimate that is too low on average (Jensen): then p comes out too high, and a
negative log-likelihood too good. `bracket` says by how much at most.

Weights are at most one everywhere, w <= 1. So Z is finite, and draws can be exact: accept a draw
of N(0, I) with probability w (the share accepted is Z).

Shapes: G nodes, D latent dimensions, S draws; `*` any leading dimensions.
"""

__all__ = [
    "Bracket", "LogWeight", "Nodes", "bracket", "bracket_above_two", "drawn_nodes", "fixed_nodes",
    "fresh_nodes", "log_normaliser", "rejection_sample", "tilt_net",
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
"""Points along each axis of the grid that evaluates: steps of 0.003 and 0.06. ln Z of a
rough network (100-100 units, weights moved by 0.5 N(0, 1) each) is then right to 1e-7."""

FRESH_SIDE = {1: 1024, 2: 64}
"""The same for a training step: 0.19 in the plane, and the grid is shifted at random."""

FIXED_DRAWS = 2**16
"""Draws that stand for the grid above two dimensions, the same ones each time."""

ROUND = 2**14
"""Draws proposed at a time."""

BRACKET_DRAWS = 50_000
"""Draws of each kind for the bracket of ln Z that stands beside a result."""

MOST_DRAWS = 10**8
"""Proposals (a minute or so) after which sampling gives up."""


class Nodes(NamedTuple):
    """A rule for expectations under N(0, I)."""

    points: Tensor
    """With shape `(G, D)`."""
    log_share: Tensor
    """Logarithms of the shares r, with shape `(G,)`; the shares' sum is 1."""


class Bracket(NamedTuple):
    """Two estimates of ln Z, one low and one high on average, with their standard errors."""

    low: float
    low_error: float
    high: float | None
    """None where p is too far from N(0, I) to be sampled."""
    high_error: float | None


class TooFarError(RuntimeError):
    """Raised where draws of N(0, I) are next to never draws of p."""


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
    """Returns the nodes of a training step, other ones each time, lest they be learned by heart.

    For D <= 2 that is a coarse grid in a random place: its mean over all places is the integral,
    so that it misleads nobody even where the network is sharper than its step.

    Arguments:
        origin: Zeros, with shape `(D,)`; says D, dtype and device.
        count: The number of draws if D > 2.
        random: Draws them, or the place.
    """
    if len(origin) > 2:
        return drawn_nodes(origin, count, random)
    return _grid(FRESH_SIDE[len(origin)], torch.rand(len(origin), generator=random).to(origin))


def _grid(side: int, place: Tensor) -> Nodes:
    """Returns a grid of `side` points along each axis, in the given place of its cells."""
    step = 2 * RADIUS / side
    line = -RADIUS + step * torch.arange(side).to(place)
    lines = [line + step * offset for offset in place]
    points = torch.cartesian_prod(*lines).view(-1, len(place))
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
    while found < count:
        if proposed >= MOST_DRAWS:
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
def bracket(
    log_weight: LogWeight, origin: Tensor, count: int, random: torch.Generator
) -> Bracket:
    r"""Returns a low and a high estimate of ln Z, from draws of N(0, I) and of p.

        low  =  ln 1/S sum_s w(z_s),      z_s ~ N(0, I)
        high = -ln 1/S sum_s 1 / w(z_s),  z_s ~ p         (E_p[1/w] = 1/Z)

    By Jensen's inequality the expectations of low and high enclose ln Z (Grosse et al., 2015,
    do so for annealed importance sampling). The errors are the delta method's, and the high one
    deserves little trust when it is large: 1/w has no bound, and the variance of the mean of 1/w
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
        return Bracket(low, low_error, None, None)
    minus_high, high_error = _log_mean(-log_weight(points))
    return Bracket(low, low_error, -minus_high, high_error)


def bracket_above_two(
    log_weight: LogWeight, origin: Tensor, random: torch.Generator
) -> dict[str, float | None]:
    """Returns the bracket of ln Z by name (`log_z_low`, ...); for D <= 2, where Z is exact, none.

    Arguments:
        log_weight: ln w, at most 0.
        origin: Zeros, with shape `(D,)`; says D, dtype and device.
        random: Draws what is needed.
    """
    if len(origin) <= 2:
        return {}
    found = bracket(log_weight, origin, BRACKET_DRAWS, random)
    return {f"log_z_{name}": value for name, value in found._asdict().items()}


def _log_mean(log_values: Tensor) -> tuple[float, float]:
    """Returns the logarithm of the mean and its standard error, by the delta method."""
    log_values = log_values.double()
    log_mean = log_values.logsumexp(0) - math.log(len(log_values))
    error = (log_values - log_mean).exp().std() / math.sqrt(len(log_values))
    return log_mean.item(), error.item()
