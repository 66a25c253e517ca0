"""The identity of a data set: its name, its origin and the SHA-256 of its content."""

__all__ = ["Identity", "ImageCounts", "Origin", "digest", "digest_of_all"]

import hashlib

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from genlab.common.identity import Identity


@dataclass(frozen=True)
class Origin:
    """The origin of a data set."""

    source: str
    """The SOURCE as it was given, or the name of an array."""
    name: str
    """Its name for people: "MNIST", "toy dogs (drawn)", "images in faces"."""
    licence: str = "as given by its owner"
    stand_in: bool = False
    """True for embedded data in place of the real thing."""


@dataclass(frozen=True, kw_only=True)
class ImageCounts:
    """The numbers of images of a data set, and of different ones: those that differ in a pixel."""

    train: int
    """Images to train on."""
    train_different: int
    test: int
    """Images to measure on."""
    test_different: int
    test_in_train: int
    """Images to measure on of which a copy is among those to train on."""

    @classmethod
    def of(cls, train: np.ndarray, test: np.ndarray) -> "ImageCounts":
        """Counts images, or rows of a table, with shape `(N, ...)`, by their bytes."""
        trained, tested = ([one.tobytes() for one in part] for part in (train, test))
        known = set(trained)
        return cls(
            train=len(trained), train_different=len(known), test=len(tested),
            test_different=len(set(tested)), test_in_train=sum(one in known for one in tested),
        )


def digest(*arrays: np.ndarray) -> str:
    """Returns the SHA-256 over the shapes and bytes of uint8 arrays."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.dtype}{array.shape}".encode())
        total.update(np.ascontiguousarray(array).reshape(-1).data)
    return total.hexdigest()


def digest_of_all(words: str, digests: Iterable[str]) -> str:
    """Returns the SHA-256 over words and the SHA-256 of each image, in this order."""
    total = hashlib.sha256(words.encode())
    for one in digests:
        total.update(bytes.fromhex(one))
    return total.hexdigest()
