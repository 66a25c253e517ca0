"""Frozen dataclasses as JSON and back, each value checked against the type of its field."""

__all__ = ["fits", "from_json", "to_json"]

import types
import typing

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from typing import Annotated, Any, Literal, TypeVar, Union, cast

from genlab.common.errors import InputError
from genlab.common.quantities import QUANTITIES, Measured

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """Returns a value made of dataclasses, mappings and sequences as JSON values.

    A `Measured` becomes `{"value": ..., "error": ...}`. Fields with the metadata `json=False` are
    left out.
    """
    if is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in _kept(type(value))}
    if isinstance(value, Mapping):
        return {key: to_json(part) for key, part in value.items()}
    return [to_json(part) for part in value] if isinstance(value, list | tuple) else value


def from_json(kind: type[T], value: Any, place: str) -> T:
    """Returns a value of a type: a dataclass or what its fields may be.

    These are numbers, texts, truth values, literals, unions, lists, tuples and dictionaries of
    them, other dataclasses, and `Any`. For a literal any value of its type is taken: a run may
    have a prior or a design that is no row of genlab's tables. A `Measured` takes its unit from
    the quantity of its key.

    Arguments:
        kind: The type.
        value: JSON values.
        place: The file that they come from, for errors.

    Raises:
        InputError: If a key is missing or unknown, or a value has another type.
    """
    return cast(T, _read(kind, value, place, ()))


def _kept(kind: Any) -> list[Field[Any]]:
    """The fields that JSON has."""
    return [field for field in fields(kind) if field.metadata.get("json", True)]


def _read(kind: Any, value: Any, place: str, path: tuple[str, ...]) -> Any:
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return _read(parts[0], value, place, path)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in parts:
            return None
        options = [part for part in parts if part is not type(None)]
        return _first(options, value, place, path)
    if is_dataclass(kind):
        return _dataclass(kind, value, place, path)
    if origin in (list, tuple) and isinstance(value, list):
        items = [_read(parts[0], one, place, (*path, str(i))) for i, one in enumerate(value)]
        return items if origin is list else tuple(items)
    if origin is dict and isinstance(value, dict):
        return {key: _read(parts[1], one, place, (*path, key)) for key, one in value.items()}
    if origin is Literal:
        kind = Union[*map(type, parts)]  # noqa: UP007 - of types known at run time
    if not fits(value, kind):
        raise InputError(f"{place}: `{'.'.join(path)}` is {str(value)[:40]!r}")
    return value


def fits(value: Any, kind: Any) -> bool:
    """Returns whether a value has a type, of those that configurations and results hold."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return fits(value, parts[0])
    if origin is Literal:
        return value in parts
    if origin in (Union, types.UnionType):
        return any(fits(value, part) for part in parts)
    if origin in (list, tuple):
        return isinstance(value, origin) and all(fits(item, parts[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(
            fits(key, parts[0]) and fits(item, parts[1]) for key, item in value.items()
        )
    if kind is Any:
        return True
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _first(options: list[Any], value: Any, place: str, path: tuple[str, ...]) -> Any:
    """The value as the first of several types that it fits."""
    for option in options[:-1]:
        try:
            return _read(option, value, place, path)
        except InputError:
            continue
    return _read(options[-1], value, place, path)


def _dataclass(kind: Any, value: Any, place: str, path: tuple[str, ...]) -> Any:
    if not isinstance(value, dict):
        raise InputError(f"{place}: `{'.'.join(path) or kind.__name__}` is no object")
    known = {field.name: field for field in _kept(kind)}
    for key in value:
        if key not in known:
            raise InputError(f"{place}: unknown `{'.'.join((*path, key))}`")
    found = {}
    for name, field in known.items():
        if name in value:
            found[name] = _read(field.type, value[name], place, (*path, name))
        elif field.default is MISSING and field.default_factory is MISSING:
            raise InputError(f"{place}: lacks `{'.'.join((*path, name))}`")
    try:
        made = kind(**found)
    except InputError as error:
        where = f", `{'.'.join(path)}`" if path else ""
        raise InputError(f"{place}{where}: {error}") from None
    if isinstance(made, Measured) and path and path[-1] in QUANTITIES:
        return replace(made, unit=QUANTITIES[path[-1]].unit)
    return made
