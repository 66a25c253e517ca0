"""Checks that all configurations share. Imports no torch."""

__all__ = ["require_finite"]

import math

from dataclasses import fields
from typing import Any

from genlab.common.errors import InputError


def require_finite(config: Any, group: str = "") -> None:
    """Refuses a value that is infinite or not a number: no comparison finds the latter.

    Arguments:
        config: A configuration.
        group: The prefix of its fields' names, say "prior.".

    Raises:
        InputError: If a value is not finite; names the field.
    """
    for field in fields(config):
        value = getattr(config, field.name)
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"`{group}{field.name}` {value}: give a finite number")
