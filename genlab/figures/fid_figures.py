"""Figures of a measurement: the closest pairs, and the images that influence the distance most."""

__all__ = ["draw_fid"]

from pathlib import Path
from typing import Any

import torch

from matplotlib.figure import Figure
from torch import Tensor

from genlab.data.pictures import Pictures
from genlab.fid.results import Copies, Distance, Measurement
from genlab.figures.style import TEXT, save, styled, wrapped

PAIRS = 12
SHOWN = 10


def draw_fid(results: Measurement, real: Pictures, fake: Pictures, out: Path) -> list[Path]:
    """Draws `closest.png` and `influence.png` of one measurement, as far as it has them.

    Arguments:
        results: The measurement.
        real: The real images.
        fake: The generated ones.
        out: The folder.

    Returns:
        The files.
    """
    judge = results.distances[-1]  # not the network that a GAN's discriminator may use
    assert judge.copies is not None  # images, not statistics, were compared
    files = []
    if judge.copies.closest:
        files.append(out / "closest.png")
        save(_closest(judge.copies, judge.extractor.network, real, fake), files[-1])
    if judge.influence:
        files.append(out / "influence.png")
        save(_influence(judge, judge.influence, fake), files[-1])
    return files


def _show(axes: Any, image: Tensor, title: str) -> None:
    axes.imshow(image.permute(1, 2, 0).numpy(), interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(title, fontsize=TEXT, pad=2)


@styled
def _closest(copies: Copies, network: str, real: Pictures, fake: Pictures) -> Figure:
    """Draws generated images above the real images nearest to them."""
    pairs = copies.closest[:PAIRS]
    width = max(2.4, 0.9 * len(pairs) + 0.6)
    figure = Figure(figsize=(width, 2.5), dpi=150, layout="constrained")
    title = f"Closest pairs by {network}: generated (above), its nearest real image (below)"
    figure.suptitle(wrapped(title, width), fontsize=TEXT)
    rows = figure.subplots(2, len(pairs), squeeze=False)
    for column, (index, nearest, distance) in enumerate(pairs):
        _show(rows[0, column], fake.read(int(index)), f"{distance:.3g}")
        _show(rows[1, column], real.read(int(nearest)), "")
    return figure


@styled
def _influence(judge: Distance, influence: list[float], fake: Pictures) -> Figure:
    """Draws the images that raise the distance most and those that lower it most."""
    values = torch.tensor(influence, dtype=torch.float64)
    order = values.argsort(descending=True).tolist()
    count = min(SHOWN, len(order) // 2)
    width = max(2.4, 0.9 * count + 0.6)
    figure = Figure(figsize=(width, 2.7), dpi=150, layout="constrained")
    title = (
        f"{judge.label} = {judge.distance.text()}: the images that raise it most (above) and "
        "lower it most (below), and by how much"
    )
    figure.suptitle(wrapped(title, width), fontsize=TEXT)
    rows = figure.subplots(2, count, squeeze=False)
    for row, chosen in zip(rows, (order[:count], order[::-1][:count])):
        for axes, index in zip(row, chosen):
            _show(axes, fake.read(index), f"{values[index].item():+.2g}")
    return figure
