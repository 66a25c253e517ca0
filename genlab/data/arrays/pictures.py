"""Images in one array as pictures.

Shapes: N images, each `(3, H, W)`, uint8, RGB; `(3, S, S)` where a size is asked for.
"""

__all__ = ["ArrayPictures", "pictures_of"]

import hashlib

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from PIL import Image
from torch import Tensor

from genlab.data.arrays.layout import Array, as_images, as_numpy
from genlab.data.arrays.levels import PIXELS, Levels, levels_of
from genlab.data.crops.squares import square
from genlab.data.decode import require_side
from genlab.data.identity import Identity, Origin
from genlab.data.pictures import channels_first, digests_of, identity_of_set, stacked


@dataclass(frozen=True, eq=False)
class ArrayPictures:
    """Images in one array; `open` makes them."""

    images: np.ndarray
    """A view of them with shape `(N, H, W, C)`, as of `arrays.layout.as_images`."""
    levels: Levels
    """How their values become pixels."""
    origin: Origin
    names: tuple[str, ...]
    digests: tuple[str, ...]
    size: int | None
    """The side S of the squares that they are brought to; None: they stay as they are."""
    paths: tuple[str, ...] = ()
    rows: Sequence[int] | None = None
    """The places in the array of the images that are taken; None: all."""

    @classmethod
    def open(
        cls, images: Array, origin: Origin, size: int | None = None,
        levels: Levels | None = None, rows: Sequence[int] | None = None,
    ) -> Self:
        """Hashes images of one size.

        Arguments:
            images: Images with a shape as of `arrays.layout` and values as of `arrays.levels`.
            origin: Where they come from; image i is called `SOURCE[i]`.
            size: The side S of squares.
            levels: How their values become pixels; by default uint8 values are pixels, whatever
                their range, and others are as of `levels_of`.

        Raises:
            InputError: If they are no images, or too small for squares.
        """
        array = as_images(as_numpy(images), origin.source)
        if levels is None:
            levels = PIXELS if array.dtype == np.uint8 else levels_of([array], origin.source)
        count = len(array) if rows is None else len(rows)
        names = tuple(f"{origin.source}[{index}]" for index in range(count))
        height, width = array.shape[1:3]
        if size is not None and (height, width) != (size, size):
            require_side(width, height, origin.source)

        def digest(index: int) -> str:
            pixels = _rgb(levels.of(array[index if rows is None else rows[index]])).tobytes()
            return hashlib.sha256(f"{height}x{width}".encode() + pixels).hexdigest()

        digests = digests_of(count, digest, origin)
        return cls(array, levels, origin, names, digests, size, rows=rows)

    @property
    def identity(self) -> Identity:
        """The identity of the set."""
        shape = (3, *(self.images.shape[1:3] if self.size is None else (self.size, self.size)))
        return identity_of_set(self.origin, self.digests, self.size, shape, "centre", "")

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> Tensor:
        """Returns an image, uint8 RGB with shape `(3, H, W)`."""
        place = index if self.rows is None else self.rows[index]
        pixels = _rgb(self.levels.of(self.images[place]))
        if self.size is not None and pixels.shape != (self.size, self.size, 3):
            pixels = square(Image.fromarray(pixels), self.size, self.names[index])
        return channels_first(pixels)

    def shorter_side(self, index: int) -> int:
        """Returns the shorter side of the array's images."""
        del index  # all have the same
        return min(self.images.shape[1:3])

    def squares(self, size: int) -> "ArrayPictures":
        """Returns the same images as squares of this side."""
        return replace(self, size=size)

    def stack(self) -> Tensor:
        """Returns all images as one tensor."""
        return stacked(self)


def pictures_of(
    images: Tensor, name: str, rows: Sequence[int] | None = None
) -> ArrayPictures:
    """Returns uint8 images, or some of them, as pictures called `name`; values are pixels."""
    return ArrayPictures.open(images, Origin(name, name), rows=rows)


def _rgb(pixels: np.ndarray) -> np.ndarray:
    """Returns a copy of an image `(H, W, C)` with three channels."""
    return np.array(np.broadcast_to(pixels, (*pixels.shape[:2], 3)), order="C")
