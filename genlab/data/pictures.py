"""Pictures: images that need not fit into memory nor share a size, read one at a time.

Their identity follows from their content alone: the SHA-256 over the sorted SHA-256 of each image
(its file's bytes, or an array's pixels), the size asked for, and the version of the decoding. The
same images renamed, shuffled or zipped are the same set; one changed byte makes another.

Shapes: N images, each `(3, H, W)`, uint8, RGB; `(3, S, S)` where a size is asked for.
"""

__all__ = [
    "ArrayPictures", "FilePictures", "Pictures", "content_order", "pictures_of",
    "shorter_sides", "stacked", "with_each",
]  # fmt: skip

import hashlib

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, Self, TypeVar, runtime_checkable

import numpy as np
import torch

from PIL import Image
from torch import Tensor

from genlab.common.cache import Parts
from genlab.common.errors import InputError
from genlab.common.progress import Progress, say_once
from genlab.data.arrays.layout import Array, as_images, as_numpy
from genlab.data.arrays.levels import PIXELS, Levels, levels_of
from genlab.data.crops.annotations import Rectangle, around, rectangles_of
from genlab.data.crops.crop import Crop, box_chooser, version_of
from genlab.data.crops.found_heads import heads_of
from genlab.data.crops.heads import Head
from genlab.data.crops.squares import Box, ChooseBox, square
from genlab.data.decode import VERSION, decode, decoding, reading, require_side
from genlab.data.files.base import ImageFiles
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
        return _identity(self.origin, self.digests, self.size, shape, "centre", "")

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> Tensor:
        """Returns an image, uint8 RGB with shape `(3, H, W)`."""
        place = index if self.rows is None else self.rows[index]
        pixels = _rgb(self.levels.of(self.images[place]))
        if self.size is not None and pixels.shape != (self.size, self.size, 3):
            pixels = square(Image.fromarray(pixels), self.size, self.names[index])
        return _channels_first(pixels)

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


@dataclass(frozen=True, eq=False)
class FilePictures:
    """Images in the files of a folder or zip, decoded when they are read; `open` makes them."""

    files: ImageFiles
    origin: Origin
    names: tuple[str, ...]
    paths: tuple[str, ...]
    digests: tuple[str, ...]
    size: int | None
    """The side S of the squares that they are brought to; None: they stay as they are."""
    crop: Crop
    """The square taken of each."""
    heads: tuple[Head, ...] | None = None
    """The heads that these squares are of, with the crop "face"."""
    rectangles: tuple[Rectangle, ...] | None = None
    """The rectangles that they are of, with the crop "boxes"."""
    left_out: tuple[str, ...] = ()
    """The paths of the images that have none."""

    @classmethod
    def open(
        cls, files: ImageFiles, origin: Origin, size: int | None = None, crop: Crop = "centre",
        limit: int | None = None,
    ) -> "FilePictures":
        """Hashes the files, without decoding them; for some crops, looks for their squares.

        Arguments:
            files: The files.
            origin: Where they come from.
            size: The side S of squares.
            crop: The square to take of each (`crops/crop.py`); with "face" images without a head
                are left out, with "boxes" those without a rectangle.
            limit: Take only the first images, before any are left out.

        Raises:
            InputError: If files cannot be read, the first ten being named; or no image has a head,
                or a rectangle.
        """
        if crop != "boxes":  # with it, some of these are of use
            files.tell_left_out()
        paths = files.names[:limit]
        names = tuple(files.title(path) for path in paths)

        def digest(index: int) -> str:
            return hashlib.sha256(files.read(paths[index])).hexdigest()

        if files.broken:
            _refuse_unreadable(files, paths, origin)
        try:
            digests = digests_of(len(paths), digest, origin)
        except InputError:  # some cannot be read: others may be damaged, and all are told together
            _refuse_unreadable(files, paths, origin)
            raise
        found = cls(files, origin, names, paths, digests, size, crop)
        if crop == "boxes":
            rectangles = rectangles_of(files, paths)
            files.tell_left_out()
            return found._with_rectangles(rectangles)
        return found._with_heads() if crop == "face" else found

    @property
    def identity(self) -> Identity:
        """The identity of the set."""
        shape = (3,) if self.size is None else (3, self.size, self.size)
        found = _identity(self.origin, self.digests, self.size, shape, self.crop, self.way)
        return replace(found, without_square=len(self.left_out))

    @property
    def way(self) -> str:
        """How squares follow from the images, part of identities and cache keys; "": central."""
        if self.rectangles is None:
            return version_of(self.crop)
        given = sorted(zip(self.digests, self.rectangles))
        return f"{version_of(self.crop)}-{hashlib.sha256(repr(given).encode()).hexdigest()[:32]}"

    def _with_heads(self) -> "FilePictures":
        """Returns the images that have a head, with its square."""
        source = self.origin.source
        try:
            heads = heads_of(self.digests, self.decoded, source)
        except InputError:  # one cannot be read: others may be damaged, and all are told together
            _refuse_unreadable(self.files, self.paths, self.origin)
            raise
        kept = [index for index, head in enumerate(heads) if head.is_head]
        if not kept:
            raise InputError(
                f"{source}: no dog's head was found in {len(heads):,} images; take another `crop`"
            )
        say_once(
            f"note: {source}: {len(kept):,} of {len(heads):,} images have a dog's head that was "
            "found; the others are left out"
        )
        return replace(self._only(kept), heads=tuple(heads[index] for index in kept))

    def _with_rectangles(self, found: Sequence[Rectangle | None]) -> "FilePictures":
        """Returns the images beside which a rectangle is given, with it."""
        source = self.origin.source
        given = {index: one for index, one in enumerate(found) if one is not None}
        if len(given) < len(found):
            say_once(
                f"note: {source}: {len(given):,} of {len(found):,} images have a rectangle beside "
                "them; the others are left out"
            )
        return replace(self._only(list(given)), rectangles=tuple(given.values()))

    def _only(self, kept: Sequence[int]) -> "FilePictures":
        """Returns some of the images; the others are left out for they have no square."""
        have = set(kept)
        return replace(
            self, names=tuple(self.names[index] for index in kept),
            paths=tuple(self.paths[index] for index in kept),
            digests=tuple(self.digests[index] for index in kept),
            left_out=tuple(p for index, p in enumerate(self.paths) if index not in have),
        )

    @cached_property
    def _choose(self) -> ChooseBox:
        return box_chooser(self.crop)

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, index: int) -> Tensor:
        """Decodes an image, uint8 RGB with shape `(3, H, W)`.

        Raises:
            InputError: If it is not readable, or has changed since the set was opened.
        """
        image = self.decoded(index)
        if self.size is None:
            return _channels_first(np.asarray(image))
        box = self.box(index, image)
        return _channels_first(square(image, self.size, self.names[index], box))

    def box(self, index: int, image: Image.Image) -> Box:
        """Returns the square that is taken of a decoded image.

        Raises:
            InputError: If its rectangle lies outside of it.
        """
        if self.heads is not None:
            return self.heads[index].box
        if self.rectangles is not None:
            return around(self.rectangles[index], *image.size, self.names[index])
        return self._choose(image)

    def decoded(self, index: int) -> Image.Image:
        """Decodes an image as its file holds it, upright RGB.

        Raises:
            InputError: As of `read`.
        """
        data, name = self.files.read(self.paths[index]), self.names[index]
        if hashlib.sha256(data).hexdigest() != self.digests[index]:
            raise InputError(f"{name}: changed while the images were being read; start again")
        return decode(data, name)

    def shorter_side(self, index: int) -> int:
        """Returns the shorter side of an image as its file's header says."""
        return min(self.size_of(index))

    def size_of(self, index: int) -> tuple[int, int]:
        """Returns the two sides of an image in pixels, as its file's header says."""
        with reading(self.files.read(self.paths[index]), self.names[index]) as image:
            return image.size

    def squares(self, size: int) -> "FilePictures":
        """Returns the same images as squares of this side."""
        return replace(self, size=size)

    def stack(self) -> Tensor:
        """Returns all images as one tensor; it is kept in the cache by their content."""
        content = digest_of_all(f"v{VERSION}", self.digests)[:32]
        kind = f"-{self.way}" if self.way else ""
        kept = Parts.of_cache(f"images/{content}-{self.size}{kind}")
        return kept.keep_rows(len(self), lambda: {"images": stacked(self)})["images"]


def pictures_of(
    images: Tensor, name: str, rows: Sequence[int] | None = None
) -> ArrayPictures:
    """Returns uint8 images, or some of them, as pictures called `name`; values are pixels."""
    return ArrayPictures.open(images, Origin(name, name), rows=rows)


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


def _rgb(pixels: np.ndarray) -> np.ndarray:
    """Returns a copy of an image `(H, W, C)` with three channels."""
    return np.array(np.broadcast_to(pixels, (*pixels.shape[:2], 3)), order="C")


def _channels_first(pixels: np.ndarray) -> Tensor:
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
        _each(len(pictures), do, "reading", pictures.identity.source)


def digests_of(count: int, digest: Callable[[int], str], origin: Origin) -> tuple[str, ...]:
    return tuple(_each(count, digest, "hashing", origin.source))


def _refuse_unreadable(files: ImageFiles, paths: Sequence[str], origin: Origin) -> None:
    """Raises one `InputError` about all that cannot be opened, read or decoded."""

    def look(index: int) -> None:
        decode(files.read(paths[index]), files.title(paths[index]))

    broken = [f"{files.title(name)}: {reason}" for name, reason in files.broken.items()]
    with decoding():
        _each(len(paths), look, "looking for damage in", origin.source, broken)


def _each(
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


def _identity(
    origin: Origin, digests: Sequence[str], size: int | None, shape: tuple[int, ...], crop: Crop,
    way: str,
) -> Identity:
    kind = f" {way}" if way else ""
    return Identity(
        name=origin.name, source=origin.source, count=len(digests), shape=shape,
        sha256=digest_of_all(f"pictures v{VERSION} size {size}{kind}", sorted(digests)),
        licence=origin.licence, stand_in=origin.stand_in, crop=crop,
    )
