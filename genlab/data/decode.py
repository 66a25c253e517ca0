"""Decoding: the bytes of an image file become upright RGB pixels.

Every image is turned upright (EXIF) and brought to RGB: transparent pixels are laid on white,
16-bit grey is scaled to 8 bits, a palette is looked up, of an animation the first frame is taken.
Wider pixels (32-bit and floating-point TIFFs) are refused: nothing says which value is white.
"""

__all__ = ["VERSION", "decode", "decode_usable", "decoding", "reading", "require_side"]

import warnings

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from PIL import Image, ImageOps

from genlab.common.errors import InputError
from genlab.common.formats.picture import opened, readable_formats
from genlab.data.problems import MEND

VERSION = 1
"""The version of decoding and resizing: part of cache keys and identities."""
SMALLEST_SIDE = 16
"""Pixels that the shorter side of an image needs to have a square cut out of it."""


def decode(data: bytes, name: str) -> Image.Image:
    """Decodes an image file, upright and in RGB, at its own size.

    Arguments:
        data: The content of the file.
        name: What errors call the image.

    Raises:
        InputError: If it is no readable image.
    """
    with reading(data, name) as image:
        # 16-bit grey is "I;16"; of what is "I" without more, only PNG and PPM say what is white
        if image.mode == "F" or (image.mode == "I" and image.format not in ("PNG", "PPM")):
            raise ValueError("32-bit pixels, of unknown range: save it with 8 or 16 bits")
        return _rgb(ImageOps.exif_transpose(image))


def decode_usable(data: bytes, name: str) -> Image.Image:
    """Decodes an image as `decode` does, and refuses one that is too small to train on.

    Raises:
        InputError: If it is no readable image, or its shorter side is under 16 pixels.
    """
    with decoding():
        image = decode(data, name)
    require_side(*image.size, name)
    return image


@contextmanager
def decoding() -> Iterator[None]:
    """Silences, inside the block, warnings about odd but harmless metadata of images.

    Warning filters belong to the whole process, so the main thread opens this, and not one that
    reads ahead.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"(PIL|genlab\.data)\b")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # decode refuses those
        yield


@contextmanager
def reading(data: bytes, name: str) -> Iterator[Image.Image]:
    """Opens an image file for the block; any error inside it becomes one that names the image.

    Raises:
        InputError: If it is no readable image, or so large that it may be a decompression bomb.
    """
    try:
        with opened(data, name, readable_formats()) as image:
            yield image
    except InputError as error:
        raise InputError(f"{error}{MEND}") from None


def require_side(width: int, height: int, name: str) -> None:
    """Raises `InputError`, naming the image, if its shorter side is under 16 pixels."""
    if min(width, height) < SMALLEST_SIDE:
        raise InputError(
            f"{name}: {width}x{height} pixels; the shorter side needs at least "
            f"{SMALLEST_SIDE}: remove it or give a larger one"
        )


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey
        wide = np.asarray(image).astype(np.float64)
        return Image.fromarray((wide / 257).round().clip(0, 255).astype(np.uint8)).convert("RGB")
    if "A" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(paper, image).convert("RGB")
    return image.convert("RGB")
