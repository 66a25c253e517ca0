r"""A VampPrior with trainable weights, :math:`p(z) = \sum_k w_k \, q_\phi(z | u_k)`.

The VampPrior weights its pseudo-inputs :math:`u_k` equally: to give a region of the latent twice
the mass it must place two of them there. Here the weights :math:`w` = softmax(logits) are learned.

It is not the "VampPrior mixture model" of Stirn & Knowles (2024), in which pseudo-inputs give
the *centres* of a Bayesian mixture for clustering, :math:`\mu_k \sim q_\phi(\mu_k | u_k)`, each
with a covariance of its own, fitted by expectation-maximisation.

Shapes: K pseudo-inputs, X pixels, D latent dimensions.
"""

__all__ = ["VampMixture"]

import torch
import torch.nn as nn

from torch import Tensor
from torch.distributions import Distribution

from genlab.common.text import Title
from genlab.priors.base import Encode
from genlab.priors.em import fit_mixture
from genlab.priors.gaussian import GaussianMixture
from genlab.priors.vamp import VampPrior


class VampMixture(VampPrior):
    """A mixture of the encoder's posteriors at learned pseudo-inputs, with learned weights.

    It starts as the VampPrior: the weights are equal.

    References:
        | VAE with a VampPrior (Tomczak & Welling, 2018), section 2
        | https://arxiv.org/abs/1705.07120
        | Deep Generative Modeling (Tomczak, 2022), chapter 4: the weights
        | https://doi.org/10.1007/978-3-030-93158-2
        | The VampPrior Mixture Model (Stirn & Knowles, 2024): another prior
        | https://arxiv.org/abs/2402.04412

    Arguments:
        latent: The number of latent dimensions D.
        components: The number of pseudo-inputs K.

    Raises:
        InputError: If there is no pseudo-input.
    """

    title = Title("加权VampPrior", "weighted VampPrior")
    logits: nn.Parameter

    def attach(self, encode: Encode, pixels: int) -> None:
        """Receives the encoder and makes the pseudo-inputs, all grey, with equal weights."""
        super().attach(encode, pixels)
        self.logits = nn.Parameter(torch.zeros(self.components))

    def forward(self) -> Distribution:
        """Returns p(z), with event shape `(D,)`."""
        mean, log_std = self.encode(self.pseudo_inputs)
        return GaussianMixture(self.logits, mean, log_std.exp())

    def fit_em(self, z: Tensor, means: Tensor, images: Tensor, random: torch.Generator) -> bool:
        """Starts the prior near a mixture fitted to codes `(M, D)`; returns False."""
        mixture = fit_mixture(z, self.components, "diagonal", random)
        self.match(mixture, means, images)
        with torch.no_grad():
            self.logits.copy_(mixture.weights.log())
        return False
