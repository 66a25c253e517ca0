"""Figures of rows and grids of images.

Shapes: N images, uint8 RGB with shape `(N, H, W, 3)`.
"""

__all__ = ["image_grid", "labelled_rows", "reconstruction_rows"]

import math

from collections.abc import Sequence

import numpy as np

from matplotlib.figure import Figure

from genlab.figures.sheets import image_sheet, tile
from genlab.figures.style import CM, TEXT, styled


@styled
def labelled_rows(rows: Sequence[tuple[str, np.ndarray]], label_cm: float = 1.6) -> Figure:
    """Draws rows of images, each with its label on the left.

    Arguments:
        rows: `(label, images)`, whose N and sizes agree.
        label_cm: Width of the labels in centimetres.
    """
    columns, label = len(rows[0][1]), label_cm * CM
    side = (16 * CM - label) / columns
    size = (16 * CM, side * len(rows))
    figure = Figure(figsize=size)
    axes = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    figure.subplots_adjust(left=label / size[0], right=1, bottom=0, top=1, hspace=0.02)
    for axis, (name, images) in zip(axes, rows):
        axis.imshow(image_sheet(images, columns), interpolation="lanczos")
        axis.set_axis_off()
        axis.text(-0.01, 0.5, name, transform=axis.transAxes, ha="right", va="center")
    return figure


@styled
def image_grid(images: np.ndarray, columns: int, title: str) -> Figure:
    """Draws images in rows of `columns`."""
    rows = math.ceil(len(images) / columns)
    size = (5.1 * CM, (5.1 * rows / columns + 0.5) * CM)
    figure = Figure(figsize=size, dpi=400, layout="constrained")
    axis = figure.add_subplot()
    axis.imshow(tile(images, columns), interpolation="nearest")
    axis.set_axis_off()
    axis.set_title(title, fontsize=TEXT)
    return figure


@styled
def reconstruction_rows(pairs: Sequence[tuple[str, np.ndarray]], title: str) -> Figure:
    """Draws labelled rows of images, one under another."""
    columns, label = len(pairs[0][1]), 2.0
    side = (12.0 - label) / columns
    figure = Figure(
        figsize=(12.0 * CM, (side * len(pairs) + 0.8) * CM), layout="constrained"
    )
    axes = figure.subplots(len(pairs), 1, squeeze=False)[:, 0]
    for axis, (name, images) in zip(axes, pairs):
        axis.imshow(tile(images, columns), interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
        axis.set_ylabel(name, rotation=0, ha="right", va="center")
    figure.suptitle(title)
    return figure
