"""Images: a folder of any pictures, or drawn toy dogs, as one uint8 tensor.

Every picture is turned upright (EXIF), brought to RGB, cropped to a square (the central one, or
the subject's) and resized once with an antialiasing (Lanczos) filter; the result is cached, keyed
by content and crop.

Shapes: N images, `(N, 3, S, S)`, uint8, RGB.
"""

__all__ = ["ImageSet", "Place", "chooser", "find_folder", "load_images"]

import hashlib
import os
import tempfile

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from torch import Tensor

from genlab.common.cache import cached
from genlab.common.errors import InputError
from genlab.common.paths import cache_folder, data_folder
from genlab.common.progress import Progress, say
from genlab.data import crop as crops
from genlab.data.crop import Crop
from genlab.data.decode import (
    VERSION,
    Choose,
    central_square,
    image_files,
    read_image,
)
from genlab.data.identity import Identity, digest
from genlab.data.toydogs import draw as toydogs
from genlab.networks.pretrained.efficientnet_lite0 import load_efficientnet_lite0

NAMES = "one of the names toydogs, toydogs:COUNT, dogs, imagewoof-160"
DIGITS = ("mnist", "mnist-5k")
IMAGEWOOF = (
    "https://s3.amazonaws.com/fast-ai-imageclas/imagewoof2-160.tgz",
    "md5:3d200a7be99704a0d7509be2a9fbfe15",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSet:
    """Images, uint8 RGB with shape `(N, 3, S, S)`, and who they are."""

    images: Tensor
    identity: Identity
    names: tuple[str, ...] = ()
    """Each image's path within its folder, with slashes; empty where there is no folder."""


def load_images(
    source: str, size: int, limit: int | None = None, crop: Crop = "centre"
) -> ImageSet:
    """Loads the images that SOURCE names, as squares of `size` pixels.

    Arguments:
        source: A folder of images (nested, any formats and modes); `toydogs` or `toydogs:COUNT`
            (drawn); `dogs` (the data folder's dogs); `imagewoof-160` (a download).
        size: The side S in pixels.
        limit: Take only the first images, in the order of their sorted names.
        crop: Which square of a picture: "centre", or "subject", the one around what
            EfficientNet-Lite0 sees (`data/crop.py`).

    Raises:
        InputError: If there is no such source or crop, an image is unreadable or too small, or
            the folder holds none, naming the file.
    """
    if crop not in crops.CROPS:
        raise InputError(f"--crop {crop}: no such crop; there are {', '.join(crops.CROPS)}")
    if source.partition(":")[0] == "toydogs":
        if crop != "centre":
            raise InputError(
                f"--crop {crop}: toy dogs are drawn as squares around the face; leave it out"
            )
        return _toydogs(source, size, limit)
    return _from_folder(find_folder(source), source, size, limit, crop)


class Place(NamedTuple):
    """A folder of images, and what is said of them."""

    folder: Path
    name: str
    licence: str


def find_folder(source: str) -> Place:
    """Returns the folder that a SOURCE other than `toydogs` names, fetched first if need be.

    Raises:
        InputError: If there is no such source.
    """
    theirs = "as given by its owner"
    if source == "dogs":
        folder = dogs_folder()
        if folder is None:
            raise InputError(
                "dogs: put images into DIR/dogs and set GENLAB_DATA=DIR (or give a folder, or one "
                "of: toydogs, imagewoof-160)"
            )
        return Place(folder, f"dogs ({folder.name})", theirs)
    if source == "imagewoof-160":
        return Place(_imagewoof(), "Imagewoof 160 px", "Apache-2.0")
    folder = Path(source)
    if not folder.exists():
        what = "digits, no folder of images" if source in DIGITS else "no such folder or name"
        raise InputError(f"{source}: {what}; give a folder, or {NAMES} (see: genlab data)")
    if not folder.is_dir():
        raise InputError(
            f"{source}: a file; give the folder that holds the images (of a zip, the unpacked "
            f"one), or {NAMES}"
        )
    return Place(folder, f"images in {folder.resolve().name}", theirs)


def dogs_folder() -> Path | None:
    """Returns where the data folder keeps its dogs, if it does."""
    data = data_folder()
    if data is None:
        return None
    places = (data / "dogs" / "faces", data / "dogs")
    return next((p for p in places if p.is_dir()), None)


def _imagewoof() -> Path:
    import pooch

    folder = cache_folder() / "imagewoof2-160"
    if folder.is_dir():
        return folder
    say(f"fetching Imagewoof (88 MB) into {folder.parent}")
    url, md5 = IMAGEWOOF
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # a folder of that name is whole: it is unpacked beside, and renamed
        with tempfile.TemporaryDirectory(prefix=".imagewoof-", dir=folder.parent) as beside:
            unpacked = Path(beside).resolve() / "images"
            pooch.retrieve(
                url, md5, "imagewoof2-160.tgz", folder.parent,
                processor=pooch.Untar(extract_dir=str(unpacked)),
            )
            unpacked.rename(folder)
    except (OSError, ValueError) as error:
        raise InputError(
            f"imagewoof-160: cannot be fetched ({error}); give a folder of dog images, or toydogs"
        ) from None
    return folder


def _toydogs(source: str, size: int, limit: int | None) -> ImageSet:
    _, _, given = source.partition(":")
    if given and not (given.isdigit() and int(given) > 0):
        raise InputError(f"{source}: write toydogs or toydogs:COUNT, say toydogs:500")
    count = int(given) if given else toydogs.DEFAULT_COUNT
    count = min(count, limit) if limit else count

    def draw() -> dict[str, Tensor]:
        rows = []
        with Progress(count, "drawing toy dogs", "dogs") as progress:
            for index in range(count):
                rows.append(toydogs.draw_dog(index, size).transpose(2, 0, 1))
                progress.advance()
        return {"images": _stacked(rows)}

    images = cached(f"images/toydogs-v{toydogs.VERSION}-{count}-{size}", draw)["images"]
    return _image_set(images, source, "toy dogs (drawn, no photographs)", "MIT", stand_in=True)


def _stacked(rows: list[np.ndarray]) -> Tensor:
    """Stacks pictures in the memory layout in which the cache gives them back.

    Kernels for another layout would round otherwise.
    """
    return torch.from_numpy(np.ascontiguousarray(np.stack(rows)))


def _image_set(
    images: Tensor, source: str, name: str, licence: str, stand_in: bool = False,
    crop: Crop = "centre", names: tuple[str, ...] = (),
) -> ImageSet:
    identity = Identity(
        name=name, source=source, count=len(images), shape=tuple(images.shape[1:]),
        sha256=digest(images.numpy()), licence=licence, stand_in=stand_in, crop=crop,
    )
    return ImageSet(images=images, identity=identity, names=names)


def _from_folder(
    place: Place, source: str, size: int, limit: int | None, crop: Crop
) -> ImageSet:
    folder = place.folder
    paths = image_files(folder)[: limit or None]
    contents = hashlib.sha256(f"v{VERSION}".encode())
    for path in paths:
        contents.update(os.fsencode(path.relative_to(folder)))
        contents.update(hashlib.sha256(path.read_bytes()).digest())
    kind = "" if crop == "centre" else f"-{crops.VERSION}"

    def read() -> dict[str, Tensor]:
        choose, rows = chooser(crop), []
        with Progress(len(paths), f"reading {folder.name}", "images") as progress:
            for path in paths:
                rows.append(read_image(path, size, choose).transpose(2, 0, 1))
                progress.advance()
        return {"images": _stacked(rows)}

    images = cached(f"images/{contents.hexdigest()[:32]}-{size}{kind}", read)["images"]
    names = tuple(path.relative_to(folder).as_posix() for path in paths)
    return _image_set(images, source, place.name, place.licence, crop=crop, names=names)


def chooser(crop: Crop) -> Choose:
    """Returns what chooses the square of a picture."""
    if crop == "centre":
        return central_square
    return partial(crops.subject_box, load_efficientnet_lite0())
