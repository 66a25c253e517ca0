"""Pictures: images that need not fit into memory nor share a size, read one at a time.

Their identity follows from their content alone: the SHA-256 over the sorted SHA-256 of each image
(its file's bytes, or an array's pixels), the size asked for, and the version of the decoding. The
same images renamed, shuffled or zipped are the same set; one changed byte makes another.

Shapes: N images, each `(3, H, W)`, uint8, RGB; `(3, S, S)` where a size is asked for.
"""

__all__ = [
    "Pictures", "channels_first", "content_order", "digests_of", "each", "identity_of_set",
    "shorter_sides", "stacked", "with_each",
]  # fmt: skip

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.identity import Crop
from genlab.common.progress import Progress
from genlab.data.decode import VERSION, decoding
from genlab.data.identity import Identity, Origin, digest_of_all
from genlab.data.problems import refuse_images

T = TypeVar("T")


@runtime_checkable
class Pictures(Protocol):
    """A sequence of images."""

    @property
    def identity(self) -> Identity:
        """Their identity; `shape` is `(3,)` where each image keeps its own size."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """The name of each image, fit for one line."""
        ...

    @property
    def paths(self) -> Sequence[str]:
        """The path of each within its folder or zip, with slashes; empty for arrays."""
        ...

    @property
    def digests(self) -> Sequence[str]:
        """The SHA-256 of each image's content."""
        ...

    def __len__(self) -> int: ...

    def read(self, index: int) -> Tensor:
        """Reads an image, uint8 RGB with shape `(3, H, W)`.

        Raises:
            InputError: If it is not readable, or has changed since the set was opened.
        """
        ...

    def shorter_side(self, index: int) -> int:
        """Returns the shorter side of an image before any crop or resizing, in pixels."""
        ...

    def squares(self, size: int) -> "Pictures":
        """Returns the same images as squares of this side."""
        ...

    def stack(self) -> Tensor:
        """Reads all images, which must share a size, into one tensor `(N, 3, H, W)`.

        Raises:
            InputError: If images are not readable; the first ten are named.
        """
        ...


def content_order(pictures: Pictures) -> list[int]:
    """Returns the indices sorted by content: the same sequence of images whatever their names."""
    return sorted(range(len(pictures)), key=pictures.digests.__getitem__)


def shorter_sides(pictures: Pictures) -> list[int]:
    """Returns the shorter side of each image before any crop or resizing.

    Raises:
        InputError: If images are not readable; the first ten are named.
    """
    try:
        return [pictures.shorter_side(index) for index in range(len(pictures))]
    except InputError:  # a bad header: others may be truncated, and all are told together
        _look_at_all(pictures)
        raise


def channels_first(pixels: np.ndarray) -> Tensor:
    """Returns `(3, H, W)` in memory of its own: kernels round by the layout in memory."""
    return torch.from_numpy(np.array(pixels.transpose(2, 0, 1), order="C"))


def stacked(pictures: Pictures) -> Tensor:
    """Reads all images, which share a size, into one tensor, `(N, 3, H, W)`.

    Raises:
        InputError: If images are not readable; the first ten are named.
    """
    images = torch.empty(len(pictures), *pictures.identity.shape, dtype=torch.uint8)

    def read(index: int) -> None:
        images[index] = pictures.read(index)

    with_each(pictures, read)
    return images


def _look_at_all(pictures: Pictures) -> None:
    """Raises one `InputError` about all images that cannot be decoded."""

    def look(index: int) -> None:
        pictures.read(index)

    with_each(pictures, look)


def with_each(pictures: Pictures, do: Callable[[int], None]) -> None:
    """Does something with the number of each image.

    Raises:
        InputError: If it fails for images; the first ten are named.
    """
    with decoding():
        each(len(pictures), do, "reading", pictures.identity.source)


def digests_of(count: int, digest: Callable[[int], str], origin: Origin) -> tuple[str, ...]:
    """Returns the digest of each image; raises `InputError` as of `each`."""
    return tuple(each(count, digest, "hashing", origin.source))


def each(
    count: int, do: Callable[[int], T], doing: str, source: str, known: Sequence[str] = ()
) -> list[T]:
    """Does something with each image.

    Raises:
        InputError: If it fails for images, naming all of them and what is known of others.
    """
    found, problems = [], list(known)
    with Progress(count, f"{doing} {source}", "images") as progress:
        for index in range(count):
            try:
                found.append(do(index))
            except InputError as error:
                problems.append(str(error))
            progress.advance()
    refuse_images(problems, count + len(known), source)
    return found


def identity_of_set(
    origin: Origin, digests: Sequence[str], size: int | None, shape: tuple[int, ...], crop: Crop,
    way: str,
) -> Identity:
    """Returns the identity of images; `way` says how squares follow from them, "" if centrally."""
    kind = f" {way}" if way else ""
    return Identity(
        name=origin.name, source=origin.source, count=len(digests), shape=shape,
        sha256=digest_of_all(f"pictures v{VERSION} size {size}{kind}", sorted(digests)),
        licence=origin.licence, stand_in=origin.stand_in, crop=crop,
    )
