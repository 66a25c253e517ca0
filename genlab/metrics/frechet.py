r"""The Fréchet distance between two sets of features, each taken as a Gaussian.

    d^2 = |mu_1 - mu_2|^2 + Tr S_1 + Tr S_2 - 2 Tr (S_1 S_2)^{1/2}                        (1)

With any factors S_i = L_i^T L_i the product S_1 S_2 = L_1^T (L_1 L_2^T L_2) has the non-zero
eigenvalues of (L_1 L_2^T)(L_1 L_2^T)^T, for PQ and QP share theirs. Those are squares, so

    Tr (S_1 S_2)^{1/2} = sum_i sigma_i(L_1 L_2^T),                                        (2)

singular values of a real matrix: no root of a matrix, nothing imaginary, nothing to add to the
diagonal, and right for singular covariances. Two ways to the factors:

    features      L = X_c / sqrt(N - 1), with centred rows: exact for every N and F       (3)
    statistics    S = V diag(lambda) V^T,  L = diag(lambda)^{1/2} V^T                     (4)

(3) makes an (N, M) matrix: for 300 images and 2048 features it takes milliseconds, where
`sqrtm` of the (F, F) product takes ten seconds and loses half the digits.

The covariance part is min over orthogonal U of |L_1 - U L_2|_F^2, hence never negative.

The distance is biased: even for two samples of one law it is above 0, and the more so the fewer
they are (Binkowski et al., appendix D). Values compare only at the same N and M.

References:
    | The Fréchet distance between multivariate normal distributions (Dowson & Landau, 1982),
    | equation 4 (here 1), https://doi.org/10.1016/0047-259X(82)90077-X
    | GANs Trained by a Two Time-Scale Update Rule (Heusel et al., 2017), equation 6
    | https://arxiv.org/abs/1706.08500
    | Backpropagating through FID (Mathiasen & Hvilshøj, 2020): the small product
    | https://arxiv.org/abs/2009.14075
    | Demystifying MMD GANs (Binkowski et al., 2018), https://arxiv.org/abs/1801.01401

Shapes: N and M samples, F features. All in float64; covariances divide by N - 1.
"""

__all__ = [
    "Frechet",
    "frechet",
    "frechet_distance",
    "frechet_distance_from_statistics",
    "mean_and_covariance",
]

from typing import NamedTuple

import torch

from torch import Tensor

from genlab.errors import InputError


class Frechet(NamedTuple):
    """The squared Fréchet distance, in its two parts."""

    mean: float
    """|mu_1 - mu_2|^2."""
    covariance: float
    """Tr S_1 + Tr S_2 - 2 Tr (S_1 S_2)^{1/2}."""

    @property
    def distance(self) -> float:
        """Equation 1: what FID reports (squared, as is the custom)."""
        return self.mean + self.covariance


def frechet_distance(x: Tensor, y: Tensor) -> float:
    """Returns the Fréchet distance (1) between two sets of features.

    Arguments:
        x: Features of one set, with shape `(N, F)`.
        y: Features of the other, with shape `(M, F)`.

    Raises:
        InputError: If a set is not `(N, F)` with N >= 2, F differs, or a value is not finite.
    """
    return frechet(x, y).distance


def frechet(x: Tensor, y: Tensor) -> Frechet:
    """Returns the two parts of the distance; arguments and errors as of `frechet_distance`."""
    x, y = _checked(x, "first"), _checked(y, "second")
    if x.shape[1] != y.shape[1]:
        raise InputError(
            f"Fréchet distance: features with shapes {tuple(x.shape)} and {tuple(y.shape)}; "
            "both need the same number of columns, from the same network"
        )
    if min(len(x), len(y)) > x.shape[1]:  # (F, F) is then smaller than (N, M)
        return _from_statistics(*mean_and_covariance(x), *mean_and_covariance(y))
    left, right = _factor(x), _factor(y)  # (3)
    traces = left.square().sum() + right.square().sum()
    return _parts(x.mean(0), y.mean(0), traces, left, right)


def frechet_distance_from_statistics(
    mean1: Tensor, covariance1: Tensor, mean2: Tensor, covariance2: Tensor
) -> float:
    """Returns the Fréchet distance (1) between two Gaussians.

    Arguments:
        mean1: One mean, with shape `(F,)`.
        covariance1: Its covariance, symmetric with shape `(F, F)`; it may be singular.
        mean2: The other mean, with shape `(F,)`.
        covariance2: Its covariance, with shape `(F, F)`.

    Raises:
        InputError: If shapes do not fit, or a value is not finite.
    """
    features = mean1.shape[-1] if mean1.ndim else 0
    for name, tensor, shape in (
        ("first mean", mean1, (features,)),
        ("first covariance", covariance1, (features,) * 2),
        ("second mean", mean2, (features,)),
        ("second covariance", covariance2, (features,) * 2),
    ):
        if tensor.shape != shape or not features:
            raise InputError(
                f"Fréchet distance: the {name} has shape {tuple(tensor.shape)}; means need (F,) "
                "and covariances (F, F), with one F"
            )
        if not tensor.isfinite().all():
            raise InputError(f"Fréchet distance: the {name}, {shape}, has values not finite")
    return _from_statistics(mean1, covariance1, mean2, covariance2).distance


def mean_and_covariance(x: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the mean, `(F,)`, and covariance, `(F, F)`, of features `(N, F)`, in float64.

    Raises:
        InputError: If `x` is not `(N, F)` with N >= 2, or a value is not finite.
    """
    x = _checked(x, "given")
    factor = _factor(x)
    return x.mean(0), factor.T @ factor


def _checked(x: Tensor, which: str) -> Tensor:
    if x.ndim != 2 or x.shape[0] < 2 or x.shape[1] < 1:
        raise InputError(
            f"Fréchet distance: the {which} features have shape {tuple(x.shape)}; "
            "they need (N, F), one row an image and at least 2 rows"
        )
    if not x.isfinite().all():
        raise InputError(
            f"Fréchet distance: the {which} features, {tuple(x.shape)}, have values not finite"
        )
    return x.detach().double()


def _factor(x: Tensor) -> Tensor:
    return (x - x.mean(0)) / (len(x) - 1) ** 0.5  # centred first: no cancellation


def _from_statistics(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> Frechet:
    cov1, cov2 = cov1.double(), cov2.double()
    traces = cov1.trace() + cov2.trace()
    return _parts(mean1.double(), mean2.double(), traces, _root(cov1), _root(cov2))


def _root(covariance: Tensor) -> Tensor:
    """Returns L of (4); eigenvalues below F eps lambda_max are rounding, and are left out."""
    values, vectors = torch.linalg.eigh((covariance + covariance.T) / 2)
    floor = len(values) * torch.finfo(torch.float64).eps * values[-1].clamp(min=0)
    kept = values > floor
    return values[kept].sqrt()[:, None] * vectors[:, kept].T


def _parts(mean1: Tensor, mean2: Tensor, traces: Tensor, left: Tensor, right: Tensor) -> Frechet:
    shared = torch.linalg.svdvals(left @ right.T).sum()  # (2)
    covariance = traces - 2 * shared
    # at equal covariances rounding leaves some 1e-16 of the traces, of either sign
    return Frechet((mean1 - mean2).square().sum().item(), max(covariance.item(), 0.0))
