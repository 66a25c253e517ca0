r"""Features without trained weights: random convolutions, and the pixels themselves.

They need no file and are the same on every machine, so that distances can be computed and tested
anywhere. They respond to texture and colour, not to dogs.

**Random convolutions.** Three convolutions with stride 2, each followed by ReLU; the features
are the spatial means after each, side by side:

    64 px RGB in [-1, 1] -> 5x5, 64 -> 3x3, 128 -> 3x3, 256;  F = 64 + 128 + 256 = 448

A weight is (b - 127.5) / sd, times He's sqrt(2 / fan-in), where b runs through the bytes of
SHAKE-256("genlab random convolutions 1") and sd^2 = (256^2 - 1) / 12 is the variance of a byte;
so they do not depend on any library's random generator. There are no biases.

**Pixels.** The image at 16 x 16 pixels, in [0, 1], F = 768.

References:
    | Delving Deep into Rectifiers (He et al., 2015), equation 10, https://arxiv.org/abs/1502.01852
    | SHA-3 Standard: FIPS 202 (2015), section 6.2 (SHAKE-256)

Shapes: B images of H x W pixels, F features.
"""

__all__ = ["RANDOM_DIMS", "RANDOM_SHA256", "RandomConvolutions", "pixels", "to_random_input"]

import hashlib

import torch
import torch.nn.functional as F

from torch import Tensor, nn

from genlab.common.errors import InputError

RANDOM_DIMS = 448
RANDOM_SHA256 = "d46ba6cb75fa81696af73655c98fd8b9a96bf8c8f2a8983c837e8b36b7b2cf03"
"""The SHA-256 of the random weights: their float32 values in order, little-endian."""

SEED = b"genlab random convolutions 1"
SHAPES = ((64, 3, 5, 5), (128, 64, 3, 3), (256, 128, 3, 3))
RANDOM_SIZE, PIXELS_SIZE = 64, 16


class RandomConvolutions(nn.Module):
    """The three convolutions, frozen.

    Raises:
        InputError: If this machine computes other weights than `RANDOM_SHA256` names.
    """

    def __init__(self) -> None:
        super().__init__()
        weights = random_weights()
        values = torch.cat([weight.flatten() for weight in weights]).numpy()
        if hashlib.sha256(values.astype("<f4").tobytes()).hexdigest() != RANDOM_SHA256:
            raise InputError("random: this machine computes other weights; use other features")
        self.weights = nn.ParameterList(
            weight.contiguous(memory_format=torch.channels_last) for weight in weights
        )
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor) -> Tensor:
        """Returns the features of `x`, what `to_random_input` returns, `(B, 448)`."""
        x, means = x.contiguous(memory_format=torch.channels_last), []
        for weight in self.weights:
            x = F.conv2d(x, weight, stride=2, padding=weight.shape[-1] // 2).relu()
            means.append(x.mean((2, 3)))
        return torch.cat(means, 1)


def random_weights() -> list[Tensor]:
    """Returns the weights of the three convolutions, float32."""
    counts = [torch.Size(shape).numel() for shape in SHAPES]
    stream = bytearray(hashlib.shake_256(SEED).digest(sum(counts)))
    unit = (torch.frombuffer(stream, dtype=torch.uint8).double() - 127.5) / (65535 / 12) ** 0.5
    return [
        (values.view(shape) * (2 / (shape[1] * shape[2] * shape[3])) ** 0.5).float()
        for values, shape in zip(unit.split(counts), SHAPES)
    ]


def to_random_input(images: Tensor) -> Tensor:
    """Brings uint8 images `(B, 3, H, W)` to float32 `(B, 3, 64, 64)` in [-1, 1]."""
    return 2 * _resized(images, RANDOM_SIZE) - 1


def pixels(images: Tensor) -> Tensor:
    """Brings uint8 images `(B, 3, H, W)` to float32 `(B, 3, 16, 16)` in [0, 1]."""
    return _resized(images, PIXELS_SIZE)


def _resized(images: Tensor, size: int) -> Tensor:
    """Bilinear, half-pixel centres, antialiased where it shrinks; in [0, 1]."""
    return F.interpolate(
        images.float() / 255, (size, size), mode="bilinear", align_corners=False, antialias=True
    )
