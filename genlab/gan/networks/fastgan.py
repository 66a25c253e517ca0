r"""A light-weight generator in the manner of FastGAN, from a point on a sphere to an image.

From 4x4 pixels each stage doubles the side: nearest-neighbour enlargement, 3x3 convolution,
batch-norm and a gated linear unit, GLU(a, b) = a sigmoid(b). Skip-layer excitation lets a
coarse map weight the channels of a map eight times finer (sixteen times beyond 64 pixels),

    y = F(x_low, W) * x_high,    F = sigmoid(conv1x1(LeakyReLU(conv4x4(pool4x4(x_low))))).

References:
    | Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis
    | (Liu et al., 2021), section 3.1 with eq. 1 and 2, https://arxiv.org/abs/2101.04775

Two parts of the paper's generator are left out: noise added to feature maps (so that an image is a
function of z alone) and spectral normalisation.

Shapes: B batch, Z latent dimensions, C channels, S pixels a side; images `(B, 3, S, S)` in
[-1, 1].
"""

__all__ = ["FastGanGenerator", "to_sphere"]

import torch
import torch.nn.functional as F

from torch import Tensor, nn

MULTIPLES = {4: 16, 8: 8, 16: 4, 32: 2, 64: 1, 128: 1, 256: 1, 512: 1}
"""Channels at each side, as multiples of the width (Liu et al., figure 3, up to 64)."""

LINKS = {32: 4, 64: 8, 128: 8, 256: 16, 512: 32}
"""The side of the map that weights the channels at each side, 32 and 64 as in the paper
(figure 3)."""


def to_sphere(z: Tensor) -> Tensor:
    """Scales each latent to length sqrt(Z); `(B, Z)` to `(B, Z)`."""
    return F.normalize(z, dim=1) * z.shape[1] ** 0.5


def enlarging(weight: Tensor) -> Tensor:
    r"""Folds the enlargement into the 3x3 convolution after it, at less than half of the cost.

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


def enlarged_by_products(x: Tensor, weight: Tensor) -> Tensor:
    r"""Computes the same as one matrix product: twice as fast on coarse maps.

    With P_k = w_k x for the kernel's entry k, without a shift, each axis has

        y_{2i} = P_0[i - 1] + P_1[i] + P_2[i],    y_{2i+1} = P_0[i] + P_1[i] + P_2[i + 1].

    Arguments:
        x: A map, with shape `(B, I, H, W)`.
        weight: Kernels w, with shape `(I, O, 3, 3)`.

    Returns:
        With shape `(B, O, 2H, 2W)`, channels last.
    """
    products = torch.einsum("bihw,iokl->bwlkho", x, weight)
    wide = interleaved(*(products.select(2, place) for place in range(3)))  # (B, 2W, 3, H, O)
    both = interleaved(*(wide.select(2, place).transpose(1, 2) for place in range(3)))
    return both.permute(0, 3, 1, 2)


def interleaved(first: Tensor, middle: Tensor, last: Tensor) -> Tensor:
    """Returns y of P_0, P_1, P_2 along axis 1."""
    nothing = torch.zeros_like(first[:, :1])
    even = torch.cat((nothing, first[:, :-1]), 1) + middle + last
    odd = first + middle + torch.cat((last[:, 1:], nothing), 1)
    return torch.stack((even, odd), 2).flatten(1, 2)


COARSE = 8
"""The side up to which the matrix product is faster."""


class Up(nn.Module):
    """Doubles the side: enlargement and convolution, batch-norm, GLU; channels last."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, 2 * outputs, 3, 3))
        self.norm = nn.BatchNorm2d(2 * outputs)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2] <= COARSE:
            x = enlarged_by_products(x, self.weight)
        else:
            x = F.conv_transpose2d(x, enlarging(self.weight), stride=2, padding=1)
        return glu(self.norm(x))


def glu(x: Tensor) -> Tensor:
    """GLU over the channels; torch's own is slow on maps with channels last."""
    a, b = x.chunk(2, 1)
    return a * b.sigmoid()


class Excitation(nn.Module):
    """Skip-layer excitation: weights the channels of a fine map by a coarse one (eq. 2)."""

    def __init__(self, low: int, high: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(low, high, 4, bias=False)
        self.excite = nn.Conv2d(high, high, 1, bias=False)

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        x = F.leaky_relu(self.squeeze(F.adaptive_avg_pool2d(low, 4)), 0.1)
        return high * self.excite(x).sigmoid()


class FastGanGenerator(nn.Module):
    """Maps latents to images.

    In evaluation mode batch-norm uses its running statistics, so an image depends on its own
    latent alone.

    Arguments:
        latent: Latent dimensions Z.
        width: Channels are multiples of it; 16 gives 2.0 million parameters at 64 pixels.
        size: The side S in pixels: a power of two, 8 to 512.
    """

    def __init__(self, latent: int, width: int, size: int = 64) -> None:
        super().__init__()
        self.latent = latent
        self.sides = [side for side in MULTIPLES if 4 < side <= size]
        c = {side: multiple * width for side, multiple in MULTIPLES.items()}
        # A transposed 4x4 convolution of a single pixel is a linear map.
        self.start = nn.Linear(latent, 2 * c[4] * 16, bias=False)
        self.norm = nn.BatchNorm2d(2 * c[4])
        for side in self.sides:
            self.add_module(f"to{side}", Up(c[side // 2], c[side]))
        for side in self.sides:
            if side in LINKS:
                self.add_module(f"excite{side}", Excitation(c[LINKS[side]], c[side]))
        self.image = nn.Conv2d(c[size], 3, 3, padding=1)
        for weight in self.parameters():
            if weight.dim() > 1:
                nn.init.normal_(weight, 0.0, 0.02)  # as in DCGAN and FastGAN

    def forward(self, z: Tensor) -> Tensor:
        """Returns the images of the latents `z`, with shape `(B, 3, S, S)`, in [-1, 1].

        Arguments:
            z: Latents, with shape `(B, Z)`; only their direction counts.
        """
        return self.rest(self.first(z))

    def first(self, z: Tensor) -> Tensor:
        """Returns the map at 4x4 pixels, `(B, C, 4, 4)`, of latents."""
        return glu(self.norm(self.start(to_sphere(z)).unflatten(1, (-1, 4, 4))))

    def rest(self, x: Tensor) -> Tensor:
        """Returns the images of maps at 4x4 pixels."""
        maps = {4: x}
        for side in self.sides:
            x = self.get_submodule(f"to{side}")(x)
            if side in LINKS:
                x = self.get_submodule(f"excite{side}")(maps[LINKS[side]], x)
            maps[side] = x
        return self.image(x).tanh()
