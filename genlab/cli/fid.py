"""The command that measures generated images against real ones."""

__all__ = ["fid", "table"]

import sys

from pathlib import Path
from typing import Any

from tyro.conf import OmitArgPrefixes

from genlab.cli.base import DataDir, Json, end, use_data
from genlab.cli.errors import with_options
from genlab.configs.fid import FidConfig
from genlab.fid.verdict import is_smallest


def fid(
    config: OmitArgPrefixes[FidConfig],
    out: Path = Path("runs/fid"),
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Measure generated images against real ones: FID and related metrics, with errors and floors.

    FID is the Frechet distance in FID Inception's features; in those of other networks it is
    called FD (NETWORK). It comes with its standard error; its floor, the distance of two samples
    of one distribution at these numbers of images; KID, precision, recall, density, coverage;
    and a test for copied images. Several FAKES are ranked, with errors of their differences.

    Args:
        out: Folder for results.json and the figures; new, empty, or an earlier measurement's,
            which is replaced.
    """
    from genlab.common import atomic
    from genlab.compute.distributed import processes
    from genlab.fid.measure import fid as measured
    from genlab.fid.output import check_target, drop_figures
    from genlab.figures.fid_figures import draw_fid

    use_data(data_dir)
    check_target(out, config)
    with processes():
        found = measured(config, out)
    if found is None:
        return
    results, all_sets = found
    drop_figures(out)
    atomic.write_json(out / "results.json", results)
    generators = results.get("generators", [results])
    for index, (sets, one) in enumerate(zip(all_sets, generators)):
        draw_fid(one, sets.real, sets.fake, out / f"{index + 1}" if len(all_sets) > 1 else out)
    for one in generators:
        print(table(one), file=sys.stderr if json else sys.stdout)
    for compared in results.get("preprocessings", []):
        print(_preprocessings(compared), file=sys.stderr if json else sys.stdout)
    notes = {one.get("note", "") for one in (*generators, results)} - {""}
    for note in sorted(notes):
        print(f"note: {with_options(note)}", file=sys.stderr)
    end(results, results.get("verdict", f"results in {out / 'results.json'}"), json)


def table(one: dict[str, Any]) -> str:
    """Returns one generator's numbers as text: a row a quantity, a column a network."""
    distances = one["distances"]
    rows: list[tuple[str, list[str]]] = [("", [d["label"] for d in distances])]

    def row(name: str, cells: list[str]) -> None:
        if any(cells):
            rows.append((name, cells))

    row("distance", [f"{d['value']:.4g}" for d in distances])
    row("standard error", [f"{d['error']:.2g}" if "error" in d else "" for d in distances])
    row("floor: both sets mixed", [_floor(d) for d in distances])
    row("floor: real to real", [_real_floor(d) for d in distances])
    row("p (not one law)", [_p(d) for d in distances])
    row("KID", [_kid(d) for d in distances])
    for name in ("precision", "recall", "density"):
        row(name, [f"{d[name]:.3f}" if name in d else "" for d in distances])
    row("coverage (if equal)", [
        f"{d['coverage']:.3f} ({d['expected_coverage']:.3f})" if "coverage" in d else ""
        for d in distances
    ])  # fmt: skip
    row("nearer than real (p)", [_copies(d) for d in distances])
    row("infinitely many", [f"{d['limit']:.4g}" if d.get("limit") else "" for d in distances])
    row("preprocessing", [d["preprocessing"] for d in distances])
    row("computed in", [_precision(d) for d in distances])
    left = max(len(name) for name, _ in rows)
    widths = [max(len(cells[i]) for _, cells in rows) for i in range(len(distances))]
    body = "\n".join(
        f"{name:{left}}  " + "  ".join(f"{c:>{w}}" for c, w in zip(cells, widths)).rstrip()
        for name, cells in rows
    )
    n_real = one["n_real"] if one["n_real"] is not None else "an unknown number of"
    return f"{one['fake']['source']}: {one['n_fake']} generated, {n_real} real images\n{body}"


def _floor(d: dict[str, Any]) -> str:
    return f"{d['null']['mean']:.3g} (95 % < {d['null']['high']:.3g})" if "null" in d else ""


def _p(d: dict[str, Any]) -> str:
    if "null" not in d:
        return ""
    null, few = d["null"], is_smallest(d["null"])
    return f"<= {null['p']:.2g} ({null['permutations']} deals)" if few else f"{null['p']:.2g}"


def _real_floor(d: dict[str, Any]) -> str:
    floor = d.get("real_floor")
    if not floor:
        return ""
    return f"{floor['mean']:.3g} (sd {floor['deviation']:.1g}; {floor['n']} to {floor['m']})"


def _kid(d: dict[str, Any]) -> str:
    return f"{d['kid']['value']:.3g} ± {d['kid']['error']:.1g}" if "kid" in d else ""


def _copies(d: dict[str, Any]) -> str:
    if "memorisation" not in d:
        return ""
    m = d["memorisation"]
    return f"{m['p']:.2g} ({m['duplicates']} same, {m['near_duplicates']} near)"


def _precision(d: dict[str, Any]) -> str:
    """The precision, and what it does to the distance of some of the images."""
    where = "" if d["device"] == "cpu" else f" on {d['device']}"
    words = f"{d['computed_in']}{where}"
    found = d.get("rounding")
    if not found or found["moved"] is None:
        return words
    n, m = found["images"]
    return f"{words}: {found['moved']:+.2%} for {n} to {m}"


def _preprocessings(table: dict[str, Any]) -> str:
    lines = [f"{table['label']} of {table['fake']} by each way of preprocessing:"]
    width = max(map(len, table["values"]))
    lines += [
        f"  {name:{width}}  {value:9.4f}  {table['words'][name]}"
        for name, value in table["values"].items()
    ]
    return "\n".join(lines)
