r"""Precision, recall, density and coverage: points of one set in balls around the other's.

With NND_k(a_i), the distance of a_i to its k-th nearest other member of its own set, the support
of a set is estimated by the union of the balls B(a_i, NND_k(a_i)).

    precision   share of the fakes in some real ball                                            (1)
    recall      share of the reals in some fake ball                                            (2)
    density     (1/k) mean over the fakes of the number of real balls that hold it              (3)
    coverage    share of the real balls that hold some fake                                     (4)

The conventions differ by paper, and with them the values: (1) and (2) take closed balls and k = 3
(Kynkäänniemi et al.), (3) and (4) open balls and k = 5 (Naeem et al., equations 3 to 5). Neither
counts a sample as its own neighbour, and both count another one with equal features, so that a
set of copies has balls of radius 0: closed ones hold the copies, open ones nothing.

If both sets come from one continuous distribution, for every N, M and F,

    E density = 1,    E coverage = 1 - prod_{i=1..k} (N - i) / (N + M - i),                     (5)

for of the N - 1 other reals and the M fakes, all exchangeable, a ball misses every fake when its
k nearest are all reals. The expectations of precision and recall depend on F and the distribution.

All four depend on N, M, k and the features; only values at the same ones compare. One outlier
among the reals gets a large ball, which holds many fakes; density and coverage suffer less.

References:
    | Improved Precision and Recall Metric for Assessing Generative Models (Kynkäänniemi et al.,
    | 2019), https://arxiv.org/abs/1904.06991
    | Reliable Fidelity and Diversity Metrics for Generative Models (Naeem et al., 2020),
    | https://arxiv.org/abs/2002.09797: equation 5 in the limit and its appendix

Shapes: N reals, M fakes, F features; distances in float64 and exact (`neighbours`).
"""

__all__ = [
    "DensityCoverage",
    "PrecisionRecall",
    "density_coverage",
    "expected_coverage",
    "precision_recall",
]

import math

from typing import NamedTuple

from torch import Tensor

from genlab.common.errors import InputError
from genlab.metrics.checks import Features, check_sets
from genlab.metrics.neighbours import kth_neighbour, points_in_balls


class PrecisionRecall(NamedTuple):
    """The shares of fakes among the reals and of reals among the fakes."""

    precision: float
    """Equation 1: low when images are bad."""
    recall: float
    """Equation 2: low when modes are missing."""


class DensityCoverage(NamedTuple):
    """How densely the reals' balls are filled, and the share of them that holds a fake."""

    density: float
    """Equation 3: low when images are bad; it may be above 1."""
    coverage: float
    """Equation 4: low when modes are missing."""


def precision_recall(real: Features, fake: Features, k: int = 3) -> PrecisionRecall:
    """Returns improved precision (1) and recall (2), with closed balls.

    Arguments:
        real: Features of the real images, with shape `(N, F)`.
        fake: Features of the generated images, with shape `(M, F)`.
        k: The neighbour whose distance is the radius.

    Raises:
        InputError: If a set is not `(N, F)` with N >= 2, F differs, a value is not finite, or `k`
            is not at least 1 and below the number of rows of both.
    """
    name = "precision and recall"
    real, fake = check_sets(name, real=real, fake=fake)
    _check_k(name, k, real=len(real), fake=len(fake))
    balls, _ = points_in_balls(fake, real, kth_neighbour(real, k).squared, closed=True)
    own, _ = points_in_balls(real, fake, kth_neighbour(fake, k).squared, closed=True)
    return PrecisionRecall(_share(balls), _share(own))


def density_coverage(real: Features, fake: Features, k: int = 5) -> DensityCoverage:
    """Returns density (3) and coverage (4), with open balls.

    Arguments:
        real: Features of the real images, with shape `(N, F)`.
        fake: Features of the generated images, with shape `(M, F)`.
        k: The neighbour whose distance is the radius.

    Raises:
        InputError: If a set is not `(N, F)` with N >= 2, F differs, a value is not finite, or `k`
            is not at least 1 and below N.
    """
    name = "density and coverage"
    real, fake = check_sets(name, real=real, fake=fake)
    _check_k(name, k, real=len(real))
    held, holds = points_in_balls(fake, real, kth_neighbour(real, k).squared, closed=False)
    return DensityCoverage(held.double().mean().item() / k, _share(holds))


def expected_coverage(n_real: int, n_fake: int, k: int = 5) -> float:
    """Returns the mean of coverage (4) if both sets come from one continuous distribution (5).

    Raises:
        InputError: If `n_fake` is below 1, or `k` is not at least 1 and below `n_real`.
    """
    if n_fake < 1:
        raise InputError(f"expected coverage: {n_fake} fakes; at least 1 is needed")
    _check_k("expected coverage", k, real=n_real)
    return 1 - math.prod((n_real - i) / (n_real + n_fake - i) for i in range(1, k + 1))


def _check_k(name: str, k: int, **rows: int) -> None:
    for which, count in rows.items():
        if not 1 <= k < count:
            raise InputError(
                f"{name}: `k` must be from 1 to {count - 1} with {count} {which} rows, not {k}"
            )


def _share(counts: Tensor) -> float:
    return (counts > 0).double().mean().item()
