"""Records of another shape: every change of every record, under each command that reads a run.

    python benchmarks/records.py RUN [--command report] [--changes 2000] [--seed 0]

RUN is a finished lab run; it is copied. Each value of each record becomes null, a truth value, a
number (huge, negative, broken), a text, a list, an object, nested lists, or is deleted, and what
the command does is counted: it works, ends with one `InputError` line, or with anything else.
"""

import argparse
import collections
import contextlib
import io
import random
import shutil
import sys
import tempfile
import time
import traceback

from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from cases.records import Change, changed, changes, records_of  # noqa: E402

import genlab  # noqa: E402

from genlab.cli.resume import resume  # noqa: E402
from genlab.common.errors import InputError  # noqa: E402
from genlab.explorer.explore import explore  # noqa: E402
from genlab.fid.generated import of_run  # noqa: E402
from genlab.figures.draw import draw_gan, draw_vae  # noqa: E402
from genlab.lab.handin.contents import code_files, support_files  # noqa: E402
from genlab.lab.handin.submission import submitted  # noqa: E402
from genlab.lab.report.text.text import write_markdown  # noqa: E402
from genlab.runs.examine import examine  # noqa: E402
from genlab.runs.run import Run  # noqa: E402
from genlab.vae.train import evaluate_vae  # noqa: E402


def report(run: Path) -> None:
    """As `genlab report` and `submit`, without pandoc and without writing."""
    write_markdown(Run(run), "zh")
    submitted(run)
    code_files(run)
    support_files(run)


def notebook(run: Path) -> None:
    """As a notebook shows it."""
    for folder in (".", "gan", "vae/standard", "vae/vamp"):
        shown = genlab.Run(run / folder)
        repr(shown)
        shown._repr_html_()
        _ = shown.results, shown.distances, shown.metrics(), shown.figures


def draw(run: Path) -> None:
    """As `genlab gan draw`, and the end of `genlab vae train`."""
    draw_gan(run / "gan")
    draw_vae(run / "vae" / "vamp")


COMMANDS: dict[str, Callable[[Path], object]] = {
    "report": report,
    "notebook": notebook,
    "explore": lambda run: explore(run, run.parent / "page.html"),
    "sample": lambda run: (of_run(run / "gan", 2, 0), of_run(run / "vae" / "vamp", 2, 0)),
    "evaluate": lambda run: evaluate_vae(run / "vae" / "mixture", None, 0, 0),
    "resume": lambda run: [resume(one) for one in (run, run / "gan", run / "vae" / "vamp")],
    "draw": draw,
    "doctor": examine,
}

WRITING = ("evaluate", "resume", "draw")
"""Commands that write into the run: each change is of a fresh copy."""


def main() -> None:
    """Tries the changes, and prints a line a command and one for each kind of other end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--command", choices=COMMANDS, action="append")
    parser.add_argument("--changes", type=int)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        shutil.copytree(asked.run, run)
        files = [file for file in records_of(run) if not file.startswith("report/numbers")]
        every = list(changes(run, files))
        for name in asked.command or COMMANDS:
            count = min(asked.changes or len(every), len(every))
            _try(name, asked.run, run, random.Random(asked.seed).sample(every, count))


def _try(name: str, whole: Path, run: Path, tried: list[Change]) -> None:
    began, ends = time.monotonic(), collections.Counter[str]()
    others: dict[str, list[str]] = {}
    for change in tried:
        if name in WRITING:
            shutil.rmtree(run)
            shutil.copytree(whole, run)
        with changed(run, change), contextlib.redirect_stderr(io.StringIO()):
            try:
                COMMANDS[name](run)
                ends["works"] += 1
            except InputError as error:
                named = Path(change.file).name in str(error)
                ends["one line" if named else "one line that names another file"] += 1
            except Exception as error:
                ends["other"] += 1
                last = traceback.extract_tb(error.__traceback__)[-1]
                place = f"{type(error).__name__} in {last.filename}:{last.lineno}"
                others.setdefault(place, []).append(str(change))
    counts = ", ".join(f"{what} {count}" for what, count in ends.most_common())
    print(f"{name}: {len(tried)} changes, {time.monotonic() - began:.0f} s: {counts}", flush=True)
    for place, found in sorted(others.items()):
        print(f"  {len(found)}  {place}, say {found[0]}", flush=True)


if __name__ == "__main__":
    main()
