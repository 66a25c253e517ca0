r"""The variational auto-encoder: encoder, decoder, prior, and the two terms of its bound.

    ELBO = RE + Omega
    RE    = E_q(z|x) [ln p(x|z)]                                   (1)
    Omega = E_q(z|x) [ln p(z) - ln q(z|x)]                         (2)
          = -CE[q(z) || p(z)] + H[q(z|x)], on average over x       (3)

    q(z)   = E_x [q(z|x)]                 the aggregated posterior
    CE     = -E_q(z) [ln p(z)]            its cross-entropy to the prior
    H      = E_x [H[q(z|x)]]              the conditional entropy

(3) follows from (2) because p(z) does not look at x: the mean over x of E_q(z|x) [ln p(z)] is
E_q(z) [ln p(z)]. All values are in nats.

References:
    | Auto-Encoding Variational Bayes (Kingma & Welling, 2014), https://arxiv.org/abs/1312.6114
    | VAE with a VampPrior (Tomczak & Welling, 2018), equations 2-5,
    | https://arxiv.org/abs/1705.07120

Shapes: B batch, S draws, X pixels, D latent dimensions.
"""

__all__ = ["VAE", "Terms", "gaussian_entropy"]

import math

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn as nn

from torch import Tensor

from genlab.configs.prior import PriorOptions
from genlab.networks.mlp import Decoder, Encoder
from genlab.priors import PRIORS, Setting
from genlab.priors.gaussian import standard_log_prob
from genlab.vae.likelihoods import bernoulli_log_prob


class Terms(NamedTuple):
    """The terms of the bound, one value an image, in nats, each with shape `(B,)`."""

    re: Tensor
    """Reconstruction, equation 1."""
    omega: Tensor
    """Regulariser, equation 2."""

    @property
    def elbo(self) -> Tensor:
        """The evidence lower bound."""
        return self.re + self.omega


def gaussian_entropy(log_std: Tensor) -> Tensor:
    r"""Returns H[N(mu, sigma^2)] = D/2 (1 + ln 2 pi) + sum_d ln sigma_d, with shape `(B,)`."""
    return log_std.sum(-1) + 0.5 * log_std.shape[-1] * (1 + math.log(2 * math.pi))


class VAE(nn.Module):
    """A VAE over binary images with a diagonal Gaussian posterior and any prior.

    Arguments:
        pixels: The number of pixels X.
        latent: The number of latent dimensions D.
        hidden: The widths of the encoder's hidden layers; the decoder has them reversed.
        prior: A key of `PRIORS`.
        options: The prior's options, complete.
        examples: Grey training images in [0, 1], at least K, with shape `(N, X)`.
        rows: Their places among the training images, with shape `(N,)`, int64.
        gated: Gated hidden layers in place of SiLU.
        fourier: The scale of the decoder's random Fourier features of z; 0 for none.
    """

    def __init__(
        self, *, pixels: int, latent: int, hidden: Sequence[int], prior: str,
        options: PriorOptions, examples: Tensor, rows: Tensor, gated: bool = False,
        fourier: float = 0.0,
    ) -> None:
        super().__init__()
        self.latent = latent
        self.encoder = Encoder(pixels, hidden, latent, gated=gated)
        self.decoder = Decoder(latent, hidden[::-1], pixels, gated=gated, fourier=fourier)
        self.prior = PRIORS[prior](
            Setting(
                latent=latent, options=options, encode=self.encode, examples=examples, rows=rows
            )
        )

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns mean and log standard deviation of q(z|x), each with shape `(B, D)`."""
        return self.encoder(x)

    def terms(
        self, x: Tensor, noise: Tensor, log_prior: Callable[[Tensor], Tensor] | None = None
    ) -> Terms:
        r"""Returns both terms of the bound, by Monte Carlo over S draws.

        With :math:`z = \mu + \sigma \epsilon`:
        RE = 1/S sum_s ln p(x|z_s) and Omega = 1/S sum_s [ln p(z_s) - ln q(z_s|x)].

        Arguments:
            x: Binary images, with shape `(B, X)`.
            noise: Standard Gaussian draws, with shape `(S, B, D)`.
            log_prior: Stands for ln p(z), `(S, B, D)` to `(S, B)`; the prior's own if not given.
        """
        mean, log_std = self.encode(x)
        z = mean + log_std.exp() * noise
        re = bernoulli_log_prob(x, self.decoder(z)).mean(0)
        log_q = standard_log_prob(noise) - log_std.sum(-1)
        log_p = self.prior().log_prob(z) if log_prior is None else log_prior(z)
        omega = (log_p - log_q).mean(0)
        return Terms(re, omega)

    def decode(self, z: Tensor) -> Tensor:
        """Returns the probability of ink, in [0, 1], with shape `(*, X)`."""
        return torch.sigmoid(self.decoder(z))
