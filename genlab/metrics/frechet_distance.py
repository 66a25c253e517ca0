r"""The Fréchet distance between two sets of features, each taken as a Gaussian.

    d^2 = |mu_1 - mu_2|^2 + Tr S_1 + Tr S_2 - 2 Tr (S_1 S_2)^{1/2}                        (1)

With any factors S_i = L_i^T L_i the product S_1 S_2 = L_1^T (L_1 L_2^T L_2) has the non-zero
eigenvalues of (L_1 L_2^T)(L_1 L_2^T)^T, for PQ and QP share theirs. Those are squares, so

    Tr (S_1 S_2)^{1/2} = sum_i sigma_i(L_1 L_2^T),                                        (2)

singular values of a real matrix: no matrix square root, nothing imaginary, nothing to add to the
diagonal, and correct for singular covariances. Three ways to a factor:

    features      L = X_c / sqrt(N - 1), with centred rows: exact for every N and F       (3)
    statistics    S = L^T L by Cholesky, where S has full rank                            (4)
                  S = V diag(lambda) V^T,  L = diag(lambda)^{1/2} V^T, where it has not   (5)

(3) makes an (N, M) matrix: for 300 images and 2048 features it takes milliseconds, where
`sqrtm` of the (F, F) product takes ten seconds and loses half the digits.

The covariance part is min over orthogonal U of |L_1 - U L_2|_F^2, hence never negative.

The distance is biased: even for two samples of one distribution it is positive, the more so the
fewer they are (Binkowski et al., appendix D). Values compare only at the same N and M.

References:
    | The Fréchet distance between multivariate normal distributions (Dowson & Landau, 1982),
    | equation 4 (here 1), https://doi.org/10.1016/0047-259X(82)90077-X
    | GANs Trained by a Two Time-Scale Update Rule (Heusel et al., 2017), equation 6
    | https://arxiv.org/abs/1706.08500
    | Backpropagating through FID (Mathiasen & Hvilshøj, 2020): the (N, M) product
    | https://arxiv.org/abs/2009.14075
    | Demystifying MMD GANs (Binkowski et al., 2018), https://arxiv.org/abs/1801.01401

Shapes: N and M samples, F features. All in float64; covariances divide by N - 1.
"""

__all__ = [
    "FrechetParts",
    "Statistics",
    "factor_of",
    "frechet_distance",
    "frechet_parts",
    "nuclear_norm",
    "statistics",
    "statistics_of",
]

from typing import NamedTuple

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.metrics.checks import Features, as_tensor, check_features
from genlab.metrics.rows import ROWS, Rows

METRIC = "Fréchet distance"
EPS = torch.finfo(torch.float64).eps


class Statistics(NamedTuple):
    """Mean and covariance of a set of features."""

    mean: Tensor
    """With shape `(F,)`."""
    covariance: Tensor
    """With shape `(F, F)`, symmetric; it may be singular."""
    count: int | None = None
    """The number of samples N, where it is known."""


class FrechetParts(NamedTuple):
    """The two parts of the squared Fréchet distance."""

    mean: float
    """|mu_1 - mu_2|^2."""
    covariance: float
    """Tr S_1 + Tr S_2 - 2 Tr (S_1 S_2)^{1/2}."""

    @property
    def distance(self) -> float:
        """Equation 1: what FID reports (squared, as is the custom)."""
        return self.mean + self.covariance


def frechet_distance(x: Features | Statistics, y: Features | Statistics) -> float:
    """Returns the Fréchet distance (1) between two sets; `frechet` gives its error as well.

    Arguments:
        x: Features of one set, with shape `(N, F)`, or its statistics.
        y: Features of the other, with shape `(M, F)`, or its statistics.

    Raises:
        InputError: If features are not `(N, F)` with N >= 2, statistics not `(F,)` and `(F, F)`,
            F differs, or a value is not finite.
    """
    return frechet_parts(x, y).distance


def frechet_parts(x: Features | Statistics, y: Features | Statistics) -> FrechetParts:
    """Returns the two parts of the distance; arguments and errors as of `frechet_distance`."""
    x, y = _checked(x, "first"), _checked(y, "second")
    _require_same_network(x, y)
    # (F, F) is the smaller matrix, unless one set has no more than F samples
    enough = not (_few(x) or _few(y))
    x, y = (_statistics(one) if enough or _many(one) else one for one in (x, y))
    mean, covariance = _parts(x, y)
    # at equal covariances rounding leaves some 1e-16 of the traces, of either sign
    return FrechetParts(mean.item(), max(covariance.item(), 0.0))


def statistics(x: Features) -> Statistics:
    """Returns the statistics of features `(N, F)`, in float64.

    Raises:
        InputError: If `x` is not `(N, F)` with N >= 2, or a value is not finite.
    """
    return statistics_of(Rows.of(check_features(METRIC, "given", x)))


def factor_of(x: Rows) -> Tensor:
    """Returns a factor L of the covariance of features `(N, F)`: (3), or (4) and (5) for N > F.

    With shape `(R, F)`, R at most min(N, F).
    """
    return _centred(x.whole()) if len(x) <= x.width else _root(statistics_of(x).covariance)


def statistics_of(rows: Rows) -> Statistics:
    """Returns the statistics of features `(N, F)`."""
    covariance = torch.zeros(rows.width, rows.width, dtype=torch.float64)
    for block in rows.blocks():
        factor = (block - rows.mean) / (len(rows) - 1) ** 0.5  # centred first: no cancellation
        covariance += factor.T @ factor
    return Statistics(rows.mean, covariance, len(rows))


def nuclear_norm(a: Tensor) -> Tensor:
    """Returns the sum of the singular values of `a`, `(N, M)`: the right side of (2)."""
    return torch.linalg.svdvals(a).sum()


def _checked(given: Features | Statistics, which: str) -> Tensor | Statistics:
    if not isinstance(given, Statistics):
        return check_features(METRIC, which, given)
    mean, covariance = (
        as_tensor(METRIC, f"{which} statistics", part).double() for part in given[:2]
    )
    features = len(mean) if mean.ndim == 1 else 0
    if not features or covariance.shape != (features, features):
        raise InputError(
            f"{METRIC}: the {which} statistics have a mean with shape "
            f"{tuple(mean.shape)} and a covariance with shape {tuple(covariance.shape)}; they "
            "need (F,) and (F, F)"
        )
    if not (mean.isfinite().all() and covariance.isfinite().all()):
        raise InputError(
            f"{METRIC}: the {which} statistics, F = {features}, contain non-finite values"
        )
    return Statistics(mean, covariance, given.count)


def _require_same_network(x: Tensor | Statistics, y: Tensor | Statistics) -> None:
    shapes = [
        tuple((given if isinstance(given, Tensor) else given.mean).shape) for given in (x, y)
    ]
    if shapes[0][-1] != shapes[1][-1]:
        raise InputError(
            f"{METRIC}: features with shapes {shapes[0]} and {shapes[1]}; both need the "
            "same number F of columns, from the same network"
        )


def _few(given: Tensor | Statistics) -> bool:
    return isinstance(given, Tensor) and len(given) <= given.shape[1]


def _many(given: Tensor | Statistics) -> bool:
    """Whether the features do not fit into one block."""
    return isinstance(given, Tensor) and len(given) > max(ROWS, given.shape[1])


def _statistics(given: Tensor | Statistics) -> Statistics:
    return given if isinstance(given, Statistics) else statistics_of(Rows.of(given))


def _parts(x: Tensor | Statistics, y: Tensor | Statistics) -> tuple[Tensor, Tensor]:
    (mean1, trace1, factor1), (mean2, trace2, factor2) = _gaussian(x), _gaussian(y)
    shared = nuclear_norm(factor1 @ factor2.T)  # (2)
    return (mean1 - mean2).square().sum(), trace1 + trace2 - 2 * shared


def _gaussian(given: Tensor | Statistics) -> tuple[Tensor, Tensor, Tensor]:
    """Returns mu, Tr S and a factor L of S."""
    if isinstance(given, Statistics):
        return given.mean, given.covariance.trace(), _root(given.covariance)
    x = given.double()
    factor = _centred(x)
    return x.mean(0), factor.square().sum(), factor


def _centred(x: Tensor) -> Tensor:
    """Returns L of (3)."""
    return (x - x.mean(0)) / (len(x) - 1) ** 0.5  # centred first: no cancellation


def _root(covariance: Tensor) -> Tensor:
    """Returns L of (4) or (5); (5) drops eigenvalues below F eps lambda_max as rounding."""
    covariance = (covariance + covariance.T) / 2
    floor = len(covariance) * EPS
    lower, failed = torch.linalg.cholesky_ex(covariance)
    pivots = lower.diagonal().square()
    if not failed and pivots.min() > floor * pivots.max():
        return lower.T
    values, vectors = torch.linalg.eigh(covariance)
    kept = values > floor * values[-1].clamp(min=0)
    return values[kept].sqrt()[:, None] * vectors[:, kept].T
