"""Images of one size in splits for training and testing, and arrays of one's own as such.

Where there are no images for tests, a tenth is set apart, chosen by a fixed seed. Copies of an
image are then on one side: exact copies and, of images in colour, near ones too.

Shapes: N images, uint8: grey ones `(N, H, W)` (0 black paper, 255 ink), those in colour
`(N, 3, H, W)`, RGB.
"""

__all__ = ["ImageSplits", "grey", "set_apart", "splits_of_arrays", "splits_of_idx"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.data.arrays.layout import as_stack
from genlab.data.arrays.levels import levels_of
from genlab.data.arrays.numpy_files import to_train_on
from genlab.data.arrays.pictures import pictures_of
from genlab.data.files.idx import idx_arrays
from genlab.data.held_out import SHARE, duplicate_groups, equal_groups, hold_out
from genlab.data.identity import Identity, ImageCounts, Origin, digest

NEARLY_BLACK = 16
"""Levels of images that cannot be meant."""
SPLIT_SEED = 0
"""The seed by which images are set apart: the same for every model, so that models compare."""
FEWEST = 2
"""Images of a split: a mean of one has no standard error."""


def grey(images: Tensor) -> Tensor:
    """Returns uint8 images as rows of numbers in [0, 1], with shape `(N, X)`."""
    return images.flatten(1).float() / 255


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSplits:
    """Images in two splits (three, if the source has a `valid` one)."""

    train: Tensor
    """The images to train on, uint8 with shape `(N, H, W)` or `(N, 3, H, W)`."""
    test: Tensor
    """The images to measure on, likewise."""
    train_labels: Tensor | None
    """The class of each image, with shape `(N,)`; None where it is not known."""
    test_labels: Tensor | None
    """The same of the test images."""
    valid: Tensor | None = None
    """The images that decide which weights are kept."""
    classes: tuple[str, ...] | None = None
    """The names of the classes 0, 1, ..., where they have names."""
    identity: Identity
    """The identity of all splits together."""
    reals: ClassVar[bool] = False
    """Whether `rows` are of reals, as a table's, and not of grey values."""
    log_volume: ClassVar[None] = None
    """A table's factor of a density in its own units (`genlab.data.tables.table`, equation 1)."""

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

    @property
    def colour(self) -> bool:
        """Whether the images are in colour."""
        return self.train.ndim == 4

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an image, `(H, W)` or `(3, H, W)`."""
        return tuple(self.train.shape[1:])

    def rows(self, split: Literal["train", "test", "valid"]) -> Tensor:
        """Returns the images of a split that is there, as `grey` does, with shape `(N, X)`."""
        return grey(getattr(self, split))

    def files(self) -> dict[str, bytes]:
        """Returns what a run keeps of the data beside its model, by the files' names: nothing."""
        return {}

    def squares(self, size: int) -> "ImageSplits":
        """Returns the same images as squares of this side, cropped and resized.

        Raises:
            InputError: If they are too small.
        """

        def of(images: Tensor) -> Tensor:
            rgb = images if self.colour else images[:, None].expand(-1, 3, -1, -1)
            found = pictures_of(rgb, self.identity.source).squares(size).stack()
            return found if self.colour else found[:, 0]

        if self.shape[-2:] == (size, size):
            return self
        train, test, valid = of(self.train), of(self.test), self.valid
        valid = None if valid is None else of(valid)
        arrays = [part.numpy() for part in (train, test, valid) if part is not None]
        identity = replace(self.identity, shape=tuple(train.shape[1:]), sha256=digest(*arrays))
        return replace(self, train=train, test=test, valid=valid, identity=identity)

    def class_name(self, label: int) -> str:
        """Returns the name of a class: the label itself where it has none."""
        names = self.classes or ()
        return names[label] if 0 <= label < len(names) else str(label)

    def counts(self) -> ImageCounts:
        """Counts the images to train and to measure on, and the different ones among them."""
        return ImageCounts.of(self.train.numpy(), self.test.numpy())


def splits_of_idx(path: Path, origin: Origin, classes: Sequence[str] | None = None) -> ImageSplits:
    """Reads the images of a folder or zip with idx files, as of `files.idx.idx_arrays`."""
    return ImageSplits.of(**idx_arrays(path), origin=origin, classes=classes)


def set_apart(images: np.ndarray) -> np.ndarray:
    """Chooses the images for tests, where a source has none.

    Arguments:
        images: Images, uint8 with shape `(N, H, W)` or `(N, 3, H, W)`.

    Returns:
        Which are for tests, bool with shape `(N,)`: a tenth, at least two, without the copies of
        any that are not. Where every image has more copies than that, copies are on both sides.
    """
    chosen = np.zeros(len(images), bool)
    if len(images) < 2 * FEWEST:
        return chosen
    colour = images.ndim == 4
    groups = duplicate_groups(torch.from_numpy(images)) if colour else equal_groups(images)
    share = max(SHARE, FEWEST / len(images))
    try:
        rows = hold_out(len(images), SPLIT_SEED, groups, share)
    except InputError:  # there are too many copies of every image
        rows = hold_out(len(images), SPLIT_SEED, (), share)
    chosen[rows.numpy()] = True
    return chosen


def splits_of_arrays(
    arrays: Mapping[str, np.ndarray], origin: Origin, classes: Sequence[str] | None = None
) -> ImageSplits:
    """Makes splits of arrays by name.

    Arguments:
        arrays: Images and labels of the splits for training, testing and validation, by names as
            of `arrays.numpy_files`. Images have shape `(N, H, W)`, `(N, H, W, C)` or
            `(N, C, H, W)` with one channel or three, or are in rows, `(N, 784)`, or packed bits,
            `(N, 98)`; their values are as of `arrays.levels`. Without test images some of the
            others are set apart, by `set_apart`.
        origin: Where they come from.
        classes: The names of the labels 0, 1, ..., where they have names.

    Raises:
        InputError: If arrays are missing, no images, or do not fit.
    """
    name = origin.source
    roles = to_train_on(arrays, name, "images")
    train, *others = _pixels(roles, name)
    found = dict(zip([key for key in ("test", "valid") if key in roles], others))
    train_labels, valid = _labels(roles, name, "train", len(train)), found.get("valid")
    for key, split in found.items():
        if split.shape[1:] != train.shape[1:]:
            raise InputError(f"{name}: train {train.shape} and {key} {split.shape} do not fit")
    if "test" in found:
        test = found["test"]
        test_labels = _labels(roles, name, "test", len(test))
    else:
        apart, test_labels = set_apart(train), None
        if train_labels is not None:
            train_labels, test_labels = train_labels[~apart], train_labels[apart]
        train, test = train[~apart], train[apart]
    if min(len(train), len(test)) < FEWEST:
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
    """Returns the uint8 images of the splits "train", "test", "valid" that are there.

    Splits of one dtype have one scale. Images whose channels are all alike are grey.
    """
    keys = [key for key in ("train", "test", "valid") if key in roles]
    stacks = [as_stack(roles[key], f"{name}: {key!r}") for key in keys]
    colour = any(stack.shape[-1] == 3 and not _is_grey(stack) for stack in stacks)
    if not colour:
        stacks = [stack[..., :1] for stack in stacks]
    same = len({stack.dtype for stack in stacks}) == 1
    shared = [levels_of(stacks, f"{name}: {keys[0]!r}", ink=not colour)] * len(keys) if same else [
        levels_of([stack], f"{name}: {key!r}", ink=not colour) for key, stack in zip(keys, stacks)
    ]
    images = [levels.of(stack) for levels, stack in zip(shared, stacks)]
    if not colour:
        return [image[..., 0] for image in images]
    return [
        np.array(np.broadcast_to(image, (*image.shape[:3], 3)).transpose(0, 3, 1, 2), order="C")
        for image in images
    ]


def _is_grey(stack: np.ndarray) -> bool:
    """Returns whether the channels of images `(N, H, W, C)` are all alike."""
    return all(bool((part == part[..., :1]).all()) for part in np.array_split(stack, 8))


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
