"""Figures of rows of numbers: those of a table beside those that a model draws.

Shapes: N rows of F columns.
"""

__all__ = ["rows_beside"]

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from genlab.figures.language import pick
from genlab.figures.style import CM, literal, styled

COLUMNS = 3
"""Columns of a table that are drawn, in pairs."""
BINS = 30
DOTS = 4.0
"""The area of a dot of a hundred rows, in square points; of more rows dots are smaller."""
COLOURS = ("#4a4a4a", "#b2182b")
"""Of test rows and of drawn ones."""
LONGEST_NAME = 24


@styled
def rows_beside(
    test: np.ndarray, drawn: np.ndarray, names: Sequence[str], title: str, lang: str = "en"
) -> Figure:
    """Draws pairs of the first columns as dots: test rows above, drawn ones below, on equal axes.

    A single column is drawn as a histogram.

    Arguments:
        test: Rows of the table, with shape `(N, F)`.
        drawn: Rows that a model draws, with shape `(M, F)`.
        names: The names of the columns.
        title: The title.
        lang: "en" or "zh".
    """
    shown = min(COLUMNS, test.shape[1])
    pairs = list(combinations(range(shown), 2)) or [(0, 0)]
    count = len(pairs)
    figure = Figure(figsize=((1.2 + 4.9 * count) * CM, 10.4 * CM), layout="constrained")
    axes = figure.subplots(2, count, squeeze=False)
    labels = pick(lang, "测试行", "test rows"), pick(lang, "抽样行", "drawn rows")
    both = np.concatenate([test, drawn])
    limits = [_padded(both[:, place]) for place in range(shown)]
    named = [literal(name)[:LONGEST_NAME] for name in names[:shown]]
    for line, rows, label, colour in zip(axes, (test, drawn), labels, COLOURS):
        for axis, (x, y) in zip(line, pairs):
            if x == y:
                axis.hist(rows[:, x], BINS, range=limits[x], density=True, color=colour)
            else:
                size = DOTS * min(1.0, (100 / len(rows)) ** 0.5)
                axis.scatter(
                    rows[:, x], rows[:, y], s=size, c=colour, alpha=0.7, linewidths=0
                )
                axis.set(ylim=limits[y], ylabel=named[y])
                axis.yaxis.set_major_locator(MaxNLocator(nbins=4))
            axis.set(xlim=limits[x], xlabel=named[x])
            axis.xaxis.set_major_locator(MaxNLocator(nbins=4))
        line[0].set_title(label, loc="left", color=colour)
    if shown == 1:
        top = max(axis.get_ylim()[1] for axis in axes[:, 0])
        for axis in axes[:, 0]:
            axis.set(ylim=(0, top), ylabel=pick(lang, "密度", "density"))
    figure.suptitle(title)
    return figure


def _padded(values: np.ndarray) -> tuple[float, float]:
    """Returns the range of values with a margin."""
    low, high = float(values.min()), float(values.max())
    margin = 0.05 * (high - low)
    return low - margin, high + margin
