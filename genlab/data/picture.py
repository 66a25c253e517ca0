"""One image file: read wholly, upright, RGB, and cut to a square.

Shapes: S pixels a side; pictures `(S, S, 3)`, uint8, RGB.
"""

__all__ = ["FORMATS", "SUFFIXES", "Choose", "central_square", "open_upright", "read_image",
           "reading"]

import struct
import warnings

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from PIL import Image, ImageOps

from genlab.data.crop import Box, central_box
from genlab.errors import InputError

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}
)
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")  # none that runs programs
SMALLEST_SIDE = 16
# what Pillow's readers raise on damaged files (found by spoiling files of each format)
DAMAGE = (
    OSError, ValueError, SyntaxError, LookupError, TypeError, EOFError, struct.error,
    Image.DecompressionBombWarning, Image.DecompressionBombError,
)

Choose = Callable[[Image.Image], Box]
"""Says which square of an upright RGB picture to take."""


def central_square(image: Image.Image) -> Box:
    """Returns the largest square in the middle of a picture."""
    return central_box(*image.size)


def read_image(path: Path, size: int, choose: Choose = central_square) -> np.ndarray:
    """Reads one image as an upright RGB square, uint8 with shape `(S, S, 3)`.

    Arguments:
        path: The file.
        size: The side S in pixels.
        choose: Says which square of the upright RGB picture to take.

    Raises:
        InputError: If the file is no readable image, or its shorter side is under 16 pixels.
    """
    image = open_upright(path)
    left, top, side = choose(image)
    box = (left, top, left + side, top + side)
    if side != size:
        image = image.resize((size, size), Image.Resampling.LANCZOS, box=box)
    else:
        image = image.crop(box)
    return np.asarray(image)


@contextmanager
def reading(path: Path) -> Iterator[Image.Image]:
    """Opens an image file for the block; whatever its damage raises there names the file.

    Raises:
        InputError: If the file is no readable image, or so large that it may be a trap.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", category=UserWarning)  # of odd, harmless metadata
            with Image.open(path, formats=FORMATS) as file:
                yield file
    except DAMAGE as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"{path}: not a readable image ({reason}); mend or remove it") from None


def open_upright(path: Path) -> Image.Image:
    """Reads one image, upright and RGB.

    Transparent pixels lie on white; 16-bit grey is scaled to 8 bits; of an animation the first
    frame is taken.

    Raises:
        InputError: If the file is no readable image, or its shorter side is under 16 pixels.
    """
    with reading(path) as file:
        image = _rgb(ImageOps.exif_transpose(file))
    if min(image.size) < SMALLEST_SIDE:
        raise InputError(
            f"{path}: {image.width}x{image.height} pixels; the shorter side needs at least "
            f"{SMALLEST_SIDE}: remove it or give a larger one"
        )
    return image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey (and 32-bit, which PNG uses for 16)
        wide = np.asarray(image).astype(np.float64)
        return Image.fromarray((wide / 257).round().clip(0, 255).astype(np.uint8)).convert("RGB")
    if "A" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(paper, image).convert("RGB")
    return image.convert("RGB")
