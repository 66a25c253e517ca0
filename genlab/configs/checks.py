"""Checks that all configurations share. Imports no torch."""

__all__ = ["require_alike", "require_finite", "require_keep"]

import math

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from genlab.common.errors import InputError

LEAST_KEPT = 0.05
"""The smallest share of a set that a selection keeps."""


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


def require_keep(keep: float) -> None:
    """Refuses what is no share of a set to keep.

    Raises:
        InputError: If it is none.
    """
    if not LEAST_KEPT <= keep <= 1:
        raise InputError(f"`keep` {keep}: give a share from {LEAST_KEPT} to 1")


def require_alike(names: Sequence[str], now: Any, before: Any, where: str) -> None:
    """Refuses another run's configuration that differs in some fields.

    Arguments:
        names: The fields.
        now: The configuration that goes on from that run.
        before: That run's.
        where: How a message begins: the option that names the run, and the run.

    Raises:
        InputError: If a field differs; names the first.
    """
    for name in names:
        there, here = getattr(before, name), getattr(now, name)
        if there != here:
            raise InputError(f"{where}: its `{name}` is {there}, not {here}")
