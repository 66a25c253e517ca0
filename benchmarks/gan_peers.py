r"""GANs of others, restated from their papers and documents: what `benchmarks/gan.py` runs beside.

Each is plain PyTorch, as such code is written: channels first, no folded layers, the optimiser's
and the average's loops as they come. Where a document leaves a choice, the cheaper one is taken.

    dcgan        transposed convolutions, batch-norm, BCE; reals and fakes in passes of their own;
                 the discriminator's weights get gradients in the generator's step too
    lightweight  nearest enlargement, 3x3 convolution, batch-norm, GLU at up to 512 channels; a
                 residual discriminator of 5x5 scores, a second one of the image at 32 pixels, a
                 decoder of its features (MSE); hinge; gradient penalty 10 every 4th step; colour
                 and translation. Its attention and pixel shuffles are left out
    prototype    FastGAN's generator with skip-layer excitation against heads on frozen ImageNet
                 features, which see the fakes once a step; hinge, colour and translation

References:
    | Unsupervised Representation Learning with DCGANs (Radford et al., 2015), section 3 and 4,
    | https://arxiv.org/abs/1511.06434; pytorch/examples, dcgan
    | lucidrains/lightweight-gan, README; Liu et al. (2021), https://arxiv.org/abs/2101.04775
    | Projected GANs Converge Faster (Sauer et al., 2021), sections 3.2, 4, https://arxiv.org/abs/2111.01007

Shapes: B images, Z latents, C channels, S pixels a side; images `(B, 3, S, S)` in [-1, 1].
"""

__all__ = ["DCGAN", "LightweightGAN", "Peer", "Prototype"]

import copy

from itertools import pairwise

import torch
import torch.nn.functional as F

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from genlab.features.efficientnet_lite0 import Unit, load_efficientnet_lite0


def same_padding(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """Returns TensorFlow's "SAME" padding before and after an axis of `length` pixels."""
    total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2


class Peer:
    """A generator in training."""

    generator: nn.Module
    sampler: nn.Module
    """What samples are drawn from."""
    latent: int

    def step(self, real: Tensor) -> None:
        """Updates both players on a batch of reals."""
        raise NotImplementedError

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        """Draws images, uint8 `(n, 3, S, S)`."""
        fakes = [self.sampler(torch.randn(50, self.latent)) for _ in range(-(-n // 50))]
        return ((torch.cat(fakes)[:n] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


# DCGAN


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


def normal_start(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


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


# What the two others share


class Up(nn.Sequential):
    """Nearest enlargement, convolution, batch-norm, GLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Upsample(scale_factor=2), nn.Conv2d(inputs, 2 * outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(2 * outputs), nn.GLU(1),
        )


class Excite(nn.Sequential):
    """The weights that a coarse map gives a finer one's channels."""

    def __init__(self, low: int, high: int) -> None:
        super().__init__(
            nn.AdaptiveAvgPool2d(4), nn.Conv2d(low, high, 4, bias=False), nn.LeakyReLU(0.1),
            nn.Conv2d(high, high, 1, bias=False), nn.Sigmoid(),
        )


class SkipGenerator(nn.Module):
    """Stages from 4x4, each map weighed by the one an eighth (or sixteenth) of its side."""

    def __init__(self, latent: int, channels: list[int], reach: int) -> None:
        super().__init__()
        self.reach = reach
        self.start = nn.Sequential(
            nn.Unflatten(1, (latent, 1, 1)),
            nn.ConvTranspose2d(latent, 2 * channels[0], 4, bias=False),
            nn.BatchNorm2d(2 * channels[0]), nn.GLU(1),
        )
        self.ups = nn.ModuleList(Up(a, b) for a, b in pairwise(channels))
        links = zip(channels, channels[reach:])
        self.excites = nn.ModuleList(Excite(a, b) for a, b in links)
        self.image = nn.Conv2d(channels[-1], 3, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        maps = [self.start(F.normalize(z) * z.shape[1] ** 0.5)]
        for index, up in enumerate(self.ups, 1):
            x = up(maps[-1])
            if index >= self.reach:
                x = x * self.excites[index - self.reach](maps[index - self.reach])
            maps.append(x)
        return torch.tanh(self.image(maps[-1]))


def colour_and_translation(x: Tensor) -> Tensor:
    """Brightness, saturation, contrast; shifts by up to an eighth, by indices."""
    count, _, height, width = x.shape
    x = x + torch.rand(count, 1, 1, 1) - 0.5
    grey = x.mean(1, keepdim=True)
    x = (x - grey) * 2 * torch.rand(count, 1, 1, 1) + grey
    mean = x.mean((1, 2, 3), keepdim=True)
    x = (x - mean) * (torch.rand(count, 1, 1, 1) + 0.5) + mean
    reach = height // 8
    down = torch.randint(0, 2 * reach + 1, (count, 1, 1))
    right = torch.randint(0, 2 * reach + 1, (count, 1, 1))
    rows = torch.arange(height)[None, :, None] + down
    columns = torch.arange(width)[None, None, :] + right
    padded = F.pad(x, (reach, reach, reach, reach)).permute(0, 2, 3, 1)
    return padded[torch.arange(count)[:, None, None], rows, columns].permute(0, 3, 1, 2)


@torch.no_grad()
def follow(average: nn.Module, current: nn.Module, decay: float) -> None:
    """Moves an average, one tensor after the other."""
    for a, c in zip(average.parameters(), current.parameters()):
        a.copy_(c.lerp(a, decay))
    for a, c in zip(average.buffers(), current.buffers()):
        a.copy_(c)


def hinge(real: Tensor, fake: Tensor) -> Tensor:
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


# In the manner of lightweight-gan


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


# The projected prototype


class PlainUnit(nn.Module):
    """A unit of the feature network with batch-norm unfolded, channels first."""

    def __init__(self, unit: Unit) -> None:
        super().__init__()
        outputs, inputs, kernel, _ = unit.weight.shape
        self.kernel, self.stride, self.active = kernel, unit.stride, unit.active
        self.conv = nn.Conv2d(
            inputs * unit.groups, outputs, kernel, unit.stride, groups=unit.groups, bias=False
        )
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3)
        with torch.no_grad():
            self.conv.weight.copy_(unit.weight)
            self.norm.bias.copy_(unit.bias)
            self.norm.running_var.fill_(1 - 1e-3)

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = (same_padding(n, self.kernel, self.stride) for n in x.shape[2:])
        x = self.norm(self.conv(F.pad(x, (*columns, *rows))))
        return F.relu6(x) if self.active else x


def plain_features() -> nn.ModuleList:
    """The stem and the blocks of EfficientNet-Lite0 as plain layers, frozen."""
    network = load_efficientnet_lite0()
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Unit):
                setattr(parent, name, PlainUnit(child))
    return nn.ModuleList([network.stem, *network.blocks]).requires_grad_(False).eval()


class Projection(nn.Module):
    """Frozen features of four scales, mixed by frozen random weights."""

    channels, after = (24, 40, 112, 320), (2, 4, 10, 15)

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size, self.layers = size, plain_features()
        self.mix = nn.ModuleList(nn.Conv2d(c, 64, 1) for c in self.channels)
        self.down = nn.ModuleList(nn.Conv2d(64, 64, 3, padding=1) for _ in self.channels[1:])
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        x = F.interpolate(images, size=self.size, mode="bilinear")
        x = (127.5 * (x + 1) - 127) / 128
        taps = []
        for index, layer in enumerate(self.layers, -1):
            x = layer(x)
            if index in self.after:
                taps.append(x)
        maps = [conv(tap) for conv, tap in zip(self.mix, taps)]
        for scale in (2, 1, 0):
            coarse = F.interpolate(maps[scale + 1], size=maps[scale].shape[2:], mode="bilinear")
            maps[scale] = maps[scale] + self.down[scale](coarse)
        return maps


def head(halvings: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(halvings):
        layers += [spectral_norm(nn.Conv2d(64, 64, 4, 2, 1)), nn.LeakyReLU(0.2)]
    if not halvings:
        layers += [spectral_norm(nn.Conv2d(64, 64, 3, 1, 1)), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, spectral_norm(nn.Conv2d(64, 1, 3, 1, 1)), nn.Flatten())


class Prototype(Peer):
    """A projected GAN as first written down: width 16, latent 128, Adam (0, 0.99)."""

    latent = 128

    def __init__(self, size: int, feature_size: int, rate: float = 2e-4) -> None:
        multiples = [16, 8, 4, 2, 1, 1, 1][: (size // 4).bit_length()]
        self.generator = SkipGenerator(self.latent, [16 * m for m in multiples], 3)
        self.generator.apply(normal_start)
        self.sampler = copy.deepcopy(self.generator).eval()
        self.view = Projection(feature_size)
        self.heads = nn.ModuleList(head(halvings) for halvings in (3, 2, 1, 0))
        rates = {"lr": rate, "betas": (0.0, 0.99)}
        self.adam_g = torch.optim.Adam(self.generator.parameters(), **rates)
        self.adam_d = torch.optim.Adam(self.heads.parameters(), **rates)
        self.seen = 0

    def scores(self, features: list[Tensor]) -> list[Tensor]:
        return [head(x) for head, x in zip(self.heads, features)]

    def step(self, real: Tensor) -> None:
        flip = torch.rand(len(real), 1, 1, 1) < 0.5
        real = torch.where(flip, real.flip(3), real)
        with torch.no_grad():
            of_real = self.view(colour_and_translation(real))
        fake = self.generator(torch.randn(len(real), self.latent))
        of_fake = self.view(colour_and_translation(fake))
        pairs = zip(self.scores(of_real), self.scores([f.detach() for f in of_fake]))
        self.adam_d.zero_grad()
        torch.stack([hinge(r, f) for r, f in pairs]).sum().backward()
        self.adam_d.step()
        self.heads.requires_grad_(False)
        self.adam_g.zero_grad()
        torch.stack([-s.mean() for s in self.scores(of_fake)]).sum().backward()
        self.adam_g.step()
        self.heads.requires_grad_(True)
        self.seen += len(real)
        half_life = min(10_000, 0.05 * self.seen)
        follow(self.sampler, self.generator, 0.5 ** (len(real) / half_life))
