"""Curves over training."""

__all__ = ["bound_curve", "gan_curve"]

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from genlab.common.quantities import Measured
from genlab.figures.language import pick
from genlab.figures.style import CM, styled

SIZE = (12.0 * CM, 4.6 * CM)
FEW = 12
"""Up to this number, points are marked one by one."""
DEPTH = 45.0
"""The range below the best value that is shown, in nats; the first epochs lie far below."""


@styled
def bound_curve(
    metrics: Sequence[Mapping[str, Any]], title: str, objective: str, lang: str = "en"
) -> Figure:
    """Draws the training objective, the ELBO of the test images and the regulariser by epoch."""
    figure = Figure(figsize=SIZE, layout="constrained")
    left, right = figure.subplots(1, 2)
    learned = _line(left, metrics, "bound", pick(lang, "训练图像", "training images"))
    label = pick(lang, "测试图像（ELBO）", "test images (ELBO)")
    tested = _line(left, metrics, "test_elbo", label)
    values = [*learned, *tested]
    shown = [max(values) - DEPTH, *learned[-3:], *tested[-2:]]  # the end is always seen
    lowest = max(min(values), min(shown))
    room = 0.1 * max(max(values) - lowest, 1.0)
    left.set_ylim(lowest - room, max(values) + room)
    left.set_ylabel(objective + pick(lang, "（nat）", " (nats)"))
    left.legend(frameon=False)
    _line(right, metrics, "omega", "", color="tab:green")
    right.set_ylabel(pick(lang, "训练中的 Ω（nat）", "Ω in training (nats)"))
    return _finished(figure, title, lang)


@styled
def gan_curve(metrics: Sequence[Mapping[str, Any]], title: str, lang: str = "en") -> Figure:
    """Draws the losses and the discriminator's mean scores of both kinds of images, by epoch."""
    figure = Figure(figsize=SIZE, layout="constrained")
    left, right = figure.subplots(1, 2)
    _line(left, metrics, "loss_generator", pick(lang, "生成器", "generator"))
    _line(left, metrics, "loss_discriminator", pick(lang, "判别器", "discriminator"))
    left.set_ylabel(pick(lang, "损失", "loss"))
    _line(right, metrics, "score_real", pick(lang, "真实图像", "real images"))
    _line(right, metrics, "score_fake", pick(lang, "生成图像", "generated images"))
    right.set_ylabel(pick(lang, "平均得分", "mean score"))
    left.legend(frameon=False)
    right.legend(frameon=False)
    return _finished(figure, title, lang)


def _line(
    axis: Axes, metrics: Sequence[Mapping[str, Any]], key: str, label: str,
    color: str | None = None,
) -> list[float]:
    """Draws one quantity and returns its values; a single point has its value beside it."""
    found = [(line["epoch"], float(line[key])) for line in metrics if line.get(key) is not None]
    epochs, values = [epoch for epoch, _ in found], [value for _, value in found]
    mark = "o-" if len(found) <= FEW else "-"
    axis.plot(epochs, values, mark, ms=3, label=label, color=color)
    if len(found) == 1 and np.isfinite(values[0]):
        axis.annotate(
            Measured(values[0]).text(), (epochs[0], values[0]), (5, 0),
            textcoords="offset points", va="center",
        )
    return [value for value in values if np.isfinite(value)]


def _finished(figure: Figure, title: str, lang: str) -> Figure:
    for axis in figure.axes:
        axis.set_xlabel(pick(lang, "轮数", "epoch"))
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axis.grid(alpha=0.3, lw=0.5)
        low, high = axis.get_xlim()
        if high - low < 2:  # one epoch
            axis.set_xlim(low - 1, high + 1)
    figure.suptitle(title)
    return figure
