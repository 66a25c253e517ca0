"""Where benchmarks keep their results: one JSON file each, by what the processor can do.

    {"AVX2": {"session": {...}, ...}, "AVX512": {...}, "AVX512, AMX": {...}}

A second run on a processor of the same kind replaces the first's; ratios on another kind may be
others, and stand beside them.
"""

__all__ = ["keep"]

import json
import sys

from pathlib import Path
from typing import Any

import torch

from genlab.common import atomic
from genlab.runs import environment


def keep(out: Path, results: dict[str, Any], part: str | None = None) -> None:
    """Keeps results of this machine, or of one part of the benchmark on it."""
    session = environment.session() | {"command": " ".join(["python", *sys.argv])}
    entry = {"session": session, **results}
    kept = json.loads(out.read_text()) if out.exists() else {}
    here = session["capability"] + (", AMX" if torch.cpu.get_capabilities()["amx_bf16"] else "")
    kept[here] = entry if part is None else kept.get(here, {}) | {part: entry}
    atomic.write_json(out, kept)
