"""Folders of images that genlab writes: PNGs, and a record that names each with its SHA-256.

Whoever reads such a folder as images is told what changed (`files/drawn.py`).

Shapes: N images, `(H, W, 3)`, uint8, RGB.
"""

__all__ = ["holds", "require_images_target", "write_images"]

import hashlib

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.formats.files import read_file
from genlab.common.formats.picture import LARGEST, opened
from genlab.common.paths import within
from genlab.common.progress import Progress
from genlab.data.files.drawn import RECORD


def write_images(
    out: Path, names: Sequence[str], images: Callable[[], Iterator[np.ndarray]],
    record: dict[str, Any],
) -> dict[str, Any]:
    """Writes images as PNGs into a folder, and the record when all are there.

    Arguments:
        out: The folder, which is there, as `require_images_target` wants it.
        names: The path of each image within it, with slashes.
        images: Returns the images in that order.
        record: What the images follow from.

    Returns:
        The record with the number of images, "n", and the height of one, "size". In the folder it
        also names the files.
    """
    size, files = 0, {}
    with Progress(len(names), f"writing images into {out.name}", "images") as progress:
        for name, image in zip(names, images()):
            data = atomic.png_bytes(image)
            atomic.make_within(out, PurePosixPath(name).parent)
            atomic.write_bytes(out / name, data)
            size, files[name] = len(image), hashlib.sha256(data).hexdigest()
            progress.advance()
    results = record | {"n": len(names), "size": size}
    atomic.write_json(out / RECORD, results | {"files": files})
    return results


def require_images_target(
    out: Path, names: Sequence[str], images: Callable[[], Iterator[np.ndarray]]
) -> None:
    """Refuses a folder whose files would be lost or mixed with these images.

    A set of images is to be of one origin, and nothing is to be lost. A folder that holds the same
    images, or some of them, can be completed. The images are made only if it holds one of their
    names.

    Raises:
        InputError: If it is a file, or holds other files; or if a name leads out of it.
    """
    for name in names:
        if not within(out / name, out):  # a zip may name anything
            raise InputError(f"`out` {out}: the image {name!r} would lie outside of it")
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(f"`out` {out}: a file is in the way; name a folder")
    known = {*names, RECORD}
    there = [p for p in out.rglob("*") if not p.is_dir() and not atomic.is_leftover(p)]
    found = {path.relative_to(out).as_posix() for path in there}
    strange = sorted(found - known)
    if found & set(names):
        strange += [
            name for name, image in zip(names, images())
            if name in found and not holds(out / name, image)
        ]
    if strange:
        raise InputError(
            f"`out` {out}: the folder holds {len(strange)} other files, as {min(strange)}; "
            "name a new or empty folder"
        )


def holds(path: Path, image: np.ndarray) -> bool:
    """Returns whether a file is this image, pixel for pixel."""
    try:
        with opened(read_file(path, LARGEST), str(path), ("PNG",)) as found:
            return found.mode == "RGB" and np.array_equal(np.asarray(found), image)
    except (InputError, OSError):  # not an image, or one cut short
        return False
