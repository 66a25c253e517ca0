r"""Pictures of a two-dimensional latent plane.

Shapes: N points, G grid points an axis, H x W pixels.
"""

__all__ = [
    "DIGIT_COLOURS", "Panel", "aggregated_posterior", "aggregated_row", "common_limit",
    "manifold", "prior_density",
]

from dataclasses import dataclass

import numpy as np

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

DIGIT_COLOURS = (
    "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee",
    "#aa3377", "#7f4f24", "#1b1b3a", "#ff8c42", "#8d99ae",
)  # fmt: skip
DIGIT_MARKS = ("o", "s", "^", "v", "D", "P", "X", "<", ">", "p")


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """What one panel shows of one model."""

    title: str
    z: np.ndarray
    """Samples of the aggregated posterior, with shape `(N, 2)`."""
    caption: str = ""
    """A line of numbers, under the title."""


def common_limit(*clouds: np.ndarray) -> float:
    """Returns L so that [-L, L]^2 holds nearly all of every cloud and the Gaussian's contours."""
    return max(3.4, *(1.06 * float(np.quantile(np.abs(z), 0.995)) for z in clouds))


def aggregated_posterior(panel: Panel, limit: float) -> Figure:
    """The sheet's figure: standard Gaussian contours, black dots from the aggregated posterior."""
    figure = Figure(figsize=(4.6, 4.6), dpi=150, layout="constrained")
    _sheet_panel(figure.add_subplot(), panel, limit)
    return figure


def aggregated_row(panels: list[Panel], limit: float) -> Figure:
    """The sheet's figure for several models in one row, on equal axes."""
    figure = Figure(figsize=(4.0 * len(panels), 4.3), dpi=150, layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for index, (axis, panel) in enumerate(zip(axes, panels)):
        _sheet_panel(axis, panel, limit)
        if index:
            axis.set_ylabel("")
    return figure


def _sheet_panel(axis: Axes, panel: Panel, limit: float) -> None:
    # Contours of N(0, I) at radii 1/2, 1, ..., 3: levels of exp(-r^2 / 2) / 2 pi.
    radii = np.arange(3.0, 0.0, -0.5)
    x, y = _grid(limit, 241)
    density = np.exp(-0.5 * (x**2 + y**2)) / (2 * np.pi)
    levels = np.exp(-0.5 * radii**2) / (2 * np.pi)
    axis.contour(x, y, density, levels=levels, cmap="viridis", linewidths=1.3, zorder=3)
    size = float(np.clip(9000 / len(panel.z), 0.6, 8))
    axis.scatter(*panel.z.T, s=size, c="black", linewidths=0, alpha=0.65, zorder=2)
    _frame(axis, limit, panel)


def prior_density(
    panel: Panel, log_density: np.ndarray, labels: np.ndarray | None, limit: float
) -> Figure:
    """The model's own prior as filled contours, the dots coloured and marked by digit.

    Arguments:
        panel: The model's panel.
        log_density: ln p(z) on the grid of `grid_points(limit, G)`, with shape `(G, G)`.
        labels: The digit of each dot, with shape `(N,)`, or None.
        limit: The half side of the square shown.
    """
    figure = Figure(figsize=(5.4, 4.7), dpi=150, layout="constrained")
    axis = figure.add_subplot()
    x, y = _grid(limit, len(log_density))
    top = float(log_density.max())
    levels = np.linspace(top - 9, top, 19)
    filled = axis.contourf(
        x, y, np.maximum(log_density, levels[0]), levels=levels, cmap="Greys", alpha=0.75
    )
    bar = figure.colorbar(filled, ax=axis, shrink=0.8, label=r"$\ln p_\lambda(z)$ (nats)")
    bar.locator = _integer_ticks()
    bar.update_ticks()
    if labels is None:
        axis.scatter(*panel.z.T, s=4, c=DIGIT_COLOURS[0], linewidths=0)
    else:
        for digit in range(10):
            axis.scatter(
                *panel.z[labels == digit].T, s=9, c=DIGIT_COLOURS[digit],
                marker=DIGIT_MARKS[digit], linewidths=0, alpha=0.8,
            )
        keys = [
            Line2D([], [], color=DIGIT_COLOURS[d], marker=DIGIT_MARKS[d], linestyle="", ms=5)
            for d in range(10)
        ]
        figure.legend(
            keys, [str(d) for d in range(10)], loc="outside lower center", ncols=10,
            frameon=False, handletextpad=0.0, columnspacing=0.9,
        )
    _frame(axis, limit, panel)
    return figure


def grid_points(limit: float, count: int) -> np.ndarray:
    """Returns the points of the plane's grid, row by row, with shape `(G * G, 2)`."""
    x, y = _grid(limit, count)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def manifold(images: np.ndarray, limit: float, caption: str) -> Figure:
    """The decoded plane.

    Arguments:
        images: What each point of a grid over [-limit, limit]^2 decodes to, first row at the
            top, with shape `(G, G, H, W)`, 1 for ink.
        limit: The half side of the square.
        caption: The title.
    """
    rows, columns, height, width = images.shape
    sheet = images.transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
    figure = Figure(figsize=(5.6, 5.8), dpi=150, layout="constrained")
    axis = figure.add_subplot()
    axis.imshow(1 - sheet, cmap="gray", extent=(-limit, limit, -limit, limit), vmin=0, vmax=1)
    axis.set_xlabel(r"$z_1$")
    axis.set_ylabel(r"$z_2$")
    axis.set_title(caption, fontsize=10)
    return figure


def _grid(limit: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    line = np.linspace(-limit, limit, count)
    x, y = np.meshgrid(line, line)
    return x, y


def _frame(axis: Axes, limit: float, panel: Panel) -> None:
    axis.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    axis.set_xlabel(r"$z_1$")
    axis.set_ylabel(r"$z_2$")
    axis.set_title(panel.title, fontsize=11)
    if panel.caption:
        axis.text(
            0.5, 0.985, panel.caption, transform=axis.transAxes, ha="center", va="top",
            fontsize=8, bbox={"fc": "white", "ec": "none", "alpha": 0.8, "pad": 1.5}, zorder=4,
        )


def _integer_ticks():  # noqa: ANN202
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(integer=True, nbins=7)
