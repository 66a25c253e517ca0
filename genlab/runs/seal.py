"""The seal of a finished run: the SHA-256 of every file that it keeps.

The seal is the file DONE, written last. Every file of a run is read through `read_kept`, which
compares it with the seal; a file that was changed, torn or put there later is named. A run that is
not finished has none; its states carry digests of their own (`run.py`).

    {"files": {"config.json": ["3f5a..."], "model.safetensors": ["b1c2..."], ...}}

A digest stands in a list because two of a file are right while the file is replaced: the old and
the new one, so that a kill at any moment leaves files that agree with the seal.

Figures and pages are not sealed: they are drawn again from what is.
"""

__all__ = ["DONE", "digest_of", "kept_files", "read_kept", "read_seal", "seal", "write_seal"]

import hashlib
import json

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from genlab.common import atomic
from genlab.common.errors import InputError

DONE = "DONE"
"""The file's name."""
KEPT = (
    "config.json", "env.json", "results.json", "classes.json", "metrics.jsonl", "beginning.jsonl",
    "events.jsonl", "model.safetensors", "measures.safetensors", "generator.safetensors",
    "best.safetensors", "checkpoint-*.safetensors", "snapshots/*.safetensors",
    "samples/*/*.png", "progress/*.png", "gan/fid.json", "gan/generated/*.png",
    "gan/generated/results.json",
)  # fmt: skip
"""Patterns of the files that runs keep; the last three are a lab's, beside its own runs."""

DEEPEST = 3
"""Folders between a file and its run, the run's own included, at most."""

Seal = dict[str, list[str]]


def digest_of(data: bytes) -> str:
    """Returns the SHA-256 of bytes, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def kept_files(run: Path) -> list[str]:
    """Returns the files of a run that a seal names, by their ways from the run's folder."""
    found = {path for pattern in KEPT for path in run.glob(pattern) if path.is_file()}
    return sorted(path.relative_to(run).as_posix() for path in found)


def seal(run: Path) -> None:
    """Seals a run as it is: writes the digests of all files that it keeps."""
    write_seal(run, {name: [digest_of((run / name).read_bytes())] for name in kept_files(run)})


def write_seal(run: Path, files: Mapping[str, Sequence[str]]) -> None:
    """Writes a seal of given digests."""
    atomic.write_json(run / DONE, {"files": dict(files)})


def read_seal(run: Path) -> Seal | None:
    """Returns the digests of a run's files by name; None if the run is not finished.

    Raises:
        InputError: If the seal is damaged.
    """
    file = run / DONE
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        files = json.loads(text)["files"]
        return {str(name): [str(one) for one in digests] for name, digests in files.items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise InputError(
            f"{file}: damaged; it holds the SHA-256 of the run's files: restore it from a copy"
        ) from None


def read_kept(path: Path) -> bytes:
    """Reads a file of a run, and compares it with the run's seal if the run is finished.

    Raises:
        InputError: If the file is not what the run wrote.
        OSError: If it cannot be read.
    """
    data = path.read_bytes()
    for run in path.parents[:DEEPEST]:
        name = path.relative_to(run).as_posix()
        if not _is_kept(name) or (sealed := read_seal(run)) is None:
            continue
        if digest_of(data) in sealed.get(name, ()):
            break
        what = "changed since the run was finished" if name in sealed else "not a file of the run"
        raise InputError(
            f"{path}: {what} (its SHA-256 is not in {run / DONE}); genlab doctor {run} says what "
            "can be had again"
        )
    return data


def _is_kept(name: str) -> bool:
    """Whether a file of a run, by its way from the run's folder, is one that a seal names."""
    way = PurePosixPath(name)
    return any(
        way.match(pattern) and len(way.parts) == pattern.count("/") + 1 for pattern in KEPT
    )
