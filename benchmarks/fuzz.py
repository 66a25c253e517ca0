"""Fuzzes every reader of files of strangers, at length.

    python -m benchmarks.fuzz --cases 1000000 --processes 2

A case is an honest file that was changed: bits, lengths, numbers, ends, parts of two files put
together; or inside its format, with checksums and lengths made right again (`tests/cases/fuzz`).
A reader must read it or raise `InputError`: any other exception, a warning, control characters in
a message, more than 10 s of processor time, or more memory than 64 MB beside twice an honest
file's is a find. Finds are written into a folder, and stop nothing.

The result is kept in benchmarks/fuzz.json part by part: a campaign that is stopped goes on where
it was, and one of more cases adds to it. Cases follow from the seed, the reader and their number.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile

from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

RESULT = Path(__file__).with_suffix(".json")
PART = 2000
"""Cases of a reader that a process does together."""


class Part(NamedTuple):
    """Cases of one reader."""

    reader: str
    seed: int
    start: int
    count: int

    @property
    def key(self) -> str:
        """Its name in the result."""
        return f"{self.reader} {self.seed} {self.start} {self.count}"


def plan(cases: int, seed: int, readers: dict[str, float]) -> Iterator[Part]:
    """Shares the cases out to the readers by their weights."""
    total = sum(readers.values())
    for name, weight in readers.items():
        wanted = int(cases * weight / total) + 1
        for start in range(0, wanted, PART):
            yield Part(name, seed, start, min(PART, wanted - start))


def weights() -> dict[str, float]:
    """Returns the share of each reader."""
    from cases.fuzz.readers import READERS, WEIGHTS

    return {name: WEIGHTS.get(name, 1.0) for name in READERS}


def do(part: Part, finds: Path) -> tuple[Part, dict[str, Any]]:
    """Runs the cases of a part in a folder in memory; returns what came of them."""
    import torch

    from cases.fuzz.campaign import run
    from cases.fuzz.readers import OF_RUNS, READERS, make_run

    torch.set_num_threads(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff and libjpeg write there themselves
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        root = Path(name)
        os.environ["GENLAB_CACHE"] = str(root / "cache")
        if part.reader in OF_RUNS:
            make_run(root)
        (root / part.reader).mkdir()
        found = run(READERS[part.reader](root / part.reader), part.seed, part.start, part.count)
    kinds: dict[str, str] = {}
    for find in found.finds:
        kind = find.what.partition(" (")[0]
        if kind not in kinds:
            digest = hashlib.sha256(find.data).hexdigest()[:8]
            (finds / f"{part.reader}-{digest}").write_bytes(find.data)
            kinds[kind] = f"{find.what}, case {find.index}, {digest}"
    return part, {
        "cases": found.cases, "refused": found.refused, "finds": len(found.finds),
        "kinds": list(kinds.values()), "slowest_s": round(found.slowest_s, 3),
        "largest_mb": round(found.largest / 2**20, 1),
    }


def summary(parts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Puts the parts together, by reader and in all."""
    readers: dict[str, dict[str, Any]] = {}
    for key, part in parts.items():
        row = readers.setdefault(key.split()[0], {
            "cases": 0, "refused": 0, "finds": 0, "slowest_s": 0.0, "largest_mb": 0.0,
        })  # fmt: skip
        for name in ("cases", "refused", "finds"):
            row[name] += part[name]
        for name in ("slowest_s", "largest_mb"):
            row[name] = max(row[name], part[name])
    return {
        "cases": sum(row["cases"] for row in readers.values()),
        "finds": sum(row["finds"] for row in readers.values()),
        "slowest_s": max((row["slowest_s"] for row in readers.values()), default=0.0),
        "largest_mb": max((row["largest_mb"] for row in readers.values()), default=0.0),
        "readers": readers,
    }


def main() -> None:
    """Runs what is not done yet, and prints the table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--cases", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--processes", type=int, default=os.cpu_count())
    options.add_argument("--finds", type=Path, default=Path(tempfile.gettempdir()) / "finds")
    options.add_argument("--new", action="store_true", help="forget what was done before")
    given = options.parse_args()
    given.finds.mkdir(exist_ok=True, parents=True)
    parts = {} if given.new or not RESULT.exists() else json.loads(RESULT.read_text())["parts"]
    planned = plan(given.cases, given.seed, weights())
    waiting = [part for part in planned if part.key not in parts]
    with get_context("spawn").Pool(given.processes, maxtasksperchild=50) as pool:
        done = pool.imap_unordered(partial(do, finds=given.finds), waiting)
        for index, (part, found) in enumerate(done, 1):
            parts[part.key] = found
            for kind in found["kinds"]:
                print(f"{part.reader}: {kind}", flush=True)
            if index % 20 == 0 or index == len(waiting):
                RESULT.write_text(json.dumps(summary(parts) | {"parts": parts}, indent=1) + "\n")
    found = summary(parts)
    for name, row in {**found["readers"], "all": found}.items():
        print(
            f"{name:24} {row['cases']:9,} cases, {row['finds']} finds, slowest "
            f"{row['slowest_s']:.2f} s, largest growth {row['largest_mb']:.0f} MB"
        )


if __name__ == "__main__":
    main()
