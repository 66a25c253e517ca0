"""Pictures of strangers: each odd one is read right or refused in one line, soon and in little."""

import io
import struct
import time
import zlib

from typing import Any

import numpy as np
import pytest

from cases.fuzz.campaign import LARGEST, growth
from cases.fuzz.pictures import FORMS, PNGS, SOFT, saved
from PIL import Image

from genlab.common.errors import InputError
from genlab.common.formats.picture import opened, readable_formats
from genlab.data.check.probe import look_at
from genlab.data.decode import decode, decoding


def png(width: int, height: int) -> bytes:
    """A PNG whose header promises so many pixels, and whose data are few bytes."""
    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + checksum

    head = chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0))
    return PNGS[0][:8] + head + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")


def of_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan comes so many times."""
    data = saved("JPEG", size=(1440, 1440), progressive=True)
    start = data.rindex(b"\xff\xda")
    return data[:-2] + data[start:-2] * count + data[-2:]


def of_pages(count: int) -> bytes:
    """A TIFF with so many pages, all of the same pixels."""
    size = 2 + 12 * 9 + 4
    pages = bytearray()
    for page in range(count):
        tags = [(256, 4, 20), (257, 4, 20), (258, 3, 8), (259, 3, 1), (262, 3, 2),
                (273, 4, 8 + count * size), (277, 3, 3), (278, 4, 20), (279, 4, 1200)]  # fmt: skip
        pages += struct.pack("<H", 9)
        pages += b"".join(struct.pack("<2H2I", tag, kind, 1, value) for tag, kind, value in tags)
        pages += struct.pack("<I", 8 + (page + 1) * size if page < count - 1 else 0)
    return b"II*\0" + struct.pack("<I", 8) + bytes(pages) + bytes(1200)


REFUSED = {
    "truncated": (saved("JPEG")[:-60], "truncated"),
    "a million pixels a side": (png(10**6, 10**6), "exceeds limit|too many"),
    "66,000 pixels a side": (png(20, 66_000), "20x66000 pixels: too many; 65,535 a side"),
    "15,000 pixels a side": (png(15_000, 15_000), "exceeds limit|too many|could be decomp"),
    "3,000 pixels a side in few bytes": (png(3000, 3000), "3000x3000 pixels: too many; of 69"),
    "no pixels": (png(0, 20), "not a readable image"),
    "nothing": (b"", "an empty file"),
    "EPS": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "of no format"),
    "FITS": (b"SIMPLE  =                    T" + b" " * 2850, "of no format"),
    "icon": (saved("ICO"), "of no format"),
    "20,000 scans": (of_scans(20_000), "scans: too many"),
    "page": (b"<!DOCTYPE html>", "a page or text"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_odd_pictures_are_refused_soon_and_in_one_line(case: str) -> None:
    data, words = REFUSED[case]
    found: list[str] = []

    def refuse() -> None:
        with decoding(), pytest.raises(InputError, match=words) as caught:
            look_at(data, "a.jpg")
        found.append(str(caught.value))

    start = time.process_time()
    assert growth(refuse) < LARGEST
    assert time.process_time() - start < 5
    assert found[0].isprintable()
    assert found[0].startswith("a.jpg: not a readable image (")


def test_many_pages_are_not_counted() -> None:
    data = of_pages(8_000)
    start = time.process_time()
    assert look_at(data, "a.tif").probe.several_frames
    assert time.process_time() - start < 1.5


@pytest.mark.parametrize(
    ("form", "mode", "options"),
    [
        ("JPEG", "CMYK", {"quality": 100}), ("PNG", "P", {}),
        ("PNG", "LA", {}), ("TIFF", "RGB", {"compression": "tiff_lzw"}), ("PNG", "RGB", {}),
        ("GIF", "P", {}), ("WEBP", "RGBA", {"lossless": True}), ("BMP", "RGB", {}),
    ],
)
def test_modes_of_honest_pictures_have_their_pixels(
    form: str, mode: str, options: dict[str, Any]
) -> None:
    wanted = np.asarray(SOFT.convert(mode).convert("RGB")).astype(int)
    with decoding():
        seen = np.asarray(decode(saved(form, mode, **options), "a")).astype(int)
    assert np.abs(seen - wanted).mean() < 6


def test_the_formats_are_those_of_pictures_that_this_pillow_reads() -> None:
    assert set(readable_formats()) <= set(Image.OPEN)
    assert not {"EPS", "FITS", "ICO", "ICNS", "PSD", "WMF", "MPEG"} & set(readable_formats())
    for form, files in FORMS.items():
        for data in files:
            with opened(data, form, readable_formats()) as image:
                assert image.size[0] > 0


def test_an_error_of_the_block_itself_stays_what_it_is() -> None:
    with pytest.raises(InputError, match="^mine$"), opened(PNGS[0], "a", ("PNG",)):
        raise InputError("mine")


def test_a_picture_of_another_format_than_asked_for_is_refused() -> None:
    buffer = io.BytesIO()
    SOFT.save(buffer, "GIF")
    with pytest.raises(InputError, match="not a readable image"), opened(
        buffer.getvalue(), "a", ("PNG",)
    ):
        pass
