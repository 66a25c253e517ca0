"""The report's Markdown through pandoc, which runs in its sandbox.

A record's text is literal in the Markdown (`numbers/bound.py`). Were it not, it could still do
nothing: the reader knows the Markdown that `writer.py` writes and nothing else (no HTML, no TeX
outside of formulas, no metadata, no notes); what it makes of a report is looked through before it
is written, for elements, links and pictures that a report does not have; and in its sandbox pandoc
opens no address, and no file but those that its command names. So pictures go in as data.
"""

__all__ = ["PICTURE", "Document", "for_word", "images_of", "parse", "write"]

import json
import re
import subprocess

from collections.abc import Iterator
from typing import Any

import pypandoc

from genlab.common.errors import InputError

Document = dict[str, Any]
"""A document as pandoc's JSON has it."""

EXTENSIONS = (
    "all_symbols_escapable", "backtick_code_blocks", "blank_before_header", "bracketed_spans",
    "east_asian_line_breaks", "fenced_code_attributes", "fenced_divs", "header_attributes",
    "intraword_underscores", "link_attributes", "pipe_tables", "smart", "tex_math_dollars",
)
READER = "markdown_strict-raw_html-shortcut_reference_links+" + "+".join(EXTENSIONS)
ELEMENTS = frozenset({
    "Header", "Para", "Plain", "Div", "BulletList", "CodeBlock", "Table", "Str", "Space",
    "SoftBreak", "Strong", "Emph", "Code", "Math", "Span", "Link", "Image", "ColWidth",
})
"""What a report is made of. The names of alignments and of the two kinds
of formulas have no content and are not counted."""
PICTURE = re.compile(r"\.\./[\w/-]+\.png")
"""The way from the report's folder to a picture of the run."""
TAG = re.compile(r"\s*\\tag\{(\w+)\}\s*\$\$")
LONGEST = 2 << 20
"""Letters of Markdown."""
SECONDS = 120


def parse(markdown: str, columns: int = 72) -> Document:
    """Reads a report's Markdown.

    Arguments:
        markdown: The Markdown.
        columns: Letters of a line: the columns of a table with a longer one share the page.

    Raises:
        InputError: If it is too long, or holds what a report does not.
        RuntimeError: If pandoc fails.
    """
    if len(markdown) > LONGEST:
        raise InputError(f"the records give a report of {len(markdown):,} letters: too long")
    made = _run(markdown, f"--from={READER}", "--to=json", f"--columns={columns}")
    document: Document = json.loads(made)
    for element in _elements(document["blocks"]):
        kind, content = element["t"], element["c"]
        if kind == "Link" and not content[2][0].startswith("#"):
            kind = "a link to elsewhere"
        elif kind == "Image" and not PICTURE.fullmatch(content[2][0]):
            kind = "a picture from elsewhere"
        elif kind in ELEMENTS:
            continue
        raise InputError(f"the records give a report with {kind}, which no report has")
    return document


def for_word(markdown: str) -> str:
    """Returns a report's Markdown with the numbers of equations behind them.

    pandoc knows no \\tag in Word.
    """
    return TAG.sub(r"\n$$ (\1)", markdown)


def write(document: Document, form: str, *options: str) -> bytes:
    """Returns a document in one of pandoc's formats.

    Raises:
        RuntimeError: If pandoc fails, or warns of anything.
    """
    return _run(
        json.dumps(document), "--from=json", f"--to={form}", "--output=-", "--fail-if-warnings",
        *options,
    )


def images_of(document: Document) -> list[list[str]]:
    """Returns the targets of a document's pictures in their order, to be changed in place.

    A target is a list of a path or data URI and a title.
    """
    found = _elements(document["blocks"])
    return [element["c"][2] for element in found if element["t"] == "Image"]


def _run(text: str, *arguments: str) -> bytes:
    command = [pypandoc.get_pandoc_path(), "--sandbox", *arguments]
    try:
        done = subprocess.run(
            command, input=text.encode(), capture_output=True, check=True, timeout=SECONDS
        )
    except subprocess.CalledProcessError as error:
        said = " ".join(error.stderr.decode(errors="replace").split())
        raise RuntimeError(f"pandoc: {said}") from None
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"pandoc: not done after {SECONDS} s") from None
    return done.stdout


def _elements(value: Any) -> Iterator[dict[str, Any]]:
    """The elements with content inside a JSON value of pandoc's, in reading order."""
    if isinstance(value, dict) and "c" in value:
        yield value
    for part in value.values() if isinstance(value, dict) else value:
        if isinstance(part, dict | list):
            yield from _elements(part)
