r"""Nearest neighbours and balls, with exact decisions at the speed of matrix products.

    |x - y|^2 = |x|^2 + |y|^2 - 2 x.y                                                           (1)

is a matrix product for all pairs at once, but its terms cancel: two equal images come out at some
1e-12 instead of 0, and images at equal distances in either order. The plain sum over (x - y)^2
has neither fault and takes ten times as long. So (1), over features minus their common mean, only
decides what its rounding cannot change. Its error is below

    4 (F + 8) eps (|x|^2 + |y|^2),                                                              (2)

and each pair whose distance lies within (2) of its limit (or that may be among the k nearest: up
to twice the row's largest (2) beyond the k-th) is computed again by the plain sum. A distance
returned here is thus a function of its two rows alone: the same in any tile and order, exactly 0
for equal rows, and equal for equal pairs of rows.

References:
    | Accuracy and Stability of Numerical Algorithms (Higham, 2002), section 3.1: (2)

Shapes: N and M samples, F features, of float32 or float64; distances in float64, never more than
`PAIRS` of them at once.
"""

__all__ = ["Nearest", "Tile", "kth_neighbour", "nearest", "points_in_balls", "tiles"]

from collections.abc import Iterator
from typing import NamedTuple

import torch

from torch import Tensor

from genlab.common.progress import SOON, Progress
from genlab.metrics.rows import ROWS, Rows, mean_of

PAIRS = 2**20
"""Distances held at once: 8 MB, and a few times that with what they are made from."""


class Nearest(NamedTuple):
    """For each of N samples, one neighbour."""

    squared: Tensor
    """The squared distance to it, with shape `(N,)`."""
    index: Tensor
    """Its row, with shape `(N,)`; the lowest of those at equal distance."""


def nearest(x: Tensor, y: Tensor) -> Nearest:
    """Returns for each row of `x`, `(N, F)`, its nearest row of `y`, `(M, F)`."""
    best = Nearest(
        torch.full((len(x),), torch.inf, dtype=torch.float64), torch.zeros(len(x)).long()
    )
    for tile in tiles(x, y):
        least = tile.squared.amin(1, keepdim=True)
        tile.settle(tile.squared <= least + 2 * tile.bound.amax(1, keepdim=True))
        squared, index = tile.squared.min(1)
        nearer = squared < best.squared[tile.rows]  # of equal ones the first stays
        best.squared[tile.rows][nearer] = squared[nearer]
        best.index[tile.rows][nearer] = index[nearer] + tile.columns.start
    return best


def kth_neighbour(x: Tensor, k: int = 1) -> Nearest:
    """Returns for each row of `x`, `(N, F)`, its k-th nearest other row, 1 <= k < N.

    A row is left out of its own neighbours by its place, so that an equal row counts as one.
    """
    squared = torch.full((len(x), k), torch.inf, dtype=torch.float64)  # in rising order
    index = torch.zeros(len(x), k, dtype=torch.int64)
    for tile in tiles(x, x):
        tile.squared.diagonal(tile.rows.start - tile.columns.start).fill_(torch.inf)
        few = min(k, tile.squared.shape[1])
        farthest = tile.squared.kthvalue(few, 1, keepdim=True).values
        near = tile.squared <= farthest + 2 * tile.bound.amax(1, keepdim=True)
        tile.settle(near & tile.squared.isfinite())  # not the row itself
        values, places = [squared[tile.rows]], [index[tile.rows]]
        for _ in range(few):  # of equal ones the first
            value, place = tile.squared.min(1, keepdim=True)
            tile.squared.scatter_(1, place, torch.inf)
            values.append(value)
            places.append(place + tile.columns.start)
        found = torch.cat(values, 1).sort(dim=1, stable=True)
        squared[tile.rows] = found.values[:, :k]
        index[tile.rows] = torch.cat(places, 1).gather(1, found.indices[:, :k])
    return Nearest(squared[:, k - 1], _first_of_equals(squared, index))


def _first_of_equals(squared: Tensor, index: Tensor) -> Tensor:
    """Returns the lowest index of those at the distance of the last, all `(N, k)`."""
    equal = squared == squared[:, -1:]
    return index.where(equal, index.amax() + 1).amin(1)


def points_in_balls(
    points: Tensor, centres: Tensor, squared_radii: Tensor, *, closed: bool
) -> tuple[Tensor, Tensor]:
    """Returns how many balls hold each point, `(N,)`, and how many points each ball holds, `(M,)`.

    Arguments:
        points: With shape `(N, F)`.
        centres: Of the balls, with shape `(M, F)`.
        squared_radii: With shape `(M,)`.
        closed: Whether a point on the sphere is in the ball.
    """
    held, holds = (torch.zeros(len(one), dtype=torch.int64) for one in (points, centres))
    for tile in tiles(points, centres):
        radii = squared_radii[tile.columns]
        tile.settle((tile.squared - radii).abs() <= tile.bound)
        inside = tile.squared <= radii if closed else tile.squared < radii
        held[tile.rows] += inside.sum(1)
        holds[tile.columns] += inside.sum(0)
    return held, holds


class Tile(NamedTuple):
    """The distances of some rows of one set to some of another."""

    rows: slice
    columns: slice
    x: Tensor
    """The rows of the one, float64 with shape `(R, F)`."""
    y: Tensor
    """Those of the other, with shape `(C, F)`."""
    squared: Tensor
    """Their distances (1), with shape `(R, C)`."""
    bound: Tensor
    """The bounds (2), likewise."""

    def settle(self, unsure: Tensor) -> None:
        """Replaces, in place, the distances of some pairs, a mask `(R, C)`, by the plain sum."""
        for part in unsure.nonzero().split(max(1, PAIRS // self.x.shape[1])):
            i, j = part.unbind(1)
            self.squared[i, j] = (self.x[i] - self.y[j]).square().sum(1)


def tiles(x: Tensor, y: Tensor) -> Iterator[Tile]:
    """Yields the distances of the rows of `x`, `(N, F)`, to those of `y`, `(M, F)`, in tiles.

    The columns rise: of what is found at equal distances in two tiles, the first has the lower
    index.
    """
    left, right = Rows.of(x), Rows.of(y)
    centre = mean_of(left, right)
    rounding = 4 * (x.shape[1] + 8) * torch.finfo(torch.float64).eps
    with Progress(len(x) * len(y), "nearest neighbours", "pairs", delay=SOON) as progress:
        for above in range(0, len(y), ROWS):
            others = right.part(above, above + ROWS)
            columns, centred = slice(above, above + len(others)), others - centre
            lengths = centred.square().sum(1)
            step = max(1, PAIRS // len(others))
            for start in range(0, len(x), step):
                own = left.part(start, start + step)
                part = own - centre
                sums = part.square().sum(1)[:, None] + lengths
                squared = torch.addmm(sums, part, centred.T, alpha=-2)
                rows = slice(start, start + len(own))
                yield Tile(rows, columns, own, others, squared, sums.mul_(rounding))
                progress.advance(squared.numel())
