"""The layout of images in one array.

Shapes: N images of H W pixels; C channels, 1 (grey) or 3 (RGB), last or after N, or left out.
"""

__all__ = ["Array", "as_grey", "as_images", "as_numpy", "is_pixels"]

import numpy as np
import torch

from torch import Tensor

from genlab.common.errors import InputError

Array = np.ndarray | Tensor
"""An array of NumPy or a tensor of torch."""

SHAPES = "(N, H, W, 3), (N, 3, H, W), (N, H, W) or (N, 784)"
FLAT = {784: 28}
"""Rows that are squares of this side: the digits of MNIST and its kin."""


def as_numpy(array: Array) -> np.ndarray:
    """Returns an array or tensor as an array in the main memory."""
    if not isinstance(array, Tensor):
        return array
    array = array.detach().cpu()
    if array.dtype == torch.bfloat16:  # unknown to NumPy
        array = array.float()
    return array.numpy()


def is_pixels(array: np.ndarray) -> bool:
    """Returns whether an array holds real numbers in the shape of images."""
    return array.dtype.kind in "buif" and array.ndim in (2, 3, 4)


def as_images(array: np.ndarray, source: str) -> np.ndarray:
    """Returns a view with shape `(N, H, W, C)` of images in any of the layouts above.

    Raises:
        InputError: If shape or dtype are not those of images, or the layout is not plain.
    """
    found = f"{source}: {array.dtype} {array.shape}"
    if array.dtype.kind not in "buif":
        raise InputError(f"{found}: images are numbers: uint8, or floating-point in [0, 1]")
    if array.ndim == 2 and array.shape[1] in FLAT:
        array = array.reshape(-1, FLAT[array.shape[1]], FLAT[array.shape[1]])
    if array.ndim == 3 and array.shape[2] != 3:
        array = array[..., None]
    elif array.ndim != 4:
        raise InputError(f"{found}: images have shape {SHAPES}")
    first, last = array.shape[1] in (1, 3), array.shape[3] in (1, 3)
    if first == last:
        why = "both are possible" if first else "neither has 1 or 3"
        raise InputError(f"{found}: are channels second or last? {why}; images are {SHAPES}")
    if first:
        array = np.moveaxis(array, 1, -1)
    if 0 in array.shape:
        raise InputError(f"{found}: no images in it")
    return array


def as_grey(array: np.ndarray, source: str) -> np.ndarray:
    """Returns a view with shape `(N, H, W)` of grey images; rows of 98 bytes are packed bits.

    Raises:
        InputError: As of `as_images`, or if they are in colour.
    """
    if array.ndim == 2 and array.shape[1] == 98 and array.dtype == np.uint8:
        array = np.unpackbits(array, axis=1).view(bool)
    if array.ndim == 3:
        if array.dtype.kind not in "buif" or 0 in array.shape:
            return as_images(array[..., None], source)[..., 0]
        return array
    images = as_images(array, source)
    if images.shape[-1] == 3 and not (images == images[..., :1]).all():
        raise InputError(
            f"{source}: {array.dtype} {array.shape}: colour images, where grey ones of shape "
            "(N, H, W) are needed; `genlab gan train` takes these"
        )
    return images[..., 0]
