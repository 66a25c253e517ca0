"""Reads pictures of strangers: their size is known, and limited, before a pixel is decoded."""

__all__ = ["LEVELS_OFF", "converted", "difference", "read_picture", "size_of"]

import struct
import warnings

import numpy as np

from PIL import Image

from genlab.common.formats.picture import JPEG, PNG, opened
from genlab.lab.verify.results.findings import Refused, refusing

LARGEST_SIDE, MOST_PIXELS = 20_000, 40_000_000
LEVELS_OFF = 2
"""What another machine's rounding may change of an image drawn again."""
BLOCK, BLOCK_OFF = 16, 20
"""Pixels of a block's side, and what a conversion may change of a block's mean. (Of ten figures
made smaller in five ways to 0.85, 0.5 and 0.3 of their size, the most was 19.)"""
SHAPE_OFF, LOCAL = 0.02, 0.25
"""Of two pictures' proportions; the share of a picture within which a change is a person's."""


def size_of(data: bytes, name: str) -> tuple[int, int]:
    """Returns width and height as a PNG's header says.

    Raises:
        Refused: If it is no PNG or too large to be decoded.
    """
    if data[:8] != PNG or data[12:16] != b"IHDR" or len(data) < 33:
        raise Refused(f"{name}: not a PNG")
    width, height = struct.unpack(">2L", data[16:24])
    _check_size(width, height, name)
    return width, height


def _check_size(width: int, height: int, name: str) -> None:
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE
            and width * height <= MOST_PIXELS):
        raise Refused(f"{name}: {width} x {height} pixels; at most {MOST_PIXELS:,}")


def read_picture(
    data: bytes, name: str, size: tuple[int, int] | None = None, jpeg: bool = False
) -> np.ndarray:
    """Decodes a PNG.

    Arguments:
        data: The file.
        name: What it is called in an error.
        size: Width and height to bring it to (Lanczos); its own if not given.
        jpeg: Take a JPEG as well.

    Returns:
        Its pixels, uint8 RGB with shape `(H, W, 3)`.

    Raises:
        Refused: If it is no PNG, too large, or damaged.
    """
    is_jpeg = jpeg and data[:3] == JPEG
    if not is_jpeg:
        size_of(data, name)
    form = "JPEG" if is_jpeg else "PNG"
    with refusing(), warnings.catch_warnings():
        warnings.simplefilter("error")
        with opened(data, name, (form,), MOST_PIXELS) as image:
            _check_size(*image.size, name)
            plain = image.convert("RGB")
    if size and plain.size != size:
        plain = plain.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(plain)


def converted(data: bytes, own: np.ndarray) -> bool:
    """Whether a picture is this one as a program makes it smaller or a JPEG, by its blocks' means.

    Raises:
        Refused: If it cannot be decoded.
    """
    shown = read_picture(data, "picture", jpeg=True)
    (height, width), (tall, wide) = shown.shape[:2], own.shape[:2]
    if abs(width * tall / (height * wide) - 1) > SHAPE_OFF:
        return False
    if data[: len(PNG)] == PNG and _is_local(shown, own):
        return False
    blocks = (max(1, min(width, wide) // BLOCK), max(1, min(height, tall) // BLOCK))
    small = [
        np.asarray(Image.fromarray(one).resize(blocks, Image.Resampling.BOX)) for one in (shown, own)
    ]
    return difference(*small) <= BLOCK_OFF


def _is_local(shown: np.ndarray, own: np.ndarray) -> bool:
    """Whether pixels differ in one part of a picture only, as no conversion leaves it."""
    size = shown.shape[1], shown.shape[0]
    fitted = np.asarray(Image.fromarray(own).resize(size, Image.Resampling.LANCZOS))
    rows, columns = np.nonzero(
        np.abs(shown.astype(np.int16) - fitted.astype(np.int16)).max(2) > LEVELS_OFF
    )
    if not len(rows):
        return False
    area = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    return bool(area < LOCAL * shown.shape[0] * shown.shape[1])


def difference(a: np.ndarray, b: np.ndarray) -> int:
    """Returns the largest difference of two pictures' values; 255 if their shapes differ."""
    if a.shape != b.shape:
        return 255
    return int(np.abs(a.astype(np.int16) - b.astype(np.int16)).max())
