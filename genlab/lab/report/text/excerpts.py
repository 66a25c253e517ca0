"""Short pieces of the installed source, read from its files: what ran is what is shown."""

__all__ = ["EXCERPTS", "excerpt", "excerpt_of"]

import ast
import textwrap

from collections.abc import Callable
from pathlib import Path

import genlab

LONGEST = 25
EXCERPTS = {
    "terms": ("vae/model.py", ("VAE.terms",)),
    "mixture": (
        "priors/gaussian.py", ("GaussianMixture.log_prob", "GaussianMixture._diagonal"),
    ),
    "vamp": ("priors/vamp.py", ("VampPrior.forward",)),
    "frechet": ("metrics/frechet_distance.py", ("_centred", "nuclear_norm", "_parts")),
}
"""File below the package, and names of its functions, of each excerpt."""


def excerpt(key: str) -> str:
    """Returns functions' source without docstrings, under a comment that says where it is.

    What is longer than 25 lines is cut, and says so.

    Raises:
        LookupError: If a function is not in that file.
    """
    return _cut(*EXCERPTS[key])


def excerpt_of(*functions: Callable[..., object]) -> str:
    """Returns the source of functions of one module, as `excerpt` does."""
    file = functions[0].__module__.partition(".")[2].replace(".", "/") + ".py"
    return _cut(file, tuple(function.__qualname__ for function in functions))


def _cut(file: str, names: tuple[str, ...]) -> str:
    source = (Path(genlab.__file__).parent / file).read_text(encoding="utf-8")
    parts = [_without_docstring(source, _find(ast.parse(source), name)) for name in names]
    lines = "\n\n".join(parts).splitlines()
    if len(lines) > LONGEST - 1:
        rest = len(lines) - (LONGEST - 2)
        lines = [*lines[: LONGEST - 2], f"    # ... {rest} more lines"]
    return "\n".join([f"# genlab/{file}", *lines])


def _without_docstring(source: str, node: ast.FunctionDef) -> str:
    lines = source.splitlines()[node.lineno - 1 : node.end_lineno]
    if ast.get_docstring(node) is not None:
        quoted = node.body[0]
        assert quoted.end_lineno is not None
        del lines[quoted.lineno - node.lineno : quoted.end_lineno - node.lineno + 1]
    return textwrap.dedent("\n".join(lines))


def _find(tree: ast.AST, name: str) -> ast.FunctionDef:
    node = tree
    for part in name.split("."):
        named = [
            child for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.FunctionDef | ast.ClassDef) and child.name == part
        ]
        if not named:
            raise LookupError(f"{name} is not in the source any more; correct EXCERPTS")
        node = named[0]
    if not isinstance(node, ast.FunctionDef):
        raise LookupError(f"{name} is not a function; correct EXCERPTS")
    return node
