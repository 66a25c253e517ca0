r"""k-means: K centres that leave the least sum of squared distances.

    inertia = sum_i min_k |x_i - c_k|^2                                                        (1)

Lloyd's rounds give each point to its nearest centre and move each centre to the mean of its
points; (1) never rises, and ends in a local minimum. The first centres are drawn one after the
other, each a point with probability in proportion to its squared distance to the nearest centre
so far (k-means++), which keeps the expected inertia within 8 (ln K + 2) of the least. Of several
such starts the best is kept. A centre without points moves to the point farthest from its own.

References:
    | Least squares quantization in PCM (Lloyd, 1982), https://doi.org/10.1109/TIT.1982.1056489
    | k-means++: The Advantages of Careful Seeding (Arthur & Vassilvitskii, 2007), section 2.2

Shapes: N points, F features, K centres.
"""

__all__ = ["Clusters", "k_means"]

from typing import NamedTuple

import torch

from torch import Tensor

from genlab.metrics.neighbours import nearest

STARTS = 10
ROUNDS = 300


class Clusters(NamedTuple):
    """Points in K groups, the largest group first."""

    labels: Tensor
    """The group of each point, int64 with shape `(N,)`."""
    centres: Tensor
    """Their means, float64 with shape `(K, F)`."""
    inertia: float
    """Equation (1)."""


def k_means(x: Tensor, count: int, random: torch.Generator, starts: int = STARTS) -> Clusters:
    """Groups points; what `random` draws decides everything.

    Arguments:
        x: Points, with shape `(N, F)`.
        count: The number of groups K.
        random: Draws the first centres.
        starts: How many times; the best is returned.

    Raises:
        ValueError: If there are fewer different points than groups, or no group.
    """
    x = x.double()
    different = len(x.unique(dim=0))
    if not 1 <= count <= different:
        raise ValueError(f"{count} groups of {different} different points")
    found = [_lloyd(x, _first_centres(x, count, random)) for _ in range(starts)]
    labels, centres, inertia = min(found, key=lambda clusters: clusters.inertia)
    order = labels.bincount(minlength=count).argsort(descending=True, stable=True)
    return Clusters(order.argsort()[labels], centres[order], inertia)


def _first_centres(x: Tensor, count: int, random: torch.Generator) -> Tensor:
    """Draws points, each in proportion to its squared distance to those before it."""
    weights = torch.ones(len(x), dtype=torch.float64)
    rows: list[int] = []
    for _ in range(count):
        rows.append(int(torch.multinomial(weights, 1, generator=random)))
        weights = nearest(x, x[rows]).squared
    return x[rows]


def _lloyd(x: Tensor, centres: Tensor) -> Clusters:
    """Moves centres until no point changes its group."""
    labels = torch.full((len(x),), -1)
    for _ in range(ROUNDS):
        squared, groups = nearest(x, centres)
        if torch.equal(groups, labels):
            break
        labels = groups
        sizes = labels.bincount(minlength=len(centres))
        sums = torch.zeros_like(centres).index_add_(0, labels, x)
        centres = sums / sizes.clamp(min=1)[:, None]
        empty = (sizes == 0).nonzero()[:, 0]
        farthest = squared.argsort(descending=True, stable=True)[: len(empty)]
        centres[empty] = x[farthest]
    squared, labels = nearest(x, centres)
    return Clusters(labels, centres, float(squared.sum()))
