"""The layout of images in one array.

Shapes: N images of H W pixels; C channels, 1 (grey) or 3 (RGB), last or after N, or left out.
"""

__all__ = ["Array", "as_images", "as_numpy", "as_stack", "is_pixels", "layout_words"]

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


def as_stack(array: np.ndarray, source: str) -> np.ndarray:
    """Returns a view of images as `as_images` does; rows of 98 bytes are packed bits.

    Images `(N, H, W)` stay grey whatever W is: three pixels side by side are no colour here.

    Raises:
        InputError: As of `as_images`.
    """
    if array.ndim == 2 and array.shape[1] == 98 and array.dtype == np.uint8:
        array = np.unpackbits(array, axis=1).view(bool)
    if array.ndim == 3 and array.dtype.kind in "buif" and 0 not in array.shape:
        return array[..., None]
    return as_images(array[..., None] if array.ndim == 3 else array, source)


def layout_words(array: np.ndarray, stack: np.ndarray) -> str:
    """Returns what an array of four axes is taken for: `stack`, as of `as_stack`."""
    count, height, width, channels = stack.shape
    where = "last" if array.shape == stack.shape else "second"
    kind = "in colour" if channels == 3 else "with one channel"
    return (
        f"{array.dtype} {array.shape}, is taken as {count:,} images {kind} of {height} rows and "
        f"{width} columns, channels {where}"
    )
