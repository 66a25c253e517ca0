r"""The density of a set at each of its images: a Gaussian fitted to their features.

    ln p(x) = -1/2 (x - m)^T S^-1 (x - m) + constant                                            (1)

m is the mean. With few images for so many features the covariance C of the sample cannot be
inverted; S shrinks it towards a multiple of the identity, as much as makes the expected squared
error least (Ledoit & Wolf):

    S = (1 - r) C + r u I,    u = tr(C) / F,    r = b / d from 1e-6 to 1,
    d = |C - u I|^2,    b = 1/N (1/N sum_i |x_i - m|^4 - |C|^2),                                (2)

|.| being the Frobenius norm of matrices and the length of vectors; r is never 0, for S is to be
inverted. The images of the lowest density are the unusual ones: a generator learns the others
better without them, and draws none like them (DeVries et al.).

References:
    | Instance Selection for GANs (DeVries et al., 2020), https://arxiv.org/abs/2007.15255
    | A well-conditioned estimator for large-dimensional covariance matrices (Ledoit & Wolf, 2004),
    | Journal of Multivariate Analysis 88

Shapes: N images, F features.
"""

__all__ = ["log_density", "shrunk_covariance"]

import torch

from torch import Tensor

LEAST = 1e-6
"""The smallest r of equation 2."""


def shrunk_covariance(centred: Tensor) -> Tensor:
    """Returns S of equation 2, `(F, F)`, of features less their mean, `(N, F)`, float64."""
    n, f = centred.shape
    sample = centred.T @ centred / n
    level = sample.trace() / f
    target = level * torch.eye(f, dtype=centred.dtype)
    off = (sample - target).square().sum()
    noise = (centred.square().sum(1).square().mean() - sample.square().sum()) / n
    share = (noise / off).clamp(LEAST, 1) if off > 0 else torch.ones_like(off)
    return (1 - share) * sample + share * target


def log_density(features: Tensor) -> Tensor:
    """Returns ln p of equation 1 at each row, less a constant, `(N, F)` to `(N,)`, float64.

    Features that are all alike have the density 0 everywhere.
    """
    centred = features.double() - features.double().mean(0)
    covariance = shrunk_covariance(centred)
    if not covariance.trace() > 0:
        return torch.zeros(len(features), dtype=torch.float64)
    factor = torch.linalg.cholesky(covariance)
    scaled = torch.linalg.solve_triangular(factor, centred.T, upper=False)
    return -0.5 * scaled.square().sum(0)
