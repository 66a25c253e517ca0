"""From a file to its pixels: which files are images, and how each becomes RGB.

Every picture is turned upright (EXIF) and brought to RGB: transparent pixels lie on white, 16-bit
grey is scaled to 8 bits, a palette is looked up, of an animation the first frame is taken.
Squares are cropped centrally and resized once with an antialiasing (Lanczos) filter.

Shapes: H W pixels of an image, S the side of a square.
"""

__all__ = [
    "FORMATS",
    "MEND",
    "SUFFIXES",
    "VERSION",
    "decode",
    "decoding",
    "image_files",
    "read_image",
    "refuse_images",
    "square",
]

import os
import warnings

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from PIL import Image, ImageOps, UnidentifiedImageError

from genlab.engine.progress import say
from genlab.errors import InputError

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}
)
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")  # none that runs programs
VERSION = 1
"""Of what happens between a file and its pixels: part of cache keys."""
MEND = "; mend or remove it"
LISTED = 10
"""How many unreadable images an error names."""
SMALLEST_SIDE = 16


def image_files(folder: Path) -> list[Path]:
    """Returns the images of a folder and the folders in it, in the order of their names.

    A file that is there under several names (links) counts once, by its first name. The
    `._NAME` files that macOS puts beside NAME are no images. What is left out is said.

    Raises:
        InputError: If there are none, or a link leads nowhere.
    """
    named = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    broken = [f"{p}: a link to nothing{MEND}" for p in named if not p.exists()]
    refuse_images(broken, len(named), str(folder))
    paths = [p for p in named if p.is_file()]
    files = {}
    for path in paths:
        if not path.name.startswith("._"):
            files.setdefault(_file_key(path), path)
    if not files:
        raise InputError(
            f"{folder}: no images in it (looked for {', '.join(sorted(SUFFIXES))}, "
            "folders inside it too)"
        )
    if len(files) < len(paths):
        say(f"note: {folder}: left out: {len(paths) - len(files)} names (links to images that are "
            "counted already, or what macOS notes beside a file as ._NAME)")
    return list(files.values())


def _file_key(path: Path) -> tuple[int, int] | str:
    """Returns what two names of one file share."""
    status = path.stat()
    if status.st_ino:
        return status.st_dev, status.st_ino
    return os.path.realpath(path)  # a file system without numbers


def read_image(path: Path, size: int) -> np.ndarray:
    """Reads one image as an upright RGB square, uint8 with shape `(S, S, 3)`.

    Transparent pixels lie on white; 16-bit grey is scaled to 8 bits; of an animation the first
    frame is taken.

    Raises:
        InputError: If the file is no readable image, or its shorter side is under 16 pixels.
    """
    with decoding():
        return square(decode(path, str(path)), size, str(path))


@contextmanager
def decoding() -> Iterator[None]:
    """Keeps quiet, inside the block, about odd but harmless metadata of images.

    Warning filters belong to the whole process: the thread that others wait for opens this, not
    one beside it.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"(PIL|genlab\.data)\b")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # decode refuses those
        yield


def decode(file: Path | BinaryIO, name: str) -> Image.Image:
    """Reads one image, upright and in RGB, at its own size; conversions as of `read_image`.

    Raises:
        InputError: If it is no readable image, naming it `name`.
    """
    try:
        with Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > (Image.MAX_IMAGE_PIXELS or float("inf")):
                raise ValueError(f"{image.width}x{image.height} pixels: too many")
            return _rgb(ImageOps.exif_transpose(image))
    except UnidentifiedImageError:
        reason = f"none of {', '.join(FORMATS)}"
    except Exception as error:  # decoders raise anything on damaged bytes
        reason = (str(error) or type(error).__name__).splitlines()[0]
    raise InputError(f"{name}: not a readable image ({reason}){MEND}")


def refuse_images(problems: Sequence[str], count: int, source: str) -> None:
    """Raises one `InputError` for all images that cannot be used, if there are any.

    Arguments:
        problems: What `decode` and its kin say of each, in the order of their names.
        count: The number of images, those that can be used too.
        source: Where they come from.
    """
    if not problems:
        return
    if len(problems) == 1:
        raise InputError(problems[0])
    shown = [f"  {problem.removesuffix(MEND)}" for problem in problems[:LISTED]]
    if len(problems) > LISTED:
        shown.append(f"  and {len(problems) - LISTED} more")
    head = f"{source}: {len(problems)} of {count} images cannot be used; mend or remove them"
    raise InputError("\n".join([head, *shown]))


def square(image: Image.Image, size: int, name: str) -> np.ndarray:
    """Crops an RGB image to its central square and resizes it, uint8 with shape `(S, S, 3)`.

    Raises:
        InputError: If its shorter side is under 16 pixels, naming it `name`.
    """
    side = min(image.size)
    if side < SMALLEST_SIDE:
        raise InputError(
            f"{name}: {image.width}x{image.height} pixels; the shorter side needs at least "
            f"{SMALLEST_SIDE}: remove it or give a larger one"
        )
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    if side != size:
        image = image.resize((size, size), Image.Resampling.LANCZOS, box=box)
    else:
        image = image.crop(box)
    return np.asarray(image)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey (and 32-bit, which PNG uses for 16)
        wide = np.asarray(image).astype(np.float64)
        return Image.fromarray((wide / 257).round().clip(0, 255).astype(np.uint8)).convert("RGB")
    if "A" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(paper, image).convert("RGB")
    return image.convert("RGB")
