"""Who a data set is: name, origin, count, shape and the SHA-256 of its content."""

__all__ = ["Identity", "digest"]

import hashlib

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What is recorded of a data set beside every number that comes from it."""

    name: str
    """What a person calls it: "MNIST", "toy dogs (drawn)", "folder faces"."""
    source: str
    """The SOURCE as it was given."""
    count: int
    """The number of images, all splits together."""
    shape: tuple[int, ...]
    """The shape of one image: `(H, W)` or `(C, H, W)`."""
    sha256: str
    """The SHA-256 of the uint8 content."""
    licence: str
    """The licence, or "as given by its owner"."""
    stand_in: bool = False
    """Whether it is an embedded stand-in for the real thing."""
    crop: str = "centre"
    """Which square of a picture was kept: "centre" or "subject"."""


def digest(*arrays: np.ndarray) -> str:
    """Returns the SHA-256 over the shapes and bytes of uint8 arrays."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.dtype}{array.shape}".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()
