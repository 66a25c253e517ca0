"""The seal of a run: the SHA-256 of every file that it keeps.

    {"files": {"config.json": ["3f5a..."], "model.safetensors": ["b1c2..."], ...}}

The seal of a finished run is the file DONE, written last. Until then kept.json names what the run
has written once and for all: snapshots, samples, weights. (Its states, its logs and its
configuration are named by the markers of its states, `marker.py`.) Every file of a run is read
through `read_kept`, which compares it; a file that was changed, torn or put there later is named.

A digest stands in a list because two of a file are right while the file is replaced: the old and
the new one, so that a kill at any moment leaves files that agree with the seal.

Figures and pages are not sealed: they are drawn again from what is.
"""

__all__ = [
    "DONE", "LARGEST", "NEEDED", "RECORD", "Seal", "digest_of", "files_in", "has", "is_sealed",
    "kept_files", "read_kept", "read_record", "read_seal", "recorded_files", "seal", "seal_of",
    "write_kept",
]

import hashlib
import re

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.formats.files import read_file
from genlab.common.formats.json_text import read_object
from genlab.common.typed_json import fits

DONE, RECORD = "DONE", "kept.json"
"""The files' names."""
RECORDED = (
    "results.json", "classes.json", "table.json", "model.safetensors", "measures.safetensors",
    "generator.safetensors", "best.safetensors", "players.safetensors", "origin.json",
    "checkpoint-*.safetensors",
    "snapshots/*.safetensors", "samples/*/*.png", "progress/*.png",
)
"""Patterns of the files that `write_kept` writes."""
KEPT = (
    *RECORDED, "config.json", "env.json", "metrics.jsonl", "beginning.jsonl", "events.jsonl",
    "gan/fid.json", "gan/generated/*.png", "gan/generated/results.json", "dogs-vae/pictures.json",
)
"""Patterns of the files that runs keep; the last four are a lab's, beside its own runs."""


def _any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    """Returns what matches a file's way from a run's folder if it has one of these patterns."""
    return re.compile("|".join(re.escape(one).replace(r"\*", "[^/]+") for one in patterns))


IS_RECORDED, IS_KEPT = _any_of(RECORDED), _any_of(KEPT)
NEEDED = ("config.json", "env.json")
"""What a run has from its beginning."""
LARGEST = 8 << 30
"""Bytes of a file of a run."""
LARGEST_SEAL = 32 << 20
"""Bytes of a seal: those of some 250,000 files."""
DEEPEST = 3
"""Folders between a file and its run, the run's own included, at most."""

Seal = dict[str, list[str]]


def digest_of(data: bytes) -> str:
    """Returns the SHA-256 of bytes, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def kept_files(run: Path) -> list[str]:
    """Returns the files of a run that its seal names, by their ways from the run's folder."""
    return _files(run, KEPT)


def recorded_files(run: Path) -> list[str]:
    """Returns the files of a run that its record names before it is finished."""
    return _files(run, RECORDED)


def write_kept(run: Path, files: Mapping[str, bytes]) -> None:
    """Writes files that a run keeps, by their ways from its folder, and their digests."""
    record = DONE if (run / DONE).exists() else RECORD
    before = _read(run / record) or {}
    now = {name: [digest_of(data)] for name, data in files.items()}
    _write(run / record, before | {name: before.get(name, []) + one for name, one in now.items()})
    for name, data in files.items():
        atomic.make_within(run, PurePosixPath(name).parent)
        atomic.write_bytes(run / name, data)
    _write(run / record, before | now)


def seal(run: Path) -> None:
    """Seals a run as it was written: a file changed since then differs from the seal.

    Raises:
        InputError: If a file is gone: nobody can finish the run.
    """
    recorded = read_record(run)
    for name in (*NEEDED, *recorded):
        if not (run / name).exists():
            raise InputError(
                f"{run / name}: gone, deleted or moved while the run went on; delete {run} and "
                "give the same command again"
            )
    found = {name: [digest_of(read_file(run / name, LARGEST))] for name in kept_files(run)}
    _write(run / DONE, found | recorded)


def seal_of(run: Path, names: Sequence[str]) -> bytes:
    """Returns the seal of a copy of a finished run that has only some of its files."""
    digests = {name: [digest_of(read_kept(run / name))] for name in sorted(names)}
    return atomic.json_bytes({"files": digests})


def read_seal(run: Path) -> Seal | None:
    """Returns the digests of a run's files by name; None if the run is not finished.

    Raises:
        InputError: If the seal is damaged.
    """
    return _read(run / DONE)


def read_record(run: Path) -> Seal:
    """Returns the digests of what an unfinished run has written once and for all, by name.

    Raises:
        InputError: If the record is damaged.
    """
    return _read(run / RECORD) or {}


def read_kept(path: Path, most: int = LARGEST) -> bytes:
    """Reads a file of a run, and compares it with what the run wrote.

    Arguments:
        path: The file.
        most: The bytes that it may have.

    Raises:
        InputError: If the file is not what the run wrote, or the run wrote one and it is gone; if
            it is larger, or no plain file.
        OSError: If it cannot be read.
    """
    try:
        data = read_file(path, most)
    except FileNotFoundError:
        for run in path.parents[:DEEPEST]:
            if is_sealed(run, path.relative_to(run).as_posix()):
                raise InputError(
                    f"{path}: missing, though the run wrote it; genlab doctor {run} says what can "
                    "be had again"
                ) from None
        raise
    for run in path.parents[:DEEPEST]:
        name = path.relative_to(run).as_posix()
        if not IS_KEPT.fullmatch(name):
            continue
        sealed, record = read_seal(run), DONE
        if sealed is None:
            if not (IS_RECORDED.fullmatch(name) and (run / "config.json").exists()):
                continue
            sealed, record = read_record(run), RECORD
            if name not in sealed:
                raise InputError(
                    f"{path}: the run is not finished and has no record of this file; genlab "
                    f"resume {run} makes it"
                )
        if digest_of(data) in sealed.get(name, ()):
            break
        what = "changed since the run wrote it" if name in sealed else "not a file of the run"
        raise InputError(
            f"{path}: {what} (its SHA-256 is not in {run / record}); genlab doctor {run} says "
            "what can be had again"
        )
    return data


def is_sealed(run: Path, name: str) -> bool:
    """Whether a folder is a finished run, be it damaged, whose seal names this file."""
    try:
        return name in (read_seal(run) or {})
    except InputError:  # a file of that name by another program
        return False


def has(path: Path) -> bool:
    """Whether a run has a file, or had it when it was finished; `read_kept` then says so."""
    return path.exists() or any(
        is_sealed(run, path.relative_to(run).as_posix()) for run in path.parents[:DEEPEST]
    )


def files_in(folder: Path, pattern: str) -> list[Path]:
    """Returns a run's files in a folder, sorted, and those that are gone since it was finished."""
    found = set(folder.glob(pattern))
    for run in (folder, *folder.parents[: DEEPEST - 1]):
        with suppress(InputError):  # a file of that name by another program
            found |= {run / name for name in read_seal(run) or ()}
    return sorted(path for path in found if path.parent == folder and path.match(pattern))


def _read(file: Path) -> Seal | None:
    try:
        data = read_file(file, LARGEST_SEAL)
    except (FileNotFoundError, NotADirectoryError):
        return None
    damaged = f"{file}: damaged; it holds the SHA-256 of the run's files: restore it from a copy"
    try:
        files = read_object(data, str(file), most=LARGEST_SEAL).get("files", {})
    except InputError:
        raise InputError(damaged) from None
    if not fits(files, Seal) or not all(IS_KEPT.fullmatch(name) for name in files):
        raise InputError(damaged)
    return files


def _write(file: Path, files: Mapping[str, Sequence[str]]) -> None:
    atomic.write_json(file, {"files": dict(files)})


def _files(run: Path, patterns: Sequence[str]) -> list[str]:
    found = {path for pattern in patterns for path in run.glob(pattern) if path.is_file()}
    return sorted(path.relative_to(run).as_posix() for path in found)
