"""Excerpts of the installed source, so that a report shows the code that ran."""

__all__ = ["LONGEST", "excerpt"]

import ast
import inspect
import textwrap

from collections.abc import Callable

LONGEST = 25
"""The largest number of lines of an excerpt."""


def excerpt(*functions: Callable[..., object]) -> str:
    """Returns functions' source without docstrings, under a comment that names the file.

    An excerpt of more than 25 lines is cut, and says so.

    Arguments:
        functions: Functions or methods of one module.
    """
    lines = "\n\n".join(_without_docstring(function) for function in functions).splitlines()
    if len(lines) > LONGEST - 1:
        rest = len(lines) - (LONGEST - 2)
        lines = [*lines[: LONGEST - 2], f"    # ... {rest} more lines"]
    return "\n".join([f"# {functions[0].__module__.replace('.', '/')}.py", *lines])


def _without_docstring(function: Callable[..., object]) -> str:
    source = textwrap.dedent(inspect.getsource(function))
    (node,) = ast.parse(source).body
    assert isinstance(node, ast.FunctionDef)
    lines = source.splitlines()[node.lineno - 1 : node.end_lineno]  # without decorators
    if ast.get_docstring(node) is not None:
        quoted = node.body[0]
        assert quoted.end_lineno is not None
        del lines[quoted.lineno - node.lineno : quoted.end_lineno - node.lineno + 1]
    return "\n".join(lines)
