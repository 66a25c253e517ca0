"""Reads JSON: limits on bytes, depth, values and digits; no NaN, no infinity, no key twice."""

__all__ = ["LARGEST", "read_lines", "read_object", "read_value"]

import json
import math
import re

from collections.abc import Callable
from typing import Any, TypeAlias

from genlab.common.errors import InputError

LARGEST = 8 << 20
"""Bytes of a text."""
DEEPEST = 32
"""Arrays and objects within each other."""
MOST_VALUES = 400_000
"""Values of all arrays and objects: the shortest, `[]`, takes thirty times its text in memory."""
LONGEST_NUMBER = 64
"""Characters of a number; the longest float in Python's shortest form has 24."""

Make: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]

ESCAPE = re.compile(rb"\\.", re.DOTALL)
STRING = re.compile(rb'"[^"]*"?')
OTHERS = bytes(set(range(256)) - set(b"[]{}"))
"""All bytes but brackets."""


def read_value(
    data: bytes, name: str, make: Make = dict, most: int = LARGEST
) -> Any:
    """Returns the value of a JSON text.

    A lone surrogate, which stands for what is no UTF-8 in the name of a file, is taken as JSON's
    escape (`\\udcXX`), as `atomic.json_bytes` writes it.

    Arguments:
        data: The text.
        name: What it is called in an error.
        make: Makes what is returned of each object.
        most: The bytes that it may have.

    Raises:
        InputError: If it is not JSON as RFC 8259 has it, beyond a limit, has a key twice, or a
            number that is not finite.
    """
    _check_size(data, name, most)
    try:
        return json.loads(
            data.decode("utf-8"), object_pairs_hook=lambda pairs: make(_unique(pairs)),
            parse_constant=_refuse, parse_float=_finite, parse_int=_whole,
        )  # fmt: skip
    except ValueError as error:
        raise InputError(f"{name}: not valid JSON ({str(error)[:100]}); it is damaged") from None


def read_object(
    data: bytes, name: str, make: Make = dict, most: int = LARGEST
) -> dict[str, Any]:
    """Returns a JSON object, as `read_value` does."""
    value = read_value(data, name, make, most)
    if not isinstance(value, dict):
        raise InputError(f"{name}: not a JSON object; it is damaged")
    return value


def read_lines(
    data: bytes, name: str, make: Make = dict
) -> list[dict[str, Any]]:
    """Returns the JSON objects of a text with one a line, as `read_object` does.

    The limits are those of each line. Empty lines are passed over.
    """
    lines = enumerate(data.split(b"\n"), 1)
    return [read_object(line, f"{name}, line {number}", make) for number, line in lines if line]


def _check_size(data: bytes, name: str, most: int) -> None:
    """Checks what a text would take in memory, in time that grows as its length does."""
    if len(data) > most:
        raise InputError(f"{name}: {len(data):,} bytes of JSON; at most {most:,}")
    bare = STRING.sub(b"", ESCAPE.sub(b"", data))
    if bare.count(b",") + bare.count(b"[") + bare.count(b"{") > MOST_VALUES:
        raise InputError(f"{name}: JSON of more than {MOST_VALUES:,} values")
    depth = 0
    for bracket in bare.translate(None, OTHERS):
        depth += 1 if bracket in b"[{" else -1
        if depth > DEEPEST:
            raise InputError(f"{name}: JSON nested deeper than {DEEPEST}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON number")


def _finite(text: str) -> float:
    if len(text) > LONGEST_NUMBER:
        raise ValueError("a number of too many digits")
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not finite")
    return value


def _whole(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ValueError("an integer of too many digits")
    return int(text)
