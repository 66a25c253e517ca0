"""Sheets of images: arrays in, one array out.

Shapes: N images, R rows, C columns, H x W pixels.
"""

__all__ = ["enlarged", "image_sheet", "tile"]

import math

import numpy as np


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
