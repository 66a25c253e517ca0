"""Toy dogs as pictures: drawn when they are opened, and kept in the cache.

Shapes: S pixels a side.
"""

__all__ = ["DRAWN_SIZE", "DrawnDogs", "drawn_dogs"]

import numpy as np
import torch

from torch import Tensor

from genlab.common.cache import Parts
from genlab.common.progress import Progress
from genlab.data.arrays.pictures import ArrayPictures
from genlab.data.identity import Origin
from genlab.data.toydogs.draw import VERSION, draw_dog

DRAWN_SIZE = 64
"""The side of dogs for which no size is asked for, in pixels."""


class DrawnDogs(ArrayPictures):
    """Toy dogs; at another size they are drawn anew."""

    def squares(self, size: int) -> "DrawnDogs":
        """Returns the same dogs drawn at this size."""
        return drawn_dogs(self.origin, len(self), size)


def drawn_dogs(origin: Origin, count: int, size: int | None) -> DrawnDogs:
    """Draws the first `count` dogs as squares of side S, or takes them from the cache."""
    side = size or DRAWN_SIZE

    kept = Parts.of_cache(f"images/toydogs-v{VERSION}-{count}-{side}")
    found = kept.keep_rows(count, lambda: {"images": _drawn(count, side)})
    return DrawnDogs.open(found["images"], origin, size)


def _drawn(count: int, side: int) -> Tensor:
    images = np.empty((count, 3, side, side), np.uint8)
    with Progress(count, "drawing toy dogs", "dogs") as progress:
        for index in range(count):
            images[index] = draw_dog(index, side).transpose(2, 0, 1)
            progress.advance()
    return torch.from_numpy(images)
