"""Reads JSON of strangers: limits on bytes and depth, no NaN, no infinity, no key twice."""

__all__ = ["SubmittedRecord", "read_object", "read_value"]

import json
import math
import re

from pathlib import Path
from typing import Any

from genlab.lab.verify.results.findings import Refused
from genlab.runs.records import read_json

LARGEST = 8 << 20
DEEPEST = 32
LONGEST_INTEGER = 30
STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
BRACKET = re.compile(rb"[\[\]{}]")


def read_value(data: bytes, name: str) -> Any:
    """Returns the value of a JSON text.

    Arguments:
        data: The text.
        name: What it is called in an error.

    Raises:
        Refused: If it is not JSON as RFC 8259 has it, too long or too deep, has a key twice, or
            a number that is not finite.
    """
    if len(data) > LARGEST:
        raise Refused(f"{name}: {len(data):,} bytes of JSON; at most {LARGEST:,}")
    depth = 0
    for bracket in BRACKET.findall(STRING.sub(b"", data)):
        depth += 1 if bracket in b"[{" else -1
        if depth > DEEPEST:
            raise Refused(f"{name}: JSON nested deeper than {DEEPEST}")
    try:
        return json.loads(
            data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse,
            parse_float=_finite, parse_int=_short,
        )
    except (ValueError, RecursionError) as error:
        raise Refused(f"{name}: not valid JSON ({str(error)[:100]})") from None


def read_object(data: bytes, name: str) -> dict[str, Any]:
    """Returns a JSON object, as `read_value` does."""
    value = read_value(data, name)
    if not isinstance(value, dict):
        raise Refused(f"{name}: not a JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is not finite")
    return value


def _short(text: str) -> int:
    if len(text) > LONGEST_INTEGER:
        raise ValueError("an integer of too many digits")
    return int(text)


class SubmittedRecord:
    """A JSON object from a submission, read with the types that its use needs."""

    def __init__(self, path: Path, value: Any = None) -> None:
        self.name = path.name
        self.value: dict[str, Any] = read_json(path) if value is None else value

    def number(self, *keys: str) -> float:
        """Returns a number; raises `Refused` if there is none."""
        value = self.at(*keys)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Refused(f"{self.name}: {'.'.join(keys)} is no number")
        return float(value)

    def whole(self, *keys: str) -> int:
        """Returns a whole number; raises `Refused` if there is none."""
        value = self.at(*keys)
        if type(value) is not int:
            raise Refused(f"{self.name}: {'.'.join(keys)} is no whole number")
        return value

    def text(self, *keys: str) -> str:
        """Returns a text; raises `Refused` if there is none."""
        value = self.at(*keys)
        if not isinstance(value, str):
            raise Refused(f"{self.name}: {'.'.join(keys)} is no text")
        return value

    def at(self, *keys: str) -> Any:
        """Returns what lies under these keys; raises `Refused` if nothing does."""
        value: Any = self.value
        for key in keys:
            if not isinstance(value, dict) or key not in value:
                raise Refused(f"{self.name}: has no {'.'.join(keys)}")
            value = value[key]
        return value
