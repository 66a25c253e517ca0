"""Toy dogs: images drawn by genlab, as many as are asked for, at the size asked for."""

__all__ = ["ToyDogs"]

from typing import ClassVar

import numpy as np
import torch

from torch import Tensor

from genlab.common.cache import cached
from genlab.common.errors import InputError
from genlab.common.progress import Progress
from genlab.data.crop import Crop
from genlab.data.identity import Origin
from genlab.data.pictures import ArrayPictures
from genlab.data.sources.base import ImageSource
from genlab.data.toydogs.draw import VERSION, draw_dog

DRAWN_SIZE = 64
"""The side of dogs for which no size is asked for, in pixels."""


class DrawnDogs(ArrayPictures):
    """Toy dogs; at another size they are drawn anew."""

    def squares(self, size: int) -> "DrawnDogs":
        """Returns the same dogs drawn at this size."""
        return _draw(self.origin, len(self), size, size)


class ToyDogs(ImageSource):
    """Dogs 0, 1, 2, ... of `data/toydogs`."""

    name = "toydogs"
    zh, en = "程序绘制的玩具狗图像", "drawn toy dogs"
    contents = "drawn, as many as you ask for (toydogs:COUNT)"
    licence = "MIT"
    how = ""
    count: ClassVar[int] = 1500

    def locate(self) -> str:
        """Returns their maker, for they are nowhere."""
        return "drawn by genlab"

    def check(self) -> None:
        """Does nothing: they can always be had."""

    def open(
        self, source: str, size: int | None, crop: Crop, limit: int | None
    ) -> DrawnDogs:
        """Draws the dogs, or takes them from the cache."""
        if crop != "centre":
            raise InputError(
                f"`crop` {crop}: toy dogs are drawn as squares around the face; leave it out"
            )
        origin = Origin(source, "toy dogs (drawn, no photographs)", self.licence, stand_in=True)
        return _draw(origin, limit or ToyDogs.count, size or DRAWN_SIZE, size)


def _draw(origin: Origin, count: int, side: int, size: int | None) -> DrawnDogs:
    def draw() -> dict[str, Tensor]:
        images = np.empty((count, 3, side, side), np.uint8)
        with Progress(count, "drawing toy dogs", "dogs") as progress:
            for index in range(count):
                images[index] = draw_dog(index, side).transpose(2, 0, 1)
                progress.advance()
        return {"images": torch.from_numpy(images)}

    images = cached(f"images/toydogs-v{VERSION}-{count}-{side}", draw)["images"]
    return DrawnDogs.open(images, origin, size)
