"""What all options of the command line have in common. Imports no torch."""

__all__ = ["option", "require_finite"]

import math

from dataclasses import fields
from typing import Any

from genlab.common.errors import InputError


def option(name: str) -> str:
    """Returns the command line's spelling of a field."""
    return name.replace("_", "-")


def require_finite(config: Any, group: str = "") -> None:
    """Refuses an option that is infinite or not a number: no comparison finds the latter.

    Arguments:
        config: A dataclass of options.
        group: What stands before their names on the command line, say "prior.".

    Raises:
        InputError: Naming the option.
    """
    for field in fields(config):
        value = getattr(config, field.name)
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"--{group}{option(field.name)} {value}: give a finite number")
