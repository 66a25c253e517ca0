"""Which files are pictures: those of `picture.FORMATS`, by content and not by name.

A file with a usual suffix of pictures is one, and must be readable. Any other file is one if its
first bytes are a format's signature and its header is whole. Formats without a signature (TGA)
need their suffix.
"""

__all__ = ["HEAD", "is_named_as_picture", "opens_as_picture", "remedy"]

from collections.abc import Callable
from pathlib import PurePosixPath

from PIL import Image

from genlab.common.errors import InputError
from genlab.common.formats.picture import HEAD, opened, readable_formats, signed

SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".bmp", ".dib", ".gif", ".tif",
    ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".avif", ".heic", ".heif", ".jxl", ".tga",
})  # fmt: skip
"""Suffixes of pictures and of nothing else; Pillow may lack the codec of some."""

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


def is_named_as_picture(name: str) -> bool:
    """Returns whether a file's suffix is one of pictures that Pillow reads here."""
    suffix, formats = _suffix(name), readable_formats()
    return suffix in SUFFIXES and _format_of(suffix) in formats


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
    formats = tuple(form for form in readable_formats() if _may_be(form, suffix, head))
    if not formats:
        return False
    try:
        with opened(read(), name, formats):
            return True
    except InputError:
        return False


def remedy(suffix: str) -> str:
    """Returns what can be done about files of a kind that is left out; "" for nothing."""
    return REMEDIES.get(suffix, "")


def _may_be(form: str, suffix: str, head: bytes) -> bool:
    found = signed(form, head)
    return _format_of(suffix) == form if found is None else found


def _format_of(suffix: str) -> str | None:
    return Image.registered_extensions().get(suffix)


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
