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

__all__ = ["VAE", "Terms"]

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn as nn

from torch import Tensor

from genlab.common.errors import InputError, TrainingError
from genlab.networks.interface import ImageDecoder, ImageEncoder
from genlab.networks.mlp import Decoder, Encoder
from genlab.priors import Prior
from genlab.priors.base import EncoderPrior
from genlab.vae.likelihoods import Likelihood
from genlab.vae.posteriors import ConditionalFlow, FlowPosterior, GaussianPosterior, Posterior


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


class VAE(nn.Module):
    """A VAE over images.

    Arguments:
        encoder: Maps images to the mean and log standard deviation of a Gaussian.
        decoder: Maps latents to the parameters of p(x|z).
        prior: p(z).
        likelihood: p(x|z), given its parameters.
        posterior: gaussian, q(z|x) is the encoder's Gaussian; or flow, a conditional flow bends
            it (`genlab.vae.posteriors`).

    Raises:
        InputError: If the posterior is a flow, and the prior consists of Gaussian posteriors or
            the encoder does not show its last hidden layer.
    """

    def __init__(
        self, encoder: ImageEncoder, decoder: ImageDecoder, prior: Prior, likelihood: Likelihood,
        posterior: Literal["gaussian", "flow"] = "gaussian",
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
        self.flow = _conditional_flow(encoder, prior) if posterior == "flow" else None

    @classmethod
    def perceptron(
        cls, pixels: int, latent: int, prior: Prior, likelihood: Likelihood, *,
        hidden: Sequence[int] = (512, 512), fourier: float | None = None,
        posterior: Literal["gaussian", "flow"] = "gaussian",
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
            posterior: gaussian, or flow.
        """
        scale = (2.0 if latent <= 2 else 0.0) if fourier is None else fourier
        encoder = Encoder(pixels, hidden, latent)
        decoder = Decoder(latent, hidden[::-1], likelihood.width((pixels,)), fourier=scale)
        return cls(encoder, decoder, prior, likelihood, posterior)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns mean and log standard deviation of the encoder's Gaussian, each `(B, D)`.

        That is q(z|x), unless a flow bends it.
        """
        return self.encoder(x)

    def posterior(self, x: Tensor) -> Posterior:
        """Returns q(z|x) of images `(B, X)`."""
        if self.flow is None:
            return GaussianPosterior(*self.encode(x))
        mean, log_std, hidden = self.encoder.describe(x)
        return FlowPosterior(mean, log_std, self.flow.features(hidden), self.flow)

    def posterior_of_many(self, batches: Iterable[Tensor]) -> Posterior:
        """Returns q(z|x) of all images of batches `(B, X)`, encoded a batch at a time."""
        parts = [self.posterior(batch) for batch in batches]
        mean, log_std = (
            torch.cat([getattr(q, key) for q in parts]) for key in ("mean", "log_std")
        )
        if self.flow is None:
            return GaussianPosterior(mean, log_std)
        features = torch.cat([q.features for q in parts if isinstance(q, FlowPosterior)])
        return FlowPosterior(mean, log_std, features, self.flow)

    def terms(
        self, x: Tensor, noise: Tensor, log_prior: Callable[[Tensor], Tensor] | None = None
    ) -> Terms:
        r"""Returns both terms of the bound, by Monte Carlo over S draws.

        With z_s the draws of q(z|x) that the noise becomes:
        RE = 1/S sum_s ln p(x|z_s) and Omega = 1/S sum_s [ln p(z_s) - ln q(z_s|x)].

        Arguments:
            x: Images, with shape `(B, X)`.
            noise: Standard Gaussian draws, with shape `(S, B, D)`.
            log_prior: Stands for ln p(z), `(S, B, D)` to `(S, B)`; the prior's own if not given.
        """
        z, log_q = self.posterior(x).draw(noise)
        re = self.likelihood.log_prob(x, self.decoder(z)).mean(0)
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


def _conditional_flow(encoder: ImageEncoder, prior: Prior) -> ConditionalFlow:
    """Returns the flow of a posterior, the identity; raises `InputError` if it cannot be."""
    if isinstance(prior, EncoderPrior):
        raise InputError(
            f"`posterior` flow: the prior {prior.title.en} consists of Gaussian posteriors of "
            "the encoder; take another prior, or `posterior` gaussian"
        )
    if encoder.hidden is None:
        raise InputError(
            f"`posterior` flow: the encoder {type(encoder).__name__} does not show its last "
            "hidden layer (`describe`); take `posterior` gaussian"
        )
    return ConditionalFlow(encoder.hidden, encoder.latent)
