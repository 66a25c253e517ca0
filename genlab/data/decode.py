"""From a file to its pixels: which files are images, and how each becomes RGB.

Every picture is turned upright (EXIF) and brought to RGB: transparent pixels lie on white, 16-bit
grey is scaled to 8 bits, a palette is looked up, of an animation the first frame is taken. Wider
pixels (32-bit and floating-point TIFFs) are refused: nothing says which value is white.
A square of it (the central one, if not another is chosen) is resized once with an antialiasing
(Lanczos) filter.

Shapes: H W pixels of an image, S the side of a square.
"""

__all__ = [
    "FORMATS",
    "MEND",
    "NOWHERE",
    "SUFFIXES",
    "VERSION",
    "Choose",
    "Listing",
    "central_square",
    "decode",
    "decoding",
    "image_files",
    "list_images",
    "no_images",
    "open_upright",
    "read_image",
    "reading",
    "refuse_images",
    "square",
    "upright",
]

import os
import warnings

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from PIL import Image, ImageOps, UnidentifiedImageError

from genlab.common.errors import InputError
from genlab.common.progress import say
from genlab.data.crop import Box, central_box

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}
)
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")  # none that runs programs
VERSION = 1
"""Of what happens between a file and its pixels: part of cache keys."""
MEND = "; mend or remove it"
NOWHERE = f"a link to nothing{MEND}"
LISTED = 10
"""How many unreadable images an error names."""
SMALLEST_SIDE = 16

Choose = Callable[[Image.Image], Box]
"""Says which square of an upright RGB picture to take."""


def central_square(image: Image.Image) -> Box:
    """Returns the largest square in the middle of a picture."""
    return central_box(*image.size)


def image_files(folder: Path) -> list[Path]:
    """Returns the images of a folder, as of `list_images`; what is left out is said.

    Raises:
        InputError: If there are none, or a link leads nowhere.
    """
    found = list_images(folder)
    broken = [f"{path}: {NOWHERE}" for path in found.broken]
    refuse_images(broken, len(found.files) + len(broken), str(folder))
    if found.left_out:
        say(f"note: {folder}: left out: {'; '.join(found.left_out)}")
    return found.files


class Listing(NamedTuple):
    """What is in a folder and the folders in it."""

    files: list[Path]
    """The images, in the order of their names."""
    broken: list[Path]
    """Links with the name of an image that lead nowhere."""
    others: list[Path]
    """Files whose names are not those of images."""
    left_out: list[str]
    """What is no image of the folder although it looks like some, in words."""


def list_images(folder: Path) -> Listing:
    """Lists the images of a folder and the folders in it.

    A file that is there under several names (links) counts once, by its first name. The
    `._NAME` files that macOS puts beside NAME are no images. Links to folders are not followed.

    Raises:
        InputError: If there are none, not even links that lead nowhere.
    """
    everything = sorted(folder.rglob("*"))
    named = [p for p in everything if p.suffix.lower() in SUFFIXES]
    broken = [p for p in named if not p.exists()]
    paths = [p for p in named if p.is_file()]
    files = {}
    for path in paths:
        if not path.name.startswith("._"):
            files.setdefault(_file_key(path), path)
    left_out = []
    if len(files) < len(paths):
        left_out.append(
            f"{len(paths) - len(files)} names (links to images that are counted already, or what "
            "macOS notes beside a file as ._NAME)"
        )
    if linked := [p for p in everything if p.is_symlink() and p.is_dir()]:
        left_out.append(
            f"links to folders: {len(linked)}, as {linked[0].relative_to(folder).as_posix()} "
            "(they are not followed: copy those folders here)"
        )
    if not files and not broken:
        raise InputError(no_images(str(folder), left_out))
    others = [p for p in everything if p.suffix.lower() not in SUFFIXES and p.is_file()]
    return Listing(list(files.values()), broken, others, left_out)


def no_images(source: str, left_out: Sequence[str]) -> str:
    """Returns what is said of a source without images."""
    looked = f"{source}: no images in it (looked for {', '.join(sorted(SUFFIXES))}, "
    return "; left out: ".join([f"{looked}folders inside it too)", *left_out])


def _file_key(path: Path) -> tuple[int, int] | str:
    """Returns what two names of one file share."""
    status = path.stat()
    if status.st_ino:
        return status.st_dev, status.st_ino
    return os.path.realpath(path)  # a file system without numbers


def read_image(path: Path, size: int, choose: Choose = central_square) -> np.ndarray:
    """Reads one image as an upright RGB square, uint8 with shape `(S, S, 3)`.

    Transparent pixels lie on white; 16-bit grey is scaled to 8 bits; of an animation the first
    frame is taken.

    Arguments:
        path: The file.
        size: The side S in pixels.
        choose: Says which square of the upright picture to take.

    Raises:
        InputError: If the file is no readable image, or its shorter side is under 16 pixels.
    """
    with decoding():
        return square(decode(path, str(path)), size, str(path), choose)


def open_upright(path: Path) -> Image.Image:
    """Reads one image file at its own size, upright and in RGB.

    Raises:
        InputError: As of `read_image`.
    """
    return upright(path, str(path))


def upright(file: Path | BinaryIO, name: str) -> Image.Image:
    """Reads one image at its own size, upright and in RGB, calling it `name` in errors.

    Raises:
        InputError: As of `read_image`.
    """
    with decoding():
        image = decode(file, name)
    _require_side(image, name)
    return image


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
    with reading(file, name) as image:
        # 16-bit grey is "I;16"; of what is "I" without more, only PNG and PPM say what is white
        if image.mode == "F" or (image.mode == "I" and image.format not in ("PNG", "PPM")):
            raise ValueError("32-bit pixels, of unknown range: save it with 8 or 16 bits")
        return _rgb(ImageOps.exif_transpose(image))


@contextmanager
def reading(file: Path | BinaryIO, name: str) -> Iterator[Image.Image]:
    """Opens an image for the block; whatever its damage raises there names it.

    Raises:
        InputError: If it is no readable image, or so large that it may be a trap.
    """
    try:
        with Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > (Image.MAX_IMAGE_PIXELS or float("inf")):
                raise ValueError(f"{image.width}x{image.height} pixels: too many")
            yield image
            return
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


def square(
    image: Image.Image, size: int, name: str, choose: Choose = central_square
) -> np.ndarray:
    """Crops an RGB image to a square and resizes it, uint8 with shape `(S, S, 3)`.

    Raises:
        InputError: If its shorter side is under 16 pixels, naming it `name`.
    """
    _require_side(image, name)
    left, top, side = choose(image)
    box = (left, top, left + side, top + side)
    if side != size:
        image = image.resize((size, size), Image.Resampling.LANCZOS, box=box)
    else:
        image = image.crop(box)
    return np.asarray(image)


def _require_side(image: Image.Image, name: str) -> None:
    if min(image.size) < SMALLEST_SIDE:
        raise InputError(
            f"{name}: {image.width}x{image.height} pixels; the shorter side needs at least "
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
