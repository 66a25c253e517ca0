"""The inventory of data: every named source, where it is on this machine, and its identity."""

__all__ = ["describe_source", "inventory"]

from dataclasses import asdict
from pathlib import Path
from typing import Any

from genlab.common.errors import InputError
from genlab.data.image_set import load_images
from genlab.data.open import digits
from genlab.data.sources import SOURCES, named


def describe_source(source: str) -> dict[str, Any]:
    """Returns the identity of a SOURCE, fetched first if need be.

    Raises:
        InputError: If there is no such source or it cannot be had.
    """
    row, _ = named(source)
    path = Path(source)
    holds_digits = path.suffix in (".npz", ".npy") or any(path.glob("*idx3*"))
    if holds_digits if row is None else row.kind == "digits":
        return asdict(digits(source).identity)
    return asdict(load_images(source, 64).identity)


def inventory() -> list[dict[str, Any]]:
    """Returns a row a source: name, kind, size, licence, place, how to get it, identity.

    Where what is in its place cannot be used, "problem" says why, and there is no identity.
    """
    rows = []
    for name, source in SOURCES.items():
        place, identity, problem = source.locate(), None, None
        try:
            identity = describe_source(name) if place else None
        except InputError as error:
            problem = str(error)
        rows.append({
            "name": name, "kind": source.kind, "size": source.contents, "licence": source.licence,
            "place": place, "get": source.how, "identity": identity, "problem": problem,
        })
    return rows
