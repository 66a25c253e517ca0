"""What `benchmarks/vae.py` measures genlab against: pythae, and the loop of the paper's code.

The second is restated from "VAE with a VampPrior" (Tomczak & Welling, 2018) and the code
published with it: what it computes, in which order and how often, on the perceptrons of this
benchmark. Pseudo-inputs come from a linear layer on an identity matrix, densities are broadcast
to (images, components, dimensions), and the likelihood takes one image at a time, encoded anew
with the pseudo-inputs for every 100 of its draws.

Shapes: B images, K pseudo-inputs, D latent dimensions.
"""

__all__ = ["BATCH", "HIDDEN", "PEERS"]

import math
import tempfile
import time

import torch
import torch.nn as nn

from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

HIDDEN, BATCH, COMPONENTS = 300, 128, 500
AT_ONCE = 100
"""Draws of an image that the published code takes at a time."""


def perceptron(inner: int, outer: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inner, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, HIDDEN), nn.SiLU(),
        nn.Linear(HIDDEN, outer),
    )


# pythae


def pythae_model(prior: str, latent: int) -> nn.Module:
    from pythae.models import VAE, VAMP, VAEConfig, VAMPConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Flatten(), *perceptron(784, 2 * latent))

        def forward(self, x: Tensor) -> ModelOutput:
            mean, log_var = self.body(x).chunk(2, 1)
            return ModelOutput(embedding=mean, log_covariance=log_var)

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(*perceptron(latent, 784), nn.Sigmoid())

        def forward(self, z: Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.body(z).view(-1, 1, 28, 28))

    common = {"input_dim": (1, 28, 28), "latent_dim": latent, "reconstruction_loss": "bce"}
    if prior == "vamp":
        config = VAMPConfig(number_components=COMPONENTS, **common)
        return VAMP(config, encoder=Encoder(), decoder=Decoder())
    return VAE(VAEConfig(**common), encoder=Encoder(), decoder=Decoder())


def pythae_training(prior: str, latent: int, grey: Tensor) -> float:
    """Returns digits a second."""
    from pythae.pipelines import TrainingPipeline
    from pythae.trainers import BaseTrainerConfig

    images = (grey > 0.5).float().view(-1, 1, 28, 28)
    with tempfile.TemporaryDirectory() as folder:
        trainer = BaseTrainerConfig(
            output_dir=folder, num_epochs=1, learning_rate=1e-3, no_cuda=True,
            per_device_train_batch_size=BATCH,
        )
        pipeline = TrainingPipeline(training_config=trainer, model=pythae_model(prior, latent))
        began = time.perf_counter()
        pipeline(train_data=images)
        return len(grey) / (time.perf_counter() - began)


@torch.no_grad()
def pythae_likelihood(prior: str, latent: int, x: Tensor, draws: int) -> float:
    """Returns digits a second."""
    model = pythae_model(prior, latent).eval()
    began = time.perf_counter()
    model.get_nll(x.view(-1, 1, 28, 28), n_samples=draws, batch_size=AT_ONCE)
    return len(x) / (time.perf_counter() - began)


# The published code


def log_normal(z: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """ln N(z; mean, e^log_var) but for the constant, summed over the last dimension."""
    return -0.5 * (log_var + (z - mean) ** 2 / log_var.exp()).sum(-1)


class Published(nn.Module):
    """The model of the published code."""

    def __init__(self, prior: str, latent: int) -> None:
        super().__init__()
        self.encoder, self.decoder = perceptron(784, 2 * latent), perceptron(latent, 784)
        self.pseudo = nn.Linear(COMPONENTS, 784, bias=False) if prior == "vamp" else None
        self.one_hot = torch.eye(COMPONENTS)

    def log_prior(self, z: Tensor) -> Tensor:
        if self.pseudo is None:
            return -0.5 * (z**2).sum(-1)
        pseudo_inputs = self.pseudo(self.one_hot).clamp(0, 1)
        mean, log_var = self.encoder(pseudo_inputs).chunk(2, 1)
        each = log_normal(z[:, None], mean[None], log_var[None]) - math.log(COMPONENTS)
        top = each.max(1).values  # (B,), of (B, K)
        return top + (each - top[:, None]).exp().sum(1).log()

    def bound(self, x: Tensor) -> Tensor:
        """The ELBO with one draw for each row, but for constants, with shape `(B,)`."""
        mean, log_var = self.encoder(x).chunk(2, 1)
        z = mean + (0.5 * log_var).exp() * torch.randn_like(mean)
        p = torch.sigmoid(self.decoder(z)).clamp(1e-5, 1 - 1e-5)
        re = (x * p.log() + (1 - x) * (1 - p).log()).sum(1)
        return re + self.log_prior(z) - log_normal(z, mean, log_var)


def published_training(prior: str, latent: int, grey: Tensor) -> float:
    """Returns digits a second."""
    model = Published(prior, latent)
    adam = torch.optim.Adam(model.parameters(), lr=5e-4)
    loader = DataLoader(TensorDataset(grey), batch_size=BATCH, shuffle=True)
    began = time.perf_counter()
    for (images,) in loader:
        loss = -model.bound(torch.bernoulli(images)).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        loss.item()
    return len(grey) / (time.perf_counter() - began)


@torch.no_grad()
def published_likelihood(prior: str, latent: int, x: Tensor, draws: int) -> float:
    """Returns digits a second."""
    model = Published(prior, latent).eval()
    began = time.perf_counter()
    for image in x:
        weights = [
            model.bound(image.expand(AT_ONCE, -1)) for _ in range(draws // AT_ONCE)
        ]
        (torch.cat(weights).logsumexp(0) - math.log(draws)).item()
    return len(x) / (time.perf_counter() - began)


PEERS = {
    "pythae": (pythae_training, pythae_likelihood),
    "published code": (published_training, published_likelihood),
}
