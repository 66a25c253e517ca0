"""The JSON files of runs; errors name the file."""

__all__ = [
    "Record", "is_config", "kind_of", "objects", "read_json", "read_lines", "readable", "text_of",
]  # fmt: skip

import json

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeGuard

from safetensors import SafetensorError

from genlab.common.errors import InputError
from genlab.runs.seal import read_kept


class Record(dict[str, Any]):
    """A JSON object of a run's file; a missing key is an `InputError` that names the file."""

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
    return _object(text_of(path), str(path))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Reads a file with a JSON object a line; errors are those of `read_json`, naming the line."""
    return objects(text_of(path), path)


def text_of(path: Path) -> str:
    """Reads a file of a run; raises `InputError` if it is not there, changed, or no UTF-8."""
    try:
        return read_kept(path).decode()
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: no such file; is {path.parent} a genlab run?") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not valid JSON ({error}); the run is damaged") from None


def _object(text: str, place: str) -> dict[str, Any]:
    value = _parsed(text, place)
    if not isinstance(value, dict):
        raise InputError(f"{place}: not a JSON object; the run is damaged")
    return value


def objects(text: str, path: Path) -> list[dict[str, Any]]:
    """Returns the JSON objects of the lines of a text that is from `path`."""
    lines = enumerate(text.split("\n"), 1)
    return [_object(line, f"{path}, line {number}") for number, line in lines if line]


def _parsed(text: str, place: str) -> Any:
    try:
        return json.loads(text, object_hook=lambda entries: Record(entries, place))
    except json.JSONDecodeError as error:
        raise InputError(f"{place}: not valid JSON ({error}); the run is damaged") from None


def kind_of(path: Path) -> str | None:
    """Returns what kind of run a folder is; None if it is none.

    Other programs, too, keep a config.json.

    Raises:
        InputError: If its config.json is not JSON.
    """
    file = path / "config.json"
    record = _parsed(text_of(file), str(file)) if file.exists() else None
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

    Torch says that weights are of another shape by `RuntimeError`, safetensors that a file is
    damaged by its own error, a configuration of other fields is a `TypeError`.
    """
    try:
        yield
    except (RuntimeError, SafetensorError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: its weights and its configuration do not fit ({reason}); the run is damaged "
            "or was made by another version of genlab"
        ) from error
