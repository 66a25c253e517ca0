"""Reads pictures of strangers: their size is known, and limited, before a pixel is decoded."""

__all__ = ["LEVELS_OFF", "difference", "read_picture", "size_of"]

import io
import struct
import warnings

import numpy as np

from PIL import Image

from genlab.lab.verify.results.findings import Refused

LARGEST_SIDE, MOST_PIXELS = 20_000, 40_000_000
LEVELS_OFF = 2
"""What another machine's rounding may change of an image drawn again."""
PNG = b"\x89PNG\r\n\x1a\n"


def size_of(data: bytes, name: str) -> tuple[int, int]:
    """Returns width and height as a PNG's header says.

    Raises:
        Refused: If it is no PNG or too large to be decoded.
    """
    if data[:8] != PNG or data[12:16] != b"IHDR" or len(data) < 33:
        raise Refused(f"{name}: not a PNG")
    width, height = struct.unpack(">2L", data[16:24])
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE
            and width * height <= MOST_PIXELS):
        raise Refused(f"{name}: {width} x {height} pixels; at most {MOST_PIXELS:,}")
    return width, height


def read_picture(data: bytes, name: str, size: tuple[int, int] | None = None) -> np.ndarray:
    """Decodes a PNG.

    Arguments:
        data: The file.
        name: What it is called in an error.
        size: Width and height to bring it to (Lanczos); its own if not given.

    Returns:
        Its pixels, uint8 RGB with shape `(H, W, 3)`.

    Raises:
        Refused: If it is no PNG, too large, or damaged.
    """
    size_of(data, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
                plain = image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Warning, struct.error) as error:
        raise Refused(f"{name}: a damaged PNG ({error})") from None
    if size and plain.size != size:
        plain = plain.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(plain)


def difference(a: np.ndarray, b: np.ndarray) -> int:
    """Returns the largest difference of two pictures' values; 255 if their shapes differ."""
    if a.shape != b.shape:
        return 255
    return int(np.abs(a.astype(np.int16) - b.astype(np.int16)).max())
