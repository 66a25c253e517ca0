"""Reads TOML: limits on bytes, depth and digits."""

__all__ = ["LARGEST", "read_table"]

import math
import tomllib

from typing import Any

from genlab.common.errors import InputError

LARGEST = 64 << 10
"""Bytes of a text."""
DEEPEST = 32
"""Tables and arrays within each other."""
LARGEST_INTEGER = (1 << 63) - 1
"""The largest that TOML asks a reader to take."""


def read_table(data: bytes, name: str) -> dict[str, Any]:
    """Returns the table of a TOML text.

    Arguments:
        data: The text.
        name: What it is called in an error.

    Raises:
        InputError: If it is not TOML 1.0, beyond a limit, or has a number that is not finite.
    """
    if len(data) > LARGEST:
        raise InputError(f"{name}: {len(data):,} bytes of TOML; at most {LARGEST:,}")
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: not a TOML file ({str(error)[:100]})") from None
    _check(table, name)
    return table


def _check(table: dict[str, Any], name: str) -> None:
    """Checks depth and numbers, one depth after the other."""
    level: list[Any] = [table]
    for _ in range(DEEPEST):
        parts = [part.values() if isinstance(part, dict) else part for part in level]
        inner = [value for part in parts for value in part]
        for value in inner:
            if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
                raise InputError(f"{name}: an integer of too many digits")
            if isinstance(value, float) and not math.isfinite(value):
                raise InputError(f"{name}: {value} is not finite")
        level = [value for value in inner if isinstance(value, dict | list)]
    if level:
        raise InputError(f"{name}: TOML nested deeper than {DEEPEST}")
