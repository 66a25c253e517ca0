"""VAEs built from their parts, for tests."""

from collections.abc import Mapping
from typing import Any

import torch

from genlab.networks.mlp import Decoder, Encoder
from genlab.priors import PRIORS
from genlab.vae.likelihoods import Bernoulli
from genlab.vae.model import VAE


def vae_of(
    prior: str, options: Mapping[str, Any], *, latent: int, pixels: int, hidden: int,
    examples: int = 100,
) -> VAE:
    """Builds a VAE with one hidden layer, whose prior starts from random images."""
    images = torch.rand(examples, pixels)
    encoder = Encoder(pixels, (hidden,), latent)
    decoder = Decoder(latent, (hidden,), pixels)
    model = VAE(encoder, decoder, PRIORS[prior](latent, **options), Bernoulli())
    model.prior.initialise(images, torch.arange(examples))
    return model
