"""GANs of others, restated from papers and documents: what `benchmarks/gan.py` runs beside genlab.

Each is plain PyTorch, as such code is written: channels first, no folded layers, the optimiser's
and the average's loops as they come. Where a document leaves a choice, the cheaper one is taken.
Here stands what several of them share.

Shapes: B images, Z latents, C channels, S pixels a side; images `(B, 3, S, S)` in [-1, 1].
"""

__all__ = [
    "Peer", "SkipGenerator", "Up", "colour_and_translation", "follow", "hinge", "normal_start",
]  # fmt: skip

from itertools import pairwise

import torch
import torch.nn.functional as F

from torch import Tensor, nn


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


def normal_start(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


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
