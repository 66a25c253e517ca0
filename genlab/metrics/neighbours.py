r"""Nearest neighbours and balls, with exact decisions at the speed of matrix products.

    |x - y|^2 = |x|^2 + |y|^2 - 2 x.y                                                           (1)

is a matrix product for all pairs at once, but its terms cancel: two equal images come out at some
1e-12 instead of 0, and images at equal distances in either order. The plain sum over (x - y)^2
has neither fault and takes ten times as long. So (1), over features minus their common mean, only
decides what its rounding cannot change. Its error is below

    4 (F + 8) eps (|x|^2 + |y|^2),                                                              (2)

and each pair whose distance lies within (2) of its limit (within twice the row's largest (2), if
the limit is another of these distances) is computed again by the plain sum. A distance returned
here is thus a function of its two rows alone: the same in any chunk and order, exactly 0 for equal
rows, and equal for equal pairs of rows.

References:
    | Accuracy and Stability of Numerical Algorithms (Higham, 2002), section 3.1: (2)

Shapes: N and M samples, F features; all in float64, never more than `PAIRS` pairs at once.
"""

__all__ = ["Nearest", "kth_neighbour", "nearest", "points_in_balls"]

from collections.abc import Iterator
from typing import NamedTuple

import torch

from torch import Tensor

PAIRS = 2**20
"""Distances held at once: 8 MB, and a few times that with what they are made from."""


class Nearest(NamedTuple):
    """For each of N samples, one neighbour."""

    squared: Tensor
    """The squared distance to it, with shape `(N,)`."""
    index: Tensor
    """Its row, with shape `(N,)`; the lowest of those at equal distance."""


def nearest(x: Tensor, y: Tensor) -> Nearest:
    """Returns for each row of `x`, `(N, F)`, its nearest row of `y`, `(M, F)`, in float64."""
    parts = []
    for rows, squared, bound in distance_chunks(x, y):
        least = squared.amin(1, keepdim=True)
        _settle(squared, least, 2 * bound.amax(1, keepdim=True), x[rows], y)
        parts.append(Nearest(*squared.min(1)))
    return Nearest(*(torch.cat(column) for column in zip(*parts)))


def kth_neighbour(x: Tensor, k: int = 1) -> Nearest:
    """Returns for each row of `x`, `(N, F)`, its k-th nearest other row, 1 <= k < N.

    A row is left out of its own neighbours by its place, so that an equal row counts as one.
    """
    parts = []
    for rows, squared, bound in distance_chunks(x, x):
        squared.diagonal(rows.start).fill_(torch.inf)
        values = squared.kthvalue(k, 1, keepdim=True).values
        _settle(squared, values, 2 * bound.amax(1, keepdim=True), x[rows], x)
        values = squared.kthvalue(k, 1, keepdim=True).values
        parts.append(Nearest(values[:, 0], (squared == values).byte().argmax(1)))
    return Nearest(*(torch.cat(column) for column in zip(*parts)))


def points_in_balls(
    points: Tensor, centres: Tensor, squared_radii: Tensor, *, closed: bool
) -> tuple[Tensor, Tensor]:
    """Returns how many balls hold each point, `(N,)`, and how many points each ball holds, `(M,)`.

    Arguments:
        points: With shape `(N, F)`, in float64.
        centres: Of the balls, with shape `(M, F)`, in float64.
        squared_radii: With shape `(M,)`.
        closed: Whether a point on the sphere is in the ball.
    """
    held, holds = [], torch.zeros(len(centres), dtype=torch.int64)
    for rows, squared, bound in distance_chunks(points, centres):
        _settle(squared, squared_radii.expand_as(squared), bound, points[rows], centres)
        inside = squared <= squared_radii if closed else squared < squared_radii
        held.append(inside.sum(1))
        holds += inside.sum(0)
    return torch.cat(held), holds


def distance_chunks(x: Tensor, y: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Yields slices of the rows of `x`, their distances (1) to `y`, and the bounds (2)."""
    centre = torch.cat([x, y]).mean(0)
    y_centred = y - centre
    y_lengths = y_centred.square().sum(1)
    rounding = 4 * (x.shape[1] + 8) * torch.finfo(torch.float64).eps
    step = max(1, PAIRS // len(y))
    for start in range(0, len(x), step):
        rows = slice(start, min(start + step, len(x)))
        part = x[rows] - centre
        lengths = part.square().sum(1)[:, None] + y_lengths
        yield rows, lengths - 2 * part @ y_centred.T, rounding * lengths


def _settle(squared: Tensor, limit: Tensor, bound: Tensor, x: Tensor, y: Tensor) -> None:
    """Replaces, in place, the distances within `bound` of `limit` by the plain sum."""
    pairs = ((squared - limit).abs() <= bound).nonzero()
    for part in pairs.split(max(1, PAIRS // x.shape[1])):
        i, j = part.unbind(1)
        squared[i, j] = (x[i] - y[j]).square().sum(1)
