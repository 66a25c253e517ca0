r"""The standard Gaussian prior, :math:`p(z) = \mathcal{N}(z; 0, I)`. The control of every table.

Shapes: D latent dimensions.
"""

__all__ = ["StandardPrior"]

import torch

from torch import Tensor
from torch.distributions import Distribution

from genlab.priors.base import Prior, Setting
from genlab.priors.gaussian import StandardGaussian


class StandardPrior(Prior):
    """The standard Gaussian; it has nothing to learn.

    References:
        | Auto-Encoding Variational Bayes (Kingma & Welling, 2014), section 3
        | https://arxiv.org/abs/1312.6114

    Arguments:
        latent: The number of latent dimensions D.
    """

    origin: Tensor

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.register_buffer("origin", torch.zeros(latent))

    @classmethod
    def build(cls, setting: Setting) -> "StandardPrior":
        """Builds it from what a VAE has at hand."""
        return cls(setting.latent)

    def forward(self) -> Distribution:
        """Returns p(z), with event shape `(D,)`."""
        return StandardGaussian(self.origin)
