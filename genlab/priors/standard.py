r"""The standard Gaussian prior, :math:`p(z) = \mathcal{N}(z; 0, I)`: the baseline.

Shapes: D latent dimensions.
"""

__all__ = ["Standard"]

import torch

from torch import Tensor
from torch.distributions import Distribution

from genlab.common.text import Title
from genlab.priors.base import Prior
from genlab.priors.gaussian import StandardGaussian


class Standard(Prior):
    """The standard Gaussian; it has no parameters.

    References:
        | Auto-Encoding Variational Bayes (Kingma & Welling, 2014), section 3
        | https://arxiv.org/abs/1312.6114

    Arguments:
        latent: The number of latent dimensions D.
    """

    title = Title("标准高斯", "standard Gaussian")
    origin: Tensor

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.register_buffer("origin", torch.zeros(latent))

    def forward(self) -> Distribution:
        """Returns p(z), with event shape `(D,)`."""
        return StandardGaussian(self.origin)
