"""Records of another shape: every value of every record changed to others, every key deleted.

A run may come from anybody, who can seal it again: what was changed here is sealed.
"""

import copy
import json

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from genlab.runs.seal import DONE, digest_of

DELETED = object()
"""In place of a value: its key, or its place in a list, is left out."""
DEEP = json.loads("[" * 20 + "]" * 20)
OTHERS = (
    None, True, 0, -1, 3, 10**30, 0.5, -2.5, 1e300, "", "text", "1", [], [[]], [None], ["a"],
    [1, 2], {}, {"a": 1}, DEEP, DELETED,
)  # fmt: skip
"""What a value is changed to."""


class Change(NamedTuple):
    """One value of a record that is another."""

    file: str
    """The record, relative to the run."""
    way: tuple[str | int, ...]
    """Keys and places that lead to the value."""
    value: Any

    def __str__(self) -> str:
        value = "deleted" if self.value is DELETED else json.dumps(self.value)
        return f"{self.file} {'.'.join(map(str, self.way))} = {value[:40]}"


def records_of(run: Path) -> list[str]:
    """The JSON files of a run and of those inside it."""
    found = [*run.rglob("*.json"), *run.rglob("*.jsonl")]
    return sorted(path.relative_to(run).as_posix() for path in found)


def changes(run: Path, files: list[str] | None = None) -> Iterator[Change]:
    """Every change of every value of a run's records."""
    for file in records_of(run) if files is None else files:
        for way in _ways(read(run / file)):
            yield from (Change(file, way, value) for value in OTHERS)


def read(path: Path) -> Any:
    """The value of a record; that of a file with one a line is their list."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return json.loads(text)


def write(path: Path, value: Any) -> None:
    """Writes a record, and seals the runs that it belongs to again."""
    if path.suffix == ".jsonl":
        lines = value if isinstance(value, list) else [value]
        text = "".join(json.dumps(line) + "\n" for line in lines)
    else:
        text = json.dumps(value)
    path.write_text(text, encoding="utf-8")
    reseal(path)


def reseal(path: Path) -> None:
    """Puts the digest of a file into the seals that name it."""
    for run in list(path.parents)[:3]:
        seal = run / DONE
        if not seal.exists():
            continue
        record = json.loads(seal.read_text(encoding="utf-8"))
        name = path.relative_to(run).as_posix()
        if name in record["files"]:
            record["files"][name] = [digest_of(path.read_bytes())]
            seal.write_text(json.dumps(record), encoding="utf-8")


@contextmanager
def changed(run: Path, change: Change) -> Iterator[None]:
    """Changes a record of a run for the block."""
    path = run / change.file
    seals = [folder / DONE for folder in list(path.parents)[:3] if (folder / DONE).exists()]
    before = {file: file.read_bytes() for file in (path, *seals)}
    write(path, _with(read(path), change.way, change.value))
    try:
        yield
    finally:
        for file, data in before.items():
            file.write_bytes(data)


def _with(record: Any, way: tuple[str | int, ...], value: Any) -> Any:
    record = copy.deepcopy(record)
    if not way:
        return value
    inner = record
    for key in way[:-1]:
        inner = inner[key]
    if value is DELETED:
        del inner[way[-1]]
    else:
        inner[way[-1]] = value
    return record


def _ways(value: Any, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The ways to all values, of long lists to the first two and the last."""
    if way:
        yield way
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _ways(part, (*way, key))
    elif isinstance(value, list):
        for index in sorted({0, 1, len(value) - 1} & set(range(len(value)))):
            yield from _ways(value[index], (*way, index))
