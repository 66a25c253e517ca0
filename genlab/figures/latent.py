r"""Pictures of a two-dimensional latent plane.

Shapes: N points, G grid points per axis, H x W pixels.
"""

__all__ = [
    "CLASS_COLOURS", "Panel", "aggregated_posterior", "aggregated_row", "common_limit",
    "manifold", "prior_density", "sheet_limit",
]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from genlab.figures.language import pick
from genlab.figures.style import CM, TEXT, literal, styled

LIMIT = 3.5
"""Half the side of the square in the lab sheet's figure."""
OUTLYING = 0.985
"""The share of coordinates that the lab sheet's figure shows at least."""
STANDARDISED = r"$z' = S^{-1/2} (z - m)$"
"""The map to standard coordinates (`genlab.vae.standardise`)."""
RADII = np.linspace(0, LIMIT, 11)
"""Radii of the contours of N(0, I), which are circles."""
COLOURS = colormaps["viridis"](np.linspace(0.22, 1, len(RADII)))
"""From the outside inwards; black dots are visible on the darkest too."""

CLASS_COLOURS = (
    "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee",
    "#aa3377", "#7f4f24", "#1b1b3a", "#ff8c42", "#8d99ae",
)  # fmt: skip
CLASS_MARKS = ("o", "s", "^", "v", "D", "P", "X", "<", ">", "p")
MOST_CLASSES = 64
"""Classes that colour and mark tell apart; dots of more are drawn alike."""
LONGEST_NAME = 12
"""Letters of a class's name that a figure shows."""
MOST_ROWS = 6
"""Rows of a legend; where the names of classes take more, it has their numbers."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """The data of a panel."""

    title: str
    z: np.ndarray
    """Samples of the aggregated posterior, with shape `(N, 2)`."""
    numbers: Sequence[str] = ()
    """Lines under the title."""
    standardised: bool = False
    """Whether z is in standard coordinates, not in the model's own."""


def common_limit(*clouds: np.ndarray) -> float:
    """Returns L such that [-L, L]^2 holds the contours of N(0, I) and nearly all of each cloud."""
    return max(LIMIT, *(1.06 * float(np.quantile(np.abs(z), 0.995)) for z in clouds))


def sheet_limit(*clouds: np.ndarray) -> float:
    """Returns L for the lab sheet's figure: its own scale, unless many samples lay outside."""
    return max(LIMIT, *(float(np.quantile(np.abs(z), OUTLYING)) for z in clouds))


@styled
def aggregated_posterior(panel: Panel, limit: float) -> Figure:
    """Draws the lab sheet's figure: the standard Gaussian, samples of the aggregated posterior."""
    figure = Figure(figsize=(8 * CM, 8.2 * CM), layout="constrained")
    axis = figure.add_subplot()
    _sheet_panel(axis, panel, limit, 5.0)
    if panel.standardised:
        axis.set_title(f"{panel.title}\n{STANDARDISED}", linespacing=1.4)
    return figure


@styled
def aggregated_row(panels: Sequence[Panel], limit: float) -> Figure:
    """Draws the lab sheet's figure for several models in one row, on equal axes."""
    figure = Figure(figsize=(16 * CM, (16 / len(panels) + 0.7) * CM), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for index, (axis, panel) in enumerate(zip(axes, panels)):
        _sheet_panel(axis, panel, limit, 2.4)
        if index and panel.standardised == panels[index - 1].standardised:
            axis.set_ylabel("")
    return figure


def _sheet_panel(axis: Axes, panel: Panel, limit: float, size: float) -> None:
    """Draws filled contours of N(0, I) and dots of `size` square points over them."""
    x, y = _grid(limit, 241)
    density = np.exp(-0.5 * (x**2 + y**2)) / (2 * np.pi)
    levels = np.exp(-0.5 * RADII[::-1] ** 2) / (2 * np.pi)
    axis.contourf(x, y, density, levels=levels, colors=COLOURS[1:])
    axis.set_facecolor(tuple(COLOURS[0]))
    axis.scatter(*panel.z.T, s=size, c="black", linewidths=0)
    axis.set_title(panel.title)
    _frame(axis, limit, panel)


@styled
def prior_density(
    panel: Panel, log_density: np.ndarray, labels: np.ndarray | None, limit: float,
    lang: str = "en", names: Mapping[int, str] | None = None,
) -> Figure:
    """Draws the model's own prior as filled contours, with dots coloured and marked by class.

    Arguments:
        panel: The model's panel.
        log_density: ln p(z) on the grid of `grid_points(limit, G)`, with shape `(G, G)`.
        labels: The class of each dot, with shape `(N,)`, or None.
        limit: Half the side of the square shown.
        lang: "en" or "zh".
        names: The names of the classes; their numbers if not given.
    """
    figure = Figure(figsize=(7.8 * CM, 7.8 * CM), layout="constrained")
    axis = figure.add_subplot()
    x, y = _grid(limit, len(log_density))
    top = float(log_density.max())
    levels = np.linspace(top - 9, top, 19)
    filled = axis.contourf(
        x, y, np.maximum(log_density, levels[0]), levels=levels, cmap="Greys", alpha=0.75
    )
    unit = pick(lang, "（nat）", " (nats)")
    bar = figure.colorbar(filled, ax=axis, shrink=0.9, label="ln p(z)" + unit)
    bar.locator = MaxNLocator(integer=True, nbins=7)
    bar.update_ticks()
    classes = [] if labels is None else np.unique(labels).tolist()
    if labels is None or len(classes) > MOST_CLASSES:
        axis.scatter(*panel.z.T, s=2, c=CLASS_COLOURS[0], linewidths=0)
    else:
        looks = [_look(place) for place in range(len(classes))]
        for label, (shade, mark) in zip(classes, looks):
            axis.scatter(
                *panel.z[labels == label].T, s=4, c=shade, marker=mark, linewidths=0, alpha=0.8
            )
        words = [str(label) for label in classes]
        named = [literal((names or {}).get(label, str(label)))[:LONGEST_NAME] for label in classes]
        if len(named) <= MOST_ROWS * _columns(named):
            words = named
        keys = [Line2D([], [], color=c, marker=m, linestyle="", ms=3.5) for c, m in looks]
        figure.legend(
            keys, words, loc="outside lower center", ncols=_columns(words), frameon=False,
            handletextpad=-0.4, columnspacing=0.5, borderpad=0,
        )
    _frame(axis, limit, panel)
    figure.suptitle("\n".join([panel.title, *panel.numbers]), fontsize=TEXT, linespacing=1.4)
    return figure


def _look(place: int) -> tuple[str, str]:
    """Returns colour and mark of a class; no two have both alike."""
    count = len(CLASS_COLOURS)
    return CLASS_COLOURS[place % count], CLASS_MARKS[(place + place // count) % count]


def _columns(words: Sequence[str]) -> int:
    """Returns the columns of a legend 7.8 cm wide: letters are 1.75 mm wide, marks 6 mm."""
    return min(10, int(78 / (6 + 1.75 * max(map(len, words)))))


def grid_points(limit: float, count: int) -> np.ndarray:
    """Returns the points of the plane's grid, row by row, with shape `(G * G, 2)`."""
    x, y = _grid(limit, count)
    return np.stack([x.ravel(), y.ravel()], axis=1)


@styled
def manifold(images: np.ndarray, limit: float, caption: str) -> Figure:
    """Draws the decoded plane.

    Arguments:
        images: The decoded image of each point of a grid over [-limit, limit]^2, the first row
            at the top, uint8 RGB with shape `(G, G, H, W, 3)`.
        limit: Half the side of the square.
        caption: The title.
    """
    rows, columns, height, width, _ = images.shape
    sheet = images.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, 3)
    figure = Figure(figsize=(5.1 * CM, 5.4 * CM), dpi=400, layout="constrained")
    axis = figure.add_subplot()
    axis.imshow(sheet, extent=(-limit, limit, -limit, limit))
    _ticks(axis)
    axis.set_xlabel(r"$z_1$")
    axis.set_ylabel(r"$z_2$", labelpad=1)
    axis.set_title(caption, fontsize=TEXT)
    return figure


def _grid(limit: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    line = np.linspace(-limit, limit, count)
    x, y = np.meshgrid(line, line)
    return x, y


def _frame(axis: Axes, limit: float, panel: Panel) -> None:
    axis.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    _ticks(axis)
    prime = "'" if panel.standardised else ""
    axis.set_xlabel(rf"$z{prime}_1$")
    axis.set_ylabel(rf"$z{prime}_2$", labelpad=1)


def _ticks(axis: Axes) -> None:
    """Puts the same ticks on both axes."""
    for line in (axis.xaxis, axis.yaxis):
        line.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
