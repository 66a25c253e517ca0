r"""The Gaussian prior, :math:`p(z) = \mathcal{N}(z; \mu, \Sigma)`, with any mean and covariance.

Learned post hoc its mean and covariance are those of the codes, in closed form: the density whose
samples a course's auto-encoder is given when "a Gaussian is fitted to the codes".

Shapes: D latent dimensions.
"""

__all__ = ["FullGaussian"]

import torch

from genlab.common.text import Title
from genlab.priors.mixture import Mixture


class FullGaussian(Mixture):
    r"""A mixture of one Gaussian with a full covariance, :math:`\Sigma = L L^T`.

    References:
        | From Variational to Deterministic Autoencoders (Ghosh et al., 2020), section 4
        | https://arxiv.org/abs/1903.12436

    Arguments:
        latent: The number of latent dimensions D.
    """

    title = Title("高斯（拟合）", "fitted Gaussian")

    def __init__(self, latent: int) -> None:
        super().__init__(latent, 1, "full")
        del self.logits  # the weight of the only component is 1, whatever its logit
        self.register_buffer("logits", torch.zeros(1))
