r"""The VampPrior, :math:`p(z) = \frac{1}{K} \sum_k q_\phi(z | u_k)`: a mixture of posteriors.

The best prior for a given encoder is its own aggregated posterior
:math:`q(z) = \frac{1}{N} \sum_n q_\phi(z | x_n)`. That is a mixture of N Gaussians; the
VampPrior keeps K of them, at learned pseudo-inputs :math:`u_k` in place of data.

Shapes: K pseudo-inputs, X pixels, D latent dimensions.
"""

__all__ = ["VampPrior", "first_examples", "image_logits"]

import math

import torch
import torch.nn as nn

from torch import Tensor
from torch.distributions import Distribution

from genlab.common.checks import require_at_least
from genlab.common.errors import InputError
from genlab.common.progress import Progress
from genlab.common.text import Title
from genlab.priors.base import Encode, EncoderPrior
from genlab.priors.em import FittedMixture, fit_mixture
from genlab.priors.gaussian import GaussianMixture

EDGE = 0.02
"""Pseudo-inputs start this far inside (0, 1), where the sigmoid still has a slope."""
STEPS, RATE = 500, 3e-2
"""Steps of Adam, and its first learning rate, from images to the components of a mixture."""


def image_logits(images: Tensor) -> Tensor:
    """Returns the logits of images in [0, 1], after they are moved inside (0, 1)."""
    return torch.logit(images.clamp(EDGE, 1 - EDGE))


def first_examples(examples: Tensor, components: int) -> Tensor:
    """Returns the first K of `(N, X)` examples.

    Raises:
        InputError: If there are fewer.
    """
    if len(examples) < components:
        raise InputError(
            f"`components` must be at most the {len(examples)} training images, not {components}"
        )
    return examples[:components]


class VampPrior(EncoderPrior):
    """A mixture of the encoder's posteriors at learned pseudo-inputs, with equal weights.

    Pixels are sigmoids of free parameters: they stay in (0, 1) and always have a gradient (a
    clamp has none outside). Gradients reach the pseudo-inputs and the encoder.

    Joint training starts from training images. With the encoder fixed that is a poor start: the
    components are as narrow as the posteriors of images, and gradients only move them about. So
    `fit_em` fits a mixture of K Gaussians to the codes and searches the pseudo-inputs whose
    posteriors are its components,

        u_k = argmin_u KL(q(z|u) || N(mu_k, diag(sigma_k^2)))

    by gradients, from the image whose code is nearest to mu_k.

    References:
        | VAE with a VampPrior (Tomczak & Welling, 2018), section 2
        | https://arxiv.org/abs/1705.07120

    Arguments:
        latent: The number of latent dimensions D.
        components: The number of pseudo-inputs K.

    Raises:
        InputError: If there is no pseudo-input.
    """

    title = Title("VampPrior", "VampPrior")
    fitted_by_em = True
    pseudo_logits: nn.Parameter

    def __init__(self, latent: int, components: int = 100) -> None:
        super().__init__(latent)
        require_at_least(1, components=components)
        self.components = self.examples = components

    def attach(self, encode: Encode, pixels: int) -> None:
        """Receives the encoder and makes the pseudo-inputs, all grey."""
        super().attach(encode, pixels)
        self.pseudo_logits = nn.Parameter(torch.zeros(self.components, pixels))

    @torch.no_grad()
    def initialise(self, examples: Tensor, rows: Tensor) -> None:
        """Starts the pseudo-inputs at training images `(N, X)`.

        Raises:
            InputError: If there are fewer images than pseudo-inputs.
        """
        del rows
        self.pseudo_logits.copy_(image_logits(first_examples(examples, self.components)))

    @property
    def pseudo_inputs(self) -> Tensor:
        """The images u, in (0, 1), with shape `(K, X)`."""
        return torch.sigmoid(self.pseudo_logits)

    def forward(self) -> Distribution:
        """Returns p(z), with event shape `(D,)`."""
        mean, log_std = self.encode(self.pseudo_inputs)
        return GaussianMixture(mean.new_zeros(len(mean)), mean, log_std.exp())

    def divergences(self, mean: Tensor, std: Tensor) -> Tensor:
        r"""Returns :math:`\mathrm{KL}( q_\phi(z | u_k) \,\|\, \mathcal{N}(\mu_k, \sigma_k^2) )`.

        .. math::
            \frac{1}{2} \sum_d \frac{s_{kd}^2 + (m_{kd} - \mu_{kd})^2}{\sigma_{kd}^2} - 1
            - 2 \ln \frac{s_{kd}}{\sigma_{kd}}, \quad
            q_\phi(z | u_k) = \mathcal{N}(m_k, \mathrm{diag}(s_k^2))

        Arguments:
            mean: The Gaussians' means, with shape `(K, D)`.
            std: Their standard deviations, with shape `(K, D)`.

        Returns:
            Nats, with shape `(K,)`, with gradients to the pseudo-inputs.
        """
        ours, log_std = self.encode(self.pseudo_inputs)
        ratio = log_std.exp() / std
        return 0.5 * (ratio**2 + ((ours - mean) / std) ** 2 - 1 - 2 * ratio.log()).sum(-1)

    def fit_em(self, z: Tensor, means: Tensor, images: Tensor, random: torch.Generator) -> bool:
        """Starts the prior near a mixture fitted to codes `(M, D)`; returns False."""
        self.match(fit_mixture(z, self.components, "diagonal", random, equal=True), means, images)
        return False

    def match(self, mixture: FittedMixture, means: Tensor, images: Tensor) -> None:
        """Moves the pseudo-inputs until their posteriors are a mixture's components.

        Arguments:
            mixture: The mixture, of K components with diagonal covariances.
            means: The means of q(z|x) of images to start from, with shape `(N, D)`.
            images: These images, with shape `(N, X)`.
        """
        mean, std = mixture.mean.float(), mixture.std.float()
        nearest = torch.cdist(mean, means).argmin(1)
        with torch.no_grad():
            self.pseudo_logits.copy_(image_logits(images[nearest]))
        adam = torch.optim.Adam([self.pseudo_logits], lr=RATE)
        with Progress(STEPS, "pseudo-inputs", "steps") as progress:
            for step in range(STEPS):
                rate = RATE * 0.5 * (1 + math.cos(math.pi * step / STEPS))
                adam.param_groups[0]["lr"] = rate
                divergence = self.divergences(mean, std).sum()
                adam.zero_grad()
                divergence.backward()
                adam.step()
                progress.advance(1, f"divergence {divergence.item() / len(mean):.4f}")
