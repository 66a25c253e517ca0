r"""The null distribution of a Fréchet distance at these N and M, its floor, and its limit.

With theta the distance of N images X to M images Y. All by resampling without replacement: the
ordinary bootstrap fails here, for a resample has fewer distinct images, hence covariances of lower
rank and a larger distance, every time.

    null         images exchanged between the sets at random, R times: theta*_r is distributed as
                 theta if X and Y come from one distribution;
                 p = (1 + #{r: theta*_r >= theta}) / (1 + R)                              (1)
    real floor   two disjoint parts of X against each other                               (2)
    limit        theta_N = theta_inf + K / N + o(1 / N), a straight line in 1 / N, fitted (3)

The null's mean (1) and (2) show the distance's bias. (3) holds only where N is well above the
number of features; below, the distance decays differently.

Where N < F the distances need singular values of (N, M) matrices. They come from the Gram matrix
G = Z Z^T of all rows, computed once: with H = I - 1 1^T / n the centred product of the rows I and
J is H G_IJ H, so a subset costs one small eigenvalue problem.

References:
    | Permutation p-values should never be zero (Phipson & Smyth, 2010), equation 2
    | https://doi.org/10.2202/1544-6115.1585
    | The non-parametric bootstrap and spectral analysis in moderate and high dimension
    | (El Karoui & Purdom, 2019), https://arxiv.org/abs/1608.00948
    | Effectively Unbiased FID and Inception Score (Chong & Forsyth, 2020), section 3: (3)
    | https://arxiv.org/abs/1911.07023

Shapes: N and M images, F features.
"""

__all__ = [
    "ENOUGH",
    "SIZES",
    "Null",
    "RealFloor",
    "Subsets",
    "limit",
    "permutation_null",
    "real_floor",
]

import math

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.metrics.checks import Features, check_sets
from genlab.metrics.frechet_distance import factor_of, statistics_of
from genlab.metrics.rows import Rows

LARGEST_GRAM = 6000
"""Rows up to which the Gram matrix is kept (288 MB)."""
ENOUGH = 2.4
"""Images per feature from which (3) is used: 5,000 for 2,048, as it was published."""
SIZES = 15
"""The number of sizes that (3) is fitted to."""

Advance = Callable[[], None]
"""Called after each distance, for a progress bar."""


def _silent() -> None: ...


class Null(NamedTuple):
    """The distribution of the distance if both sets came from one distribution."""

    mean: float
    high: float
    """The 95 % quantile."""
    p: float
    """The probability of a distance at least as large as the one found."""


class RealFloor(NamedTuple):
    """The distance of disjoint parts of X (2) over random splits."""

    n: int
    m: int
    """The sizes of both parts."""
    mean: float
    deviation: float


class Subsets:
    """Fréchet distances between subsets of two sets; rows are numbered through, X first.

    Arguments:
        x: Features of one set, with shape `(N, F)`.
        y: Features of the other, with shape `(M, F)`.

    Raises:
        InputError: As of `frechet_distance`.
    """

    def __init__(self, x: Features, y: Features) -> None:
        x, y = check_sets("Fréchet distance", first=x, second=y)
        self.x, self.y = torch.arange(len(x)), len(x) + torch.arange(len(y))
        both = Rows.of(x, y)
        self.rows = Rows(both.sets, change=lambda block: block - both.mean)
        few = min(len(x), len(y)) <= x.shape[1] and len(both) <= LARGEST_GRAM
        self.gram: Tensor | None = None
        if few:
            rows = self.rows.whole()
            self.gram = rows @ rows.T

    def distance(self, i: Tensor, j: Tensor) -> float:
        """Returns the distance between the rows `i` and the rows `j` of both sets together."""
        if self.gram is None:
            return _by_covariances(*(replace(self.rows, chosen=chosen) for chosen in (i, j)))
        left, right = self.gram[i], self.gram[j]
        own_i, own_j, cross = left[:, i], right[:, j], left[:, j]
        square_i, square_j = own_i.mean(), own_j.mean()  # of the means' lengths
        spread_i = (own_i.trace() - len(i) * square_i) / (len(i) - 1)
        spread_j = (own_j.trace() - len(j) * square_j) / (len(j) - 1)
        shift = square_i + square_j - 2 * cross.mean()
        cross = cross - cross.mean(0) - cross.mean(1, keepdim=True) + cross.mean()
        small = cross @ cross.T if len(i) <= len(j) else cross.T @ cross
        # roots of eigenvalues lose half the digits of the smallest, which add next to nothing
        sigma = _sum_of_roots(small)
        shared = sigma / math.sqrt((len(i) - 1) * (len(j) - 1))
        return max((shift + spread_i + spread_j - 2 * shared).item(), 0.0)


def permutation_null(
    subsets: Subsets, value: float, random: torch.Generator, count: int = 200,
    advance: Advance = _silent,
) -> Null:
    """Returns the null distribution of the distance (1).

    Arguments:
        subsets: The sets.
        value: Their distance.
        random: Draws the permutations.
        count: R.
        advance: Called R times.
    """
    total, n, values = len(subsets.rows), len(subsets.x), []
    for _ in range(count):
        order = torch.randperm(total, generator=random)
        values.append(subsets.distance(order[:n], order[n:]))
        advance()
    null = torch.tensor(values, dtype=torch.float64)
    p = (1 + int((null >= value).sum())) / (1 + count)
    return Null(null.mean().item(), null.quantile(0.95).item(), p)


def real_floor(
    subsets: Subsets, random: torch.Generator, count: int = 20, advance: Advance = _silent
) -> RealFloor | None:
    """Returns the distance of disjoint parts of X (2): what a perfect generator would reach.

    One part is as large as Y, the other is the rest of X; two halves where Y is larger than that.

    Arguments:
        subsets: The sets.
        random: Draws the parts.
        count: The number of draws.
        advance: Called after each.

    Returns:
        The sizes of the parts, and mean and standard deviation of their distances; None if X has
        fewer than four images.
    """
    n = len(subsets.x)
    if n < 4:
        return None
    small = min(len(subsets.y), n // 2)
    values = []
    for _ in range(count):
        order = torch.randperm(n, generator=random)
        values.append(subsets.distance(order[small:], order[:small]))
        advance()
    found = torch.tensor(values, dtype=torch.float64)
    return RealFloor(n - small, small, found.mean().item(), found.std().item())


def limit(subsets: Subsets, random: torch.Generator, advance: Advance = _silent) -> float:
    """Returns theta_inf of (3), "FID infinity", by least squares over growing parts of both sets.

    Arguments:
        subsets: The sets, each with at least 4.8 images a feature: 2.4 for the smallest parts.
        random: Draws the parts.
        advance: Called 15 times.

    Raises:
        InputError: If a set has fewer images, where (3) does not hold.
    """
    features = subsets.rows.width
    n, m = len(subsets.x), len(subsets.y)
    if min(n, m) < 2 * ENOUGH * features:
        raise InputError(
            f"the limit of infinitely many images: {n} and {m} images; with {features} features "
            f"{math.ceil(2 * ENOUGH * features)} are needed, for the distance is a straight "
            f"line in 1/N only from about {ENOUGH} images per feature on"
        )
    shares, values = torch.linspace(0.5, 1, SIZES, dtype=torch.float64), []
    for share in shares.tolist():
        i = torch.randperm(n, generator=random)[: round(share * n)]
        j = torch.randperm(m, generator=random)[: round(share * m)]
        values.append(subsets.distance(subsets.x[i], subsets.y[j]))
        advance()
    line = torch.stack([torch.ones(SIZES, dtype=torch.float64), 1 / shares], 1)
    right = torch.tensor(values, dtype=torch.float64)[:, None]
    return torch.linalg.lstsq(line, right).solution[0].item()


def _by_covariances(x: Rows, y: Rows) -> float:
    """Returns the distance as `frechet_distance` does, with roots of eigenvalues likewise."""
    factor, right = factor_of(x), statistics_of(y)
    shift = (x.mean - right.mean).square().sum()
    shared = _sum_of_roots(factor @ right.covariance @ factor.T)
    spreads = factor.square().sum() + right.covariance.trace()
    return max((shift + spreads - 2 * shared).item(), 0.0)


def _sum_of_roots(square: Tensor) -> Tensor:
    return torch.linalg.eigvalsh(square).clamp(min=0).sqrt().sum()
