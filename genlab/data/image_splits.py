"""ImageSplits: grey images in splits for training and testing, and arrays of one's own as such.

Shapes: N images of H x W pixels, uint8 (0 black paper, 255 ink).
"""

__all__ = ["ImageSplits", "splits_of_arrays", "splits_of_idx"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.data.arrays.layout import as_grey
from genlab.data.arrays.levels import levels_of
from genlab.data.arrays.numpy_files import by_role
from genlab.data.files.idx import idx_arrays
from genlab.data.identity import Identity, ImageCounts, Origin, digest

NEARLY_BLACK = 16
"""Levels of images that cannot be meant."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSplits:
    """ImageSplits in two splits (three, if the source has a `valid` one)."""

    train: Tensor
    """The digits to train on, uint8 with shape `(N, H, W)`."""
    test: Tensor
    """The digits to measure on, likewise."""
    train_labels: Tensor | None
    """The class of each digit, with shape `(N,)`; None where it is not known."""
    test_labels: Tensor | None
    """The same of the test digits."""
    valid: Tensor | None = None
    """The digits that decide which weights are kept."""
    classes: tuple[str, ...] | None = None
    """The names of the classes 0, 1, ..., where they have names."""
    identity: Identity
    """The identity of all splits together."""

    @classmethod
    def of(
        cls, train: np.ndarray, test: np.ndarray, origin: Origin, *,
        train_labels: np.ndarray | None = None, test_labels: np.ndarray | None = None,
        valid: np.ndarray | None = None, classes: Sequence[str] | None = None,
    ) -> "ImageSplits":
        """Makes them of uint8 arrays, which are copied."""

        def tensor(array: np.ndarray | None) -> Tensor | None:
            return None if array is None else torch.from_numpy(array.copy())

        splits = [train, test] if valid is None else [train, test, valid]
        identity = Identity(
            name=origin.name, source=origin.source, count=sum(map(len, splits)),
            shape=train.shape[1:], sha256=digest(*splits), licence=origin.licence,
            stand_in=origin.stand_in,
        )
        return cls(
            train=torch.from_numpy(train.copy()), test=torch.from_numpy(test.copy()),
            train_labels=tensor(train_labels), test_labels=tensor(test_labels),
            valid=tensor(valid), classes=None if classes is None else tuple(classes),
            identity=identity,
        )

    def class_name(self, label: int) -> str:
        """Returns the name of a class: the label itself where it has none."""
        names = self.classes or ()
        return names[label] if 0 <= label < len(names) else str(label)

    def counts(self) -> ImageCounts:
        """Counts the images to train and to measure on, and the different ones among them."""
        train, test = _pixels_of(self.train), _pixels_of(self.test)
        known = set(train)
        return ImageCounts(
            train=len(train), train_different=len(known), test=len(test),
            test_different=len(set(test)), test_in_train=sum(one in known for one in test),
        )


def _pixels_of(images: Tensor) -> list[bytes]:
    return [image.tobytes() for image in images.flatten(1).contiguous().numpy()]


def splits_of_idx(path: Path, origin: Origin, classes: Sequence[str] | None = None) -> ImageSplits:
    """Reads the digits of a folder or zip with idx files, as of `files.idx.idx_arrays`."""
    return ImageSplits.of(**idx_arrays(path), origin=origin, classes=classes)


def splits_of_arrays(
    arrays: Mapping[str, np.ndarray], origin: Origin, classes: Sequence[str] | None = None
) -> ImageSplits:
    """Makes digits of arrays by name.

    Arguments:
        arrays: Images and labels of the splits for training, testing and validation, by names as
            of `arrays.numpy_files`. Images have shape `(N, H, W)`, with one channel more or in
            rows, `(N, 784)`, or as packed bits, `(N, 98)`; their values are as of
            `arrays.levels`. Without test images the last sixth of the others is set apart.
        origin: Where they come from.
        classes: The names of the labels 0, 1, ..., where they have names.

    Raises:
        InputError: If arrays are missing, no digits, or do not fit.
    """
    name = origin.source
    roles = by_role(arrays, name)
    if "whole" in roles and "train" not in roles:
        roles["train"] = roles.pop("whole")
        if "whole_labels" in roles:
            roles["train_labels"] = roles.pop("whole_labels")
    if "train" not in roles:
        raise InputError(f"{name}: has {sorted(arrays)}, no images to train on, as 'train'")
    train, *others = _pixels(roles, name)
    found = dict(zip([key for key in ("test", "valid") if key in roles], others))
    train_labels, valid = _labels(roles, name, "train", len(train)), found.get("valid")
    if "test" in found:
        test = found["test"]
        test_labels = _labels(roles, name, "test", len(test))
    else:
        cut = len(train) - max(1, len(train) // 6)
        train, test = train[:cut], train[cut:]
        test_labels = None
        if train_labels is not None:
            train_labels, test_labels = train_labels[:cut], train_labels[cut:]
    for key, split in (("test", test), ("valid", valid)):
        if split is not None and split.shape[1:] != train.shape[1:]:
            raise InputError(f"{name}: train {train.shape} and {key} {split.shape} do not fit")
    if min(len(train), len(test)) < 2:
        raise InputError(
            f"{name}: {len(train)} images to train and {len(test)} to test; two each at least, "
            "for a mean of one has no standard error"
        )
    if 0 < train.max() < NEARLY_BLACK:
        raise InputError(
            f"{name}: 'train' is nearly black, its highest level is {train.max()} of 255; was it "
            "divided by 255 twice?"
        )
    return ImageSplits.of(
        train, test, origin, train_labels=train_labels, test_labels=test_labels, valid=valid,
        classes=classes,
    )


def _pixels(roles: Mapping[str, np.ndarray], name: str) -> list[np.ndarray]:
    """Returns the uint8 images `(N, H, W)` of the splits "train", "test", "valid" that are there.

    Splits of one dtype have one scale.
    """
    keys = [key for key in ("train", "test", "valid") if key in roles]
    grey = [as_grey(roles[key], f"{name}: {key!r}") for key in keys]
    same = len({array.dtype for array in grey}) == 1
    shared = [levels_of(grey, f"{name}: {keys[0]!r}")] * len(keys) if same else [
        levels_of([array], f"{name}: {key!r}") for key, array in zip(keys, grey)
    ]
    return [levels.of(array) for levels, array in zip(shared, grey)]


def _labels(
    roles: Mapping[str, np.ndarray], name: str, split: str, images: int
) -> np.ndarray | None:
    """Returns the labels of a split's images, if there are any; rows of one are taken too."""
    labels = roles.get(f"{split}_labels")
    if labels is None:
        return None
    if labels.shape == (images, 1):
        labels = labels[:, 0]
    if labels.shape != (images,) or labels.dtype.kind not in "iu":
        raise InputError(
            f"{name}: '{split}_labels' is {labels.dtype} of shape {labels.shape}; give one whole "
            f"number for each of the {images} images of '{split}'"
        )
    return labels
