"""Opening data: a name, a file, a folder or an array becomes digits or images.

    mnist, mnist-5k                     digits, in splits for training and testing
    dogs, imagewoof-160, toydogs        images; NAME:COUNT for the first COUNT of them
    a folder                            images in it and in the folders in it, by their sorted
                                        names; or the four idx files of MNIST
    `.zip`                              images in it, read in place
    `.npy`, `.npz`                      one array of images; or digits by split
    an array or tensor                  the same

The names are the rows of `genlab.data.sources.SOURCES`.
"""

__all__ = ["digits", "folder_of", "images", "open_files"]

from collections.abc import Mapping
from pathlib import Path

from genlab.common.errors import InputError
from genlab.data.arrays import Array, as_numpy, read_array
from genlab.data.crop import CROPS, Crop
from genlab.data.digit_set import Digits, digits_of_arrays, read_digit_arrays
from genlab.data.files.archive import Archive
from genlab.data.files.base import ImageFiles
from genlab.data.files.folder import Folder
from genlab.data.identity import Origin
from genlab.data.idx import read_idx_folder
from genlab.data.pictures import ArrayPictures, FilePictures, Pictures
from genlab.data.sources import SOURCES, named
from genlab.data.sources.base import DigitSource, ImageSource

ARRAYS = (".npy", ".npz")


def digits(source: str | Path | Array | Mapping[str, Array]) -> Digits:
    """Opens digits: grey images in splits for training and testing.

    Arguments:
        source: One of the names above, a folder with the four idx files, a `.npz` or `.npy` file;
            or arrays "train", "test", "valid", "train_labels", "test_labels" by name, as a `.npz`
            holds them. Only "train" is needed: without "test" its last sixth is set apart. A
            single array stands for "train". Images are uint8 (0 paper, 255 ink), 0 and 1, or
            floating-point in [0, 1].

    Returns:
        The digits as uint8 tensors `train` and `test` with shape `(N, H, W)`, their labels if
        there are any, and the identity of the set.

    Raises:
        InputError: If the source is unknown, missing or damaged.

    Example:
        >>> import numpy as np
        >>> import genlab
        >>> bars = np.eye(12).repeat(12, axis=1).reshape(12, 12, 12)
        >>> digits = genlab.data.digits(bars)
        >>> tuple(digits.train.shape), tuple(digits.test.shape), digits.train.dtype
        ((10, 12, 12), (2, 12, 12), torch.uint8)
    """
    if not isinstance(source, str | Path):
        arrays = source if isinstance(source, Mapping) else {"train": source}
        return digits_of_arrays(
            {key: as_numpy(array) for key, array in arrays.items()}, Origin("arrays", "arrays")
        )
    source = str(source)
    row, count = named(source)
    if isinstance(row, DigitSource) and count is None:
        return row.open()
    if row is not None:
        kind = "digits are taken whole" if row.kind == "digits" else "images, no digits"
        raise InputError(f"{source}: {kind}; {_known('digits')}")
    path = Path(source)
    if path.is_dir():
        return read_idx_folder(path, Origin(source, f"idx files in {path.name}"))
    if path.suffix.lower() in ARRAYS and path.exists():
        return read_digit_arrays(path, Origin(source, f"arrays of {path.name}"))
    if path.exists():
        raise InputError(f"{source}: not a folder, .npz or .npy file")
    raise InputError(f"{source}: no such file, folder or name; {_known('digits')}")


def images(
    source: str | Path | Array, size: int | None = None, crop: Crop = "centre",
    limit: int | None = None, name: str = "array",
) -> Pictures:
    """Opens images; each is decoded when it is read.

    Arguments:
        source: One of the names above, a folder, a `.zip`, `.npy` or `.npz` file; or images in
            one array, uint8 or floating-point in [0, 1], with shape `(N, 3, H, W)`,
            `(N, H, W, 3)` or `(N, H, W)`. Names of digits open the test digits.
        size: The side S of squares that the images are cropped and resized to; without it every
            image keeps its own size (drawn ones have 64 pixels a side).
        crop: The square to take of a photograph in a folder or zip: "centre", or "subject", the
            one around what EfficientNet-Lite0 recognises (`data/crop.py`).
        limit: Take only the first images, in the order of their sorted names.
        name: The name of an array in messages and records.

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
    if not isinstance(source, str | Path):
        _refuse_crop(crop, name)
        return ArrayPictures.open(source[:limit], Origin(name, name), size)
    source = str(source)
    row, count = named(source)
    if isinstance(row, ImageSource):
        return row.open(source, size, crop, _fewest(count or row.count, limit))
    if isinstance(row, DigitSource):
        _refuse_crop(crop, source)
        found = row.open()
        who = found.identity
        origin = Origin(source, f"{who.name}, test digits", who.licence, who.stand_in)
        return ArrayPictures.open(found.test[: _fewest(count, limit)], origin, size)
    path = Path(source)
    if path.is_file() and path.suffix.lower() in ARRAYS:
        _refuse_crop(crop, source)
        origin = Origin(source, f"images in {path.name}")
        return ArrayPictures.open(read_array(path)[:limit], origin, size)
    if not path.exists():
        raise InputError(f"{source}: no such file, folder or name; {_known('images')}")
    files = open_files(path)
    label = path.name if isinstance(files, Archive) else files.name
    return FilePictures.open(files, Origin(source, f"images in {label}"), size, crop, limit)


def open_files(path: Path) -> ImageFiles:
    """Returns the image files of a folder or a `.zip`.

    Raises:
        InputError: If `path` is neither, is damaged or holds no images.
    """
    if path.is_dir():
        return Folder(path)
    if path.suffix.lower() == ".zip" and path.is_file():
        return Archive(path)
    if path.exists():
        raise InputError(f"{path}: a file; give a folder of images or a .zip")
    raise InputError(f"{path}: no such folder; give one that holds images, or a .zip")


def folder_of(source: str) -> Path | None:
    """Returns the folder on this machine whose images a SOURCE names, if there is one."""
    row, _ = named(source)
    if row is not None:
        return row.folder() if isinstance(row, ImageSource) else None
    return Path(source) if Path(source).is_dir() else None


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


def _known(kind: str) -> str:
    names = [name for name, row in SOURCES.items() if row.kind == kind]
    return f"the names are {', '.join(names)} (see: genlab data)"
