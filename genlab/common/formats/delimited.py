"""Tables of numbers as text: values with commas, tabs or other delimiters between them.

The first row may hold names: it does if none of its cells is a number. Rows are counted as an
editor or a spreadsheet counts them, from 1, the names' row among them.
"""

__all__ = ["SUFFIXES", "TextTable", "cut_command", "read_delimited"]

import csv
import math
import re
import shlex
import stat

from array import array
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, NoReturn, TextIO

import numpy as np

from genlab.common.errors import InputError
from genlab.common.text import one_line

SUFFIXES = (".csv", ".tsv")
DELIMITERS = (",", ";", "\t", "|")
LARGEST = 1 << 30
"""Bytes of a file."""
LONGEST_LINE = 1 << 24
"""Characters of a line."""
MOST_COLUMNS = 10_000
MOST_VALUES = 100_000_000
"""Numbers of a table; each takes eight bytes."""
LOOKED_AT = 20
"""Lines from which the delimiter is told."""
SHOWN = 40
"""Characters of a cell or a name in a message."""
COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")
"""A number with a decimal comma."""


class TextTable(NamedTuple):
    """What a file holds."""

    names: tuple[str, ...] | None
    """The names in the first row; None if it holds numbers."""
    values: np.ndarray
    """The numbers, float64 with shape `(N, F)`."""
    delimiter: str


def read_delimited(path: Path) -> TextTable:
    """Reads a table of numbers.

    Arguments:
        path: The file: UTF-8, with or without names in the first row. A `.tsv` has tabs; the
            delimiter of others is told from their first lines.

    Raises:
        InputError: If it is too large, no text, not as wide in one row as in another, or a cell
            is empty, text or not finite; the row and the column are named.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise InputError(f"{path}: not a plain file")
        if found.st_size > LARGEST:
            raise InputError(
                f"{path}: {found.st_size:,} bytes of text, at most {LARGEST:,}; save the numbers "
                "as .npy"
            )
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _Reader(path, file).read()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8; save it as CSV in UTF-8") from None


def cut_command(path: Path | str, left_out: Sequence[int], count: int, delimiter: str) -> str:
    """Returns a shell command that writes a table without some columns.

    Arguments:
        path: The table.
        left_out: The places of the columns to leave out, from 0 on.
        count: The number of columns.
        delimiter: What is between them.
    """
    kept = [place for place in range(count) if place not in {*left_out}]
    starts = [place for place in kept if place - 1 not in kept]
    ends = [place for place in kept if place + 1 not in kept]
    ranges = ",".join(
        f"{a + 1}" if a == b else f"{a + 1}-{'' if b == count - 1 else b + 1}"
        for a, b in zip(starts, ends)
    )
    option = "" if delimiter == "\t" else f"-d{shlex.quote(delimiter)} "
    return f"cut {option}-f{ranges} {shlex.quote(str(path))} > numbers{Path(path).suffix}"


class _Reader:
    """Reads one file."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self.path, self.file = path, file
        self.names: tuple[str, ...] | None = None
        self.delimiter = ""
        self.columns = 0

    def read(self) -> TextTable:
        """Returns the table."""
        head = list(islice(self._lines(), LOOKED_AT))
        tabs = self.path.suffix.lower() == ".tsv"
        self.delimiter = "\t" if tabs else _delimiter(head)
        reader = csv.reader(chain(head, self._lines()), delimiter=self.delimiter, strict=True)
        rows = ((reader.line_num, cells) for cells in reader if cells)
        try:
            values = self._values(rows)
        except csv.Error as error:
            raise InputError(f"{self.path}: row {reader.line_num}: {error}") from None
        return TextTable(self.names, values, self.delimiter)

    def _lines(self) -> Iterator[str]:
        while line := self.file.readline(LONGEST_LINE + 1):
            if len(line) > LONGEST_LINE:
                raise InputError(
                    f"{self.path}: a line of more than {LONGEST_LINE:,} characters; no table"
                )
            yield line

    def _values(self, rows: Iterator[tuple[int, list[str]]]) -> np.ndarray:
        row, cells = next(rows, (0, []))
        if not cells:
            raise InputError(f"{self.path}: an empty file; a table of numbers is needed")
        self.columns = len(cells)
        if self.columns > MOST_COLUMNS:
            raise InputError(f"{self.path}: {self.columns:,} columns; at most {MOST_COLUMNS:,}")
        begun = [(row, cells)]
        if not any(map(_is_number, cells)):
            self.names = self._named(row, cells)
            begun = []
        values = array("d")
        for row, cells in chain(begun, rows):
            if len(cells) != self.columns:
                raise InputError(
                    f"{self.path}: row {row} has {len(cells)} cells, the first row "
                    f"{self.columns}"
                )
            try:
                numbers = [float(cell) for cell in cells]
            except ValueError:
                self._refuse(row, cells, first=not values)
            if not math.isfinite(sum(map(abs, numbers))) or "_" in "".join(cells):
                if any(map(_fault, cells)):
                    self._refuse(row, cells, first=not values)
            values.extend(numbers)
            if len(values) > MOST_VALUES:
                raise InputError(f"{self.path}: more than {MOST_VALUES:,} numbers; save as .npy")
        if not values:
            raise InputError(f"{self.path}: names of columns, and no rows")
        return np.frombuffer(values, np.float64).reshape(-1, self.columns)

    def _named(self, row: int, cells: list[str]) -> tuple[str, ...]:
        names = tuple(one_line(cell).strip() for cell in cells)
        for place, name in enumerate(names):
            if not name:
                raise InputError(
                    f"{self.path}: row {row}, column {place + 1}: no name; if the column numbers "
                    f"the rows, leave it out, for example with: {self._cut([place])}"
                )
            if name in names[:place]:
                raise InputError(
                    f"{self.path}: row {row}, column {place + 1}: a second {name[:SHOWN]!r}"
                )
        return names

    def _refuse(self, row: int, cells: list[str], first: bool) -> NoReturn:
        """Says what is wrong with a row's first cell that is no number."""
        faults = {place: fault for place, cell in enumerate(cells) if (fault := _fault(cell))}
        place = min(faults)
        named = "" if self.names is None else f" ({self.names[place][:SHOWN]})"
        advice = "correct it, or leave the row out"
        if COMMA.fullmatch(cells[place]):
            advice = "write decimals with a point"
        elif first and len(faults) < len(cells):
            which = "the column" if len(faults) == 1 else "the columns that are not numbers"
            advice = f"leave {which} out, for example with: {self._cut(list(faults))}"
            if self.names is None:
                advice += "; or, if the row holds names, let none of them be a number"
        raise InputError(
            f"{self.path}: row {row}, column {place + 1}{named}: {faults[place]}; {advice}"
        )

    def _cut(self, left_out: Sequence[int]) -> str:
        return cut_command(self.path, left_out, self.columns, self.delimiter)


def _fault(cell: str) -> str:
    """Returns what is wrong with a cell; nothing with a number."""
    if not cell.strip():
        return "an empty cell"
    shown = repr(one_line(cell)[:SHOWN])
    try:
        value = float(cell)
    except ValueError:
        return f"{shown} is no number"
    if "_" in cell:  # of Python's own notation
        return f"{shown} is no number"
    return "" if math.isfinite(value) else f"{shown} is not finite"


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _delimiter(head: Sequence[str]) -> str:
    """Returns the delimiter of lines: it parts all alike, and most of what it parts is numbers."""
    found: dict[str, tuple[bool, int, int]] = {}
    for delimiter in DELIMITERS:
        try:
            rows = [cells for cells in csv.reader(head, delimiter=delimiter) if cells]
        except csv.Error:
            continue
        widths = {len(cells) for cells in rows}
        numbers = sum(_is_number(cell) for cells in rows for cell in cells)
        found[delimiter] = len(widths) == 1 and widths != {1}, numbers, max(widths, default=0)
    return max(found, key=lambda delimiter: found[delimiter], default=DELIMITERS[0])
