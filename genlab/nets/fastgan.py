r"""A light-weight generator in the manner of FastGAN, from a point on a sphere to an image.

From 4x4 pixels each stage doubles the side: nearest-neighbour enlargement, 3x3 convolution,
batch-norm and a gated linear unit, GLU(a, b) = a sigmoid(b). Skip-layer excitation lets a
coarse map weigh the channels of a map eight times finer,

    y = F(x_low, W) * x_high,    F = sigmoid(conv1x1(LeakyReLU(conv4x4(pool4x4(x_low))))).

References:
    | Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis
    | (Liu et al., 2021), section 3.1 with eq. 1 and 2, https://arxiv.org/abs/2101.04775

Two of its parts are left out: noise added to feature maps (an image is a function of z alone) and
spectral norm in the generator.

Shapes: B batch, Z latent dimensions, C channels, H W pixels; images `(B, 3, 64, 64)` in [-1, 1].
"""

__all__ = ["FastGanGenerator", "to_sphere"]

import torch
import torch.nn.functional as F

from torch import Tensor, nn

MULTIPLES = {4: 16, 8: 8, 16: 4, 32: 2, 64: 1}
"""Channels at each side, as multiples of the width (Liu et al., figure 3)."""


def to_sphere(z: Tensor) -> Tensor:
    """Scales each latent to length sqrt(Z); `(B, Z)` to `(B, Z)`."""
    return F.normalize(z, dim=1) * z.shape[1] ** 0.5


def enlarging(weight: Tensor) -> Tensor:
    r"""Folds the enlargement into the 3x3 convolution after it: less than half of the work.

    Twofold nearest-neighbour enlargement, then a 3x3 kernel w, is a transposed convolution of
    stride 2 and padding 1 whose 4x4 kernel k is, along each axis,

        k = (w_2, w_1 + w_2, w_0 + w_1, w_0).

    Arguments:
        weight: Kernels w, with shape `(I, O, 3, 3)` for I input and O output channels.

    Returns:
        Kernels k, with shape `(I, O, 4, 4)`.
    """
    axis = weight.new_tensor([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])
    return (weight.flatten(2) @ torch.kron(axis, axis).T).unflatten(2, (4, 4))


class Up(nn.Module):
    """Doubles the side: enlargement and convolution, batch-norm, GLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, 2 * outputs, 3, 3))
        self.norm = nn.BatchNorm2d(2 * outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv_transpose2d(x, enlarging(self.weight), stride=2, padding=1)
        return F.glu(self.norm(x), dim=1)


class Excitation(nn.Module):
    """Skip-layer excitation: weighs the channels of a fine map by a coarse one (eq. 2)."""

    def __init__(self, low: int, high: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(low, high, 4, bias=False)
        self.excite = nn.Conv2d(high, high, 1, bias=False)

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        x = F.leaky_relu(self.squeeze(F.adaptive_avg_pool2d(low, 4)), 0.1)
        return high * self.excite(x).sigmoid()


class FastGanGenerator(nn.Module):
    """Maps latents to images of 64x64 pixels.

    In evaluation mode batch-norm uses its running statistics, so that an image depends on its own
    latent alone.

    Arguments:
        latent: Latent dimensions Z.
        width: Channels are multiples of it; 16 gives 1.9 million parameters.
    """

    def __init__(self, latent: int, width: int) -> None:
        super().__init__()
        self.latent = latent
        c = {side: multiple * width for side, multiple in MULTIPLES.items()}
        # A transposed 4x4 convolution of a single pixel is a linear map.
        self.start = nn.Linear(latent, 2 * c[4] * 16, bias=False)
        self.norm = nn.BatchNorm2d(2 * c[4])
        self.to8, self.to16 = Up(c[4], c[8]), Up(c[8], c[16])
        self.to32, self.to64 = Up(c[16], c[32]), Up(c[32], c[64])
        self.excite32, self.excite64 = Excitation(c[4], c[32]), Excitation(c[8], c[64])
        self.image = nn.Conv2d(c[64], 3, 3, padding=1)
        for weight in self.parameters():
            if weight.dim() > 1:
                nn.init.normal_(weight, 0.0, 0.02)  # as DCGAN and FastGAN start

    def forward(self, z: Tensor) -> Tensor:
        """Returns the images of the latents `z`, with shape `(B, 3, 64, 64)`, in [-1, 1].

        Arguments:
            z: Latents, with shape `(B, Z)`; only their direction counts.
        """
        return self.rest(self.first(z))

    def first(self, z: Tensor) -> Tensor:
        """Returns the map at 4x4 pixels, `(B, C, 4, 4)`, of latents."""
        x4 = self.start(to_sphere(z)).unflatten(1, (-1, 4, 4))
        return F.glu(self.norm(x4), dim=1)

    def rest(self, x4: Tensor) -> Tensor:
        """Returns the images of maps at 4x4 pixels."""
        x8 = self.to8(x4)
        x16 = self.to16(x8)
        x32 = self.excite32(x4, self.to32(x16))
        x64 = self.excite64(x8, self.to64(x32))
        return self.image(x64).tanh()
