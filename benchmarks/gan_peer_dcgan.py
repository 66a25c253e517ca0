r"""The DCGAN example: transposed convolutions, batch-norm, binary cross-entropy.

Reals and fakes in passes of their own; the discriminator's weights get gradients in the
generator's step too.

References:
    | Unsupervised Representation Learning with DCGANs (Radford et al., 2015), section 3 and 4,
    | https://arxiv.org/abs/1511.06434; pytorch/examples, dcgan

Shapes: B images, Z latents, C channels, S pixels a side; images `(B, 3, S, S)` in [-1, 1].
"""

__all__ = ["DCGAN"]

from itertools import pairwise

import torch

from gan_peer import Peer, normal_start
from torch import Tensor, nn


def dcgan_generator(latent: int, width: int, size: int) -> nn.Sequential:
    """From 1x1 to 4x4 and on, batch-norm and ReLU between."""
    stages = (size // 8).bit_length()  # 64: 4 stages to 4, 8, 16, 32, and the image
    channels = [width * 2 ** (stages - 1 - i) for i in range(stages)]
    layers: list[nn.Module] = [nn.Unflatten(1, (latent, 1, 1))]
    layers += [nn.ConvTranspose2d(latent, channels[0], 4, 1, 0, bias=False)]
    for a, b in pairwise(channels):
        layers += [nn.BatchNorm2d(a), nn.ReLU(True)]
        layers += [nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False)]
    layers += [nn.BatchNorm2d(width), nn.ReLU(True)]
    layers += [nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False), nn.Tanh()]
    return nn.Sequential(*layers)


def dcgan_discriminator(width: int, size: int) -> nn.Sequential:
    stages = (size // 8).bit_length()
    channels = [width * 2**i for i in range(stages)]
    layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
    for a, b in pairwise(channels):
        layers += [nn.Conv2d(a, b, 4, 2, 1, bias=False)]
        layers += [nn.BatchNorm2d(b), nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(channels[-1], 1, 4, bias=False), nn.Flatten(0))


class DCGAN(Peer):
    """The DCGAN example's step: width 64, latent 100, Adam 2e-4 (0.5, 0.999)."""

    latent = 100

    def __init__(self, size: int) -> None:
        self.generator = dcgan_generator(self.latent, 64, size).apply(normal_start)
        self.discriminator = dcgan_discriminator(64, size).apply(normal_start)
        self.sampler = self.generator
        rates = {"lr": 2e-4, "betas": (0.5, 0.999)}
        self.adam_g = torch.optim.Adam(self.generator.parameters(), **rates)
        self.adam_d = torch.optim.Adam(self.discriminator.parameters(), **rates)
        self.loss = nn.BCEWithLogitsLoss()

    def step(self, real: Tensor) -> None:
        ones, zeros = torch.ones(len(real)), torch.zeros(len(real))
        self.adam_d.zero_grad()
        self.loss(self.discriminator(real), ones).backward()
        fake = self.generator(torch.randn(len(real), self.latent))
        self.loss(self.discriminator(fake.detach()), zeros).backward()
        self.adam_d.step()
        self.adam_g.zero_grad()
        self.loss(self.discriminator(fake), ones).backward()
        self.adam_g.step()
