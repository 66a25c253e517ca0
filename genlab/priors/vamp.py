r"""The VampPrior, :math:`p(z) = \frac{1}{K} \sum_k q_\phi(z | u_k)`: a mixture of posteriors.

The best prior for a given encoder is its own aggregated posterior
:math:`q(z) = \frac{1}{N} \sum_n q_\phi(z | x_n)`. That is a mixture of N Gaussians; the
VampPrior keeps K of them, at learned pseudo-inputs :math:`u_k` in place of data.

Shapes: K pseudo-inputs, X pixels, D latent dimensions.
"""

__all__ = ["VampPrior", "image_logits", "plain_function"]

from typing import Self

import torch
import torch.nn as nn

from torch import Tensor
from torch.distributions import Distribution

from genlab.priors.base import Encode, Prior, Setting
from genlab.priors.gaussian import GaussianMixture

EDGE = 0.02
"""Pseudo-inputs start this far inside (0, 1), where the sigmoid still has a slope."""


def image_logits(images: Tensor) -> Tensor:
    """Returns the logits of images in [0, 1], once moved inside (0, 1)."""
    return torch.logit(images.clamp(EDGE, 1 - EDGE))


def plain_function(encode: Encode) -> Encode:
    """Returns `encode`, which must not be a module.

    Raises:
        TypeError: If it is one: the prior would register the encoder's weights a second time.
    """
    if isinstance(encode, nn.Module):
        raise TypeError("encode must be a function (say encoder.forward), not a module")
    return encode


class VampPrior(Prior):
    """A mixture of the encoder's posteriors at learned pseudo-inputs, with equal weights.

    Pixels are sigmoids of free parameters: they stay in (0, 1) and always have a gradient (a
    clamp has none outside). Gradients reach the pseudo-inputs and the encoder.

    References:
        | VAE with a VampPrior (Tomczak & Welling, 2018), section 2
        | https://arxiv.org/abs/1705.07120

    Arguments:
        encode: The encoder call, `(K, X)` to means and log standard deviations `(K, D)`. A plain
            function, so that the encoder's weights stay the encoder's.
        examples: Images in [0, 1] to start from, with shape `(K, X)`.

    Raises:
        TypeError: If `encode` is a module.
    """

    def __init__(self, encode: Encode, examples: Tensor) -> None:
        super().__init__()
        self.encode = plain_function(encode)
        self.pseudo_logits = nn.Parameter(image_logits(examples))

    @classmethod
    def build(cls, setting: Setting) -> Self:
        """Builds it from what a VAE has at hand."""
        return cls(setting.encode, setting.examples[: setting.options.components])

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
