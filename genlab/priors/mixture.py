r"""A mixture of Gaussians, :math:`p(z) = \sum_k w_k \, \mathcal{N}(z; \mu_k, \sigma_k^2)`.

Shapes: K components, D latent dimensions.
"""

__all__ = ["MixturePrior", "gaussian_mixture"]

import torch
import torch.nn as nn

from torch import Tensor
from torch.distributions import (
    Categorical,
    Distribution,
    Independent,
    MixtureSameFamily,
    Normal,
)

LOG_STD_FLOOR = -3.0
"""A component narrower than e^-3 sits on a few codes and no longer describes a density."""


def gaussian_mixture(logits: Tensor, mean: Tensor, log_std: Tensor) -> MixtureSameFamily:
    r"""Returns :math:`\sum_k w_k \mathcal{N}(\mu_k, \sigma_k^2)` with :math:`w` = softmax(logits).

    Arguments:
        logits: Unnormalised log-weights, with shape `(K,)`.
        mean: Means, with shape `(K, D)`.
        log_std: Logarithms of the standard deviations, with shape `(K, D)`.
    """
    # Independent(..., 1) sums log-densities over D *before* the sum over K. The other order is
    # a product of one-dimensional mixtures: it integrates to one too, and is another density.
    # Arguments are not validated: a z that is not finite has a density that is not, and
    # training names the step where that happens.
    parts = Independent(Normal(mean, log_std.exp(), validate_args=False), 1)
    weights = Categorical(logits=logits, validate_args=False)
    return MixtureSameFamily(weights, parts, validate_args=False)


class MixturePrior(nn.Module):
    r"""A mixture of K diagonal Gaussians whose weights, means and variances are learned.

    It starts as nearly the standard Gaussian (unit variances, means near the origin, equal
    weights), so that the first random codes are not punished.

    References:
        | VAE with a VampPrior (Tomczak & Welling, 2018), section 2
        | https://arxiv.org/abs/1705.07120

    Arguments:
        latent: The number of latent dimensions D.
        components: The number of components K.
    """

    def __init__(self, latent: int, components: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(components))
        self.mean = nn.Parameter(0.5 * torch.randn(components, latent))
        self.log_std = nn.Parameter(torch.zeros(components, latent))

    def forward(self) -> Distribution:
        """Returns p(z), with event shape `(D,)`."""
        return gaussian_mixture(self.logits, self.mean, self.log_std.clamp(min=LOG_STD_FLOOR))
