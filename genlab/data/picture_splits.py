"""Pictures in splits: those of a folder, a zip or a named source, at one size.

Sub-folders may part them (`train`, `test`, `valid`; `split_names.py`) and give their labels, by
the sorted names of the classes. Where there are none for tests, some are set apart
(`image_splits.py`).
"""

__all__ = ["SIZE", "splits_of_pictures"]

import math

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np
import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.progress import say_once
from genlab.compute.memory import require_memory
from genlab.data.decode import decoding
from genlab.data.identity import Origin
from genlab.data.image_splits import ImageSplits, splits_of_arrays
from genlab.data.pictures import Pictures, with_each
from genlab.data.split_names import past_splits, split_of

SIZE = 64
"""Pixels a side of pictures that do not share a size, where none is asked for."""
LARGEST_SIDE = 128
"""Pixels a side of the largest pictures that are taken as they are, and that can be asked for."""


def splits_of_pictures(pictures: Pictures) -> ImageSplits:
    """Reads pictures in splits.

    Those that keep sizes of their own must share one, of at most 128 x 128 pixels; if they do
    not, all are brought to squares of 64 pixels, which is said. They are grey if all are.

    Raises:
        InputError: If they are unreadable, too small or too large, or do not fit into memory.
    """
    who = pictures.identity
    images = _of_one_size(pictures, who.source)
    grey = all(bool((part == part[:, :1]).all()) for part in images.split(1000))
    splits, labels, classes = _splits_and_labels(pictures.paths or [""] * len(pictures))
    parts = {split: np.flatnonzero(splits == split) for split in ("train", "valid", "test")}
    if len(parts["valid"]) and not len(parts["test"]):
        parts = {"train": parts["train"], "test": parts["valid"], "valid": parts["test"]}
    if not len(parts["train"]):
        parts = {"train": np.arange(len(images))}
    arrays: dict[str, np.ndarray] = {}
    pixels = (images[:, 0] if grey else images).numpy()
    for split, chosen in parts.items():
        if len(chosen):
            arrays[split] = pixels[chosen]
            if labels is not None and (labels[chosen] >= 0).all():
                arrays[f"{split}_labels"] = labels[chosen]
    origin = Origin(who.source, who.name, who.licence, who.stand_in)
    found = splits_of_arrays(arrays, origin, classes)
    identity = replace(found.identity, crop=who.crop, without_square=who.without_square)
    return replace(found, identity=identity)


def _of_one_size(pictures: Pictures, source: str) -> Tensor:
    """Returns all pictures, `(N, 3, H, W)`: as they are if they share a size, else as squares.

    Raises:
        InputError: As of `splits_of_pictures`.
    """
    if len(pictures.identity.shape) == 3:
        side = max(pictures.identity.shape[1:])
        if side > LARGEST_SIDE:
            raise InputError(
                f"{source}: {side} pixels a side; a VAE takes images of at most {LARGEST_SIDE} "
                "(`size` sets another)"
            )
        _require_room(len(pictures), pictures.identity.shape, source)
        return pictures.stack()
    with decoding():
        first = tuple(pictures.read(0).shape)
    images = _as_they_are(pictures, first, source) if max(first[1:]) <= LARGEST_SIDE else None
    if images is not None:
        return images
    sizes = "several sizes" if max(first[1:]) <= LARGEST_SIDE else f"{first[2]}x{first[1]} pixels"
    say_once(
        f"note: {source}: pictures of {sizes} are brought to squares of {SIZE} pixels (`size` "
        "sets another)"
    )
    return _of_one_size(pictures.squares(SIZE), source)


def _as_they_are(pictures: Pictures, shape: tuple[int, ...], source: str) -> Tensor | None:
    """Returns all pictures, if they all have this shape."""
    _require_room(len(pictures), shape, source)
    images, alike = torch.empty(len(pictures), *shape, dtype=torch.uint8), True

    def read(index: int) -> None:
        nonlocal alike
        image = pictures.read(index)  # what cannot be read is told, all of it
        alike = alike and image.shape == shape
        if alike:
            images[index] = image

    with_each(pictures, read)
    return images if alike else None


def _require_room(count: int, shape: tuple[int, ...], source: str) -> None:
    require_memory(
        5 * count * math.prod(shape), f"{source}: {count:,} images of {shape}, as levels and as "
        "numbers", "take fewer, or a smaller `size`",
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
