"""The image files of a folder or zip as pictures, decoded when they are read.

Shapes: N images, each `(3, H, W)`, uint8, RGB; `(3, S, S)` where a size is asked for.
"""

__all__ = ["FilePictures"]

import hashlib

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from PIL import Image
from torch import Tensor

from genlab.common.cache import Parts
from genlab.common.errors import InputError
from genlab.common.progress import say_once
from genlab.data.crops.annotations import Rectangle, around, rectangles_of
from genlab.data.crops.crop import Crop, box_chooser, version_of
from genlab.data.crops.found_heads import heads_of
from genlab.data.crops.heads import Head
from genlab.data.crops.squares import Box, ChooseBox, square
from genlab.data.decode import VERSION, decode, decoding, reading
from genlab.data.files.base import ImageFiles
from genlab.data.identity import Identity, Origin, digest_of_all
from genlab.data.pictures import channels_first, digests_of, each, identity_of_set, stacked


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
        found = identity_of_set(self.origin, self.digests, self.size, shape, self.crop, self.way)
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
            return channels_first(np.asarray(image))
        box = self.box(index, image)
        return channels_first(square(image, self.size, self.names[index], box))

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


def _refuse_unreadable(files: ImageFiles, paths: Sequence[str], origin: Origin) -> None:
    """Raises one `InputError` about all that cannot be opened, read or decoded."""

    def look(index: int) -> None:
        decode(files.read(paths[index]), files.title(paths[index]))

    broken = [f"{files.title(name)}: {reason}" for name, reason in files.broken.items()]
    with decoding():
        each(len(paths), look, "looking for damage in", origin.source, broken)
