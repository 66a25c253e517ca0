"""Samples of a run as files: a folder of images, one sheet, or an animated walk.

Still images are PNGs with exactly the pixels that the model returns.
"""

__all__ = ["PICTURES", "Draws", "frames_of", "generate", "of_gan", "of_vae", "sheet", "walk_file"]

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from torch import Tensor

from genlab.common import atomic
from genlab.common.checks import require_count
from genlab.common.errors import InputError
from genlab.common.progress import say
from genlab.common.system_errors import read_bytes
from genlab.data.files.written import holds, require_images_target, write_images
from genlab.figures.animation import FORMATS, animation
from genlab.figures.sheets import enlarged, image_sheet
from genlab.figures.video import SUFFIX as VIDEO
from genlab.figures.video import video
from genlab.gan.load import END, Choice
from genlab.gan.sampling import sample_in_parts
from genlab.gan.walk import walk as gan_walk
from genlab.runs.lock import run_lock
from genlab.vae.latents.sampling import decoded_in_parts
from genlab.vae.latents.walk import walk as vae_walk

FRAME_MS = 50
"""How long a frame of a walk is shown: 20 frames a second."""

SCALE = 3
"""The enlargement of the frames of a walk."""

VIDEO_SCALE = 4
"""That of a video's: a multiple of the 2 x 2 pixels that have one colour."""

WIDEST = 512
"""Images are enlarged by less where frames would be wider, in pixels."""

PICTURES = (".png", ".webp", ".gif", ".jpg", ".jpeg", VIDEO)
"""Names that end so are those of one file."""


@dataclass(frozen=True)
class Draws:
    """The images of a model by one seed."""

    run: Path
    """The run directory."""
    record: dict[str, Any]
    """What decides the images, as it is written down beside them."""
    parts: Callable[[int], Iterator[Tensor]]
    """The first N images, some at a time: uint8 with shape `(B, 3, H, W)`."""
    walk: Callable[[int], Tensor]
    """The frames of a closed walk through the first K images, likewise."""

    def images(self, n: int) -> Iterator[np.ndarray]:
        """Yields the first `n` images, uint8 with shape `(H, W, 3)`."""
        for part in self.parts(n):
            yield from part.permute(0, 2, 3, 1).numpy()


def of_gan(run: Path, seed: int, choice: Choice = END) -> Draws:
    """Returns the images of a GAN run, of the generator that is chosen."""
    record: dict[str, Any] = {"epoch": choice.epoch, "truncation": choice.truncation}
    return Draws(
        run, {"gan": run.name, "seed": seed} | record | choice.record,
        lambda n: sample_in_parts(run, n, seed, choice),
        lambda stops: gan_walk(run, stops, seed, choice),
    )


def of_vae(run: Path, seed: int, guidance: float = 0.0) -> Draws:
    """Returns the decoded draws of a VAE's prior, with the values of its data."""
    return Draws(
        run, {"vae": run.name, "seed": seed} | ({"guidance": guidance} if guidance else {}),
        lambda n: decoded_in_parts(run, n, seed, guidance),
        lambda stops: vae_walk(run, stops, seed, guidance=guidance),
    )


def generate(draws: Draws, n: int, out: Path) -> dict[str, Any]:
    """Writes the first `n` images as PNGs into `out`, and `results.json` when all are there.

    That names each with its SHA-256: whoever reads the folder as images is told what changed.

    A folder that holds the same images, or some of them, is completed; one that holds others is
    left as it is: a set of images is to be of one origin, and nothing is to be lost.

    Raises:
        InputError: If they cannot be drawn, or `out` holds other images.
    """
    if out.suffix.lower() in PICTURES:
        raise InputError(
            f"`out` {out}: many images go into a folder; for one sheet add `grid`, for a walk "
            "`walk`"
        )
    n = require_count("n", n)
    width = max(3, len(str(n - 1)))
    names = [f"{index:0{width}d}.png" for index in range(n)]
    require_images_target(out, names, lambda: draws.images(n))
    draws.run.stat()  # a run that is gone by now is not made again
    with run_lock(out):
        return write_images(out, names, lambda: draws.images(n), draws.record)


def _in_the_way(out: Path) -> InputError:
    return InputError(f"`out` {out}: another file is there; name a new one, or take it away")


def sheet(draws: Draws, n: int, out: Path, new: bool = False) -> dict[str, Any]:
    """Writes the first `n` images as one PNG, unscaled, with two white pixels between them.

    Raises:
        InputError: If they cannot be drawn, `out` is no .png, or, where it is to be `new`,
            another file.
    """
    if out.suffix.lower() != ".png":
        raise InputError(f"`out` {out}: `grid` writes a PNG; end the name in .png")
    image = image_sheet(np.stack(list(draws.images(n))))
    if new and out.exists() and not holds(out, image):
        raise _in_the_way(out)
    atomic.write_output(out, atomic.png_bytes(image), draws.run)
    return draws.record | {"n": n, "file": str(out)}


def frames_of(images: Tensor, scale: int = SCALE) -> np.ndarray:
    """Returns images, uint8 `(N, 3, H, W)`, as frames `(N, H', W', 3)`, each pixel as a square."""
    most = max(1, WIDEST // max(images.shape[2:]))
    return enlarged(images.permute(0, 2, 3, 1).numpy(), min(scale, most))


def walk_file(draws: Draws, stops: int, out: Path, new: bool = False) -> dict[str, Any]:
    """Writes a closed walk through the first `stops` images as WebP, GIF or MP4.

    Raises:
        InputError: If they cannot be drawn, `out` is none of these, or, where it is to be `new`,
            another file; or as of `video`.
    """
    suffix = out.suffix.lower()
    if suffix not in (*FORMATS, VIDEO):
        raise InputError(
            f"`out` {out}: `walk` writes a WebP, a GIF or an MP4; end the name in .webp, .gif or "
            f"{VIDEO}"
        )
    frames = frames_of(draws.walk(stops), VIDEO_SCALE if suffix == VIDEO else SCALE)
    say(f"writing {out.name}: {len(frames)} frames, some seconds")
    data = (
        video(frames, FRAME_MS, str(out)) if suffix == VIDEO
        else animation(frames, suffix, FRAME_MS)
    )  # fmt: skip
    if new and out.exists() and read_bytes(out) != data:
        raise _in_the_way(out)
    atomic.write_output(out, data, draws.run)
    return draws.record | {"n": stops, "frames": len(frames), "file": str(out)}
