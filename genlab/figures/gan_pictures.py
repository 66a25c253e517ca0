"""Pictures of a GAN: its images over training, and beside the training images nearest to them.

Shapes: N images, H x W pixels.
"""

__all__ = [
    "SHOWN", "Neighbours", "find_neighbours", "neighbour_pairs", "picture_groups",
    "training_frames",
]  # fmt: skip

import re

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from matplotlib.figure import Figure
from torch import Tensor

from genlab.common.errors import InputError
from genlab.data.arrays.pictures import pictures_of
from genlab.features.extraction import extract
from genlab.features.registry import load_extractor
from genlab.figures.animation import captioned
from genlab.figures.sheets import enlarged, image_sheet, read_image, read_sheet
from genlab.figures.style import CM, TEXT, literal, styled, wrapped
from genlab.gan.sampling import sample
from genlab.metrics.neighbours import kth_neighbour, nearest
from genlab.runs.seal import files_in

SHOWN = 16
"""The number of images shown beside their neighbours."""

WIDE = 700
"""The intended width of a frame, in pixels; narrow frames are enlarged by a whole factor."""


def training_frames(path: Path, epochs: int) -> list[np.ndarray]:
    """Returns the images of the same latents over training, with the epoch above each frame.

    The frames are the sheets `progress/epoch_NNN.png` where the run kept them, otherwise the
    samples of its snapshots.

    Arguments:
        path: The run directory.
        epochs: How many epochs the run has.
    """
    kept = {_epoch(p): read_image(p) for p in files_in(path / "progress", "epoch_*.png")}
    if not kept:
        for folder in (p for p in (path / "samples").glob("epoch_*") if p.is_dir()):
            kept[_epoch(folder)] = image_sheet(read_sheet(folder), 5)
    frames = []
    for epoch, image in sorted(kept.items()):
        scale = max(1, WIDE // image.shape[1])
        frames.append(captioned(enlarged(image[None], scale)[0], f"epoch {epoch} of {epochs}"))
    return frames


def _epoch(path: Path) -> int:
    found = re.fullmatch(r"epoch_(\d+)", path.stem)
    if found is None:
        raise InputError(f"{path}: not a file of the run")
    return int(found[1])


class Neighbours(NamedTuple):
    """Generated images and the training images nearest to them."""

    fakes: np.ndarray
    """With shape `(N, H, W, 3)`."""
    reals: np.ndarray
    """The nearest training image of each, with shape `(N, H, W, 3)`."""
    distances: list[float]
    """The distances between the features of both."""
    typical: float
    """The median distance of a training image to its nearest other one."""
    network: str
    """The name of the feature network."""


def find_neighbours(path: Path, images: Tensor, rows: Tensor, seed: int) -> Neighbours:
    """Finds the training images nearest to the run's first images, which nobody selected.

    The features are EfficientNet-Lite0's, one of the networks that the test for copying looks
    with: always at hand, and several times as fast as FID Inception.

    Arguments:
        path: The run directory.
        images: Images, uint8 with shape `(N, 3, S, S)`.
        rows: The places of those that it was trained on.
        seed: Of the images that are looked for.
    """
    fakes = sample(path, SHOWN, seed)
    extractor = load_extractor("efficientnet-lite0")
    of_real = extract(pictures_of(images, "training images", rows.tolist()), extractor)
    of_fake = extract(pictures_of(fakes, "generated images"), extractor)
    squared, index = nearest(of_fake, of_real)
    return Neighbours(
        fakes=fakes.permute(0, 2, 3, 1).numpy(),
        reals=images[rows[index]].permute(0, 2, 3, 1).numpy(),
        distances=squared.sqrt().tolist(),
        typical=torch.median(kth_neighbour(of_real).squared.sqrt()).item(),
        network=extractor.name,
    )


@styled
def neighbour_pairs(found: Neighbours, data: str) -> Figure:
    """Draws each generated image beside its nearest training image, with their distance."""
    title = wrapped(
        f"The first {len(found.fakes)} generated images (not selected); to the right of each, the "
        f"nearest training image by features of {found.network}. Above each pair: their distance. "
        "The median distance between a training image and its nearest other one is "
        f"{found.typical:.3g}. Data: {literal(data)}", 16 * CM,
    )
    pairs = list(zip(found.fakes, found.reals))
    words = [f"{distance:#.3g}" for distance in found.distances]
    return picture_groups(pairs, words, title, columns=4, row=2.3)


def picture_groups(
    groups: Sequence[Sequence[np.ndarray]], words: Sequence[str], title: str, columns: int,
    row: float, above: float = 1.0, between: float = 0.2,
) -> Figure:
    """Draws groups of pictures side by side in rows, each under its words.

    Arguments:
        groups: The pictures of each group, uint8 with shape `(H, W, 3)`.
        words: What stands above each group.
        title: What stands above all, in lines.
        columns: Groups of a row.
        row: The height of a row, in centimetres.
        above: That of the title's last line with what is free below it, in centimetres.
        between: The room between two rows, as a share of a group's height.
    """
    rows = -(-len(groups) // columns)
    top = (0.42 * title.count("\n") + above) * CM
    height = row * CM * rows + top
    figure = Figure(figsize=(16 * CM, height))
    figure.suptitle(title, fontsize=TEXT, y=0.99, va="top")
    grid = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(0.01, 0.01, 0.99, 1 - top / height, 0.06, between)
    for axis, group, line in zip(grid.flat, groups, words):
        gap = np.full((len(group[0]), 2, 3), 255, np.uint8)
        parts = [part for picture in group for part in (picture, gap)][:-1]
        axis.imshow(np.concatenate(parts, axis=1), interpolation="nearest")
        axis.set_title(line, fontsize=TEXT, pad=2)
    for axis in grid.flat:
        axis.set_axis_off()
    return figure
