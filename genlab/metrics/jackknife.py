r"""The standard error of a Fréchet distance by the exact jackknife, at the price of one distance.

With theta the distance of N images X to M images Y, and theta_{-i} the same without image i:

    error        SE^2 = (N - 1) / N sum_i (theta_{-i} - mean theta)^2, both sets added     (1)
    influence    theta - theta_{-i}, without image i of Y                                 (2)

The error (1) is that of sampling at these N and M. It does not contain the bias, and the
jackknife's estimate of a bias is not valid below N = F: the floors (`resampling.py`) show it.
Rows must be independent. An image that is given r times is one draw: all its rows are left out
together, and N in (1) is the number of different images (the jackknife over clusters).

No distance is computed M times. With d_i = y_i - mean y, removing r rows y_i changes the mean and
the covariance S of Y by

    mean_{-i} = mean y - d_i r / (M - r)                                                  (3)
    S_{-i}    = rho (S - kappa d_i d_i^T),                                                (4)
    rho       = (M - 1) / (M - 1 - r),    kappa = r M / ((M - r) (M - 1))

With a factor L of the other set's covariance, L^T L, the distance needs Tr (L S_{-i} L^T)^{1/2}.
Let L S L^T = U diag(lambda) U^T and w_i = U^T L d_i. From

    a^{1/2} = 1 / (2 pi) int_0^inf t^{-1/2} ln(1 + a / t) dt                              (5)

summed over the eigenvalues, and the matrix determinant lemma,

    Tr (L S_{-i} L^T)^{1/2} = rho^{1/2} (sum_k lambda_k^{1/2} + delta_i),
    delta_i = 1 / (2 pi) int_0^inf t^{-1/2} ln(1 - kappa sum_k w_ik^2 / (lambda_k + t)) dt.   (6)

One eigendecomposition serves all images, and each node t of the integral is a product of a matrix
and a vector. With t = e^s the integrand is analytic for |Im s| < pi and falls like e^{-|s| / 2}:
the trapezoidal rule of step h errs by e^{-2 pi^2 / h}.

References:
    | The Jackknife and the Bootstrap (Shao & Tu, 1995), section 2.1: (1)
    | The jackknife estimate of variance (Efron & Stein, 1981): apart from the step from N - 1
    | images to N, (1) is on average not too small, https://doi.org/10.1214/aos/1176345462
    | The Exponentially Convergent Trapezoidal Rule (Trefethen & Weideman, 2014), theorem 5.1
    | https://doi.org/10.1137/130932132

Shapes: N and M images, F features, R = min(N, F).
"""

__all__ = [
    "Jackknife",
    "frechet",
    "frechet_difference",
    "frechet_jackknife",
    "leave_one_out",
]

import math

from typing import NamedTuple

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.quantities import Measured
from genlab.metrics.checks import Features, check_sets, kinds_of_rows
from genlab.metrics.frechet_distance import (
    Statistics,
    factor_of,
    frechet_distance,
    nuclear_norm,
)
from genlab.metrics.rows import ROWS, Rows

STEP = 0.5
"""h: the rule errs by e^{-39}."""
REACH = 64.0
"""Nodes go so far to both sides of s = ln lambda_max; beyond, the integrand is e^{-32} of it."""
TOGETHER = 2000
"""Images at once."""


class Jackknife(NamedTuple):
    """A distance, its standard error, and the influence of each image of Y on it."""

    value: float
    error: float
    """Equation 1."""
    influence: Tensor
    """Equation 2, with shape `(M,)`, float64: positive for an image that raises the distance."""


def frechet(x: Features | Statistics, y: Features | Statistics) -> Measured:
    """Returns the Fréchet distance of two sets with its standard error (1).

    Arguments:
        x: Features of one set, with shape `(N, F)`, or its statistics.
        y: Features of the other, with shape `(M, F)`, or its statistics.

    Returns:
        The squared distance, as FID is reported. Equal rows are taken as one image that is given
        repeatedly. The error is None where a set has fewer than three different rows or only its
        statistics are given.

    Raises:
        InputError: As of `frechet_distance`.
    """
    value = frechet_distance(x, y)
    if isinstance(x, Statistics) or isinstance(y, Statistics):
        return Measured(value)
    x, y = check_sets("Fréchet distance", first=x, second=y)
    of_x, of_y = kinds_of_rows(x), kinds_of_rows(y)
    if min(of_x.max(), of_y.max()) < 2:
        return Measured(value)
    return Measured(value, _error(leave_one_out(y, x, of_x), leave_one_out(x, y, of_y)))


def frechet_jackknife(
    x: Features, y: Features, kinds: tuple[Tensor, Tensor] | None = None
) -> Jackknife:
    """Returns the distance of two sets, its error and the influence of each image of Y.

    Arguments:
        x: Features of one set, with shape `(N, F)`, N at least 3.
        y: Features of the other, with shape `(M, F)`, M at least 3.
        kinds: Numbers with shapes `(N,)` and `(M,)`, equal for rows of one image that is given
            repeatedly; its influence is that of all its rows. By default all are different.

    Raises:
        InputError: As of `leave_one_out`.
    """
    of_x, of_y = kinds or (None, None)
    value, without_x = frechet_distance(x, y), leave_one_out(y, x, of_x)
    without_y = leave_one_out(x, y, of_y)
    influence = value - without_y
    if of_y is not None:
        influence = influence[of_y.unique(return_inverse=True)[1]]
    return Jackknife(value, _error(without_x, without_y), influence)


def frechet_difference(real: Features, first: Features, second: Features) -> Measured:
    """Returns d(real, first) - d(real, second) with its standard error; negative: first is nearer.

    Both distances share the real images, whose part of the error is that of the difference. Equal
    rows are taken as one image that is given repeatedly.

    Arguments:
        real: Features of the real images, with shape `(N, F)`.
        first: Of one generator's, with shape `(M, F)`.
        second: Of another's, with shape `(K, F)`.

    Raises:
        InputError: As of `leave_one_out`.
    """
    value = frechet_distance(real, first) - frechet_distance(real, second)
    real, first, second = check_sets("Fréchet distance", real=real, first=first, second=second)
    kinds = kinds_of_rows(real)
    of_real = leave_one_out(first, real, kinds) - leave_one_out(second, real, kinds)
    of_both = (leave_one_out(real, y, kinds_of_rows(y)) for y in (first, second))
    return Measured(value, _error(of_real, *of_both))


def leave_one_out(x: Features, y: Features, kinds: Tensor | None = None) -> Tensor:
    """Returns the distance of X to Y without each row of Y in turn, with shape `(M,)`, float64.

    Exact but for rounding, which is about 1e-8 of the distance where a set has no more images
    than features.

    Arguments:
        x: Features of one set, with shape `(N, F)`.
        y: Features of the other, with shape `(M, F)`, M at least 3.
        kinds: Numbers with shape `(M,)`, equal for rows of one image: these are left out
            together, and the result has shape `(K,)` for K kinds, in ascending order of numbers.

    Raises:
        InputError: As of `frechet_distance`; or if Y has fewer than three kinds of rows.
    """
    x, y = check_sets("Fréchet distance", first=x, second=y)
    m, first, repeats = len(y), torch.arange(len(y)), torch.ones(len(y), dtype=torch.float64)
    if kinds is not None:
        first, repeats = _one_of_each(kinds)
    if len(first) < 3:
        raise InputError(f"leaving out each of {len(first)} images: at least 3 are needed")
    left, right = Rows.of(x), Rows.of(y)
    deviations, factor = Rows((y,), first, lambda block: block - right.mean), factor_of(left)
    rho = (m - 1) / (m - 1 - repeats)
    kappa = repeats * m / ((m - repeats) * (m - 1))
    squares = torch.cat([block.square().sum(1) for block in deviations.blocks()])
    shares = (repeats / (m - repeats))[:, None].split(ROWS)
    between = left.mean - right.mean
    means = torch.cat([
        (between + block * share).square().sum(1)  # (3)
        for block, share in zip(deviations.blocks(), shares)
    ])
    spreads = rho * ((repeats @ squares) / (m - 1) - kappa * squares)  # (4)
    whole = nuclear_norm(factor @ factor_of(right).T)
    change = _change_of_root(deviations, factor, kappa, repeats)
    shared = rho.sqrt() * (whole + change)  # (6)
    return (means + factor.square().sum() + spreads - 2 * shared).clamp(min=0)


def _one_of_each(kinds: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the first row of each kind, `(K,)`, and how many there are of it, `(K,)`."""
    _, inverse, counts = kinds.unique(return_inverse=True, return_counts=True)
    first = torch.full((len(counts),), len(kinds))
    first.scatter_reduce_(0, inverse, torch.arange(len(kinds)), "amin")
    return first, counts.double()


def _change_of_root(deviations: Rows, factor: Tensor, kappa: Tensor, repeats: Tensor) -> Tensor:
    """Returns delta of (6), with shape `(K,)`, from the rows d_i and L, `(R, F)`."""
    square = torch.zeros(len(factor), len(factor), dtype=torch.float64)
    for block, weight in zip(deviations.blocks(), repeats.split(ROWS)):
        projected = block @ factor.T  # the rows L d_i
        square += projected.T @ (projected * weight[:, None])
    values, vectors = torch.linalg.eigh(square / (repeats.sum() - 1))
    kept = values > len(values) * torch.finfo(values.dtype).eps * values[-1]
    if not kept.any():  # a set of equal images
        return torch.zeros(len(deviations), dtype=torch.float64)
    values, vectors = values[kept], vectors[:, kept]
    s = values[-1].log() + torch.arange(-REACH, REACH + STEP, STEP, dtype=values.dtype)
    kernel = 1 / (values[:, None] + s.exp())  # (R, nodes)
    rule = (s / 2).exp() * STEP / (2 * math.pi)  # t^{-1/2} dt = e^{s/2} ds
    found = []
    for block, scales in zip(deviations.blocks(), kappa.split(ROWS)):
        projected = block @ factor.T
        for part, scale in zip(projected.split(TOGETHER), scales.split(TOGETHER)):
            share = scale[:, None] * ((part @ vectors).square() @ kernel)
            # an image that alone spans a direction has share 1 at t = 0, where t^{1/2} is nothing
            found.append(torch.log1p(-share.clamp(max=1 - 1e-15)) @ rule)
    return torch.cat(found)


def _error(*left_out: Tensor) -> float:
    """Returns the root of (1), summed over sets: the distances without each image of a set."""
    return math.sqrt(sum(((len(d) - 1) * d.var(correction=0)).item() for d in left_out))
