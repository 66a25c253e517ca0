"""Image sets: all images of a source as one tensor, in order, as training takes them.

`Pictures` are read one at a time, and their identity does not depend on their order, so that two
measurements on the same images compare. Training does depend on the order: the identity of an
image set is the SHA-256 of its pixels as they stand.

Shapes: N images, `(N, 3, S, S)`, uint8, RGB.
"""

__all__ = ["ImageSet", "in_memory", "load_images"]

import math

from dataclasses import dataclass, replace

from torch import Tensor

from genlab.common.errors import InputError
from genlab.compute.memory import require_memory
from genlab.data.crops.crop import Crop
from genlab.data.identity import Identity, digest
from genlab.data.open import images
from genlab.data.pictures import Pictures


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSet:
    """Images of one size and their identity."""

    images: Tensor
    """The images, uint8 RGB with shape `(N, 3, S, S)`."""
    identity: Identity
    paths: tuple[str, ...] = ()
    """Each image's path within its folder or zip, with slashes; empty for other sources."""


def load_images(
    source: str, size: int, limit: int | None = None, crop: Crop = "centre", keep: float = 1.0
) -> ImageSet:
    """Loads the images that SOURCE names, as squares of `size` pixels.

    Arguments:
        source: As of `open.images`; of digits, and of arrays with splits, the training images.
        size: The side S in pixels.
        limit: Take only the first images, in the order of their sorted names.
        crop: The square to take of a photograph.
        keep: Take only this share of them, the most typical ones.

    Raises:
        InputError: As of `open.images`; if an image is unreadable or too small.
    """
    return in_memory(images(source, size, crop, limit, split="train", keep=keep))


def in_memory(pictures: Pictures) -> ImageSet:
    """Reads pictures of one size into an image set.

    Raises:
        InputError: If they keep sizes of their own, or one is unreadable or too small.
    """
    if len(pictures.identity.shape) != 3:
        raise InputError(f"{pictures.identity.source}: images of many sizes; give a `size`")
    count, shape = len(pictures), pictures.identity.shape
    require_memory(
        count * math.prod(shape), f"{pictures.identity.source}: {count:,} images of {shape}",
        "take fewer (`images`)",
    )
    tensor = pictures.stack()
    identity = replace(
        pictures.identity, shape=tuple(tensor.shape[1:]), sha256=digest(tensor.numpy())
    )
    return ImageSet(images=tensor, identity=identity, paths=tuple(pictures.paths))
