"""Packages whose public names are imported when they are first used.

    __getattr__, __dir__ = lazy_names(__name__, {"frechet": "jackknife"})

at the end of a package's `__init__` makes `package.frechet` import `package.jackknife` on its
first use (PEP 562), so that importing the package itself costs nothing.
"""

__all__ = ["lazy_names"]

import importlib
import sys

from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Returns `__getattr__` and `__dir__` of a package.

    Arguments:
        package: Its `__name__`.
        homes: For each public name the module that defines it, relative to the package; a name
            that is its own home is a module of the package.
    """

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(f"{package}.{homes[name]}")
        found = module if homes[name] == name else getattr(module, name)
        setattr(sys.modules[package], name, found)
        return found

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return load, names
