"""The examination of a run's folder: every file that it keeps against its seal or its state."""

__all__ = ["Examined", "examine"]

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from genlab.common.errors import InputError
from genlab.common.formats.files import read_file
from genlab.common.text import many
from genlab.runs.records import kind_of
from genlab.runs.run import Run
from genlab.runs.seal import (
    DONE,
    LARGEST,
    RECORD,
    Seal,
    digest_of,
    kept_files,
    read_record,
    read_seal,
    recorded_files,
)

AGAIN = (
    "restore it from a copy, or train again into another folder: the same command gives the same "
    "bytes on the same machine"
)


@dataclass(frozen=True)
class Examined:
    """A file of a run, or a state."""

    file: str
    """Its way from the folder that was examined."""
    found: Literal["whole", "changed", "missing", "foreign"]
    remedy: str = ""
    """How it is had again, where that can be."""


def examine(path: Path) -> list[Examined]:
    """Examines a run and the runs inside it, reading every file that they keep.

    Raises:
        InputError: If `path` is no run.
    """
    if not _is_run(path):
        Run(path)  # says why not
    inside = {file.parent for name in ("config.json", DONE) for file in path.glob(f"**/{name}")}
    runs = [path, *(folder for folder in sorted(inside - {path}) if _is_run(folder))]
    return [one for run in runs for one in _of_run(run, path)]


def _is_run(folder: Path) -> bool:
    """Whether a folder is a run, be it damaged."""
    try:
        return kind_of(folder) is not None or (folder / "env.json").exists()
    except InputError:
        return True


def _of_run(run: Path, top: Path) -> list[Examined]:
    way, finished = run.relative_to(top), (run / DONE).exists()
    try:
        sealed = (read_seal(run) if finished else read_record(run)) or {}
    except InputError:
        record = (way / (DONE if finished else RECORD)).as_posix()
        return [Examined(record, "changed", "restore it from a copy")]
    if not (finished or sealed) and (left := recorded_files(run)):
        return [_state(run, way), Examined((way / DONE).as_posix(), "missing", (
            f"restore it from a copy, or let genlab resume {run} train again: without it nothing "
            f"is known of {many(len(left), 'file')}, as {left[0]}"
        ))]  # fmt: skip
    names = set(sealed) | set(kept_files(run) if finished else recorded_files(run))
    files = [_compared(run, way, name, sealed, finished) for name in sorted(names)]
    return files if finished else [_state(run, way), *files]


def _compared(run: Path, way: Path, name: str, sealed: Seal, finished: bool) -> Examined:
    """A file of a run, compared with the run's digests."""
    file, shown = run / name, (way / name).as_posix()
    remedy = _remedy(run, name) if finished else AGAIN
    if not file.exists():
        return Examined(shown, "missing", remedy)
    if name not in sealed:
        return Examined(shown, "foreign", "move it elsewhere: the run did not write it")
    try:
        whole = digest_of(read_file(file, LARGEST)) in sealed[name]
    except InputError:  # it is too large, or no plain file any more
        whole = False
    return Examined(shown, "whole" if whole else "changed", "" if whole else remedy)


def _state(run: Path, way: Path) -> Examined:
    """The training state of a run that is not finished."""
    try:
        state = Run(run).newest_state()
    except InputError as error:
        return Examined((way / "state.json").as_posix(), "changed", str(error))
    step = "its beginning" if state is None else f"step {state[1]}"
    return Examined((way / "state.json").as_posix(), "whole",
                    f"not finished: genlab resume {run} goes on from {step}")  # fmt: skip


def _remedy(run: Path, name: str) -> str:
    if name == "measures.safetensors":
        return f"genlab vae evaluate {run} writes it again"
    return AGAIN
