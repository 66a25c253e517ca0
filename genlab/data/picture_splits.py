"""Digits in files: a folder or zip of small grey pictures of one size.

Sub-folders may part them (`train`, `test`, `valid`; `split_names.py`) and give their labels, by
the sorted names of the classes. Images that no split is given for are shuffled, always alike:
files are sorted by class, and what is cut off at the end would be of the last one.
"""

__all__ = ["splits_of_files"]

from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
import torch

from genlab.common.errors import InputError
from genlab.common.rng import generator
from genlab.data.decode import decoding
from genlab.data.files.base import ImageFiles
from genlab.data.identity import Origin
from genlab.data.image_splits import ImageSplits, splits_of_arrays
from genlab.data.pictures import FilePictures, with_each
from genlab.data.split_names import past_splits, split_of

LARGEST_SIDE = 128
"""Pixels: a VAE's first layer has a weight for each pixel and unit."""


def splits_of_files(files: ImageFiles, origin: Origin) -> ImageSplits:
    """Reads grey pictures of one size as digits.

    Raises:
        InputError: If they are of several sizes, too large or in colour, or unreadable.
    """
    pictures = FilePictures.open(files, origin)
    with decoding():
        images = _grey_of_one_size(pictures, origin.source)
    splits, labels, classes = _splits_and_labels(pictures.paths)
    rows = torch.randperm(len(images), generator=generator(0, "digits of files")).numpy()
    arrays: dict[str, np.ndarray] = {}
    parts = {split: rows[splits[rows] == split] for split in ("train", "valid", "test")}
    if len(parts["valid"]) and not len(parts["test"]):
        parts = {"train": parts["train"], "test": parts["valid"], "valid": parts["test"]}
    if not len(parts["train"]):
        parts = {"train": rows}
    for split, chosen in parts.items():
        if len(chosen):
            arrays[split] = images[chosen]
            if labels is not None and (labels[chosen] >= 0).all():
                arrays[f"{split}_labels"] = labels[chosen]
    return splits_of_arrays(arrays, origin, classes)


def _grey_of_one_size(pictures: FilePictures, source: str) -> np.ndarray:
    """Returns all images, `(N, H, W)`.

    Raises:
        InputError: If they are no digits: the first is looked at before all are read.
    """
    first = pictures.read(0)
    _require_grey(first, pictures.names[0])
    grey, wrong = np.empty((len(pictures), *first.shape[1:]), np.uint8), []

    def read(index: int) -> None:
        image = pictures.read(index)  # what cannot be read is told first, all of it
        if not wrong:
            try:
                _require_like(first, image, pictures.names[index], source)
            except InputError as error:
                wrong.append(error)
            else:
                grey[index] = image[0]

    with_each(pictures, read)
    if wrong:
        raise wrong[0]
    return grey


def _require_like(first: torch.Tensor, image: torch.Tensor, name: str, source: str) -> None:
    if image.shape != first.shape:
        height, width = first.shape[1:]
        other = f"{image.shape[2]}x{image.shape[1]}"
        raise InputError(
            f"{source}: pictures of several sizes, as {width}x{height} and {other} ({name}); "
            "a VAE takes grey ones of one size, `genlab gan train` any"
        )
    _require_grey(image, name)


def _require_grey(image: torch.Tensor, name: str) -> None:
    height, width = image.shape[1:]
    if max(width, height) > LARGEST_SIDE:
        raise InputError(
            f"{name}: {width}x{height} pixels; a VAE takes grey pictures of at most "
            f"{LARGEST_SIDE}x{LARGEST_SIDE}, `genlab gan train` takes these"
        )
    if not (image == image[:1]).all():
        raise InputError(
            f"{name}: a picture in colour; a VAE takes grey ones, `genlab gan train` takes these"
        )


def _splits_and_labels(
    paths: Sequence[str]
) -> tuple[np.ndarray, np.ndarray | None, list[str] | None]:
    """Returns the split of each image, "train" if none is named, its class or -1, and the names.

    There are no classes if no image lies in a folder beside those of the splits.
    """
    folders = [PurePosixPath(path).parts[:-1] for path in paths]
    left = past_splits(folders)
    splits = []
    for whole, rest in zip(folders, left):
        named = [split_of(part) for part in whole[: len(whole) - len(rest)]]
        splits.append(next((one for one in reversed(named) if one and one != "whole"), "train"))
    names = sorted({rest[0] for rest in left if rest})
    places = {name: index for index, name in enumerate(names)}
    labels = np.array([places[rest[0]] if rest else -1 for rest in left])
    return (np.array(splits), labels, names) if len(names) > 1 else (np.array(splits), None, None)
