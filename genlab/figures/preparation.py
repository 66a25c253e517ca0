"""Photographs, and the squares that are taken of them.

Shapes: N photographs, T = 128 pixels a side of a tile.
"""

__all__ = ["preparation_sheet"]

import numpy as np

from PIL import Image, ImageDraw

from genlab.common.rng import some
from genlab.data.decode import decoding
from genlab.data.files.pictures import FilePictures
from genlab.figures.sheets import tile

SHOWN = 10
TILE = 128
LINE = (255, 40, 40)
"""The colour of a square's outline."""


def preparation_sheet(pictures: FilePictures) -> np.ndarray:
    """Returns one picture: ten random photographs with the square outlined, the squares below.

    Arguments:
        pictures: The photographs, as squares of some size.

    Returns:
        The pixels, uint8 with shape `(H, W, 3)`.

    Raises:
        InputError: If a photograph is unreadable.
    """
    above, below = [], []
    with decoding():
        for index in some(len(pictures), SHOWN, "shown of a preparation"):
            above.append(_outlined(pictures, index))
            own = Image.fromarray(pictures.read(index).permute(1, 2, 0).numpy())
            below.append(np.asarray(own.resize((TILE, TILE), Image.Resampling.NEAREST)))
    return tile(np.stack(above + below), len(above))


def _outlined(pictures: FilePictures, index: int) -> np.ndarray:
    """Returns a photograph, as large as a tile holds it, with its square outlined."""
    photo = pictures.decoded(index)
    left, top, side = pictures.box(index, photo)
    scale = TILE / max(photo.size)
    width, height = (max(1, round(length * scale)) for length in photo.size)
    small = photo.resize((width, height), Image.Resampling.LANCZOS)
    edges = [round(edge * scale) for edge in (left, top, left + side, top + side)]
    corner = [edges[0], edges[1], min(edges[2], width) - 1, min(edges[3], height) - 1]
    ImageDraw.Draw(small).rectangle(corner, outline=LINE, width=2)
    sheet = Image.new("RGB", (TILE, TILE), "white")
    sheet.paste(small, ((TILE - width) // 2, (TILE - height) // 2))
    return np.asarray(sheet)
