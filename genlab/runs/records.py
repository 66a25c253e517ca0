"""The JSON files of runs; errors name the file."""

__all__ = [
    "LARGEST_LOG", "Record", "is_config", "kind_of", "read_json", "read_lines",
    "read_log", "readable", "require_numbers",
]  # fmt: skip

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeGuard

from genlab.common.errors import InputError
from genlab.common.formats import json_text
from genlab.common.typed_json import fits
from genlab.runs.seal import is_sealed, read_kept

LARGEST_LOG = 256 << 20
"""Bytes of a file with an object a line."""


class Record(dict[str, Any]):
    """A JSON object of a run's file; a missing key is an `InputError` that names the file."""

    __slots__ = ("place",)

    def __init__(self, entries: Any, place: str = "a record") -> None:  # `asdict` copies it
        super().__init__(entries)
        self.place = place

    def __missing__(self, key: str) -> Any:
        raise InputError(f"{self.place}: {key!r} is missing; the run is damaged")


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON file of a run.

    Raises:
        InputError: If it is missing or no JSON object; later, where a key is asked for that it
            lacks. All name the file.
    """
    return json_text.read_object(_bytes(path), str(path), partial(Record, place=str(path)))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Reads a file with a JSON object a line; errors are those of `read_json`, naming the line."""
    return _objects(_bytes(path, LARGEST_LOG), path)


def read_log(path: Path) -> list[dict[str, Any]]:
    """Reads a log as `read_lines` does; a last line cut short by a kill is left out."""
    return _objects(_bytes(path, LARGEST_LOG).rpartition(b"\n")[0], path)


def _objects(data: bytes, path: Path) -> list[dict[str, Any]]:
    return json_text.read_lines(data, str(path), partial(Record, place=str(path)))


def require_numbers(lines: list[dict[str, Any]], path: Path, besides: str) -> None:
    """Raises `InputError` if a line of a file has a value, but that of one key, that is none."""
    for number, line in enumerate(lines, 1):
        for key, value in line.items():
            if key != besides and not fits(value, float | None):
                raise InputError(f"{path}, line {number}: `{key}` is no number")


def _bytes(path: Path, most: int = json_text.LARGEST) -> bytes:
    """Reads a file of a run.

    Arguments:
        path: The file.
        most: The bytes that it may have.

    Raises:
        InputError: If it is not there, larger, no plain file, or was changed.
    """
    try:
        return read_kept(path, most)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: no such file; is {path.parent} a genlab run?") from None


def kind_of(path: Path) -> str | None:
    """Returns what kind of run a folder is; None if it is none.

    Other programs, too, keep a config.json.

    Raises:
        InputError: If its config.json is not JSON, or is gone from a finished run.
    """
    file = path / "config.json"
    there = file.exists() or is_sealed(path, file.name)
    record = json_text.read_value(_bytes(file), str(file)) if there else None
    return record["kind"] if is_config(record) else None


def is_config(record: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a parsed config.json is one of a genlab run."""
    return (
        isinstance(record, dict)
        and isinstance(record.get("kind"), str) and isinstance(record.get("config"), dict)
    )


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns what loading a run may fail with into an `InputError` that names the run.

    Torch says that weights are of another shape by `RuntimeError`; a configuration of other
    fields is a `TypeError`, a tensor that is not there a `KeyError`.
    """
    try:
        yield
    except InputError:
        raise
    except (RuntimeError, TypeError, ValueError, LookupError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: its weights and its configuration do not fit ({reason}); the run is damaged "
            "or was made by another version of genlab"
        ) from error
