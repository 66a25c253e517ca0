"""Opening data: a SOURCE becomes digits or images. It means the same for every command.

    mnist, mnist-5k                     digits, in splits for training and testing
    dogs, imagewoof-160, toydogs        images; NAME:COUNT for the first COUNT of them
    a folder or `.zip`                  images in it and in the folders in it, by their sorted
                                        names; or the four idx files of MNIST
    `.npy`, `.npz`                      images in arrays, in splits or not
    `.csv`, `.tsv`                      rows of numbers, for VAEs alone (`tables/table.py`); as are
                                        the arrays of shape (N, F) that hold no images
    an array or tensor                  the same

Digits serve where images are wanted: their training images where something is trained, their test
images where something is measured. Grey images of one size serve where digits are wanted.

The names are the rows of `genlab.data.sources.SOURCES`.
"""

__all__ = [
    "folder_of", "identity_of", "images", "open_files", "place_of", "splits", "splits_or_table",
]  # fmt: skip

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from genlab.common.errors import InputError
from genlab.common.paths import exists
from genlab.common.progress import say_once
from genlab.configs.checks import require_keep
from genlab.data.arrays.layout import Array, as_images, as_numpy, as_stack, layout_words
from genlab.data.arrays.levels import levels_of
from genlab.data.arrays.numpy_files import as_named, by_role, read_arrays
from genlab.data.arrays.pictures import ArrayPictures
from genlab.data.crops.crop import CROPS, Crop
from genlab.data.files.archive import Archive
from genlab.data.files.base import ImageFiles
from genlab.data.files.folder import Folder
from genlab.data.files.pictures import FilePictures
from genlab.data.identity import Identity, Origin
from genlab.data.image_splits import ImageSplits, splits_of_arrays, splits_of_idx
from genlab.data.kinds import kind_at, what_it_is
from genlab.data.picture_splits import SIZE, splits_of_pictures
from genlab.data.pictures import Pictures
from genlab.data.selection.selected import selected
from genlab.data.sources import SOURCES, named
from genlab.data.sources.base import DigitSource, ImageSource
from genlab.data.tables.table import Table, are_rows, is_text_table, rows_of_arrays, rows_of_text


def splits(
    source: str | Path | Array | Mapping[str, Array], size: int | None = None,
    crop: Crop = "centre",
) -> ImageSplits:
    """Opens images of one size, grey or in colour, in splits for training and testing.

    Arguments:
        source: One of the names above; a folder or zip with the four idx files, or of pictures;
            a `.npz` or `.npy` file; or arrays "train", "test", "valid", "train_labels",
            "test_labels" by name, as a `.npz` holds them (other usual names are known too). Only
            "train" is needed: without "test" a tenth is set apart, copies together. A single
            array stands for "train". Images are uint8 (0 paper, 255 ink), 0 and 1, or
            floating-point in [0, 1].
        size: The side S of squares that images are cropped and resized to; without it they stay
            as they are, but pictures that do not share a size, or have more than 128 pixels a
            side, are brought to 64.
        crop: The square to take of a photograph in a folder or zip, as of `images`.

    Returns:
        The images as uint8 tensors `train` and `test`, with shape `(N, H, W)` if all are grey,
        else `(N, 3, H, W)`, their labels if there are any, and the identity of the set.

    Raises:
        InputError: If the source is unknown, missing or damaged, or holds no such images.

    Example:
        >>> import numpy as np
        >>> import genlab
        >>> bars = np.eye(12).repeat(12, axis=1).reshape(12, 12, 12)
        >>> bars = genlab.data.splits(bars)
        >>> tuple(bars.train.shape), tuple(bars.test.shape), bars.train.dtype
        ((10, 12, 12), (2, 12, 12), torch.uint8)
    """
    _require_crop(crop, size or SIZE)
    if isinstance(source, str | Path) and _are_pictures(str(source)):
        row, _ = named(str(source))
        return splits_of_pictures(images(source, size or (SIZE if row else None), crop))
    found = _arrays_of(source)
    if found is not None:
        return _splits_of_arrays(*found, size, crop)
    return _in_splits(str(source), size, crop)


def splits_or_table(
    source: str | Path | Array | Mapping[str, Array], size: int | None = None,
    crop: Crop = "centre",
) -> ImageSplits | Table:
    """Opens a table of numbers as such, and all else as `splits` does.

    A table is a `.csv` or `.tsv`, or arrays of shape `(N, F)` that are no images in rows: those
    have F = 784, or are bytes with F = 98, packed bits.

    Raises:
        InputError: As of `splits` and `table`; or if a table is to have a size or a crop.
    """
    _require_crop(crop, size or SIZE)
    if isinstance(source, str | Path) and is_text_table(Path(source)):
        _require_no_square(size, crop, str(source))
        return rows_of_text(Path(source))
    found = _arrays_of(source)
    if found is None:
        return splits(source, size, crop)
    arrays, origin = found
    if are_rows(arrays, origin.source):
        _require_no_square(size, crop, origin.source)
        return rows_of_arrays(arrays, origin)
    return _splits_of_arrays(arrays, origin, size, crop)


def _require_no_square(size: int | None, crop: str, source: str) -> None:
    if size is not None or crop != "centre":
        raise InputError(f"{source}: a table of numbers; `size` and `crop` are for images")


def _are_pictures(source: str) -> bool:
    """Returns whether a SOURCE is of pictures: a named source of them, or their files."""
    row, _ = named(source)
    if row is None:
        _require_there(Path(source), source)
    return isinstance(row, ImageSource) or (row is None and kind_at(Path(source)) == "pictures")


def _arrays_of(
    source: str | Path | Array | Mapping[str, Array]
) -> tuple[dict[str, np.ndarray], Origin] | None:
    """Returns arrays, given or in a file, and where they come from; None for other sources."""
    if not isinstance(source, str | Path):
        return as_named(source), Origin("arrays", "arrays")
    path = Path(source)
    if named(str(source))[0] is not None or not exists(path) or kind_at(path) != "arrays":
        return None
    return read_arrays(path), Origin(str(source), f"arrays of {path.name}")


def _in_splits(source: str, size: int | None, crop: Crop) -> ImageSplits:
    """Opens what is in splits already: a named source, or idx files."""
    _refuse_crop(crop, source)
    row, count = named(source)
    if isinstance(row, DigitSource):
        if count is not None:
            raise InputError(f"{source}: its images are taken whole; give {row.name}")
        found = row.open()
    else:
        path = Path(source)
        found = splits_of_idx(path, Origin(source, f"idx files in {path.name}"))
    return found if size is None else found.squares(size)


def _splits_of_arrays(
    arrays: Mapping[str, np.ndarray], origin: Origin, size: int | None, crop: Crop
) -> ImageSplits:
    """Makes splits of a user's arrays; what those of four axes are taken for is said."""
    _refuse_crop(crop, origin.source)
    found = splits_of_arrays(arrays, origin)
    for key, array in arrays.items():
        if array.ndim == 4:
            stack = as_stack(array, origin.source)
            say_once(f"note: {origin.source}: {key!r}, {layout_words(array, stack)}")
    return found if size is None else found.squares(size)


def images(
    source: str | Path | Array, size: int | None = None, crop: Crop = "centre",
    limit: int | None = None, name: str = "array", split: Literal["train", "test"] = "test",
    keep: float = 1.0,
) -> Pictures:
    """Opens images; each is decoded when it is read.

    Arguments:
        source: One of the names above, a folder, a `.zip`, `.npy` or `.npz` file; or images in
            one array, uint8 or floating-point in [0, 1], with shape `(N, 3, H, W)`,
            `(N, H, W, 3)` or `(N, H, W)`.
        size: The side S of squares that the images are cropped and resized to; without it every
            image keeps its own size (drawn ones have 64 pixels a side).
        crop: The square to take of a photograph in a folder or zip: "centre"; "subject", the one
            around what EfficientNet-Lite0 recognises; "face", the one around a dog's head, of the
            images in which one is found; or "boxes", the one around the rectangle that a file
            beside the images gives, of those that have one (`data/crops`).
        limit: Take only the first images, in the order of their sorted names.
        name: The name of an array in messages and records.
        split: What is taken of digits, and of arrays in splits.
        keep: Take only this share of them, the most typical ones (`data/selection`).

    Returns:
        A sequence of images: `read(i)` returns one, uint8 RGB with shape `(3, H, W)`.

    Raises:
        InputError: If there is no such source or crop, it is damaged or holds no images, or
            files in it cannot be read; the first ten are named.

    Example:
        >>> import genlab
        >>> dogs = genlab.data.images("toydogs:8", 64)
        >>> len(dogs), tuple(dogs.read(0).shape)
        (8, (3, 64, 64))
        >>> dogs.identity.name
        'toy dogs (drawn, no photographs)'
    """
    _require_crop(crop, size)
    require_keep(keep)
    found = _images(source, size, crop, limit, name, split)
    return found if keep == 1 else selected(found, keep)


def _images(
    source: str | Path | Array, size: int | None, crop: Crop, limit: int | None, name: str,
    split: str,
) -> Pictures:
    """Opens all images of a source."""
    if not isinstance(source, str | Path):
        _refuse_crop(crop, name)
        return _of_array(as_numpy(source), Origin(name, name), size, limit)
    source = str(source)
    row, count = named(source)
    if isinstance(row, ImageSource):
        return row.open(source, size, crop, _fewest(count or row.count, limit))
    if isinstance(row, DigitSource):
        _refuse_crop(crop, source)
        return _of_digits(row.open(), source, size, _fewest(count, limit), split)
    path = Path(source)
    _require_there(path, source)
    kind = kind_at(path)
    if kind != "pictures":
        _refuse_crop(crop, source)
    if kind == "idx":
        found = splits_of_idx(path, Origin(source, f"idx files in {path.name}"))
        return _of_digits(found, source, size, limit, split)
    if kind == "arrays":
        roles = by_role(read_arrays(path), source)
        key = next(key for key in (split, "whole", "train", "test", "valid") if key in roles)
        words = "" if key == "whole" else f" ({key})"
        origin = Origin(source, f"images in {path.name}{words}")
        return _of_array(roles[key], origin, size, limit)
    files = open_files(path)
    label = path.name if isinstance(files, Archive) else files.name
    return FilePictures.open(files, Origin(source, f"images in {label}"), size, crop, limit)


def identity_of(source: str) -> Identity:
    """Returns the identity of a SOURCE, fetched first if need be: digits, images, or a table.

    Raises:
        InputError: If there is no such source or it cannot be had.
    """
    row, _ = named(source)
    if row is not None:
        return row.open().identity if isinstance(row, DigitSource) else images(source).identity
    path = Path(source)
    _require_there(path, source)
    if is_text_table(path):
        return rows_of_text(path).identity
    kind = kind_at(path)
    if kind == "arrays":
        arrays = read_arrays(path)
        if are_rows(arrays, source):
            return rows_of_arrays(arrays, Origin(source, f"arrays of {path.name}")).identity
        kind = "idx" if "train" in by_role(arrays, source) else kind
    return (splits if kind == "idx" else images)(source).identity


def open_files(path: Path) -> ImageFiles:
    """Returns the image files of a folder or zip.

    Raises:
        InputError: If `path` is neither, is damaged or holds no images.
    """
    if not exists(path):
        raise InputError(f"{path}: no such folder; give one that holds images, or a .zip")
    if kind_at(path) == "pictures":
        return Folder(path) if path.is_dir() else Archive(path)
    raise InputError(f"{path}: {what_it_is(path)}; give a folder of images, or a .zip of them")


def place_of(source: str) -> Path:
    """Returns the folder or file that a SOURCE names.

    Raises:
        InputError: If it is a name and its images lie in no folder on this machine.
    """
    row, _ = named(source)
    folder = folder_of(source)
    if row is not None and folder is None:
        words = row.locate() or f"not at hand; {row.how}"
        raise InputError(f"{source}: no folder of images ({words}); give a folder or a .zip")
    return folder or Path(source)


def folder_of(source: str) -> Path | None:
    """Returns the folder on this machine whose images a SOURCE names, if there is one."""
    row, _ = named(source)
    if row is not None:
        return row.folder() if isinstance(row, ImageSource) else None
    path = Path(source)
    return path if exists(path) and path.is_dir() else None


def _of_array(
    array: Array, origin: Origin, size: int | None, limit: int | None
) -> ArrayPictures:
    """Opens images of a user, whose values may have any range; all decide on its meaning."""
    stack = as_images(as_numpy(array), origin.source)
    levels = levels_of([stack], origin.source, ink=stack.shape[-1] == 1)
    return ArrayPictures.open(stack[:limit], origin, size, levels)


def _of_digits(
    found: ImageSplits, source: str, size: int | None, limit: int | None, split: str
) -> ArrayPictures:
    who, words = found.identity, "training" if split == "train" else "test"
    origin = Origin(source, f"{who.name}, {words} digits", who.licence, who.stand_in)
    return ArrayPictures.open(getattr(found, split)[:limit], origin, size)


def _require_there(path: Path, source: str) -> None:
    if not exists(path):
        names = ", ".join(SOURCES)
        raise InputError(
            f"{source}: no such file, folder or name; the names are {names} (see: genlab data)"
        )


def _require_crop(crop: str, size: int | None) -> None:
    if crop not in CROPS:
        raise InputError(f"`crop` must be one of {', '.join(CROPS)}, not {crop!r}")
    if crop != "centre" and size is None:
        raise InputError(f"`crop` {crop} cuts a square; give its `size` in pixels")


def _refuse_crop(crop: str, source: str) -> None:
    if crop != "centre":
        raise InputError(
            f"`crop` {crop} is for photographs in a folder or zip, and {source} is neither; leave "
            "it out"
        )


def _fewest(*counts: int | None) -> int | None:
    return min((count for count in counts if count is not None), default=None)
