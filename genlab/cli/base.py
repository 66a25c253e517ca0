"""What all commands share: common options, where data is, and how a command ends."""

__all__ = ["DataDir", "Device", "Json", "alone_in", "end", "print_json", "use_data"]

import json
import os
import re
import sys

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from genlab.common.errors import InputError
from genlab.common.text import one_line
from genlab.common.typed_json import to_json

UNSEEN = re.compile("[\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
"""Control characters, and marks without width or of direction, that JSON leaves as they are."""
Json = Annotated[bool, tyro.conf.arg(help="Print the results as JSON on stdout.")]
DataDir = Annotated[
    Path | None,
    tyro.conf.arg(help="Folder with mnist/ and dogs/; the same as setting GENLAB_DATA."),
]
Device = Annotated[
    Literal["auto", "cpu", "cuda"],
    tyro.conf.arg(help="Where networks compute; auto: on a GPU where there is one."),
]


def use_data(data_dir: Path | None) -> None:
    """Makes a folder the place where data is looked for, if one is given."""
    if data_dir is None:
        return
    if not data_dir.is_dir():
        raise InputError(f"--data-dir {data_dir}: no such folder")
    os.environ["GENLAB_DATA"] = str(data_dir)


@contextmanager
def alone_in(run: Path) -> Iterator[None]:
    """Keeps other processes from writing in a run, which must be there, inside the block."""
    from genlab.runs.lock import run_lock
    from genlab.runs.run import Run

    Run(run)  # a lock would make its folder
    with run_lock(run):
        yield


def print_json(value: Any) -> None:
    """Prints a value as JSON on standard output."""
    text = json.dumps(value, indent=1, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # JSON has escapes of its own
        text = json.dumps(value, indent=1)
    print(UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], text))


def end(results: Any, line: str, as_json: bool) -> None:
    """Ends a command: its line of results, or its JSON with the line on standard error.

    Arguments:
        results: A dataclass, or JSON values.
        line: The results in one line.
        as_json: Whether the results are printed as JSON.
    """
    print(one_line(line), file=sys.stderr if as_json else sys.stdout)
    if as_json:
        print_json(to_json(results))
