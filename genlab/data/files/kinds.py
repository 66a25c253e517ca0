"""Which files are pictures: what Pillow reads, by content and not by name.

A file with a usual suffix of pictures is one, and must be readable. Any other file is one if its
first bytes are a format's signature and its header is whole. Formats without a signature (TGA)
need their suffix.
"""

__all__ = ["HEAD", "is_named_as_picture", "opens_as_picture", "readable_formats", "remedy"]

import io

from collections.abc import Callable
from functools import cache
from pathlib import PurePosixPath

from PIL import Image

SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".bmp", ".dib", ".gif", ".tif",
    ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".avif", ".heic", ".heif", ".jxl", ".tga",
})  # fmt: skip
"""Suffixes of pictures and of nothing else; Pillow may lack the codec of some."""

COMMON = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF", "HEIF")
"""Formats that are tried first."""
REFUSED = frozenset({"EPS", "WMF", "MPEG", "BUFR", "GRIB", "HDF5"})
"""Formats that Pillow knows and genlab leaves out: they run a program, or are never decoded."""

HEAD = 16
"""The bytes at a file's beginning that a signature lies in."""

RAW = frozenset({".3fr", ".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".pef", ".raf", ".rw2",
                 ".srw"})  # fmt: skip
REMEDIES = {
    **dict.fromkeys((".heic", ".heif"), "this Pillow cannot read them; install pillow-heif"),
    ".avif": "this Pillow cannot read them; install a newer one",
    ".jxl": "this Pillow cannot read them; install pillow-jxl-plugin",
    **dict.fromkeys(RAW, "a camera's raw data; develop them to JPEG or PNG"),
    **dict.fromkeys((".svg", ".eps", ".pdf"), "drawings; save them as PNG"),
    **dict.fromkeys((".mp4", ".mov", ".avi", ".mkv", ".webm"), "films; save frames as PNG"),
    **dict.fromkeys((".zip", ".tar", ".gz", ".tgz", ".rar", ".7z"),
                    "archives; unpack them, or give a zip by itself"),
}
"""What is to be said of files that look like pictures, or may hold some, and are left out."""


def readable_formats() -> list[str]:
    """Returns the formats that Pillow reads here, plugins too, those without signature last."""
    _load_plugins()
    known = [name for name in Image.OPEN if name not in REFUSED]
    last = len(COMMON)
    place = {name: index for index, name in enumerate(COMMON)}
    return sorted(known, key=lambda name: (_accepts(name) is None, place.get(name, last)))


def is_named_as_picture(name: str) -> bool:
    """Returns whether a file's suffix is one of pictures that Pillow reads here."""
    suffix = _suffix(name)
    if suffix not in SUFFIXES:
        return False
    _load_plugins()
    return Image.registered_extensions().get(suffix) in Image.OPEN


def opens_as_picture(name: str, head: bytes, read: Callable[[], bytes]) -> bool:
    """Returns whether a file whose suffix is none of pictures is one all the same.

    Arguments:
        name: Its name.
        head: Its first `HEAD` bytes.
        read: Reads all of it.
    """
    suffix = _suffix(name)
    if suffix in RAW:  # TIFF by content, but what Pillow reads of it is a small preview
        return False
    own = Image.registered_extensions().get(suffix)
    try:
        formats = [
            form for form in readable_formats()
            if (own == form if _accepts(form) is None else _signed(form, head))
        ]
        if formats:
            with Image.open(io.BytesIO(read()), formats=formats):
                return True
    except Exception:  # of bytes that are no picture decoders raise anything
        pass
    return False


def remedy(suffix: str) -> str:
    """Returns what can be done about files of a kind that is left out; "" for nothing."""
    return REMEDIES.get(suffix, "")


@cache
def _load_plugins() -> None:
    Image.init()
    if "HEIF" not in Image.OPEN:
        try:
            from pillow_heif import register_heif_opener  # pyright: ignore[reportMissingImports]
        except ImportError:
            return
        register_heif_opener()


def _accepts(form: str) -> Callable[[bytes], bool | str] | None:
    return Image.OPEN[form][1]


def _signed(form: str, head: bytes) -> bool:
    accepts = _accepts(form)
    found = accepts is not None and accepts(head)
    return bool(found) and not isinstance(found, str)  # a string says why it cannot be read


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
