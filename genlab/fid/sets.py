"""The images of a measurement, opened at one size.

All sets are brought to squares of one side first (central square, Lanczos), by default the shorter
side of the smallest generated image: the comparison is of the content of images, not of their
resolution. The size "native" leaves all as they are.
"""

__all__ = [
    "ImageSets", "Size", "compression", "cropped", "join", "open_generated", "open_real",
    "refuse_run", "require_enough", "require_images", "require_room",
]  # fmt: skip

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import genlab.data

from genlab.common.errors import InputError
from genlab.compute.memory import require_memory
from genlab.configs.fid import FEWEST
from genlab.data.crops.crop import Crop
from genlab.data.files.pictures import FilePictures
from genlab.data.open import folder_of
from genlab.data.pictures import Pictures, shorter_sides
from genlab.features.extraction import Images, as_pictures
from genlab.features.extractor import Extractor
from genlab.fid.generated import of_run
from genlab.runs.records import kind_of

JPEG = b"\xff\xd8\xff"
"""How such a file begins."""
LOOKED_AT = 20
"""Files whose beginning is read."""

Size = int | Literal["native"]
"""The side of the squares that images become; "native": each stays as it is."""


@dataclass(frozen=True, kw_only=True)
class ImageSets:
    """The images of a measurement."""

    real: Pictures
    fake: Pictures
    held_out: Pictures | None = None
    """Real images that the generator was not trained on."""


def open_real(images: Images, size: Size, crop: Crop = "centre", name: str = "REAL") -> Pictures:
    """Opens real images at a size.

    Arguments:
        images: The images.
        size: The side of their squares.
        crop: The square kept of a photograph in a folder or zip.
        name: What the images are called in an error.

    Raises:
        InputError: If they cannot be opened, or are a run of genlab.
    """
    squares = None if size == "native" else size
    if not isinstance(images, str | Path):
        return as_pictures(images, squares)
    refuse_run(str(images), name)
    return genlab.data.images(images, squares, crop)


def refuse_run(source: str, name: str) -> None:
    """Raises `InputError` if a source of real images is a run of genlab.

    Arguments:
        source: The SOURCE.
        name: What the images are called in the error.
    """
    folder = folder_of(source)
    if folder and kind_of(folder):
        raise InputError(f"{name} {source}: a genlab run; name a source of real images")


def cropped(crop: str) -> str:
    """Returns a note on real images that are not cropped as generated ones are."""
    square = {
        "subject": "the subject's square", "face": "the square around the dog's head",
        "boxes": "the square around the rectangle beside each",
    }[crop]
    return f"real images are cropped to {square}, generated ones to the central square"


def open_generated(
    several: Sequence[Images], size: Size | None, n: int, seed: int
) -> tuple[list[Pictures], Size, str]:
    """Opens the images of one or more generators at one size.

    Arguments:
        several: The images of each generator, or a run that draws them.
        size: The side of their squares; None: the shorter side of the smallest image of all.
        n: The number of images drawn from a run.
        seed: Decides the latents of a run.

    Returns:
        The images, their size, and a note on it if there is something to say.

    Raises:
        InputError: If a source cannot be opened, or is a run that draws no images.
    """
    if size is not None:
        squares = None if size == "native" else size
        return [_open(images, squares, n, seed) for images in several], size, ""
    natives = [_open(images, None, n, seed) for images in several]
    sides = {side for native in natives for side in _sides(native)}
    size, note = min(sides), ""
    if len(sides) > 1:
        note = (
            f"the generated images' shorter sides are from {size} to {max(sides)} px: all images, "
            f"real ones too, are brought to {size} px (`size` sets another)"
        )
    return [native.squares(size) for native in natives], size, note


def _sides(pictures: Pictures) -> list[int]:
    """The shorter side of each image; of images that share a size, one for all."""
    shape = pictures.identity.shape
    return [min(shape[1:])] if len(shape) == 3 else shorter_sides(pictures)


def _open(images: Images, size: int | None, n: int, seed: int) -> Pictures:
    if not isinstance(images, str | Path):
        return as_pictures(images, size)
    kind = kind_of(Path(images))
    if kind in ("gan", "vae"):
        return of_run(Path(images), n, seed, size=size)
    if kind is not None:
        raise InputError(
            f"FAKES {images}: a run of kind {kind!r}, which draws no images; name a run of a GAN "
            "or VAE, for example one inside it"
        )
    return genlab.data.images(images, size)


def compression(sets: ImageSets) -> str:
    """Returns a note if one set's files are JPEG and the other's are not."""
    lossy = [_are_jpeg(pictures) for pictures in (sets.real, sets.fake)]
    if None in lossy or lossy[0] == lossy[1]:
        return ""
    which = ("real", "generated") if lossy[0] else ("generated", "real")
    return (
        f"the {which[0]} images are JPEG files and the {which[1]} ones are not: what compression "
        "does to images is part of the distance"
    )


def _are_jpeg(pictures: Pictures) -> bool | None:
    """Whether some files, evenly spaced, are all JPEG; None if some are, or there are no files."""
    if not isinstance(pictures, FilePictures):
        return None
    some = pictures.paths[:: -(-len(pictures.paths) // LOOKED_AT)]
    found = {pictures.files.read(path).startswith(JPEG) for path in some}
    return found.pop() if len(found) == 1 else None


def require_enough(sets: ImageSets) -> None:
    """Raises `InputError` if a set has too few images to be compared."""
    require_images(sets.real, "real", "a Fréchet distance")
    require_images(sets.fake, "generated", "a Fréchet distance")
    if sets.held_out:
        require_images(sets.held_out, "held-out", "the test of memorisation")


def require_room(all_sets: Sequence[ImageSets], extractors: Sequence[Extractor]) -> None:
    """Raises `InputError` if the features of all images do not fit into memory."""
    pictures = {
        id(one): len(one) for sets in all_sets for one in (sets.real, sets.fake, sets.held_out)
        if one is not None
    }  # fmt: skip
    count, features = sum(pictures.values()), sum(one.dims for one in extractors)
    require_memory(
        4 * count * features, f"{count:,} images with {features:,} features each",
        "measure with one network at a time (`features`), or fewer images",
    )


def require_images(pictures: Pictures, role: str, what: str) -> None:
    """Raises `InputError` if there are too few images for something."""
    if len(pictures) < FEWEST:
        raise InputError(
            f"{pictures.identity.source}: {len(pictures)} {role} images; {what} needs at least "
            f"{FEWEST}, better 300"
        )


def join(*notes: str) -> str:
    """Joins those notes that are not empty."""
    return "; ".join(filter(None, notes))
