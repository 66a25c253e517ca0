"""Checks of parameters."""

__all__ = ["require_at_least", "require_choice", "require_count", "require_widths"]

import operator

from collections.abc import Sequence
from typing import Any

from genlab.common.errors import InputError


def require_at_least(least: float, **parameters: float) -> None:
    """Raises an error that names the first parameter below a bound, or that is not a number.

    Raises:
        InputError: If there is one.
    """
    for name, value in parameters.items():
        if not value >= least:
            raise InputError(f"`{name}` must be at least {least}, not {value}")


def require_count(name: str, value: Any) -> int:
    """Returns the value of a parameter that counts something, as an integer.

    Raises:
        InputError: If it is no whole number, or under 1.
    """
    try:
        count = operator.index(value)
    except TypeError:
        raise InputError(f"`{name}` must be a whole number, not {value!r}") from None
    if count < 1:
        raise InputError(f"`{name}` must be at least 1, not {count}")
    return count


def require_choice(allowed: Sequence[str], **parameters: str) -> None:
    """Raises an error that names the first parameter that is not one of the allowed words.

    Raises:
        InputError: If there is one.
    """
    for name, value in parameters.items():
        if value not in allowed:
            raise InputError(f"`{name}` must be one of {', '.join(allowed)}, not {value!r}")


def require_widths(**parameters: Sequence[int]) -> None:
    """Raises an error that names the first parameter that is not a list of layers' widths.

    Raises:
        InputError: If there is one.
    """
    for name, widths in parameters.items():
        if not widths or min(widths) < 1:
            raise InputError(
                f"`{name}` must be one width or more, each at least 1, not {tuple(widths)}"
            )
