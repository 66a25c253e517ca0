"""The readers of pictures: one for each format, folders of them in zips, and the verifier's."""

__all__ = ["FORMS", "PNGS", "READERS", "SOFT", "saved"]

import io
import zipfile

from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from cases.fuzz.bytes import any_change
from cases.fuzz.campaign import Reader
from cases.fuzz.inside import in_png, in_zip, tiff_of_tags, with_exif
from PIL import Image

import genlab.data

from genlab.data.check.probe import look_at
from genlab.data.decode import decoding
from genlab.figures.sheets import read_image
from genlab.lab.report.formats.pictures import shrunk
from genlab.lab.verify.readers.pictures import read_picture

COARSE = np.random.default_rng(0).integers(0, 256, (4, 5, 3)).astype(np.uint8)
SOFT = Image.fromarray(COARSE).resize((20, 17))


def saved(
    form: str, mode: str = "RGB", size: tuple[int, int] | None = None, **options: Any
) -> bytes:
    """Returns a soft picture as a file."""
    buffer = io.BytesIO()
    (SOFT.resize(size) if size else SOFT).convert(mode).save(buffer, form, **options)
    return buffer.getvalue()


def _turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    return exif.tobytes()


def _deep() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((17, 20), 40_000, np.uint16)).save(buffer, "PNG")
    return buffer.getvalue()


def _frames(form: str) -> bytes:
    """An animation, or a file of several pages."""
    return saved(form, save_all=True, append_images=[SOFT.rotate(angle) for angle in (90, 180)])


PNGS = [
    saved("PNG"), saved("PNG", "RGBA"), saved("PNG", "LA"), saved("PNG", "1"), _deep(),
    saved("PNG", "P", transparency=3), saved("PNG", exif=_turned()), _frames("PNG"),
]
FORMS: dict[str, Sequence[bytes]] = {
    "png": PNGS,
    "jpeg": [saved("JPEG"), saved("JPEG", "CMYK"), saved("JPEG", "L", progressive=True),
             saved("JPEG", exif=_turned()), _frames("MPO")],
    "gif": [saved("GIF", "P"), _frames("GIF"), saved("GIF", "P", transparency=3)],
    "webp": [saved("WEBP"), saved("WEBP", "RGBA", lossless=True), _frames("WEBP"),
             saved("WEBP", exif=_turned())],
    "bmp": [saved("BMP"), saved("BMP", "P"), saved("BMP", "1"), saved("BMP", "RGBA")],
    "tiff": [saved("TIFF"), saved("TIFF", compression="tiff_lzw"), saved("TIFF", "1",
             compression="group4"), saved("TIFF", compression="jpeg"), _frames("TIFF"),
             saved("TIFF", "LA"),
             saved("TIFF", compression="tiff_adobe_deflate", big_tiff=True)],
    "ppm": [saved("PPM"), saved("PPM", "L"), saved("PPM", "1"), b"P3 2 1 255 1 2 3 4 5 6 " * 1],
    "avif": [saved("AVIF"), saved("AVIF", exif=_turned())],
    "jpeg2000": [saved("JPEG2000"), saved("JPEG2000", "LA")],
    "qoi": [saved("QOI")],
    "tga": [saved("TGA"), saved("TGA", compression="tga_rle"), saved("TGA", "LA")],
    "dib": [saved("DIB")],
}  # fmt: skip


def tags(random: Random, data: bytes) -> bytes:
    """Puts another directory of tags before the data of a TIFF."""
    return tiff_of_tags(random) + data[8:]


CHANGES = {"png": [in_png], "jpeg": [with_exif, any_change], "tiff": [tags, any_change]}


def _of_form(form: str) -> Callable[[Path], Reader]:
    def make(folder: Path) -> Reader:
        del folder

        def read(data: bytes) -> object:
            with decoding():
                return look_at(data, f"a.{form}")

        def honest_too(data: bytes) -> object:
            return read(data) if data != FORMS["ppm"][-1] else None

        return Reader(form, FORMS[form], honest_too, CHANGES.get(form, ()))

    make.__name__ = form
    return make


def picture_zip(folder: Path) -> Reader:
    """A folder of pictures in a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {
            "a/1.png": PNGS[0], "a/2.jpg": FORMS["jpeg"][0], "b/3": FORMS["webp"][0],
            "notes.txt": b"none", "__MACOSX/._1.png": b"x",
        }.items():
            archive.writestr(name, data)

    def read(data: bytes) -> object:
        (folder / "a.zip").write_bytes(data)
        with redirect_stderr(io.StringIO()), decoding():
            images = genlab.data.images(folder / "a.zip", 16)
            return [images.read(index) for index in range(len(images))]

    return Reader("picture zip", [buffer.getvalue()], read,
                  [in_zip((".png", in_png), (".jpg", with_exif))])  # fmt: skip


def run_pictures(folder: Path) -> Reader:
    """A run's own PNG, for its figures and its report."""
    def read(data: bytes) -> object:
        (folder / "a.png").write_bytes(data)
        with decoding():
            return read_image(folder / "a.png"), shrunk(data, "a.png", 12)

    return Reader("run pictures", PNGS, read, [in_png])


def verified_pictures(folder: Path) -> Reader:
    """A submission's PNG or JPEG."""
    del folder
    honest = [PNGS[0], PNGS[1], *FORMS["jpeg"][:3]]
    return Reader("verified pictures", honest, lambda data: read_picture(data, "a", jpeg=True),
                  [in_png, with_exif])  # fmt: skip


READERS = (*map(_of_form, FORMS), picture_zip, run_pictures, verified_pictures)
