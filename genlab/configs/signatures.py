"""Keywords of constructors, read from their source files.

A prior, a likelihood or a design is built by its constructor, where alone its defaults stand. The
command line offers the same keywords as options, and must not import torch to know them. So this
module parses the source: a table such as

    from genlab.priors.mixture import Mixture

    PRIORS = {"mixture": Mixture}

and of each class in it the signature of `__init__` and the section "Arguments:" of its docstring.
A keyword is a parameter that has a default.
"""

__all__ = ["Keyword", "Keywords", "Signatures", "read_keywords", "read_signatures"]

import ast
import math
import re
import textwrap
import types

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import tyro

from genlab.common.errors import InputError
from genlab.common.typed_json import fits

ROOT = Path(__file__).parents[2]
"""The folder that the package `genlab` is in."""
LONGEST = 32
"""The largest number of items of a tuple, say of layers."""
PLAIN = {"int": int, "float": float, "str": str, "bool": bool}


@dataclass(frozen=True)
class Keyword:
    """A keyword of a constructor."""

    name: str
    type: Any
    """int, float, str, bool, a `Literal`, `tuple[T, ...]` (also for `Sequence[T]`), or a union of
    these and None."""
    default: Any
    doc: str
    """Its line in the docstring."""


Keywords = Mapping[str, Keyword]


@dataclass(frozen=True)
class Signatures:
    """The constructors in a table, known by their keywords."""

    kind: str
    """A noun for its rows, say "prior"."""
    rows: Mapping[str, Keywords]
    """The keywords of every constructor, by its name in the table."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """The largest value of a keyword, or of each item of a tuple, by the keyword's name."""

    def complete(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Returns all keywords of a constructor: the given ones, and the defaults of the others.

        Arguments:
            name: The constructor's name in the table.
            given: Keywords; lists become tuples.

        Raises:
            InputError: If there is no such constructor, it does not take a keyword, or a value
                has the wrong type or is too large.
        """
        if name not in self.rows:
            raise InputError(f"`{self.kind}` must be one of {', '.join(self.rows)}, not {name!r}")
        keywords = self.rows[name]
        values = {key: keyword.default for key, keyword in keywords.items()}
        for key, value in given.items():
            if key not in keywords:
                takes = ", ".join(f"`{self.kind}.{own}`" for own in keywords) or "none"
                raise InputError(
                    f"`{self.kind}.{key}` is no option of the {self.kind} {name!r}, which takes "
                    f"{takes}"
                )
            values[key] = self._checked(keywords[key], value)
        return values

    def _checked(self, keyword: Keyword, value: Any) -> Any:
        value = tuple(value) if isinstance(value, list) else value
        where = f"`{self.kind}.{keyword.name}`"
        if not fits(value, keyword.type):
            raise InputError(f"{where} must be {described(keyword.type)}, not {value!r}")
        if isinstance(value, tuple) and len(value) > LONGEST:
            raise InputError(f"{where} must have at most {LONGEST} items, not {len(value)}")
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, float) and not math.isfinite(item):
                raise InputError(f"{where} must be a finite number, not {item}")
            most = self.limits.get(keyword.name)
            if most is not None and isinstance(item, int | float) and item > most:
                raise InputError(f"{where} must be at most {most}, not {item}")
        return value

    @contextmanager
    def prefixed(self) -> Iterator[None]:
        """Makes errors inside the block name keywords as configurations do: `prior.bins`.

        Raises:
            InputError: In place of one that a constructor raised.
        """
        names = {name for keywords in self.rows.values() for name in keywords}
        try:
            yield
        except InputError as error:
            def prefix(found: re.Match[str]) -> str:
                return f"`{self.kind}.{found[1]}`" if found[1] in names else found[0]

            raise InputError(re.sub(r"`(\w+)`", prefix, str(error))) from error

    def options(self) -> Callable[..., dict[str, Any]]:
        """Returns a function for tyro: it takes every keyword of the table as an option.

        It returns those that are given. The help of an option holds the documentation and the
        default of every row that has it.
        """

        def given(**options: Any) -> dict[str, Any]:
            return {key: value for key, value in options.items() if value is not None}

        names = dict.fromkeys(key for keywords in self.rows.values() for key in keywords)
        parameters = [
            Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=self._option(name))
            for name in names
        ]
        given.__signature__ = Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
        given.__annotations__ = {p.name: p.annotation for p in parameters} | {
            "return": dict[str, Any]
        }
        return given

    def _option(self, name: str) -> Any:
        """Returns the annotation of the option that sets a keyword, of all rows that have it."""
        keywords = {row: found[name] for row, found in self.rows.items() if name in found}
        defaults: dict[str, dict[str, list[str]]] = {}
        for row, keyword in keywords.items():
            by_default = defaults.setdefault(keyword.doc, {})
            by_default.setdefault(shown(keyword.default), []).append(row)
        texts = [
            f"{doc.removesuffix('.')} ("
            + "; ".join(f"{', '.join(rows)}: {value}" for value, rows in by_default.items()) + ")."
            for doc, by_default in defaults.items()
        ]
        kinds = dict.fromkeys(keyword.type for keyword in keywords.values())
        help_ = tyro.conf.arg(help=" ".join(texts), help_behavior_hint="", metavar=metavar(*kinds))
        return Annotated[Union[*kinds, None], help_]  # noqa: UP007 - of types known at run time


def read_signatures(
    kind: str, file: str, name: str, limits: Mapping[str, float] | None = None
) -> Signatures:
    """Reads a table of constructors, `NAME = {"row": Class, ...}`, and the classes' keywords.

    Arguments:
        kind: A noun for the rows, say "prior".
        file: The file that holds the table, from the package's parent folder.
        name: The table's name.
        limits: The largest value of a keyword, by its name.
    """
    tree = _parsed(file)
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=target)], value=ast.Dict() as value)
                | ast.AnnAssign(target=ast.Name(id=target), value=ast.Dict() as value)
            ) if target == name:
                rows = {
                    ast.literal_eval(key): read_keywords(*_home(tree, file, row))
                    for key, row in zip(value.keys, value.values)
                    if isinstance(key, ast.Constant) and isinstance(row, ast.Name)
                }
                return Signatures(kind, rows, limits or {})
    raise LookupError(f"{file} has no table {name}")


def read_keywords(file: str, name: str) -> dict[str, Keyword]:
    """Reads the keywords of a class's constructor, which may be that of its base class.

    Arguments:
        file: The class's file, from the package's parent folder.
        name: The class's name.

    Raises:
        LookupError: If the file has no such class.
        TypeError: If a keyword has an annotation that is not one of those of `Keyword.type`.
    """
    tree = _parsed(file)
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            for part in node.body:
                if isinstance(part, ast.FunctionDef) and part.name == "__init__":
                    return _keywords(part.args, ast.get_docstring(node) or "")
            base = node.bases[0] if node.bases else None
            return read_keywords(*_home(tree, file, base)) if isinstance(base, ast.Name) else {}
    raise LookupError(f"{file} has no class {name}")


def _parsed(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


def _home(tree: ast.Module, file: str, name: ast.Name) -> tuple[str, str]:
    """Returns the file of a class that a module defines or imports, and its name there."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if (alias.asname or alias.name) == name.id:
                    return node.module.replace(".", "/") + ".py", alias.name
    return file, name.id


def _keywords(arguments: ast.arguments, docstring: str) -> dict[str, Keyword]:
    docs = argument_docs(docstring)
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = [
        *zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults),
        *zip(arguments.kwonlyargs, arguments.kw_defaults),
    ]
    return {
        argument.arg: Keyword(
            argument.arg, _type(argument.annotation), ast.literal_eval(default),
            docs.get(argument.arg, ""),
        )
        for argument, default in pairs if default is not None
    }


def _type(node: ast.expr | None) -> Any:
    """Returns the type that an annotation means."""
    match node:
        case ast.Name(id=name) if name in PLAIN:
            return PLAIN[name]
        case ast.Constant(value=None):
            return type(None)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _type(left) | _type(right)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=values):
            return Literal[ast.literal_eval(values)]
        case ast.Subscript(value=ast.Name(id="Sequence"), slice=item):
            return tuple[_type(item), ...]
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=[item, _])):
            return tuple[_type(item), ...]
    raise TypeError(f"no type for a keyword: {ast.unparse(node) if node else 'no annotation'}")


def argument_docs(docstring: str) -> dict[str, str]:
    """Returns the text of every argument in the section "Arguments:" of a docstring."""
    section = re.search(r"^Arguments:\n((?:[ ]+.*\n?|\n)*)", docstring, re.MULTILINE)
    if section is None:
        return {}
    found: dict[str, str] = {}
    name = ""
    for line in textwrap.dedent(section[1]).splitlines():
        if start := re.match(r"(\w+): (.*)", line):
            name, found[start[1]] = start[1], start[2]
        elif line.strip():
            found[name] += " " + line.strip()
    return found


def described(kind: Any) -> str:
    """Returns the words for a type in an error message."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return "one of " + ", ".join(map(str, parts))
    if origin in (Union, types.UnionType):
        return " or ".join(described(part) for part in parts)
    if origin is tuple:
        return {int: "whole numbers", float: "numbers"}.get(parts[0], "a sequence")
    if kind is type(None):
        return "None"
    return {int: "a whole number", float: "a number", str: "a word", bool: "true or false"}[kind]


def metavar(*kinds: Any) -> str:
    """Returns the placeholder of an option's value in the help."""
    shown: list[str] = []
    for kind in kinds:
        origin, parts = get_origin(kind), get_args(kind)
        if origin is Literal:
            shown.append("{" + ",".join(map(str, parts)) + "}")
        elif origin in (Union, types.UnionType):
            shown.append(metavar(*(part for part in parts if part is not type(None))))
        elif origin is tuple:
            shown.append("[{0} [{0} ...]]".format(metavar(parts[0])))
        else:
            shown.append(kind.__name__.upper())
    return "|".join(dict.fromkeys(shown))


def shown(default: Any) -> str:
    """Returns a default as the command line writes it."""
    return " ".join(map(str, default)) if isinstance(default, tuple) else str(default)
