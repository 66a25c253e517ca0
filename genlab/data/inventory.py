"""The inventory of data: every named source and where it is on this machine.

Nothing is opened, fetched or drawn, and torch is not loaded.
"""

__all__ = ["inventory"]

from typing import Any

from genlab.common.errors import InputError
from genlab.data.sources import SOURCES


def inventory() -> list[dict[str, Any]]:
    """Returns a row a source: name, kind, size, licence, place, how to get it.

    Where what is in its place can be seen at once to be unusable, "problem" says why.
    """
    rows = []
    for name, source in SOURCES.items():
        place, problem = source.locate(), None
        try:
            source.glance()
        except InputError as error:
            problem = str(error)
        rows.append({
            "name": name, "kind": source.kind, "size": source.contents, "licence": source.licence,
            "place": place, "get": source.how, "problem": problem,
        })
    return rows
