"""The identity of a data set, as a run records it."""

__all__ = ["Crop", "Identity"]

from dataclasses import dataclass
from typing import Literal

from genlab.common.errors import InputError

Crop = Literal["centre", "subject", "face", "boxes"]
"""The square that is taken of an image (`data/crops/crop.py`)."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A record of a data set, kept beside every number that comes from it."""

    name: str
    """Its name for people: "MNIST", "toy dogs (drawn)", "images in faces"."""
    source: str
    """The SOURCE as it was given, or the name of an array."""
    count: int
    """The number of images, all splits together."""
    shape: tuple[int, ...]
    """The shape of one image: `(H, W)` or `(C, H, W)`; `(C,)` where they differ in size."""
    sha256: str
    """The SHA-256 of the content."""
    licence: str
    stand_in: bool = False
    """True for embedded data in place of the real thing."""
    crop: Crop = "centre"
    """The square that was taken of each image."""
    without_square: int = 0
    """Images of the source that are left out, for they have no such square."""

    def __post_init__(self) -> None:
        if any(side < 1 for side in self.shape):
            raise InputError(f"`shape` {tuple(self.shape)}: each side must be at least 1")
        if self.without_square < 0:
            raise InputError(f"`without_square` {self.without_square}: must not be below 0")
