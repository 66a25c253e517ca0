"""Every name of genlab in the documents' Python exists."""

import ast
import importlib
import re

from collections.abc import Iterator

import pytest

from cases.documents import DOCUMENTS, blocks_of

BLOCKS = [(path.name, block) for path in DOCUMENTS for block in blocks_of(path, "python")]


def names_in(code: str) -> Iterator[str]:
    """The dotted names of genlab that a program imports or uses."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Attribute):
            yield ast.unparse(node)


def found(name: str) -> object:
    """The module or object of a dotted name."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        first, _, last = name.rpartition(".")
        return getattr(found(first), last)


@pytest.mark.parametrize(("document", "code"), BLOCKS)
def test_names_in_the_documents_exist(document: str, code: str) -> None:
    for name in names_in(code):
        if re.fullmatch(r"genlab(\.\w+)+", name):
            found(name)
