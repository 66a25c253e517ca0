r"""Measures a VAE on test images: both terms of the bound and the two parts of eq. 3, in nats.

Omega is estimated as equation 2 says, by Monte Carlo. Its two parts come by other ways: the
conditional entropy in closed form, the cross-entropy

    CE[q(z) || p(z)] = -1/N sum_n E_{N(mu_n, sigma_n^2)} [ln p(z)]

by Gauss-Hermite quadrature per test image (D <= 2) or by draws of its own (above). That
Omega = -CE + H then holds is a check, not a tautology.

Shapes: N images, S draws, G quadrature nodes, X pixels, D latent dimensions.
"""

__all__ = ["cross_entropy", "log_aggregated_posterior", "measure"]

import math

from typing import Any

import numpy as np
import torch

from torch import Tensor

from genlab.engine.rng import generator
from genlab.vae import VAE, gaussian_entropy

CHUNK = 1000
NODES = 12
"""Quadrature nodes a dimension: exact for polynomials of degree 23 in z."""
DRAWS = 64
"""Draws an image, in antithetic pairs, where there are too many dimensions for quadrature."""


def mean_and_error(values: Tensor) -> tuple[float, float]:
    """Returns the mean of `(N,)` values and its standard error, in float64."""
    values = values.double()
    return values.mean().item(), (values.std() / math.sqrt(len(values))).item()


@torch.no_grad()
def measure(model: VAE, x: Tensor, draws: int, seed: int) -> dict[str, Any]:
    """Returns the measurements of a model, ready for `results.json`.

    Arguments:
        model: The model, in evaluation mode.
        x: Binary test images, with shape `(N, X)`.
        draws: Draws S of z per image for the Monte-Carlo terms.
        seed: The run's seed.

    Returns:
        `re`, `omega`, `elbo`, `cross_entropy`, `conditional_entropy`, `marginal_kl`, each with
        its standard error over the images (`..._se`), in nats per image; `identity_gap` =
        omega - (-cross_entropy + conditional_entropy) and the tolerance it is held to.
    """
    re, omega, ce, entropy = [], [], [], []
    means, log_stds = [], []
    for index, batch in enumerate(x.split(CHUNK)):
        mean, log_std = model.encode(batch)
        random = generator(seed, "measure", index)
        noise = torch.randn(draws, *mean.shape, generator=random)
        terms = model.terms(batch, noise)
        re.append(terms.re)
        omega.append(terms.omega)
        ce.append(cross_entropy(model, mean, log_std, generator(seed, "cross-entropy", index)))
        entropy.append(gaussian_entropy(log_std))
        means.append(mean)
        log_stds.append(log_std)
    values = {
        "re": torch.cat(re),
        "omega": torch.cat(omega),
        "elbo": torch.cat(re) + torch.cat(omega),
        "cross_entropy": torch.cat(ce),
        "conditional_entropy": torch.cat(entropy),
        "marginal_kl": _marginal_kl(model, torch.cat(means), torch.cat(log_stds), seed),
    }
    results: dict[str, Any] = {}
    for name, value in values.items():
        results[name], results[f"{name}_se"] = mean_and_error(value)
    gaps = values["omega"] - (values["conditional_entropy"] - values["cross_entropy"])
    gap, error = mean_and_error(gaps)
    # Four standard errors of the two estimates' difference, and 1e-3 for the quadrature.
    tolerance = 4 * error + 1e-3
    return results | {
        "identity_gap": gap,
        "identity_tolerance": tolerance,
        "identity_holds": abs(gap) <= tolerance,
        "latent": means[0].shape[1],
        "test_images": len(x),
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def cross_entropy(
    model: VAE, mean: Tensor, log_std: Tensor, random: torch.Generator
) -> Tensor:
    r"""Returns :math:`-E_{\mathcal{N}(\mu_n, \sigma_n^2)}[\ln p(z)]` an image, shape `(N,)`.

    For D <= 2, with Gauss-Hermite nodes t_g and weights w_g (weight function e^{-t^2/2}):
    E[f(z)] = sum_g w_g f(mu + sigma t_g) / sum_g w_g.

    Arguments:
        model: The model whose prior is p(z).
        mean: Posterior means, with shape `(N, D)`.
        log_std: Posterior log standard deviations, with shape `(N, D)`.
        random: Draws the noise used when D > 2.
    """
    latent, prior = mean.shape[1], model.prior()
    total = torch.zeros(len(mean), dtype=torch.float64)
    if latent > 2:
        for _ in range(DRAWS // 2):
            noise = log_std.exp() * torch.randn(mean.shape, generator=random)
            total -= prior.log_prob(mean + noise).double() + prior.log_prob(mean - noise).double()
        return total / DRAWS
    t, w = np.polynomial.hermite_e.hermegauss(NODES)
    nodes = torch.cartesian_prod(*[torch.from_numpy(t)] * latent).reshape(-1, latent)
    weights = torch.cartesian_prod(*[torch.from_numpy(w)] * latent).reshape(-1, latent).prod(-1)
    for node, weight in zip(nodes.float(), weights / weights.sum()):
        total -= weight * prior.log_prob(mean + log_std.exp() * node).double()
    return total


def log_aggregated_posterior(z: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    r"""Returns :math:`\ln q(z) = \ln \frac{1}{N} \sum_n \mathcal{N}(z; \mu_n, \sigma_n^2)`.

    Arguments:
        z: Points, with shape `(M, D)`.
        mean: Posterior means of all N images, with shape `(N, D)`.
        log_std: Posterior log standard deviations, with shape `(N, D)`.

    Returns:
        With shape `(M,)`, in nats.
    """
    # sum_d -(z - mu)^2 / 2 sigma^2 as a product of matrices: a row for z, a column for each n.
    # In float64: the terms are large and cancel.
    mean, precision = mean.double(), (-2 * log_std.double()).exp()
    constant = -(0.5 * mean**2 * precision + log_std.double()).sum(1)
    constant -= 0.5 * mean.shape[1] * math.log(2 * math.pi) + math.log(len(mean))
    columns = torch.cat([-0.5 * precision, mean * precision], 1)
    rows = []
    for part in z.double().split(CHUNK):
        exponent = torch.cat([part**2, part], 1) @ columns.T + constant
        rows.append(exponent.logsumexp(1))
    return torch.cat(rows)


def _marginal_kl(model: VAE, mean: Tensor, log_std: Tensor, seed: int) -> Tensor:
    """KL(q(z)||p(z)) by one draw of z an image: values of ln q(z) - ln p(z), shape `(N,)`."""
    random = generator(seed, "marginal KL")
    z = mean + log_std.exp() * torch.randn(mean.shape, generator=random)
    return log_aggregated_posterior(z, mean, log_std) - model.prior().log_prob(z).double()
