"""A teacher's own names, title and look for what is handed in, from a small TOML file.

    title = "Deep Learning, Lab 3"        # instead of the lab sheet's title
    reference = "teacher.docx"            # its styles, page and header; path from the TOML file

    [names]                               # {name} and {id} stand for the author's
    docx = "Lab3_{name}_{id}.docx"
    code = "Lab3_code_{name}_{id}.zip"
    support = "Lab3_images_{name}_{id}.zip"

Every key may be left out.
"""

__all__ = ["SHEET", "Template", "check_file_name", "read_template"]

import string
import unicodedata

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genlab.common.errors import InputError
from genlab.common.formats import plain_zip
from genlab.common.formats.files import read_file
from genlab.common.formats.toml_text import LARGEST, read_table
from genlab.common.formats.word import open_in_word
from genlab.common.paths import exists

PATTERNS = {
    "docx": "实验五_{name}_{id}.docx",
    "code": "实验五代码_{name}_{id}.zip",
    "support": "实验五支撑材料_{name}_{id}.zip",
}
"""The lab sheet's names."""
KEYS = ("names", "title", "reference")
FORBIDDEN = '/\\:*?"<>|'
"""Letters that a file name cannot have on one system or another."""


@dataclass(frozen=True, kw_only=True)
class Template:
    """How what is handed in is called and looks."""

    names: dict[str, str] = field(default_factory=lambda: dict(PATTERNS))
    """Patterns of the files' names, with {name} and {id}, by "docx", "code" and "support"."""
    title: str | None = None
    """Of the report; the lab sheet's if None."""
    reference: Path | None = None
    """A Word document whose styles, page and header the report takes; genlab's own if None."""

    def file_names(self, name: str, student_id: str) -> dict[str, str]:
        """Returns the files' names for an author."""
        return {kind: p.format(name=name, id=student_id) for kind, p in self.names.items()}


SHEET = Template()
"""What the lab sheet asks for."""


def check_file_name(text: str, what: str) -> None:
    """Refuses what cannot be part of a file name on every system.

    Raises:
        InputError: Naming `what`.
    """
    if bad := sorted(set(text) & set(FORBIDDEN)):
        raise InputError(f"{what} {text!r}: {bad[0]!r} cannot stand in a file name; leave it out")
    if any(unicodedata.category(letter)[0] == "C" for letter in text):
        raise InputError(f"{what} {text!r}: holds an invisible character; leave it out")
    if text.startswith(".") or text != text.strip():
        raise InputError(f"{what} {text!r}: begins with a dot, or begins or ends with a space")


def read_template(path: Path) -> Template:
    """Reads a template.

    Raises:
        InputError: If it cannot be used, naming the file and the key.
    """
    try:
        table = read_table(read_file(path, LARGEST), f"`template` {path}")
    except FileNotFoundError:
        raise InputError(f"`template` {path}: no such file") from None
    _refuse_unknown(path, table, KEYS, "")
    names = table.get("names", {})
    if not isinstance(names, dict):
        raise InputError(f"{path}: names: must be a table: [names]")
    _refuse_unknown(path, names, tuple(PATTERNS), "names.")
    patterns = {kind: _pattern(path, kind, names.get(kind, p)) for kind, p in PATTERNS.items()}
    if len({pattern.casefold() for pattern in patterns.values()}) < len(patterns):
        raise InputError(f"{path}: names: two files would have one name")
    title = table.get("title")
    if title is not None and not (isinstance(title, str) and title.strip()):
        raise InputError(f"{path}: title: must be a text")
    return Template(names=patterns, title=title, reference=_reference(path, table))


def _refuse_unknown(path: Path, table: dict[str, Any], known: tuple[str, ...], at: str) -> None:
    if unknown := sorted(set(table) - set(known)):
        raise InputError(f"{path}: {at}{unknown[0]}: no such key; there are {', '.join(known)}")


def _pattern(path: Path, kind: str, pattern: Any) -> str:
    where = f"{path}: names.{kind}"
    suffix = Path(PATTERNS[kind]).suffix
    if not isinstance(pattern, str) or not pattern.endswith(suffix):
        raise InputError(f"{where}: must be a text that ends with {suffix!r}")
    try:
        fields = [field for _, *field in string.Formatter().parse(pattern) if field[0] is not None]
    except ValueError:
        fields = [["?"]]
    if any(field not in (["name", "", None], ["id", "", None]) for field in fields):
        raise InputError(f"{where} {pattern!r}: only {{name}} and {{id}} may stand in braces")
    check_file_name(pattern.format(name="n", id="i"), where)
    return pattern


def _reference(path: Path, table: dict[str, Any]) -> Path | None:
    given = table.get("reference")
    if given is None:
        return None
    if not isinstance(given, str):
        raise InputError(f"{path}: reference: must be the path of a .docx, a text")
    file = path.parent / given
    if not (exists(file) and file.is_file()):
        raise InputError(f"{path}: reference: no such file: {file}")
    try:
        open_in_word(read_file(file, plain_zip.LARGEST), file.name)
    except InputError as error:
        raise InputError(
            f"{path}: reference: {file} is not a Word document (.docx): {error}"
        ) from None
    return file
