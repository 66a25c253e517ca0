"""Copies among images: images of which every pixel is the same."""

__all__ = ["ImageCounts", "count_images", "different"]

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from genlab.data.digit_set import Digits


@dataclass(frozen=True, kw_only=True)
class ImageCounts:
    """The numbers of images of a data set, and of different ones among them."""

    train: int
    """Images to train on."""
    train_different: int
    test: int
    """Images to measure on."""
    test_different: int
    test_in_train: int
    """Images to measure on of which a copy is among those to train on."""


def count_images(digits: "Digits") -> ImageCounts:
    """Counts images and different images."""
    train, test = different(digits.train), _pixels(digits.test)
    return ImageCounts(
        train=len(digits.train), train_different=len(train), test=len(test),
        test_different=len(set(test)), test_in_train=sum(one in train for one in test),
    )


def different(images: "Tensor") -> set[bytes]:
    """Returns the pixels of the different images among some, uint8 with shape `(N, ...)`."""
    return set(_pixels(images))


def _pixels(images: "Tensor") -> list[bytes]:
    return [image.tobytes() for image in images.flatten(1).contiguous().numpy()]
