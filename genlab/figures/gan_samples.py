"""Samples of a GAN run as files: a folder of images, one sheet, or an animated walk.

Still images are PNGs with exactly the pixels that the generator returns.
"""

__all__ = ["PICTURES", "generate", "sheet", "walk_file", "walk_frames"]

import hashlib

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.formats.files import read_file
from genlab.common.formats.picture import LARGEST, opened
from genlab.common.progress import Progress, say
from genlab.common.system_errors import read_bytes
from genlab.data.files.drawn import RECORD
from genlab.figures.animation import FORMATS, animation
from genlab.figures.sheets import enlarged, image_sheet
from genlab.gan.load import END, Choice
from genlab.gan.sampling import sample, sample_in_parts
from genlab.gan.walk import walk
from genlab.runs.lock import run_lock

FRAME_MS = 50
"""How long a frame of a walk is shown: 20 frames a second."""

SCALE = 3
"""The enlargement of the frames of a walk."""

PICTURES = (".png", ".webp", ".gif", ".jpg", ".jpeg")
"""Names that end so are those of one file."""


def generate(gan: Path, n: int, seed: int, out: Path, choice: Choice = END) -> dict[str, Any]:
    """Writes `n` generated images as PNGs into `out`, and `results.json` when all are there.

    That names each with its SHA-256: whoever reads the folder as images is told what changed.

    A folder that holds the same images, or some of them, is completed; one that holds others is
    left as it is: a set of images is to be of one origin, and nothing is to be lost.

    Raises:
        InputError: As of `sample`, or if `out` holds other images.
    """
    if out.suffix.lower() in PICTURES:
        raise InputError(f"`out` {out}: many images go into a folder; for one sheet add `grid`")
    width = max(3, len(str(n - 1)))
    paths = [out / f"{index:0{width}d}.png" for index in range(n)]
    _refuse_others(out, paths, _drawn(gan, n, seed, choice))
    size, files, label = 0, {}, f"writing images into {out.name}"
    gan.stat()  # a run that is gone by now is not made again
    with run_lock(out), Progress(n, label, "images") as progress:
        for path, image in zip(paths, _drawn(gan, n, seed, choice)):
            data = atomic.png_bytes(image)
            atomic.write_bytes(path, data)
            size, files[path.name] = len(image), hashlib.sha256(data).hexdigest()
            progress.advance()
        results = _record(gan, n, seed, choice) | {"size": size}
        atomic.write_json(out / RECORD, results | {"files": files})
    return results


def _drawn(gan: Path, n: int, seed: int, choice: Choice) -> Iterator[np.ndarray]:
    """Yields images, uint8 with shape `(H, W, 3)`, of which a part is drawn at a time."""
    for part in sample_in_parts(gan, n, seed, choice):
        yield from part.permute(0, 2, 3, 1).numpy()


def _record(gan: Path, n: int, seed: int, choice: Choice) -> dict[str, Any]:
    record = {
        "gan": gan.name, "n": n, "seed": seed, "epoch": choice.epoch,
        "truncation": choice.truncation,
    }  # fmt: skip
    record |= {"best": True} if choice.best else {}
    return record | ({} if choice.of_class is None else {"class": choice.of_class})


def _refuse_others(out: Path, paths: list[Path], images: Iterator[np.ndarray]) -> None:
    """Refuses a folder whose files would be lost or mixed with these images.

    The images are drawn only if it holds one of their names.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(f"`out` {out}: a file is in the way; name a folder")
    names = {path.name for path in paths} | {RECORD}
    strange = [p.name for p in out.iterdir() if p.name not in names and not atomic.is_leftover(p)]
    if any(path.exists() for path in paths):
        strange += [
            path.name for path, image in zip(paths, images)
            if path.exists() and not _holds(path, image)
        ]
    if strange:
        raise InputError(
            f"`out` {out}: the folder holds {len(strange)} other files, as {min(strange)}; "
            "name a new or empty folder"
        )


def _holds(path: Path, image: np.ndarray) -> bool:
    """Returns whether a file is this image, pixel for pixel."""
    try:
        with opened(read_file(path, LARGEST), str(path), ("PNG",)) as found:
            return found.mode == "RGB" and np.array_equal(np.asarray(found), image)
    except (InputError, OSError):  # not an image, or one cut short
        return False


def _in_the_way(out: Path) -> InputError:
    return InputError(f"`out` {out}: another file is there; name a new one, or take it away")


def sheet(
    gan: Path, n: int, seed: int, out: Path, choice: Choice = END, new: bool = False
) -> dict[str, Any]:
    """Writes `n` generated images as one PNG, unscaled, with two white pixels between them.

    Raises:
        InputError: As of `sample`, or if `out` is no .png, or, where it is to be `new`, another
            file.
    """
    if out.suffix.lower() != ".png":
        raise InputError(f"`out` {out}: `grid` writes a PNG; end the name in .png")
    images = sample(gan, n, seed, choice).permute(0, 2, 3, 1).numpy()
    image = image_sheet(images)
    if new and out.exists() and not _holds(out, image):
        raise _in_the_way(out)
    atomic.write_output(out, atomic.png_bytes(image), gan)
    return _record(gan, n, seed, choice) | {"file": str(out)}


def walk_frames(gan: Path, stops: int, seed: int, choice: Choice = END) -> np.ndarray:
    """Returns the frames of a closed walk through the seed's first images, `(N, H, W, 3)`."""
    images = walk(gan, stops, seed, choice).permute(0, 2, 3, 1).numpy()
    return enlarged(images, SCALE)


def walk_file(
    gan: Path, stops: int, seed: int, out: Path, choice: Choice = END, new: bool = False
) -> dict[str, Any]:
    """Writes a closed walk through the seed's first `stops` images as WebP or GIF.

    Raises:
        InputError: As of `walk`, or if `out` is neither, or, where it is to be `new`, another
            file.
    """
    if out.suffix.lower() not in FORMATS:
        raise InputError(f"`out` {out}: `walk` writes a WebP or a GIF; end in .webp or .gif")
    frames = walk_frames(gan, stops, seed, choice)
    say(f"writing {out.name}: {len(frames)} frames, some seconds")
    data = animation(frames, out.suffix.lower(), FRAME_MS)
    if new and out.exists() and read_bytes(out) != data:
        raise _in_the_way(out)
    atomic.write_output(out, data, gan)
    record = _record(gan, stops, seed, choice)
    return record | {"frames": len(frames), "file": str(out)}
