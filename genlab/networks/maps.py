r"""Convolutional networks for images: the encoder q(z|x) and the decoder p(x|z) of a VAE.

An image passes through maps of halving sides, from 28 pixels to 28, 14, 7, from 64 to 32, 16, 8:
no convolution works at more than 32 pixels a side, where the fewest channels would cost the most
time, unless the image is larger still. With `halve` small images are halved too, from 28 to 14, 7:
twice as many channels then cost half of the time. The decoder goes the same way back. The latent
is a vector, by a linear layer from and to the smallest map, or a map itself: then z keeps its
place in the picture, and each of its values describes what lies there.

The blocks at one side are plain convolutions, or residual ones (He et al., 2016),

    y = x + f(x),    f(x) = conv2(a(norm(conv1(a(norm(x)))))),    a = SiLU,

whose last convolution starts at zero, so that every block starts as the identity. Normalisation is
over groups of channels of one image (Wu & He, 2018): what a VAE says of an image must not depend
on the images beside it, as it would with statistics of a batch.

References:
    | Deep Residual Learning for Image Recognition (He et al., 2016), arXiv 1512.03385
    | Group Normalization (Wu & He, 2018), https://arxiv.org/abs/1803.08494

Shapes: B batch, images `(C, H, W)` as rows of X = C H W values, K = k H W natural parameters, D
latent dimensions; a latent map `(c, h, w)` is a row of D = c h w values; `*` any leading
dimensions.
"""

__all__ = ["MapDecoder", "MapEncoder", "map_sides"]

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from torch import Tensor

from genlab.common.errors import InputError
from genlab.networks.interface import LOG_STD_RANGE, ImageDecoder, ImageEncoder, Shape

LARGEST_FIRST = 32
"""Images of at most so many pixels a side are first looked at as they are, larger ones halved."""
LARGEST_LAST = 8
"""The map that a linear layer makes a vector of has at most so many pixels a side."""
WIDEST = 4
"""Channels of the smaller maps, as a multiple of the first map's."""
GROUPS = 8
"""Groups of channels that are normalised together."""


def halved(side: tuple[int, int]) -> tuple[int, int]:
    """Returns half of a height and width, rounded up."""
    return -(-side[0] // 2), -(-side[1] // 2)


def map_sides(
    image: tuple[int, int], last: tuple[int, int] | None = None, *, halve: bool = False
) -> list[tuple[int, int]]:
    """Returns heights and widths of the maps of an image, from large to small.

    Arguments:
        image: Height and width of the image.
        last: Those of the smallest map; None: the largest that a vector is made of.
        halve: Whether the first map of a small image, too, has half of its side.

    Raises:
        InputError: If halving does not lead there.
    """
    sides = [halved(image) if halve or max(image) > LARGEST_FIRST else image]
    while max(sides[-1]) > (LARGEST_LAST if last is None else max(last)):
        sides.append(halved(sides[-1]))
    if last is not None and sides[-1] != last:
        able = [sides[0]]
        while max(able[-1]) > 2:
            able.append(halved(able[-1]))
        words = ", ".join(f"{height}x{width}" for height, width in able)
        raise InputError(
            f"`latent`: a map of {last[0]}x{last[1]} positions, and images of "
            f"{image[0]}x{image[1]} pixels have maps of {words}"
        )
    return sides


def widths(width: int, levels: int) -> list[int]:
    """Returns the channels of each map, from large to small."""
    return [width * min(2**level, WIDEST) for level in range(levels)]


def norm(channels: int) -> nn.Module:
    """Returns a normalisation over groups of channels."""
    return nn.GroupNorm(math.gcd(GROUPS, channels), channels)


class Plain(nn.Module):
    """A convolution that keeps side and channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = norm(channels)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Returns a map of the same shape."""
        return self.conv(F.silu(self.norm(x)))


class Residual(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = norm(channels), norm(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)  # pyright: ignore[reportArgumentType]

    def forward(self, x: Tensor) -> Tensor:
        """Returns a map of the same shape."""
        return x + self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))


def blocks(channels: int, count: int, *, residual: bool) -> nn.Sequential:
    """Returns the blocks at one side."""
    return nn.Sequential(*((Residual if residual else Plain)(channels) for _ in range(count)))


class MapEncoder(ImageEncoder):
    """Maps images to the mean and log standard deviation of a diagonal Gaussian q(z|x).

    Arguments:
        image: Channels, height and width of an image.
        latent: The number of latent dimensions D, or the shape of a latent map.
        width: Channels of the first map; smaller ones have up to four times as many.
        depth: Blocks at each side.
        residual: Residual blocks, or plain convolutions.
        halve: Whether the first map of a small image, too, has half of its side.

    Raises:
        InputError: If images have no map of the latent's height and width.
    """

    def __init__(
        self, image: Shape, latent: int | Shape, width: int, *, depth: int = 1, residual: bool,
        halve: bool = False,
    ) -> None:
        super().__init__()
        last = None if isinstance(latent, int) else latent[1:]
        sides = map_sides(image[1:], last, halve=halve)
        each = widths(width, len(sides))
        self.image, self.pixels = image, math.prod(image)
        self.latent = latent if isinstance(latent, int) else math.prod(latent)
        self.latent_map = None if isinstance(latent, int) else latent
        halves = sides[0] != image[1:]
        self.enter = (
            nn.Conv2d(image[0], width, 4, stride=2, padding=1) if halves
            else nn.Conv2d(image[0], width, 3, padding=1)
        )
        self.blocks = nn.ModuleList(blocks(c, depth, residual=residual) for c in each)
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in zip(each, each[1:])
        )
        self.norm = norm(each[-1])
        self.hidden = each[-1] * math.prod(sides[-1])
        self.leave = (
            nn.Linear(self.hidden, 2 * latent) if isinstance(latent, int)
            else nn.Conv2d(each[-1], 2 * latent[0], 3, padding=1)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns mean and log standard deviation, each with shape `(B, D)`, of `(B, X)`."""
        return self.describe(x)[:2]

    def describe(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns what `forward` returns, and the last hidden map, with shape `(B, hidden)`."""
        images = 2 * x.view(-1, *self.image) - 1
        if self.enter.stride == (2, 2):
            images = F.pad(images, (0, images.shape[-1] % 2, 0, images.shape[-2] % 2))
        h = self.enter(images.contiguous(memory_format=torch.channels_last))
        for level, inner in enumerate(self.blocks):
            h = inner(h)
            if level < len(self.down):
                h = self.down[level](h)
        h = F.silu(self.norm(h))
        mean, log_std = self.leave(
            h.flatten(1) if isinstance(self.leave, nn.Linear) else h
        ).flatten(1).chunk(2, dim=1)
        return mean, log_std.clamp(*LOG_STD_RANGE), h.flatten(1)


class MapDecoder(ImageDecoder):
    """Maps latents to the natural parameters of p(x|z).

    Arguments:
        latent: The number of latent dimensions D, or the shape of a latent map.
        image: Channels, height and width of an image.
        outputs: Natural parameters k of each position of the image: with one a value, as many as
            it has channels.
        width: Channels of the last map; smaller ones have up to four times as many.
        depth: Blocks at each side.
        residual: Residual blocks, or plain convolutions.
        halve: Whether the first map of a small image, too, has half of its side.

    Raises:
        InputError: If images have no map of the latent's height and width.
    """

    def __init__(
        self, latent: int | Shape, image: Shape, outputs: int, width: int, *, depth: int = 1,
        residual: bool, halve: bool = False,
    ) -> None:
        super().__init__()
        last = None if isinstance(latent, int) else latent[1:]
        self.sides = map_sides(image[1:], last, halve=halve)[::-1]
        each = widths(width, len(self.sides))[::-1]
        self.image, self.start = image, (each[0], *self.sides[0])
        self.latent_map = None if isinstance(latent, int) else latent
        self.enter = (
            nn.Linear(latent, math.prod(self.start)) if isinstance(latent, int)
            else nn.Conv2d(latent[0], each[0], 3, padding=1)
        )
        self.blocks = nn.ModuleList(blocks(c, depth, residual=residual) for c in each)
        self.up = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in zip(each, each[1:]))
        self.norm = norm(each[-1])
        # Where the largest map has half the image's side, each of its positions makes 2 x 2.
        self.parts = 1 if self.sides[-1] == image[1:] else 2
        self.leave = nn.Conv2d(each[-1], outputs * self.parts**2, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """Returns natural parameters `(*, K)`, of latents `(*, D)`."""
        rows = z.reshape(-1, z.shape[-1])
        if self.latent_map is None:
            h = self.enter(rows).view(-1, *self.start)
        else:
            h = self.enter(rows.view(-1, *self.latent_map))
        h = h.contiguous(memory_format=torch.channels_last)
        for level, inner in enumerate(self.blocks):
            h = inner(h)
            if level < len(self.up):
                h = self.up[level](F.interpolate(h, size=self.sides[level + 1]))
        h = self.leave(F.silu(self.norm(h)))
        if self.parts > 1:
            h = F.pixel_shuffle(h, self.parts)[..., : self.image[1], : self.image[2]]
        return h.reshape(*z.shape[:-1], -1)
