"""Which images are the same: those whose pixels are.

A digest of an image's pixels, not of its file: one picture saved as PNG and again as BMP, or under
two names, is one image. At another size an image has other pixels, and another digest.

Shapes: N images of H x W pixels.
"""

__all__ = ["kinds", "pixel_digest", "pixel_digests"]

import hashlib

import torch

from torch import Tensor

BYTES = 32


def pixel_digest(image: Tensor) -> bytes:
    """Returns the SHA-256 of the size and the pixels of an image, uint8 with shape `(3, H, W)`."""
    height, width = image.shape[1:]
    pixels = image.contiguous().numpy().tobytes()
    return hashlib.sha256(f"{height}x{width}".encode() + pixels).digest()


def pixel_digests(images: Tensor) -> Tensor:
    """Returns the digests of images, uint8 `(N, 3, H, W)`, as uint8 with shape `(N, 32)`."""
    return torch.tensor([list(pixel_digest(image)) for image in images], dtype=torch.uint8)


def kinds(*digests: Tensor) -> list[Tensor]:
    """Numbers the images of one or more sets: equal numbers, in all sets, for equal images.

    Arguments:
        digests: Of the images of each set, uint8 with shape `(N, 32)`.

    Returns:
        For each set the numbers of its images, int64 with shape `(N,)`.
    """
    seen: dict[bytes, int] = {}
    return [
        torch.tensor([seen.setdefault(row.tobytes(), len(seen)) for row in part.numpy()])
        for part in digests
    ]
