r"""The plain prototype of a projected GAN.

FastGAN's generator with skip-layer excitation against heads on frozen ImageNet features, which
see the fakes once a step; hinge, colour and translation.

References:
    | Projected GANs Converge Faster (Sauer et al., 2021), sections 3.2, 4,
    | https://arxiv.org/abs/2111.01007

Shapes: B images, Z latents, C channels, S pixels a side; images `(B, 3, S, S)` in [-1, 1].
"""

__all__ = ["Prototype"]

import copy

import torch
import torch.nn.functional as F

from gan_peer import Peer, SkipGenerator, colour_and_translation, follow, hinge, normal_start
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from genlab.networks.pretrained.efficientnet_lite0 import Unit, load_efficientnet_lite0


def same_padding(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """Returns TensorFlow's "SAME" padding before and after an axis of `length` pixels."""
    total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2


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
