"""Numbers that know which record they come from, so that none in a report is typed by hand.

`bind` turns the values of a JSON record into floats, integers and texts that carry an origin, a
file of the run and an RFC 6901 pointer into it:

    gan/fid.json#/distances/0/value

Arithmetic keeps the origins and says that the result is derived. Formatted, by an f-string or by
`genlab.lab.report.numbers.numbers`, such a value stands between marks that `release` takes out again,
together with the list of all that was shown. A digit that was never between marks was therefore
typed, and a test names the few that may be.

A record's text is never Markdown: it gets into a document between marks only (a bound text *is*
its marked form, however it is joined), and `release`, the one place where marks end, writes it so
that pandoc takes it letter for letter. What comes from elsewhere, a name or a title of the command
line, is marked by `literal`.
"""

__all__ = ["Shown", "bind", "like", "literal", "mark", "origin", "plain", "release"]

import json
import operator
import re

from collections.abc import Callable
from typing import Any, NamedTuple

from genlab.common.text import one_line
from genlab.runs.records import Record

START, MIDDLE, END = "\ue000", "\ue001", "\ue002"
"""Private characters of Unicode: `one_line` leaves none in a text."""
MARKED = re.compile(f"{START}([^{MIDDLE}]*){MIDDLE}([^{END}]*){END}")
QUOTED = re.compile(f"(`?){MARKED.pattern}(`?)")
PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
"""All of ASCII: behind a backslash pandoc takes each of them literally."""


class Shown(NamedTuple):
    """One value as a report shows it."""

    text: str
    value: float | int | str
    origin: list[str]
    """FILE#POINTER of each value of a record that it was made from."""
    derived: bool
    """Whether it was computed from them; else it is the value itself, perhaps rounded."""


class _Bound:
    """What the three kinds of bound values share."""

    origin: frozenset[str]
    derived: bool


class _Number(_Bound):
    """Arithmetic that keeps the origins."""

    def __format__(self, spec: str) -> str:
        return _marked(format(plain(self), spec), plain(self), self.origin, self.derived)

    def __str__(self) -> str:
        return format(self, "")

    def __add__(self, other: Any) -> Any:
        return _apply(operator.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return _apply(operator.add, other, self)

    def __sub__(self, other: Any) -> Any:
        return _apply(operator.sub, self, other)

    def __rsub__(self, other: Any) -> Any:
        return _apply(operator.sub, other, self)

    def __mul__(self, other: Any) -> Any:
        return _apply(operator.mul, self, other)

    def __rmul__(self, other: Any) -> Any:
        return _apply(operator.mul, other, self)

    def __truediv__(self, other: Any) -> Any:
        return _apply(operator.truediv, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _apply(operator.truediv, other, self)

    def __neg__(self) -> Any:
        return like(-plain(self), self)

    def __abs__(self) -> Any:
        return like(abs(plain(self)), self)

    def __round__(self, places: int | None = None) -> Any:
        return like(round(plain(self), places), self)


class _Float(_Number, float):
    pass


class _Int(_Number, int):
    pass


class _Text(_Bound, str):
    """A text; what `str` sees of it is its marked form. `plain` gives the text."""

    text: str

    def __new__(cls, text: str, sources: frozenset[str], derived: bool) -> "_Text":
        made = super().__new__(cls, _marked(_line(text), text, sources, derived))
        made.text, made.origin, made.derived = text, sources, derived
        return made

    def __eq__(self, other: object) -> bool:
        return self.text == plain(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.text)

    def __format__(self, spec: str) -> str:
        return str.__str__(self)

    def __str__(self) -> str:
        return str.__str__(self)

    __repr__ = __str__


def bind(value: Any, file: str, place: str = "", pointer: str = "") -> Any:
    """Returns a JSON value with every number and text bound to its place in `file`.

    Arguments:
        value: What was read from the file, or a part of it.
        file: The file, relative to the run.
        place: The file as errors name it.
        pointer: Where `value` stands in the file, as an RFC 6901 pointer.
    """
    if isinstance(value, dict):
        parts = {k: bind(v, file, place, f"{pointer}/{_token(k)}") for k, v in value.items()}
        return Record(parts, f"{place or file}{f' ({pointer})' if pointer else ''}")
    if isinstance(value, list):
        return [bind(v, file, place, f"{pointer}/{i}") for i, v in enumerate(value)]
    return _make(value, frozenset([f"{file}#{pointer}"]), False)


def like(value: Any, *parents: Any) -> Any:
    """Returns `value` as derived from all of `parents`, each a bound value, or FILE#POINTER."""
    found: frozenset[str] = frozenset()
    for parent in parents:
        found |= {parent} if type(parent) is str else origin(parent)
    return _make(value, found, True) if found else value


def origin(value: Any) -> frozenset[str]:
    """Returns the FILE#POINTER of all that a value was made from; nothing if it is not bound."""
    return value.origin if isinstance(value, _Bound) else frozenset()


def plain(value: Any) -> Any:
    """Returns the value without its origin."""
    if isinstance(value, _Float):
        return float.__pos__(value)
    if isinstance(value, _Int):
        return int.__pos__(value)
    return value.text if isinstance(value, _Text) else value


def mark(text: str, value: float | None) -> str:
    """Returns `text`, what is shown of a number, between marks if it is bound."""
    if not isinstance(value, _Float | _Int):
        return text
    return _marked(text, plain(value), value.origin, value.derived)


def literal(text: str) -> str:
    """Marks a text that is neither ours nor of a record, a bound one included."""
    return _marked(_line(plain(text)), plain(text), origin(text), False)


def release(text: str) -> tuple[str, list[Shown]]:
    """Takes the marks out of Markdown, and makes the texts between them literal.

    Returns:
        The Markdown, and what of the records was shown between marks, in order.
    """
    shown = []

    def let_go(found: re.Match[str]) -> str:
        before, note, part, after = found.groups()
        value, sources, derived = json.loads(note)
        if sources:
            shown.append(Shown(part, value, sources, derived))
        if isinstance(value, str) and before and after:
            return _code(part)
        if isinstance(value, str):
            part = PUNCTUATION.sub(r"\\\1", part)
        return before + part + after

    return QUOTED.sub(let_go, text), shown


def _line(text: str) -> str:
    """A text as it stands in a paragraph."""
    return one_line(" ".join(text.split()))


def _code(text: str) -> str:
    """Returns a code span, which ends at as many backticks as it began with."""
    if not text:
        return ""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    room = " " if "`" in text else ""
    return f"{fence}{room}{text}{room}{fence}"


def _marked(text: str, value: Any, sources: frozenset[str], derived: bool) -> str:
    note = json.dumps([value, sorted(sources), derived], ensure_ascii=True)
    return f"{START}{note}{MIDDLE}{text}{END}"


def _apply(operation: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    return like(operation(plain(a), plain(b)), a, b)


def _make(value: Any, sources: frozenset[str], derived: bool) -> Any:
    if type(value) is str:
        return _Text(value, sources, derived)
    kinds = {float: _Float, int: _Int}
    if type(value) not in kinds:  # a truth value, or nothing at all
        return value
    made = kinds[type(value)](value)
    made.origin, made.derived = sources, derived
    return made


def _token(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
