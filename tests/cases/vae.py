"""VAEs built from their parts, for tests."""

import torch

from genlab.configs.prior import PriorOptions
from genlab.networks.mlp import Decoder, Encoder
from genlab.priors import PRIORS, Setting
from genlab.vae.likelihoods import Bernoulli
from genlab.vae.model import VAE


def vae_of(
    prior: str, options: PriorOptions, *, latent: int, pixels: int, hidden: int, examples: int
) -> VAE:
    """Builds a VAE with one hidden layer and, for examples, random images."""
    images = torch.rand(examples, pixels)
    encoder = Encoder(pixels, (hidden,), latent)
    decoder = Decoder(latent, (hidden,), pixels)
    setting = Setting(
        latent=latent, options=options, encode=encoder.forward, examples=images,
        rows=torch.arange(examples),
    )
    return VAE(encoder, decoder, PRIORS[prior](setting), Bernoulli())
