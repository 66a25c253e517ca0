"""Sheets of images: arrays in, one array out; and a run's own PNGs as arrays.

Shapes: N images, R rows, C columns, H x W pixels.
"""

__all__ = ["enlarged", "image_sheet", "read_image", "read_sheet", "tile"]

import math

from pathlib import Path

import numpy as np

from genlab.common.errors import InputError
from genlab.common.formats.picture import opened
from genlab.runs.seal import files_in, read_kept


def tile(
    images: np.ndarray, columns: int | None = None, gap: int = 2, paper: int = 255
) -> np.ndarray:
    """Lays uint8 images `(N, H, W, 3)` out in rows of `columns`, returns `(R', C', 3)`.

    Without `columns` they form a square, as nearly as possible.
    """
    count, height, width, _ = images.shape
    columns = math.ceil(math.sqrt(count)) if columns is None else columns
    rows = math.ceil(count / columns)
    sheet = np.full(
        (rows * (height + gap) + gap, columns * (width + gap) + gap, 3), paper, np.uint8
    )
    for index, image in enumerate(images):
        top = gap + (index // columns) * (height + gap)
        left = gap + (index % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def image_sheet(
    images: np.ndarray, columns: int | None = None, scale: int = 1
) -> np.ndarray:
    """Returns one picture of colour images `(N, H, W, 3)`, each enlarged `scale` times."""
    return tile(enlarged(images, scale), columns)


def enlarged(images: np.ndarray, scale: int) -> np.ndarray:
    """Returns images `(N, H, W, 3)` with each pixel as a square of `scale` by `scale`."""
    return images.repeat(scale, axis=1).repeat(scale, axis=2)


def read_image(path: Path) -> np.ndarray:
    """Returns the pixels of a run's PNG, with shape `(H, W, 3)`.

    Raises:
        InputError: If it is none, damaged, or not the run's.
    """
    with opened(read_kept(path), str(path), ("PNG",)) as image:
        return np.asarray(image.convert("RGB"))


def read_sheet(folder: Path) -> np.ndarray:
    """Returns the PNGs of a run's folder in the order of their names, with shape `(N, H, W, 3)`.

    Raises:
        InputError: As of `read_image`, or if there are none, or of several sizes.
    """
    images = [read_image(path) for path in files_in(folder, "*.png")]
    if len({image.shape for image in images}) != 1:
        raise InputError(f"{folder}: no images, or of several sizes; the run is damaged")
    return np.stack(images)
