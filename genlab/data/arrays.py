"""Images in one array: `.npy` and `.npz` files, NumPy arrays and tensors.

uint8 values are pixels. Floating-point values lie in [0, 1] and become the nearest of 256 levels,
halves upwards:

    pixel = floor(255 v + 1/2)

Shapes: N images of H W pixels; C channels, 1 (grey) or 3 (RGB), last or after N, or left out.
"""

__all__ = ["Array", "as_images", "as_numpy", "read_array", "to_levels", "to_rgb"]

import zipfile

from pathlib import Path

import numpy as np
import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.data.files.archive import open_zip

Array = np.ndarray | Tensor
"""An array of NumPy or a tensor of torch."""

SHAPES = "(N, H, W, 3), (N, 3, H, W) or (N, H, W)"
KINDS = "uint8, or floating-point in [0, 1]"
UNREADABLE = (ValueError, EOFError, OSError, zipfile.BadZipFile)


def as_numpy(array: Array) -> np.ndarray:
    """Returns an array or tensor as an array in the main memory."""
    if not isinstance(array, Tensor):
        return array
    array = array.detach().cpu()
    if array.dtype == torch.bfloat16:  # unknown to NumPy
        array = array.float()
    return array.numpy()


def read_array(path: Path) -> np.ndarray:
    """Reads the images of a `.npy` file (they stay on the disk) or of a `.npz` (into memory).

    Returns:
        A view of them with shape `(N, H, W, C)`, as of `as_images`.

    Raises:
        InputError: If the file is damaged, holds Python objects, or not one array of images.
    """
    try:
        if path.suffix.lower() == ".npy":
            return as_images(np.load(path, mmap_mode="r", allow_pickle=False), str(path))
        open_zip(path).close()  # refuses what would fill the memory
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except InputError:
        raise
    except UNREADABLE as error:
        raise InputError(f"{path}: not readable as NumPy's {path.suffix} ({error})") from None
    images = [key for key, a in arrays.items() if a.ndim in (3, 4) and _is_pixels(a)]
    if len(images) == 1:
        return as_images(arrays[images[0]], f"{path}: {images[0]}")
    held = ", ".join(f"{key} {a.dtype} {a.shape}" for key, a in arrays.items()) or "nothing"
    if {"mu", "sigma"} <= set(arrays):
        held += "; mu and sigma are the statistics of features, not images"
    raise InputError(f"{path}: holds {held}; it needs one array of images {SHAPES}, {KINDS}")


def as_images(array: np.ndarray, source: str) -> np.ndarray:
    """Returns a view with shape `(N, H, W, C)` of images in any of the layouts above.

    Raises:
        InputError: If shape or dtype are not those of images, or the layout is not plain.
    """
    found = f"{source}: {array.dtype} {array.shape}"
    if not _is_pixels(array):
        raise InputError(f"{found}: images are {KINDS}")
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


def _is_pixels(array: np.ndarray) -> bool:
    return array.dtype == np.uint8 or np.issubdtype(array.dtype, np.floating)


def to_rgb(image: np.ndarray, name: str) -> np.ndarray:
    """Returns one image as uint8 RGB.

    Arguments:
        image: One image of `as_images`, with shape `(H, W, C)`.
        name: What errors call it.

    Returns:
        A copy of its pixels, with shape `(H, W, 3)`.

    Raises:
        InputError: If a floating-point value lies outside [0, 1] or is NaN.
    """
    if image.dtype != np.uint8:
        image = to_levels(image, name)
    return np.array(np.broadcast_to(image, (*image.shape[:2], 3)), order="C")


def to_levels(values: np.ndarray, name: str) -> np.ndarray:
    """Returns the nearest of 256 levels, uint8, for floating-point values in [0, 1].

    Raises:
        InputError: If a value lies outside [0, 1] or is NaN, naming them `name`.
    """
    low, high = (values.min(), values.max()) if values.size else (0.0, 0.0)
    if np.isnan(low):
        raise InputError(f"{name}: holds NaN; floating-point images lie in [0, 1]")
    if low < 0 or high > 1:
        raise InputError(
            f"{name}: values in [{low:.4g}, {high:.4g}]; floating-point images lie in [0, 1]: "
            "rescale them, or give uint8"
        )
    return np.floor(values.astype(np.float64) * 255 + 0.5).astype(np.uint8)
