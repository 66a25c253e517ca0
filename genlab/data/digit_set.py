"""Digits: grey images in splits for training and testing, and arrays of one's own as such.

Shapes: N images of H x W pixels, uint8 (0 black paper, 255 ink).
"""

__all__ = ["Digits", "digits_of_arrays", "read_digit_arrays"]

import io
import zipfile

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.data.arrays import to_levels
from genlab.data.identity import Identity, ImageCounts, Origin, digest


@dataclass(frozen=True, kw_only=True, eq=False)
class Digits:
    """Digits in two splits (three, if the source has a `valid` one)."""

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
    identity: Identity
    """The identity of all splits together."""

    @classmethod
    def of(
        cls, train: np.ndarray, test: np.ndarray, origin: Origin, *,
        train_labels: np.ndarray | None = None, test_labels: np.ndarray | None = None,
        valid: np.ndarray | None = None,
    ) -> "Digits":
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
            valid=tensor(valid), identity=identity,
        )

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


def read_digit_arrays(path: Path, origin: Origin) -> Digits:
    """Reads the digits of a `.npz` file, or of a `.npy` file with one array.

    Raises:
        InputError: If the file is damaged, holds Python objects or no digits.
    """
    try:
        loaded = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        arrays = {"train": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a NumPy file of plain arrays ({error})") from None
    return digits_of_arrays(arrays, origin)


def digits_of_arrays(arrays: Mapping[str, np.ndarray], origin: Origin) -> Digits:
    """Makes digits of arrays by name.

    Arguments:
        arrays: "train", and if there are any "test", "valid", "train_labels", "test_labels".
            Images have shape `(N, H, W)`, `(N, 784)` or, as packed bits, `(N, 98)`; they are
            uint8, 0 and 1, or floating-point in [0, 1]. Without "test" the last sixth of "train"
            is set apart.
        origin: Where they come from.

    Raises:
        InputError: If arrays are missing, no digits, or do not fit.
    """
    name = origin.source
    if "train" not in arrays:
        raise InputError(f"{name}: has {sorted(arrays)}, needs 'train' (and 'test', 'valid')")
    train = _pixels(arrays["train"], name, "train")
    train_labels = _labels(arrays, name, "train", len(train))
    if "test" in arrays:
        test = _pixels(arrays["test"], name, "test")
        test_labels = _labels(arrays, name, "test", len(test))
    else:
        cut = len(train) - max(1, len(train) // 6)
        train, test = train[:cut], train[cut:]
        test_labels = None
        if train_labels is not None:
            train_labels, test_labels = train_labels[:cut], train_labels[cut:]
    valid = _pixels(arrays["valid"], name, "valid") if "valid" in arrays else None
    for key, split in (("test", test), ("valid", valid)):
        if split is not None and split.shape[1:] != train.shape[1:]:
            raise InputError(f"{name}: train {train.shape} and {key} {split.shape} do not fit")
    if min(len(train), len(test)) < 2:
        raise InputError(
            f"{name}: {len(train)} images to train and {len(test)} to test; two each at least, "
            "for a mean of one has no standard error"
        )
    return Digits.of(
        train, test, origin, train_labels=train_labels, test_labels=test_labels, valid=valid
    )


def _labels(
    arrays: Mapping[str, np.ndarray], name: str, split: str, images: int
) -> np.ndarray | None:
    """Returns the labels of a split's images, if there are any."""
    labels = arrays.get(f"{split}_labels")
    if labels is not None and (labels.shape != (images,) or labels.dtype.kind not in "iu"):
        raise InputError(
            f"{name}: '{split}_labels' is {labels.dtype} of shape {labels.shape}; give one whole "
            f"number for each of the {images} images of '{split}'"
        )
    return labels


def _pixels(array: np.ndarray, name: str, key: str) -> np.ndarray:
    """Returns uint8 images `(N, H, W)`.

    Rows of 98 bytes are 784 packed bits; values 0 and 1 become 0 and 255.
    """
    floating = np.issubdtype(array.dtype, np.floating)
    if floating:
        array = to_levels(array, f"{name}: {key!r}")
    elif array.dtype not in (np.uint8, np.bool_) and not np.isin(array, (0, 1)).all():
        raise InputError(
            f"{name}: {key!r} is {array.dtype}; give uint8, 0 and 1, or floating-point in [0, 1]"
        )
    array = array.astype(np.uint8)
    if array.ndim == 2 and array.shape[1] == 98:
        array = np.unpackbits(array, axis=1)
    if array.ndim == 2 and array.shape[1] == 784:
        array = array.reshape(-1, 28, 28)
    if array.ndim != 3 or len(array) == 0:
        raise InputError(
            f"{name}: {key!r} has shape {array.shape}; give (N, H, W), (N, 784) or packed (N, 98)"
        )
    return array * 255 if array.max(initial=0) <= 1 and not floating else array
