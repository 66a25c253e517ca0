r"""A GAN in the manner of lightweight-gan.

Nearest enlargement, 3x3 convolution, batch-norm, GLU at up to 512 channels; a residual
discriminator of 5x5 scores, a second one of the image at 32 pixels, a decoder of its features
(MSE); hinge; gradient penalty 10 every 4th step; colour and translation. Its attention and pixel
shuffles are left out.

References:
    | lucidrains/lightweight-gan, README; Liu et al. (2021), https://arxiv.org/abs/2101.04775

Shapes: B images, Z latents, C channels, S pixels a side; images `(B, 3, S, S)` in [-1, 1].
"""

__all__ = ["LightweightGAN"]

import copy

from itertools import pairwise

import torch
import torch.nn.functional as F

from gan_peer import Peer, SkipGenerator, Up, colour_and_translation, follow, hinge
from torch import Tensor, nn


class Halving(nn.Module):
    """Two convolutions beside a 1x1 of the average."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(inputs, outputs, 4, 2, 1), nn.LeakyReLU(0.1),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.LeakyReLU(0.1),
        )
        self.side = nn.Sequential(
            nn.AvgPool2d(2), nn.Conv2d(inputs, outputs, 1), nn.LeakyReLU(0.1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.main(x) + self.side(x)


class LightweightDiscriminator(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        channels = [3]
        while size > 8:
            size //= 2
            channels.append(min(512, 4096 // size))
        self.trunk = nn.Sequential(*(Halving(a, b) for a, b in pairwise(channels)))
        last = channels[-1]
        self.score = nn.Sequential(
            nn.Conv2d(last, last, 1), nn.LeakyReLU(0.1), nn.Conv2d(last, 1, 4)
        )
        self.small = nn.Sequential(
            nn.Conv2d(3, 64, 3, padding=1), nn.LeakyReLU(0.1), Halving(64, 32), Halving(32, 32),
            nn.Conv2d(32, 1, 4),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            *(Up(a, b) for a, b in pairwise([last, last // 2, last // 4, last // 8])),
            nn.Conv2d(last // 8, 3, 3, padding=1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns both scores and the features."""
        features = self.trunk(images)
        small = F.interpolate(images, size=32, mode="bilinear")
        return self.score(features).flatten(1), self.small(small).flatten(1), features


class LightweightGAN(Peer):
    """A step in the manner of lightweight-gan: Adam 2e-4 (0.5, 0.9), without accumulation."""

    latent = 256

    def __init__(self, size: int) -> None:
        sides = [4 * 2**i for i in range((size // 4).bit_length())]
        channels = [256, *(min(512, 8192 // side) for side in sides[1:])]
        self.generator = SkipGenerator(self.latent, channels, 4)
        self.discriminator = LightweightDiscriminator(size)
        self.sampler = copy.deepcopy(self.generator).eval()
        rates = {"lr": 2e-4, "betas": (0.5, 0.9)}
        self.adam_g = torch.optim.Adam(self.generator.parameters(), **rates)
        self.adam_d = torch.optim.Adam(self.discriminator.parameters(), **rates)
        self.steps = 0

    def step(self, real: Tensor) -> None:
        penalise = self.steps % 4 == 0
        with torch.no_grad():
            fake = self.generator(torch.randn(len(real), self.latent))
        seen = [colour_and_translation(x).requires_grad_(penalise) for x in (real, fake)]
        (s_real, t_real, features), (s_fake, t_fake, _) = map(self.discriminator, seen)
        loss = hinge(s_real, s_fake) + hinge(t_real, t_fake)
        decoded = self.discriminator.decoder(features)
        loss = loss + F.mse_loss(decoded, F.interpolate(seen[0].detach(), size=decoded.shape[2:]))
        if penalise:
            scores = s_real.sum() + s_fake.sum() + t_real.sum() + t_fake.sum()
            slopes = torch.autograd.grad(scores, seen, create_graph=True)
            loss = loss + 10 * sum(s.square().sum((1, 2, 3)).mean() for s in slopes)
        self.adam_d.zero_grad()
        loss.backward()
        self.adam_d.step()
        fake = self.generator(torch.randn(len(real), self.latent))
        score, small, _ = self.discriminator(colour_and_translation(fake))
        self.adam_g.zero_grad()
        (-score.mean() - small.mean()).backward()
        self.adam_g.step()
        self.steps += 1
        if self.steps % 10 == 0:
            follow(self.sampler, self.generator, 0.995)
