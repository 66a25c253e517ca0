"""The command that measures generated images against real ones."""

__all__ = ["fid", "p_text", "precision_text", "table"]

import sys

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import tyro

from genlab.cli.base import DataDir, Json, end, use_data
from genlab.cli.errors import with_options
from genlab.common.quantities import Measured
from genlab.common.text import one_line
from genlab.configs.fid import FidConfig
from genlab.fid.metrics import (
    DISTANCE,
    FLOOR,
    LIMIT,
    MEMORISATION,
    REAL_FLOOR,
    P,
    metric_rows,
)

if TYPE_CHECKING:
    from genlab.fid.results import (
        Distance,
        FidResults,
        Measurement,
        Null,
        PreprocessingComparison,
    )


def fid(
    config: Annotated[FidConfig, tyro.conf.arg(name="")],
    out: Path = Path("runs/fid"),
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Measure generated images against real ones: FID and kin, with errors and floors.

    FID is the Fréchet distance in FID Inception's features; in those of other networks it is
    called FD (NETWORK). Beside it stand its standard error, what two samples of one distribution
    would give at these numbers of images, KID, precision, recall, density, coverage, and whether
    real images were copied. Several FAKES are ranked, with errors of their differences.

    Args:
        out: Folder for results.json and the figures; new, empty, or an earlier measurement's,
            which is replaced.
    """
    from genlab.common import atomic
    from genlab.common.progress import speaks
    from genlab.common.typed_json import to_json
    from genlab.compute.distributed import processes
    from genlab.fid.evaluate import evaluate
    from genlab.fid.output import check_target, drop_figures
    from genlab.figures.fid_figures import draw_fid
    from genlab.runs.lock import run_lock

    use_data(data_dir)
    check_target(out, config)
    with run_lock(out) if speaks() else nullcontext():
        with processes():
            found = evaluate(config, out)
        if found is None:
            return
        results, all_sets = found
        atomic.write_json(out / "results.json", to_json(results))
        drawn = []
        for index, (sets, one) in enumerate(zip(all_sets, results.generators)):
            folder = atomic.make_within(out, f"{index + 1}") if len(all_sets) > 1 else out
            drawn += draw_fid(one, sets.real, sets.fake, folder)
        drop_figures(out, drawn)
    _print(results, sys.stderr if json else sys.stdout)
    end(to_json(results), results.verdict or f"results in {out / 'results.json'}", json)


def _print(results: "FidResults", to: TextIO) -> None:
    for one in results.generators:
        print(table(one), file=to)
    for comparison in results.preprocessings:
        print(_preprocessings(comparison), file=to)
    for note in sorted({one.note for one in (*results.generators, results)} - {""}):
        print(one_line(f"note: {with_options(note)}"), file=sys.stderr)


def table(one: "Measurement") -> str:
    """Returns one generator's numbers as text, a row a quantity and a column a network."""
    from genlab.fid.verdict import numbers_of_images

    rows: list[tuple[str, list[str]]] = [("", [d.label for d in one.distances])]

    def row(name: str, cell: "Callable[[Distance], str]") -> None:
        cells = [cell(d) for d in one.distances]
        if any(cells):
            rows.append((name, cells))

    row(DISTANCE.label(), lambda d: d.distance.text())
    row(FLOOR.label(), _floor)
    row(REAL_FLOOR.label(), _real_floor)
    row(P.label(), lambda d: p_text(d.null))
    rows += [(quantity.label(), cells) for quantity, cells in metric_rows(one.distances)]
    row(MEMORISATION.label(), _copies)
    row(LIMIT.label(), lambda d: "" if d.limit is None else Measured(d.limit).text())
    row("preprocessing", lambda d: d.extractor.preprocessing)
    row("precision of the network", precision_text)
    left = max(len(name) for name, _ in rows)
    widths = [max(len(cells[i]) for _, cells in rows) for i in range(len(one.distances))]
    body = "\n".join(
        f"{name:{left}}  " + "  ".join(f"{c:>{w}}" for c, w in zip(cells, widths)).rstrip()
        for name, cells in rows
    )
    images = numbers_of_images(one.n_fake, one.n_real, one.different)
    return f"{one_line(one.fake.source)}: {images}\n{body}"


def _floor(d: "Distance") -> str:
    if d.null is None:
        return ""
    mean, high = (d.distance.rounded_alike(x) for x in (d.null.mean, d.null.high))
    return f"{mean} (95 % < {high})"


def _real_floor(d: "Distance") -> str:
    floor = d.real_floor
    if floor is None:
        return ""
    mean = d.distance.rounded_alike(floor.mean)
    return f"{mean} (sd {floor.deviation:.1g}; {floor.n} to {floor.m})"


def p_text(null: "Null | None") -> str:
    """Returns a p-value by permutation; the smallest possible one is a bound."""
    if null is None:
        return ""
    if null.is_smallest:
        return f"<= {null.p:.2g} ({null.permutations} permutations)"
    return f"{null.p:.2g}"


def _copies(d: "Distance") -> str:
    if d.copies is None:
        return ""
    p, near = d.copies.p, d.copies.near_duplicates
    counted = f"{d.copies.duplicates} same" + ("" if near is None else f", {near} near")
    return f"({counted})" if p is None else f"{p:.2g} ({counted})"


def precision_text(d: "Distance") -> str:
    """Returns the network's precision, and its effect on the distance of some of the images."""
    device = d.extractor.device
    words = d.extractor.precision + ("" if device == "cpu" else f" on {device}")
    if d.rounding is None or d.rounding.moved is None:
        return words
    n, m = d.rounding.images
    return f"{words}: {d.rounding.moved:+.2%} for {n} to {m}"


def _preprocessings(comparison: "PreprocessingComparison") -> str:
    width = max(map(len, comparison.values))
    lines = [f"{comparison.label} of {one_line(comparison.fake)} by each way of preprocessing:"]
    lines += [
        f"  {name:{width}}  {value:9.4f}  {comparison.words[name]}"
        for name, value in comparison.values.items()
    ]
    return "\n".join(lines)
