"""How packages fare on the conformance suite: benchmarks/conformance.json, docs/conformance.md.

    pip install --no-deps pytorch-fid clean-fid torchmetrics torch-fidelity pytorch-ignite \
        torcheval prdc lightning-utilities
    python benchmarks/conformance.py                  # in each environment: results are added
    python benchmarks/conformance.py --only "pytorch-fid;clean-fid"      # with another SciPy

What runs is each package's own function, on features (`conformance_peers.py`). A result is kept
by package and environment (the versions of Python, NumPy, SciPy and torch); a second run in the
same one replaces it. The page is written from all that is kept. Values are not timings: the
machine does not matter, SciPy's version does.
"""

import argparse
import contextlib
import importlib.util
import io
import json
import platform

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from conformance_peers import PEERS, label

from genlab.common.atomic import write_bytes, write_json
from genlab.common.progress import Progress
from genlab.conformance.distances import CASES, run

ROOT = Path(__file__).parent.parent
TITLES = {
    "frechet": "Fréchet distance from features",
    "frechet-statistics": "Fréchet distance from means and covariances",
    "refused": "Wrong input, which an exception should answer",
    "kid": "KID",
    "precision": "Precision (closed balls, k = 3)",
    "recall": "Recall (closed balls, k = 3)",
    "density": "Density (open balls, k = 5)",
    "coverage": "Coverage (open balls, k = 5)",
}


def environment() -> str:
    parts = [f"Python {platform.python_version()}"]
    for name in ("numpy", "scipy", "torch"):
        if importlib.util.find_spec(name):
            parts.append(f"{name} {version(name)}")
    return ", ".join(parts)


def results_of(functions: dict[str, Callable], advance: Callable[[int], None]) -> dict[str, Any]:
    results = {}
    for metric, function in functions.items():
        results[metric] = []
        for case in CASES[metric]:
            with contextlib.redirect_stdout(io.StringIO()):  # prdc and pytorch-fid print
                results[metric] += [o._asdict() for o in run(function, [case])]
            advance(1)
    return results


def cell(outcome: dict[str, Any] | None) -> str:
    if outcome is None:
        return ""
    mark, value, expected = "✗✓"[outcome["passed"]], outcome["value"], outcome["expected"]
    if expected is None:
        given = "nan" if value is None else f"{value:.3g}"
        return mark if outcome["passed"] else f"{mark} {given}"
    if value is None:
        return f"✗ {outcome['message'].partition(':')[0]}"
    if expected == 0:
        return f"{mark} {value:.0e}"
    return f"{mark} {abs(value / expected - 1):.0e}"


def page(kept: list[dict[str, Any]]) -> str:
    lines = [
        "# How packages fare on cases that are known exactly",
        "",
        "Written by `benchmarks/conformance.py`; the cases and why their values are what they are",
        "stand in `genlab/conformance/distances.py`. ✓ within the case's tolerance, ✗ not; beside",
        "it the relative error, or the value itself where 0 is right. The tolerance of exact",
        "cases is 1e-6, relative; where 0 is right, or nearly, relative to the trace of the",
        "covariance. A ✗ may be a choice: prdc takes open balls throughout, and some take only",
        "sets of equal size, or subsets of the larger.",
        "",
        "Each package's own function ran on features, without its network and its images; where a",
        "package imports torchvision or torch at the top and this environment lacks it, an empty",
        "stand-in took its place. *Restated* are published formulas written out, not a package.",
    ]
    for metric, title in TITLES.items():
        columns = [entry for entry in kept if metric in entry["results"]]
        if metric == "refused":  # what raises whatever it is given refuses nothing
            columns = [e for e in columns if any(o["passed"] for o in e["results"]["frechet"])]
        if not columns:
            continue
        lines += ["", f"## {title}", ""]
        heads = [f"{entry['name']} [{kept_in(kept, entry)}]" for entry in columns]
        lines += ["| case | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
        for case in CASES[metric]:
            found = (
                next((o for o in entry["results"][metric] if o["case"] == case.name), None)
                for entry in columns
            )
            lines.append(f"| {case.name} | " + " | ".join(map(cell, found)) + " |")
        right = (
            f"{sum(o['passed'] for o in entry['results'][metric])} of {len(CASES[metric])}"
            for entry in columns
        )
        lines.append("| **right** | " + " | ".join(right) + " |")
    lines += ["", "## What was raised", ""]
    messages = sorted({
        f"- {entry['name']} [{kept_in(kept, entry)}]: `{outcome['message']}`"
        for entry in kept
        for metric in entry["results"]
        for outcome in entry["results"][metric]
        if metric != "refused" and outcome["value"] is None
    })  # fmt: skip
    lines += messages or ["Nothing."]
    lines += ["", "## Environments", ""]
    lines += [f"- [{i}] {name}" for i, name in enumerate(environments(kept), 1)]
    return "\n".join(lines) + "\n"


def place(entry: dict[str, Any]) -> tuple[str, int]:
    names = [entry["name"].startswith(name) for name in PEERS]
    return entry["environment"], names.index(True)


def environments(kept: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(entry["environment"] for entry in kept))


def kept_in(kept: list[dict[str, Any]], entry: dict[str, Any]) -> int:
    return environments(kept).index(entry["environment"]) + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=";".join(PEERS), help="names, joined by semicolons")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "conformance.json")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "conformance.md")
    options = parser.parse_args()
    here, absent = environment(), []
    kept = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else []
    for name in options.only.split(";"):
        try:
            functions = PEERS[name][1]()
        except ImportError as error:
            absent.append(f"{name}: {error}")
            continue
        total = sum(len(CASES[metric]) for metric in functions)
        with Progress(total, name, "cases") as progress:
            entry = {
                "name": label(name),
                "environment": here,
                "results": results_of(functions, progress.advance),
            }
        kept = [e for e in kept if (e["name"], e["environment"]) != (entry["name"], here)]
        kept = sorted([*kept, entry], key=place)
        write_json(options.out, kept)
    write_bytes(options.page, page(kept).encode())
    print("\n".join([f"not here: {line}" for line in absent] + [f"written: {options.page}"]))


if __name__ == "__main__":
    main()
