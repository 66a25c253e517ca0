"""The latents of pictures under a GAN: what was found, as one picture, an array and a record."""

__all__ = ["inversion_figure", "project"]

import io

from pathlib import Path
from typing import Any

import numpy as np

from matplotlib.figure import Figure

import genlab.data

from genlab.common import atomic
from genlab.common.checks import require_count
from genlab.common.errors import InputError
from genlab.common.identity import Crop
from genlab.common.typed_json import to_json
from genlab.data.files.kinds import is_named_as_picture
from genlab.data.files.one import OnePicture
from genlab.data.files.pictures import FilePictures
from genlab.data.identity import Origin
from genlab.data.pictures import Pictures, stacked
from genlab.figures.animation import animation
from genlab.figures.gan_pictures import picture_groups
from genlab.figures.outputs.samples import FRAME_MS, frames_of
from genlab.figures.style import CM, literal, save, styled, wrapped
from genlab.gan.inversion import DRAWS, Inversion, invert
from genlab.gan.load import Choice, gan_config, load_chosen
from genlab.gan.walk import walk_through
from genlab.runs.run import Run

COLUMNS = 2
"""Pictures of a row, each with what was found."""


def project(
    run: Path, source: str, n: int, out: Path, seed: int, choice: Choice,
    crop: Crop | None = None, walk: bool = False, new: bool = False,
) -> dict[str, Any]:
    """Searches the latents of pictures and writes what was found.

    `OUT/projected.png` shows each picture, what was found, and the best random image;
    `OUT/latents.npy` has the latents, float32 `(N, Z)`, `OUT/results.json` the numbers and
    `OUT/walk.webp`, where it is asked for, a closed walk through the found latents.

    Arguments:
        run: The run directory of a GAN.
        source: One picture's file, or a SOURCE.
        n: Take at most so many pictures, the first ones.
        out: The folder.
        seed: Determines where the search begins.
        choice: Which generator, and which class.
        crop: The square taken of each picture; the run's own if not given.
        walk: Whether to write a walk.
        new: Whether the folder must not hold anything yet.

    Returns:
        The contents of `results.json`.

    Raises:
        InputError: If there are no such pictures, a walk is asked for of one picture, the folder
            holds something, or as of `invert`.
    """
    n, config = require_count("n", n), gan_config(Run(run))
    if new and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"`out` {out}: something is there; name a new folder, or take it away")
    pictures = _pictures(source, config.size, config.crop if crop is None else crop, n)
    if walk and len(pictures) < 2:
        raise InputError("`walk`: a walk leads through at least 2 pictures")
    found = invert(run, stacked(pictures), seed, choice)
    record = _record(found, pictures, run, seed, choice)
    atomic.make_folder(out, run)
    save(inversion_figure(found, pictures.identity.name), out / "projected.png")
    atomic.write_output(out / "latents.npy", _array(found.latents.numpy()), run)
    if walk:
        atomic.write_output(out / "walk.webp", _walk(run, found, choice), run)
    atomic.write_output(out / "results.json", atomic.json_bytes(record), run)
    return record


def _pictures(source: str, size: int, crop: Crop, n: int) -> Pictures:
    """Opens one picture's file, or the first pictures of a SOURCE, as squares of a side."""
    path = Path(source)
    if is_named_as_picture(path.name) and path.is_file():
        return FilePictures.open(OnePicture(path), Origin(source, path.name), size, crop)
    return genlab.data.images(source, size, crop, n, split="test")


def _record(
    found: Inversion, pictures: Pictures, run: Path, seed: int, choice: Choice
) -> dict[str, Any]:
    record = {"gan": run.name, "seed": seed, "epoch": choice.epoch} | choice.record
    columns = {
        "loss": found.losses, "levels": found.levels, "random_loss": found.drawn_losses,
        "random_levels": found.drawn_levels,
    }  # fmt: skip
    if found.labels is not None:
        columns["label"] = found.labels
    rows = zip(*(column.tolist() for column in columns.values()))
    named = [
        {"name": name} | dict(zip(columns, row)) for name, row in zip(pictures.names, rows)
    ]
    return record | {
        "pictures": named, "own_losses": found.own_losses.tolist(),
        "data": to_json(pictures.identity),
    }  # fmt: skip


def _array(latents: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, latents)
    return buffer.getvalue()


def _walk(run: Path, found: Inversion, choice: Choice) -> bytes:
    """Returns a closed walk through the latents; all of it is of the first one's class."""
    images = walk_through(load_chosen(run, choice).generator, found.latents, found.labels)
    return animation(frames_of(images), ".webp", FRAME_MS)


@styled
def inversion_figure(found: Inversion, data: str, most: int | None = None) -> Figure:
    """Draws each picture, at most so many, the image found for it, and the best random one."""
    count = len(found.pictures[:most])
    own = sorted(found.own_losses.tolist())
    title = wrapped(
        f"Left: a picture. Middle: the nearest image that the generator was found to make. Right: "
        f"the nearest of {DRAWS:,} random ones. Above: the loss of both, and how far their pixels "
        f"are from the picture's. The same search for {len(own)} of the generator's own images "
        f"ended at losses of {own[0]:.2g} to {own[-1]:.2g}. Data: {literal(data)}", 16 * CM,
    )
    shown = (found.pictures, found.images, found.drawn_images)
    groups = list(zip(*(images[:count].permute(0, 2, 3, 1).numpy() for images in shown)))
    words = [
        f"found {found.losses[i]:.2f}, {found.levels[i]:.0f} levels; random "
        f"{found.drawn_losses[i]:.2f}, {found.drawn_levels[i]:.0f} levels" for i in range(count)
    ]
    return picture_groups(groups, words, title, COLUMNS, row=3.1, above=1.2, between=0.16)
