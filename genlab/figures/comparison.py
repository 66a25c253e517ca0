"""All priors of a comparison in one figure.

Shapes: N dots, G grid points an axis.
"""

__all__ = ["ComparedPrior", "differences", "prior_grid"]

import math

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from matplotlib.figure import Figure

from genlab.common.quantities import Measured
from genlab.figures.style import styled


@dataclass(frozen=True, kw_only=True, eq=False)
class ComparedPrior:
    """One panel."""

    title: str
    z: np.ndarray
    """Samples of the aggregated posterior, with shape `(N, 2)`."""
    log_density: np.ndarray
    """ln p(z) on a grid over the common square, with shape `(G, G)`."""
    caption: str
    """The numbers."""


@styled
def prior_grid(panels: Sequence[ComparedPrior], limit: float, title: str) -> Figure:
    """Draws every prior's density and the codes of the same images, on equal axes.

    Arguments:
        panels: One per prior, the standard Gaussian first.
        limit: Half the side of the square shown, the same for all.
        title: A title that says what is compared, on which data.
    """
    columns = min(len(panels), 5 if len(panels) > 8 else 4)
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(2.9 * columns, 3.15 * rows + 0.5), dpi=150, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    for axis, panel in zip(axes.flat, panels):
        line = np.linspace(-limit, limit, len(panel.log_density))
        top = float(panel.log_density.max())
        levels = np.linspace(top - 8, top, 17)
        axis.contourf(
            line, line, np.maximum(panel.log_density, levels[0]), levels=levels, cmap="viridis",
        )
        axis.scatter(*panel.z.T, s=1.2, c="white", linewidths=0, alpha=0.55)
        axis.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
        axis.set_title(f"{panel.title}\n{panel.caption}", fontsize=9)
    for axis in axes[-1]:
        axis.set_xlabel(r"$z_1$")
    for axis in axes[:, 0]:
        axis.set_ylabel(r"$z_2$")
    figure.suptitle(title)
    return figure


@styled
def differences(
    rows: Mapping[str, Measured], quantity: str, title: str
) -> Figure:
    """Draws each prior's difference to the standard Gaussian, with two paired standard errors.

    Arguments:
        rows: The difference of each prior, in nats.
        quantity: The name of the quantity.
        title: A title that says what is compared, on which data.
    """
    figure = Figure(figsize=(6.0, 1.3 + 0.32 * len(rows)), dpi=150, layout="constrained")
    axis = figure.add_subplot()
    places = np.arange(len(rows))[::-1]
    values, errors = ([getattr(one, part) for one in rows.values()] for part in ("value", "error"))
    axis.errorbar(values, places, xerr=2 * np.array(errors), fmt="o", ms=4, capsize=2)
    axis.axvline(0, color="grey", lw=0.8)
    axis.set_yticks(places, list(rows))
    axis.set_xlabel(f"{quantity} − that of the standard Gaussian (nats; bars: 2 s.e., paired)")
    axis.set_title(title)
    axis.grid(alpha=0.3, axis="x")
    return figure
