r"""Residual generator and discriminator without normalisation, for training from scratch.

Each block adds the output of two convolutions to its (resampled) input,

    y = S(x) + f(x),    f(x) = conv2(a(conv1(a(x)))),    a = sqrt(2) LeakyReLU_0.2,

where S is the identity or a 1x1 convolution. The last convolution of each block starts at zero, so
that every block starts as S: signals keep their scale at any depth, and no batch-norm is needed.
So each image is a function of its own latent, and each score of its own image. No block works at
the full resolution, where the fewest channels would cost most of the time. One 4x4 convolution of
stride 2 leads from the image to half its side, a transposed one back.

References:
    | The GAN is dead; long live the GAN! (Huang et al., 2024), section 3, https://arxiv.org/abs/2501.05441
    | Fixup Initialization (Zhang et al., 2019), https://arxiv.org/abs/1901.09321

Shapes: B batch, Z latent dimensions, C channels, S pixels a side; images `(B, 3, S, S)` in
[-1, 1]; F features.
"""

__all__ = ["ResidualDiscriminator", "ResidualGenerator"]

import torch
import torch.nn.functional as F

from torch import Tensor, nn

from genlab.gan.networks.fastgan import to_sphere

MULTIPLES = {4: 8, 8: 8, 16: 4, 32: 2, 64: 2, 128: 2, 256: 2}
"""Channels at each side, as multiples of the width."""


def channels(width: int, size: int) -> list[int]:
    """Returns the channels at each side from 4 pixels to half of `size`, coarse to fine."""
    return [multiple * width for side, multiple in MULTIPLES.items() if side < size]


def activation(x: Tensor) -> Tensor:
    """LeakyReLU, scaled to keep the variance of a centred Gaussian approximately."""
    return F.leaky_relu(x, 0.2) * 2**0.5


def convolution(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    """Returns a convolution that keeps the side and, with He's gain one, the variance."""
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="linear")
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    return conv


class Block(nn.Module):
    """y = S(x) + f(x), at one side."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.skip = convolution(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.first = convolution(inputs, outputs, 3)
        self.last = convolution(outputs, outputs, 3)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.skip(x) + self.last(activation(self.first(activation(x))))


class ResidualGenerator(nn.Module):
    """Maps latents to images: a block a side, enlarged between them.

    Arguments:
        latent: Latent dimensions Z.
        width: Channels are multiples of it.
        size: The side S in pixels: a power of two, 8 to 512.
    """

    def __init__(self, latent: int, width: int, size: int = 64) -> None:
        super().__init__()
        self.latent = latent
        c = channels(width, size)
        self.start = nn.Linear(latent, c[0] * 16)
        nn.init.kaiming_normal_(self.start.weight, nonlinearity="linear")
        self.blocks = nn.ModuleList(Block(a, b) for a, b in zip([c[0], *c], c))
        self.image = nn.ConvTranspose2d(c[-1], 3, 4, stride=2, padding=1)
        nn.init.normal_(self.image.weight, 0.0, (4 * c[-1]) ** -0.5)  # 2x2 pixels make one

    def forward(self, z: Tensor) -> Tensor:
        """Returns the images of the latents `z`, with shape `(B, 3, S, S)`, in [-1, 1].

        Arguments:
            z: Latents, with shape `(B, Z)`; only their direction counts.
        """
        return self.rest(self.first(z))

    def first(self, z: Tensor) -> Tensor:
        """Returns the map at 4x4 pixels, `(B, C, 4, 4)`, of latents."""
        return self.blocks[0](self.start(to_sphere(z)).unflatten(1, (-1, 4, 4)))

    def rest(self, x: Tensor) -> Tensor:
        """Returns the images of maps at 4x4 pixels."""
        x = x.contiguous(memory_format=torch.channels_last)  # faster throughout
        for block in list(self.blocks)[1:]:
            x = block(enlarge(x))
        return self.image(activation(x)).tanh()


def enlarge(x: Tensor) -> Tensor:
    """Doubles the side, bilinearly."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear")


class ResidualDiscriminator(nn.Module):
    """Scores images: a block a side, halved by averaging between them.

    Arguments:
        width: Channels are multiples of it.
        size: The side S in pixels: a power of two, 8 to 512.
    """

    def __init__(self, width: int, size: int = 64) -> None:
        super().__init__()
        c = channels(width, size)[::-1]
        self.image = nn.Conv2d(3, c[0], 4, stride=2, padding=1)
        nn.init.kaiming_normal_(self.image.weight, nonlinearity="linear")
        self.blocks = nn.ModuleList(Block(a, b) for a, b in zip(c, [*c[1:], c[-1]]))
        self.score = nn.Linear(c[-1] * 16, 1)

    def features(self, images: Tensor) -> Tensor:
        """Returns the features that the scores are linear in, with shape `(B, F)`."""
        x = self.image(images.contiguous(memory_format=torch.channels_last))
        for index, block in enumerate(self.blocks):
            x = block(x if index == 0 else F.avg_pool2d(x, 2))
        return activation(x).flatten(1)

    def forward(self, images: Tensor) -> Tensor:
        """Returns the images' scores (logits), with shape `(B, 1)`.

        Arguments:
            images: Images in [-1, 1], with shape `(B, 3, S, S)`.
        """
        return self.score(self.features(images))
