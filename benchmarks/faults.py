"""Lets system calls of commands fail in turn, and counts what held; writes faults.json.

    python benchmarks/faults.py                              # every call, each with one error
    python benchmarks/faults.py --every 11 "gan train" lab   # some of two commands
    python benchmarks/faults.py --errors all sheet submit    # each call with every error

What is asserted of each failing call stands in tests/cases/fault_commands.py, what is counted as
a call in tests/cases/faults.py. Figures are drawn with --draw, and always by lab and limits: they
take most of the time. The k-th call has the k-th of ENOSPC, EIO, EACCES and a short write, round
and round.

`limits` are real: processes whose files may have a few bytes only (RLIMIT_FSIZE), so that the
system itself cuts a write short, in libraries and in pandoc too.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from cases.fault_commands import COMMANDS, Bench, Command, nothing_drawn  # noqa: E402
from cases.faults import FAULTS  # noqa: E402
from cases.lab import lab_options, shrink_lab, write_digits  # noqa: E402

RESULTS = Path(__file__).with_suffix(".json")
LIMITS = (0, 1, 100, 1_000, 4_000, 10_000, 30_000, 100_000)
"""The largest sizes of files, in bytes."""
ALWAYS_DRAWN = ("lab", "limits")
"""A lab needs its figures, and processes of their own draw them."""


def lab() -> Command:
    """The lab sheet in small."""
    options = lab_options(Path("digits.npz"), Path("run"))
    return Command(("lab", *options), lambda folder: write_digits(folder / "digits.npz"), code=2)


def sweep(name: str, command: Command, every: int, all_errors: bool) -> dict[str, Any]:
    """Lets every so many calls of a command fail."""
    began, problems, tried = time.monotonic(), [], Counter[str]()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "before").mkdir()
        command.prepare(folder / "before")
        bench = Bench(command, folder / "before", folder / "here")
        for at in range(1 + (len(bench.calls) - 1) % every, len(bench.calls) + 1, every):
            for act, number in FAULTS if all_errors else [FAULTS[at % len(FAULTS)]]:
                tried[bench.calls[at - 1].kind] += 1
                try:
                    bench.check(at, number, act)
                except Exception as error:
                    problems.append(f"{at}: {type(error).__name__}: {error}"[:1000])
                    print(f"{name}, call {problems[-1]}", file=sys.stderr)
    return {
        "calls": len(bench.calls), "every": every, "failed": tried.total(),
        "by kind": dict(sorted(tried.items())), "did not hold": problems,
        "minutes": round((time.monotonic() - began) / 60, 1),
    }


def limits(name: str, command: Command) -> dict[str, Any]:
    """Runs a command in processes whose files may have so many bytes only."""
    problems, ended = [], Counter[str]()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "GENLAB_CACHE": "cache"}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "before").mkdir()
        command.prepare(folder / "before")
        bench = Bench(command, folder / "before", folder / "here")
        for limit in LIMITS:
            bench.begin()
            done = subprocess.run(
                [sys.executable, "-m", "genlab", *command.arguments], cwd=bench.here,
                env=environment, capture_output=True, text=True, check=False,
                preexec_fn=lambda limit=limit: resource.setrlimit(
                    resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY)
                ),
            )
            ended[str(done.returncode)] += 1
            last = done.stderr.rstrip("\n").split("\n")[-1]
            if done.returncode not in (0, command.code) or "Traceback" in done.stderr or (
                done.returncode and not last.startswith("genlab: error: ")
            ):
                problems.append(f"{limit} bytes: {done.returncode}, {done.stderr[-500:]}")
                print(f"{name}, {problems[-1]}", file=sys.stderr)
            if bench.again().returncode or bench.files().keys() != bench.new.keys():
                problems.append(f"{limit} bytes: the command given again ends otherwise")
    return {"limits": len(LIMITS), "exit codes": dict(ended), "did not hold": problems}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("commands", nargs="*", help=f"of {', '.join(COMMANDS)}, lab, limits")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--errors", choices=["one", "all"], default="one")
    parser.add_argument("--draw", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["GENLAB_DATA"] = ""
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    with pytest.MonkeyPatch.context() as patch:
        shrink_lab(patch)
        for name in options.commands or [*COMMANDS, "lab", "limits"]:
            drawn = nullcontext() if options.draw or name in ALWAYS_DRAWN else nothing_drawn()
            with drawn, pytest.MonkeyPatch.context() as fast:
                if name == "limits":
                    commands = ("vae train", "report", "fid")
                    found = {one: limits(one, COMMANDS[one]) for one in commands}
                else:
                    fast.setattr(os, "fsync", lambda file: None)
                    command = lab() if name == "lab" else COMMANDS[name]
                    found = sweep(name, command, options.every, options.errors == "all")
            kept[name] = found
            RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
            print(f"{name}: {found}")


if __name__ == "__main__":
    main()
