"""Pictures: the format is one of a list, and the size is limited, before a pixel is decoded.

Of the formats that Pillow reads these are those that people keep photographs and drawings in.
Among the others are some that run a program (EPS), hold another file whose size no header says
(ICO, ICNS), or unpack without a limit.
"""

__all__ = ["HEAD", "JPEG", "LARGEST", "PNG", "opened", "readable_formats", "signed"]

import io
import re

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

from PIL import Image, UnidentifiedImageError

from genlab.common.errors import InputError
from genlab.common.text import one_line

FORMATS = (
    "JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF", "HEIF", "JXL", "JPEG2000", "QOI",
    "DIB", "TGA",
)  # fmt: skip
"""The formats of pictures, in the order in which they are tried; TGA has no signature."""
PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
"""The first bytes of the two."""

LARGEST = 1 << 29
"""Bytes of a file: more than any of so many pixels has."""
HEAD = 16
"""The bytes at a file's beginning that a signature lies in."""
MOST_PIXELS = 89_478_485
"""The pixels of a picture; Pillow's own limit, which can be set lower."""
LARGEST_SIDE = 65_535
"""The pixels of a side; JPEG has the same limit."""
FREE = 1 << 22
"""The pixels that any picture may have: a wide figure of few lines has 2.7 million."""
MOST_PACKED = 200
"""The pixels for a byte of its file that a larger one may have: photographs have 2 to 50."""

MOST_PASSED = 1 << 31
"""The pixels that all scans of a JPEG may go over, in seconds; progressive ones have ten scans."""
MARKER = re.compile(rb"\xff[^\0\xd0-\xd7\xff]")
START, END, SCAN = 0xD8, 0xD9, 0xDA


@contextmanager
def opened(
    data: bytes, name: str, formats: tuple[str, ...], most: int = MOST_PIXELS
) -> Iterator[Image.Image]:
    """Opens a picture for the block; whatever a decoder raises in it becomes an `InputError`.

    Arguments:
        data: The file.
        name: What it is called in an error.
        formats: Pillow's names of the formats that it may have.
        most: The pixels that it may have.

    Raises:
        InputError: If it is none, has no pixels or too many, or is damaged.
    """
    try:
        with Image.open(io.BytesIO(data), formats=formats) as image:
            pixels, size = image.width * image.height, f"{image.width}x{image.height} pixels"
            if not pixels:
                raise ValueError(size)
            if max(image.size) > LARGEST_SIDE:
                raise ValueError(f"{size}: too many; {LARGEST_SIDE:,} a side at most")
            most = min(most, Image.MAX_IMAGE_PIXELS or most, max(FREE, MOST_PACKED * len(data)))
            if pixels > most:
                raise ValueError(f"{size}: too many; of {len(data):,} bytes {most:,} at most")
            if data[: len(JPEG)] == JPEG and pixels * _scans(data) > MOST_PASSED:
                raise ValueError(f"{size} in {_scans(data):,} scans: too many")
            yield image
            return
    except (InputError, MemoryError):  # a want of memory says nothing of the picture
        raise
    except UnidentifiedImageError:
        reason = _content(data)
    except Exception as error:  # decoders raise anything on damaged bytes
        reason = (str(error) or type(error).__name__).splitlines()[0]
    raise InputError(f"{name}: not a readable image ({one_line(reason)[:200]})")


def readable_formats() -> tuple[str, ...]:
    """Returns the formats that Pillow reads here, plugins too, those without signature last."""
    _load_plugins()
    return tuple(form for form in FORMATS if form in Image.OPEN)


def signed(form: str, head: bytes) -> bool | None:
    """Returns whether a file's first bytes are a format's signature; None if it has none."""
    accepts: Callable[[bytes], bool | str] | None = Image.OPEN[form][1]
    if accepts is None:
        return None
    found = accepts(head.ljust(HEAD, b"\0"))
    return bool(found) and not isinstance(found, str)  # a string says why it cannot be read


@cache
def _load_plugins() -> None:
    Image.init()
    if "HEIF" not in Image.OPEN:
        try:
            from pillow_heif import register_heif_opener  # pyright: ignore[reportMissingImports]
        except ImportError:
            return
        register_heif_opener()


def _scans(data: bytes) -> int:
    """Returns in how many scans a JPEG goes over its pixels; each may be a few bytes.

    References:
        | ITU-T T.81 (JPEG), B.1.1 (markers and segments)
    """
    count, place = 0, 2
    while marker := MARKER.search(data, place):
        code, place = data[marker.end() - 1], marker.end()
        if code == END:
            break
        if code != START:
            place += int.from_bytes(data[place : place + 2], "big")
            count += code == SCAN
    return count


def _content(data: bytes) -> str:
    """Returns what bytes are that no decoder takes, in words."""
    if not data:
        return "an empty file"
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        if brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
            return "HEIC by content, which this Pillow cannot read; install pillow-heif"
        return "AVIF, which this Pillow cannot read" if brand == b"avif" else "a film by content"
    if data[:256].lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<svg", b"{")):
        return "a page or text by content, no picture"
    return "of no format that genlab reads"
