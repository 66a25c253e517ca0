r"""A mixture of Gaussians, :math:`p(z) = \sum_k w_k \, \mathcal{N}(z; \mu_k, \Sigma_k)`.

:math:`\Sigma_k` is diagonal, :math:`\mathrm{diag}(\sigma_k^2)`, or full, :math:`L_k L_k^T`.

Shapes: K components, D latent dimensions.
"""

__all__ = ["Mixture"]

from typing import Literal, Self

import torch
import torch.nn as nn

from torch import Tensor
from torch.distributions import Distribution

from genlab.common.checks import require_at_least, require_choice
from genlab.common.errors import InputError
from genlab.common.text import Title
from genlab.priors.base import Prior
from genlab.priors.em import fit_mixture
from genlab.priors.gaussian import LOG_STD_FLOOR, GaussianMixture

LARGEST = 2**25
"""The most numbers of full covariances; in float64, a few copies of them must fit into memory."""


class Mixture(Prior):
    r"""A mixture of K Gaussians whose weights, means and covariances are learned.

    It starts as nearly the standard Gaussian (unit variances, means near the origin, equal
    weights), so that random codes are likely at first.

    A full covariance is :math:`\Sigma = L L^T`, with L lower triangular and a positive diagonal.
    The diagonal of L is the standard deviation of each dimension given those before it, so the
    floor on it bounds the density as it does in the diagonal case. In many dimensions few codes
    determine a full covariance: one component alone is the Gaussian fitted to the codes.

    References:
        | VAE with a VampPrior (Tomczak & Welling, 2018), section 2
        | https://arxiv.org/abs/1705.07120

    Arguments:
        latent: The number of latent dimensions D.
        components: The number of components K.
        covariance: The components' covariances, "diagonal" or "full".

    Raises:
        InputError: If there is no component, no such kind of covariance, or full covariances are
            of too many numbers.
    """

    title = Title("混合高斯", "mixture of Gaussians")
    fitted_by_em = True

    def __init__(
        self, latent: int, components: int = 100,
        covariance: Literal["diagonal", "full"] = "diagonal",
    ) -> None:
        super().__init__()
        require_at_least(1, components=components)
        require_choice(("diagonal", "full"), covariance=covariance)
        most = LARGEST // latent**2
        if covariance == "full" and components > most:
            raise InputError(
                f"`components` must be at most {most}, not {components}, for full covariances in "
                f"{latent} dimensions: each has {latent**2:,} numbers"
            )
        self.components = components
        self.covariance: Literal["diagonal", "full"] = covariance
        self.logits = nn.Parameter(torch.zeros(components))
        self.mean = nn.Parameter(0.5 * torch.randn(components, latent))
        self.log_std = nn.Parameter(torch.zeros(components, latent))
        # L below its diagonal; the rest of this matrix is not used.
        full = covariance == "full"
        self.lower = nn.Parameter(torch.zeros(components, latent, latent)) if full else None

    def forward(self) -> Distribution:
        """Returns p(z), with event shape `(D,)`."""
        std = self.log_std.clamp(min=LOG_STD_FLOOR).exp()
        if self.lower is None:
            return GaussianMixture(self.logits, self.mean, std)
        return GaussianMixture(
            self.logits, self.mean, self.lower.tril(-1) + torch.diag_embed(std)
        )

    def fit_em(self, z: Tensor, means: Tensor, images: Tensor, random: torch.Generator) -> bool:
        """Fits the mixture to codes `(M, D)`; returns True, since nothing is left to learn."""
        del means, images
        fitted = fit_mixture(z, self.components, self.covariance, random)
        self.set_(fitted.weights, fitted.mean, fitted.scale)
        return True

    @torch.no_grad()
    def set_(self, weights: Tensor, mean: Tensor, scale: Tensor) -> Self:
        """Sets the parameters to those of a given mixture and returns self.

        Arguments:
            weights: Positive weights of sum 1, with shape `(K,)`.
            mean: Means, with shape `(K, D)`.
            scale: Standard deviations, with shape `(K, D)`, or Cholesky factors L of the
                covariances, with shape `(K, D, D)`; they, or the diagonal of L, no less than
                e^LOG_STD_FLOOR.

        Raises:
            ValueError: If the covariances are correlated and this mixture's are diagonal.
        """
        std = scale if scale.ndim == 2 else scale.diagonal(dim1=-2, dim2=-1)
        if self.lower is not None:
            self.lower.zero_() if scale.ndim == 2 else self.lower.copy_(scale.tril(-1))
        elif scale.ndim == 3 and scale.tril(-1).any():
            raise ValueError("a mixture with diagonal covariances cannot hold full ones")
        self.logits.copy_(weights.log())
        self.mean.copy_(mean)
        self.log_std.copy_(std.log())
        return self
