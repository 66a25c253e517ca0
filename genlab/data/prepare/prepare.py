"""A set of images becomes a folder of squares, PNGs, that training reads as they are.

Shapes: N images, S the side of a square.
"""

__all__ = ["Prepared", "prepared", "require_place_for_squares", "write_prepared"]

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from genlab.common.paths import require_outside, require_place
from genlab.data.crops.crop import Crop, version_of
from genlab.data.decode import decoding
from genlab.data.files.pictures import FilePictures
from genlab.data.files.written import require_images_target, write_images
from genlab.data.open import folder_of, images
from genlab.data.pictures import Pictures
from genlab.data.selection.selected import Selected


@dataclass(frozen=True, eq=False)
class Prepared:
    """Images as squares, and what each is to be called."""

    pictures: Pictures
    """The images that are taken."""
    names: tuple[str, ...]
    """The path of each square within the folder, with slashes."""
    whole: Pictures
    """These, and those that a selection leaves out."""
    untypical: tuple[int, ...]
    """The places of the latter among the whole."""
    without: tuple[str, ...]
    """The paths of the images without the square that was asked for."""
    record: dict[str, Any]
    """What the squares follow from."""

    def square(self, index: int) -> np.ndarray:
        """Returns a square, `(S, S, 3)`, uint8."""
        return self.pictures.read(index).permute(1, 2, 0).numpy()

    def squares(self) -> Iterator[np.ndarray]:
        """Yields all squares."""
        return map(self.square, range(len(self.pictures)))


def require_place_for_squares(out: Path, source: str) -> None:
    """Refuses a folder that squares of a SOURCE cannot go to, before any work is done.

    Raises:
        InputError: If `out` lies in the folder of the images, or cannot be written.
    """
    if (folder := folder_of(source)) is not None:
        require_outside("out", out, folder)
    require_place("out", out)


def prepared(source: str, size: int, crop: Crop = "centre", keep: float = 1.0) -> Prepared:
    """Opens a SOURCE and decides what is taken of it.

    Arguments:
        source: As of `genlab.data.images`.
        size: The side S of squares.
        crop: The square to take of each photograph.
        keep: The share of these squares that is taken, the most typical ones.

    Raises:
        InputError: As of `genlab.data.images`.
    """
    pictures = images(source, size, crop, keep=keep)
    whole = pictures.pictures if isinstance(pictures, Selected) else pictures
    without = whole.left_out if isinstance(whole, FilePictures) else ()
    untypical = pictures.left_out if isinstance(pictures, Selected) else ()
    paths = list(pictures.paths)
    names = png_names(paths) if paths else numbered(len(pictures))
    who = pictures.identity
    record = {
        "source": source, "crop": crop, "crop_version": version_of(crop), "keep": keep,
        "looked_at": len(whole) + len(without), "without_square": len(without),
        "untypical": len(untypical), "sha256": who.sha256, "licence": who.licence,
        "stand_in": who.stand_in,
        "cost": asdict(pictures.cost) if isinstance(pictures, Selected) else None,
    }
    return Prepared(pictures, tuple(names), whole, untypical, without, record)


def png_names(paths: list[str]) -> list[str]:
    """Returns paths that end in .png, unlike each other on any system.

    Where `a.jpg` and `a.gif` would be the same, .png follows the whole names; where these differ
    in their case alone, as names in a zip may, they become numbers.
    """
    choices = (
        [str(PurePosixPath(path).with_suffix(".png")) for path in paths],
        [f"{path}.png" for path in paths],
    )
    for names in choices:
        if len({name.casefold() for name in names}) == len(names):
            return names
    return numbered(len(paths))


def numbered(count: int) -> list[str]:
    """Returns 000000.png and so on."""
    return [f"{index:06d}.png" for index in range(count)]


def write_prepared(found: Prepared, out: Path) -> dict[str, Any]:
    """Writes the squares into a folder; one that holds the same, or some of them, is completed.

    Returns:
        The record of the folder, without the names of its files.

    Raises:
        InputError: As of `require_place_for_squares`; if `out` holds something else; or if images
            are not readable.
    """
    require_place_for_squares(out, found.record["source"])
    with decoding():
        require_images_target(out, found.names, found.squares)
        out.mkdir(parents=True, exist_ok=True)
        return write_images(out, found.names, found.squares, found.record)
