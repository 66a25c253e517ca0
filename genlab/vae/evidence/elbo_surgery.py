r"""The regulariser taken apart: what the prior costs, what the code says of the image.

Over a data set x_1 ... x_N, with q(z) = 1/N sum_n q(z|x_n), the aggregated posterior:

    Omega = E_x E_q(z|x) [ln p(z) - ln q(z|x)] = -CE[q(z) || p(z)] + H[q(z|x)]            (1)
    CE    = H[q(z)] + KL(q(z) || p(z))                                                    (2)
    -Omega = I(x; z) + KL(q(z) || p(z)),   I(x; z) = H[q(z)] - H[q(z|x)] <= ln N          (3)

KL(q(z) || p(z)) is all that a better prior could gain for a given encoder (Hoffman & Johnson,
2016). With finitely many images the mixture q(z) is lumpier than the law they come from: where
I(x; z) comes near ln N its components hardly overlap, and the KL is mostly that lumpiness.

References:
    | ELBO surgery (Hoffman & Johnson, 2016), section 2
    | Importance Weighted Autoencoders (Burda et al., 2016), section 5.2: active units,
    | https://arxiv.org/abs/1509.00519

Shapes: N images, M points, D latent dimensions.
"""

__all__ = ["active_units", "cross_entropy", "log_aggregated_posterior", "unused_dimensions"]

from collections.abc import Callable

import numpy as np
import torch

from torch import Tensor

from genlab.priors.gaussian import GaussianMixture

NODES = 12
"""Gauss-Hermite nodes a dimension: exact for polynomials of degree 23 in z."""
DRAWS = 64
"""Draws an image, in antithetic pairs, where there are too many dimensions for quadrature."""
ACTIVE = 0.01
"""A unit is active where the variance of its mean over the images is above this."""


def cross_entropy(
    log_prior: Callable[[Tensor], Tensor], mean: Tensor, log_std: Tensor, random: torch.Generator
) -> Tensor:
    r"""Returns :math:`-E_{\mathcal{N}(\mu_n, \sigma_n^2)}[\ln p(z)]` an image, shape `(N,)`.

    For D <= 2, with Gauss-Hermite nodes t_g and weights w_g (weight function e^{-t^2/2}):
    E[f(z)] = sum_g w_g f(mu + sigma t_g) / sum_g w_g.

    Arguments:
        log_prior: ln p(z), `(*, D)` to `(*)`.
        mean: Posterior means, with shape `(N, D)`.
        log_std: Posterior log standard deviations, with shape `(N, D)`.
        random: Draws the noise used when D > 2.
    """
    latent = mean.shape[1]
    total = torch.zeros(len(mean), dtype=torch.float64)
    if latent > 2:
        for _ in range(DRAWS // 2):
            noise = log_std.exp() * torch.randn(mean.shape, generator=random)
            total -= log_prior(mean + noise).double() + log_prior(mean - noise).double()
        return total / DRAWS
    t, w = np.polynomial.hermite_e.hermegauss(NODES)
    nodes = torch.cartesian_prod(*[torch.from_numpy(t)] * latent).reshape(-1, latent)
    weights = torch.cartesian_prod(*[torch.from_numpy(w)] * latent).reshape(-1, latent).prod(-1)
    for node, weight in zip(nodes.float(), weights / weights.sum()):
        total -= weight * log_prior(mean + log_std.exp() * node).double()
    return total


def log_aggregated_posterior(z: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    r"""Returns :math:`\ln q(z) = \ln \frac{1}{N} \sum_n \mathcal{N}(z; \mu_n, \sigma_n^2)`.

    Arguments:
        z: Points, with shape `(M, D)`.
        mean: Posterior means of all N images, with shape `(N, D)`.
        log_std: Posterior log standard deviations, with shape `(N, D)`.

    Returns:
        With shape `(M,)`, in nats, float64.
    """
    equal = mean.new_zeros(len(mean), dtype=torch.float64)
    return GaussianMixture(equal, mean.double(), log_std.double().exp()).log_prob(z.double())


def active_units(mean: Tensor) -> int:
    """Returns how many units have Var_x(E[z_d | x]) > 0.01 (Burda et al., 2016, section 5.2).

    The threshold supposes a latent of unit scale, which a learned prior need not have.
    """
    return int((mean.double().var(0) > ACTIVE).sum())


def unused_dimensions(mean: Tensor, log_std: Tensor) -> int:
    """Returns how many dimensions d have Var_x(E[z_d | x]) < 0.01 Var(z_d), on any scale.

    Arguments:
        mean: The codes' means, with shape `(N, D)`.
        log_std: Their log standard deviations, likewise.
    """
    explained = mean.double().var(0)
    within = (2 * log_std.double()).exp().mean(0)
    return int((explained < ACTIVE * (explained + within)).sum())
