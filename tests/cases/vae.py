"""VAEs built from their parts, for tests."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from torch import Tensor

from genlab.configs.vae import VaeConfig
from genlab.networks.mlp import Decoder, Encoder
from genlab.priors import PRIORS
from genlab.runs.run import Run
from genlab.vae import loop
from genlab.vae.evidence import spread
from genlab.vae.likelihoods import Bernoulli
from genlab.vae.model import VAE
from genlab.vae.train import train_vae


@contextmanager
def few_draws() -> Iterator[None]:
    """Measures with few draws of the prior inside the block, where their number is no matter."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spread, "DRAWS", 20)
        yield


def train_with_cuts(
    config: VaeConfig, out: Path, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trains to the end, cut at every so many saves, which are inside and at ends of epochs."""
    save, count = Run.save_state, 0

    def save_and_die(self: Run, *args: object) -> None:
        nonlocal count
        save(self, *args)
        count += 1
        if count % every == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(Run, "save_state", save_and_die)
    monkeypatch.setattr(loop, "SAVE_EVERY_S", -1.0)
    for _ in range(1000):
        try:
            train_vae(config, out)
            break
        except KeyboardInterrupt:
            continue


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


def small_vae(latent: int, pixels: int, prior: str = "standard", scale: float = 1.0) -> VAE:
    """A VAE with random weights; those of the decoder are multiplied by `scale`."""
    torch.manual_seed(latent)
    model = vae_of(prior, {}, latent=latent, pixels=pixels, hidden=16)
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.mul_(scale)
    return model.eval()


def all_images(side: int) -> Tensor:
    """Every binary image of side x side pixels."""
    count = side * side
    return torch.tensor([[(n >> i) & 1 for i in range(count)] for n in range(2**count)]).float()
