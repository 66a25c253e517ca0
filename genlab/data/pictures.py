"""Pictures: images that need not fit into memory nor share a size, read one at a time.

    folder          images in it and in the folders in it, by their sorted names
    `.zip`          the same, read in place
    `.npy` `.npz`   one array of images (`genlab.data.arrays` says which)
    a name          what `load_images` knows: `dogs`, `imagewoof-160`, `toydogs`, `toydogs:COUNT`;
                    `mnist` and `mnist-5k`, their test digits

Who they are follows from their content alone: the SHA-256 over the sorted SHA-256 of each image
(its file's bytes, or an array's pixels), the size asked for, and the version of the decoding. The
same images renamed, shuffled or zipped are the same set; one changed byte makes another.

Shapes: N images, each `(3, H, W)`, uint8, RGB; `(3, S, S)` where a size is asked for.
"""

__all__ = ["Pictures", "folder_of", "of_tensor", "open_pictures", "shorter_sides"]

import hashlib
import io

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from PIL import Image
from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.progress import Progress
from genlab.data import crop as crops
from genlab.data import decode
from genlab.data.archives import open_zip, read_member, zip_images
from genlab.data.arrays import as_images, read_array, to_rgb
from genlab.data.crop import Crop
from genlab.data.identity import Identity
from genlab.data.images import chooser, find_folder, load_images
from genlab.data.mnist import load_digits

DRAWN_SIZE = 64
"""The side of drawn images, which have no size of their own."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """A sequence of images; see `open_pictures` and `of_tensor`."""

    identity: Identity
    """Who they are; `shape` is `(3,)` where each image keeps its own size."""
    names: tuple[str, ...]
    digests: tuple[str, ...]
    """The SHA-256 of each image's content."""
    load: Callable[[int], np.ndarray]
    """Decodes one image, uint8 with shape `(H, W, 3)`."""
    side: Callable[[int], int]
    """The shorter side of one image as it is kept, in pixels; decodes no more than a header."""
    at: Callable[[int], "Pictures"]
    """The same images as squares of this side; they are not looked through again."""

    def labelled(self, **said: Any) -> "Pictures":
        """Returns them with some of their identity's fields changed, at any size."""
        return replace(
            self, identity=replace(self.identity, **said),
            at=lambda size: self.at(size).labelled(**said),
        )

    def __len__(self) -> int:
        return len(self.names)

    def name(self, index: int) -> str:
        """Returns what an image is called, fit for one line."""
        return self.names[index]

    def read(self, index: int) -> Tensor:
        """Reads an image, uint8 RGB with shape `(3, H, W)`.

        Raises:
            InputError: If it is not readable, or not the one it was when the set was opened.
        """
        return torch.from_numpy(np.array(self.load(index).transpose(2, 0, 1), order="C"))

    @property
    def order(self) -> list[int]:
        """The indices sorted by content: the same sequence of images whatever their names."""
        return sorted(range(len(self)), key=self.digests.__getitem__)


class Label(NamedTuple):
    """What is said of a set of pictures."""

    source: str
    name: str
    licence: str = "as given by its owner"
    stand_in: bool = False


def shorter_sides(pictures: Pictures) -> list[int]:
    """Returns the shorter side of each image as it is kept, before any crop or resizing.

    Raises:
        InputError: If images are not readable; the first ten are named.
    """
    sides, problems = [], []
    for index in range(len(pictures)):
        try:
            sides.append(pictures.side(index))
        except InputError as error:
            problems.append(str(error))
    decode.refuse_images(problems, len(pictures), pictures.identity.source)
    return sides


def folder_of(source: str) -> Path | None:
    """Returns the folder whose images a SOURCE names, or None if it is another kind of source."""
    if source.partition(":")[0] in ("toydogs", "mnist", "mnist-5k"):
        return None
    return find_folder(source).folder if source == "dogs" or Path(source).is_dir() else None


def open_pictures(source: str, size: int | None = None, crop: Crop = "centre") -> Pictures:
    """Opens the images that SOURCE names; each is decoded when it is read.

    Arguments:
        source: One of the list above.
        size: The side S of squares, exactly as `load_images` makes them; without it every image
            keeps its own size (drawn ones have 64 pixels a side).
        crop: Which square of a photograph in a folder or zip; as of `load_images`.

    Raises:
        InputError: If there is no such source or square, `crop` is another than the central one
            and the source has no photographs, it is damaged or holds no images, or
            files in it cannot be read; the first ten are named.
    """
    if crop != "centre" and size is None:
        raise InputError(f"--crop {crop}: chooses a square, and --size native keeps images whole")
    if source.partition(":")[0] == "toydogs":
        drawn = load_images(source, size or DRAWN_SIZE, crop=crop)
        who = drawn.identity
        label = Label(source, who.name, who.licence, who.stand_in)
        found = _of_array(_last(drawn.images.numpy()), label, source, size)
        return replace(found, at=lambda side: open_pictures(source, side))  # drawn anew, finer
    path = Path(source)
    is_array = path.is_file() and path.suffix.lower() in (".npy", ".npz")
    if crop != "centre" and (is_array or source in ("mnist", "mnist-5k")):
        raise InputError(
            f"--crop {crop}: of photographs in a folder or zip, and {source} is neither; leave it "
            "out"
        )
    if source in ("mnist", "mnist-5k"):
        digits = load_digits(source)
        label = Label(source, f"{digits.identity.name}, test digits", digits.identity.licence)
        return _of_array(as_images(digits.test.numpy(), source), label, source, size)
    if is_array:
        return _of_array(read_array(path), Label(source, f"images in {path.name}"), source, size)
    if path.is_file() and path.suffix.lower() == ".zip":
        return _of_zip(path, size, crop)
    if path.is_file():
        raise InputError(f"{source}: a file; give a folder of images, a .zip, .npz or .npy")
    place = find_folder(source)
    files = decode.image_files(place.folder)
    label = Label(source, place.name, place.licence)
    return _of_files([str(p) for p in files], lambda i: _file(files[i]), label, size, crop)


def of_tensor(images: Tensor, name: str = "tensor", size: int | None = None) -> Pictures:
    """Takes images of one size from a tensor, uint8 or floating-point in [0, 1].

    Arguments:
        images: Images with shape `(N, 3, H, W)`, `(N, H, W, 3)` or `(N, H, W)`.
        name: What to call them; image i is `NAME[i]`.
        size: As of `open_pictures`.

    Raises:
        InputError: If they are no images, or a value lies outside [0, 1].
    """
    images = images.detach().cpu()
    if images.dtype == torch.bfloat16:  # unknown to NumPy
        images = images.float()
    return _of_array(as_images(images.numpy(), name), Label(name, name), name, size)


def _last(images: np.ndarray) -> np.ndarray:
    return np.moveaxis(images, 1, -1)


def _of_zip(path: Path, size: int | None, crop: Crop) -> Pictures:
    archive = open_zip(path)
    members = zip_images(archive)
    names = [f"{path}/{member.filename}" for member in members]
    return _of_files(
        names, lambda i: read_member(archive, members[i], names[i]),
        Label(str(path), f"images in {path.name}"), size, crop,
    )


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}){decode.MEND}") from None


def _of_files(
    names: Sequence[str], data: Callable[[int], bytes], label: Label, size: int | None, crop: Crop,
    digests: Sequence[str] | None = None,
) -> Pictures:
    """Makes pictures of encoded images, whose bytes `data` returns."""
    # A name may hold anything, a line's end or a terminal's commands too.
    names = [name if name.isprintable() else ascii(name) for name in names]
    if digests is None:
        digests = _digests(names, lambda i: hashlib.sha256(data(i)).hexdigest(), label)
    choose = chooser(crop)

    def load(index: int) -> np.ndarray:
        encoded, name = data(index), names[index]
        if hashlib.sha256(encoded).hexdigest() != digests[index]:
            raise InputError(f"{name}: changed while the images were being read; start again")
        image = decode.decode(io.BytesIO(encoded), name)
        return np.asarray(image) if size is None else decode.square(image, size, name, choose)

    def side(index: int) -> int:
        with decode.reading(io.BytesIO(data(index)), names[index]) as image:
            return min(image.size)

    def at(size: int) -> Pictures:
        return _of_files(names, data, label, size, crop, digests)

    shape = (3,) if size is None else (3, size, size)
    return _pictures(names, digests, load, side, at, label, size, shape, crop)


def _of_array(
    images: np.ndarray, label: Label, source: str, size: int | None,
    digests: Sequence[str] | None = None,
) -> Pictures:
    """Makes pictures of an array with shape `(N, H, W, C)`."""
    names = [f"{source}[{index}]" for index in range(len(images))]
    height, width = images.shape[1:3]

    def digest(index: int) -> str:
        pixels = to_rgb(images[index], names[index]).tobytes()
        return hashlib.sha256(f"{height}x{width}".encode() + pixels).hexdigest()

    def load(index: int) -> np.ndarray:
        pixels = to_rgb(images[index], names[index])
        if size is None:
            return pixels
        return decode.square(Image.fromarray(pixels), size, names[index])

    def side(_: int) -> int:
        return min(height, width)

    digests = _digests(names, digest, label) if digests is None else digests

    def at(size: int) -> Pictures:
        return _of_array(images, label, source, size, digests)

    shape = (3, height, width) if size is None else (3, size, size)
    return _pictures(names, digests, load, side, at, label, size, shape)


def _digests(names: Sequence[str], digest: Callable[[int], str], label: Label) -> list[str]:
    found, problems = [], []
    with Progress(len(names), f"reading {label.source}", "images") as progress:
        for index in range(len(names)):
            try:
                found.append(digest(index))
            except InputError as error:
                problems.append(str(error))
            progress.advance()
    decode.refuse_images(problems, len(names), label.source)
    return found


def _pictures(
    names: Sequence[str], digests: Sequence[str], load: Callable[[int], np.ndarray],
    side: Callable[[int], int], at: Callable[[int], Pictures], label: Label, size: int | None,
    shape: tuple[int, ...], crop: Crop = "centre",
) -> Pictures:
    kind = "" if crop == "centre" else f" {crops.VERSION}"
    total = hashlib.sha256(f"pictures v{decode.VERSION} size {size}{kind}".encode())
    for digest in sorted(digests):
        total.update(bytes.fromhex(digest))
    identity = Identity(
        name=label.name, source=label.source, count=len(names), shape=shape,
        sha256=total.hexdigest(), licence=label.licence, stand_in=label.stand_in,
        crop=crop,
    )
    return Pictures(
        identity=identity, names=tuple(names), digests=tuple(digests), load=load, side=side,
        at=at,
    )
