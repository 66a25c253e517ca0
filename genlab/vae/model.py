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

Shapes: B batch, S draws, X values of an image, D latent dimensions.
"""

__all__ = ["VAE", "Terms", "gaussian_entropy"]

import math

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch.nn as nn

from torch import Tensor

from genlab.common.errors import TrainingError
from genlab.networks.interface import ImageDecoder, ImageEncoder
from genlab.networks.mlp import Decoder, Encoder
from genlab.priors import Prior
from genlab.priors.gaussian import standard_log_prob
from genlab.vae.likelihoods import Likelihood


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
    """A VAE over images with a diagonal Gaussian posterior.

    Arguments:
        encoder: Maps images to the mean and log standard deviation of q(z|x).
        decoder: Maps latents to the parameters of p(x|z).
        prior: p(z).
        likelihood: p(x|z), given its parameters.
    """

    def __init__(
        self, encoder: ImageEncoder, decoder: ImageDecoder, prior: Prior, likelihood: Likelihood
    ) -> None:
        super().__init__()
        self.latent = encoder.latent
        self.encoder = encoder
        self.decoder = decoder
        self.prior = prior
        self.likelihood = likelihood
        if (shape := getattr(encoder, "latent_map", None)) is not None:
            prior.place(shape)
        prior.attach(self.encode, encoder.pixels)

    @classmethod
    def perceptron(
        cls, pixels: int, latent: int, prior: Prior, likelihood: Likelihood, *,
        hidden: Sequence[int] = (512, 512), fourier: float | None = None,
    ) -> "VAE":
        """Builds a VAE of two perceptrons.

        Arguments:
            pixels: The number of pixels X.
            latent: The number of latent dimensions D.
            prior: p(z).
            likelihood: p(x|z), given its parameters.
            hidden: The widths of the encoder's hidden layers; the decoder has them reversed.
            fourier: The scale of the decoder's random Fourier features of z; 0 for none. If not
                given, 2 for one or two latent dimensions, else 0.
        """
        scale = (2.0 if latent <= 2 else 0.0) if fourier is None else fourier
        encoder = Encoder(pixels, hidden, latent)
        decoder = Decoder(latent, hidden[::-1], likelihood.width((pixels,)), fourier=scale)
        return cls(encoder, decoder, prior, likelihood)

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
            x: Images, with shape `(B, X)`.
            noise: Standard Gaussian draws, with shape `(S, B, D)`.
            log_prior: Stands for ln p(z), `(S, B, D)` to `(S, B)`; the prior's own if not given.
        """
        mean, log_std = self.encode(x)
        z = mean + log_std.exp() * noise
        re = self.likelihood.log_prob(x, self.decoder(z)).mean(0)
        log_q = standard_log_prob(noise) - log_std.sum(-1)
        log_p = self.prior().log_prob(z) if log_prior is None else log_prior(z)
        omega = (log_p - log_q).mean(0)
        return Terms(re, omega)

    def decode(self, z: Tensor) -> Tensor:
        """Returns the mean image E[x|z] as grey values in [0, 1], with shape `(*, X)`.

        Raises:
            TrainingError: If a value is not finite.
        """
        return self.mean_image(self.decoder(z))

    def mean_image(self, eta: Tensor) -> Tensor:
        """Returns `decode` of what the decoder returns, `(*, K)`."""
        grey = self.likelihood.to_grey(self.likelihood.mean(eta))
        if not grey.isfinite().all():  # no picture is made of them: NaN would be black
            raise TrainingError(
                "images that the decoder returns are not finite; train again with a lower "
                "`learning_rate`", "decoded images",
            )  # fmt: skip
        return grey
