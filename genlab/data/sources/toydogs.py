"""Toy dogs: images drawn by genlab, as many as are asked for, at the size asked for."""

__all__ = ["ToyDogs"]

from typing import TYPE_CHECKING, ClassVar

from genlab.common.errors import InputError
from genlab.data.identity import Origin
from genlab.data.sources.base import ImageSource

if TYPE_CHECKING:
    from genlab.data.crops.crop import Crop
    from genlab.data.toydogs.pictures import DrawnDogs


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
        self, source: str, size: int | None, crop: "Crop", limit: int | None
    ) -> "DrawnDogs":
        """Draws the dogs, or takes them from the cache."""
        from genlab.data.toydogs.pictures import drawn_dogs

        if crop != "centre":
            raise InputError(
                f"`crop` {crop}: toy dogs are drawn as squares around the face; leave it out"
            )
        origin = Origin(source, "toy dogs (drawn, no photographs)", self.licence, stand_in=True)
        return drawn_dogs(origin, limit or ToyDogs.count, size)
