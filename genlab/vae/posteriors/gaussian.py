"""Diagonal Gaussian posteriors.

Shapes: N images, M points, D latent dimensions; `*` any leading dimensions.
"""

__all__ = ["GaussianPosterior", "gaussian_entropy"]

import math

from collections.abc import Callable

import torch

from torch import Tensor

from genlab.priors.gaussian import standard_log_prob
from genlab.vae.evidence.elbo_surgery import cross_entropy, log_aggregated_posterior
from genlab.vae.posteriors.base import Posterior


def gaussian_entropy(log_std: Tensor) -> Tensor:
    r"""Returns H[N(mu, sigma^2)] = D/2 (1 + ln 2 pi) + sum_d ln sigma_d, with shape `(B,)`."""
    return log_std.sum(-1) + 0.5 * log_std.shape[-1] * (1 + math.log(2 * math.pi))


class GaussianPosterior(Posterior):
    """Diagonal Gaussians, equation 1 of the package.

    Arguments:
        mean: mu, with shape `(N, D)`.
        log_std: ln sigma, likewise.
    """

    reach = 3.0

    def __getitem__(self, rows: Tensor | slice) -> "GaussianPosterior":
        """Returns the posteriors of some of the images."""
        return GaussianPosterior(self.mean[rows], self.log_std[rows])

    def bend(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the noise itself, and 0."""
        return noise, noise.new_zeros(()).expand(noise.shape[:-1])

    def straighten(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """Returns v itself, and 0."""
        return self.bend(v)

    def sample(self, noise: Tensor) -> Tensor:
        """Returns the draws z that noise e `(*, N, D)` becomes, with the same shape."""
        return self.mean + self.log_std.exp() * noise

    def draw(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the draws z of `sample`, and ln q(z|x), with shape `(*, N)`."""
        return self.sample(noise), standard_log_prob(noise) - self.log_std.sum(-1)

    def log_prob(self, z: Tensor) -> Tensor:
        """Returns ln q(z|x) of points `(*, N, D)`, each under its own image, `(*, N)`."""
        residual = (z - self.mean) * (-self.log_std).exp()
        return standard_log_prob(residual) - self.log_std.sum(-1)

    def log_aggregated(self, z: Tensor) -> Tensor:
        """Returns ln q(z) of points `(M, D)`, float64 with shape `(M,)`."""
        return log_aggregated_posterior(z, self.mean, self.log_std)

    def entropy(self, random: torch.Generator) -> Tensor:
        """Returns H[q(z|x)] in closed form, with shape `(N,)`."""
        del random
        return gaussian_entropy(self.log_std)

    def cross_entropy(
        self, log_prior: Callable[[Tensor], Tensor], random: torch.Generator
    ) -> Tensor:
        """Returns -E_q(z|x) [ln p(z)], `(N,)`, by Gauss-Hermite quadrature for D <= 2."""
        return cross_entropy(log_prior, self.mean, self.log_std, random)

    def moments(self, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Returns mu and ln sigma."""
        del random
        return self.mean, self.log_std

    def kernels(self, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Returns mu and ln sigma."""
        return self.moments(random)

    @property
    def centre(self) -> Tensor:
        """The means, with shape `(N, D)`."""
        return self.mean
