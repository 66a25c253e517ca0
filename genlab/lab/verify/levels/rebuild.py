"""The report as it must be: written again from the records, by the code that is installed here.

Pictures are left out of it; they are compared file by file.
"""

__all__ = ["Rebuilt", "rebuild"]

import io
import re

from pathlib import Path
from typing import NamedTuple

import docx

from genlab.common.formats.files import read_file
from genlab.common.formats.plain_zip import LARGEST
from genlab.common.formats.word import WordDocument
from genlab.lab.handin.submission import TITLES
from genlab.lab.handin.template import SHEET, Template
from genlab.lab.report.formats.pandoc import for_word, parse, write
from genlab.lab.report.formats.toc import add_contents
from genlab.lab.report.text.text import compose
from genlab.lab.verify.readers.docx_reader import equations_of, paragraphs_of, read_docx
from genlab.lab.verify.results.findings import Refused
from genlab.runs.run import Run

PICTURE = re.compile(r"!\[[^\]]*\]\(([^)]*)\)\{width=[\d.]+cm\}")


class Rebuilt(NamedTuple):
    """The report that the records give."""

    paragraphs: list[str]
    equations: list[str]
    margins: list[str]
    """Texts of its headers and footers, but for page numbers."""
    pictures: list[str]
    """Paths below the run, in reading order."""


def rebuild(
    run: Path, lang: str, name: str | None, number: str | None, template: Template = SHEET
) -> Rebuilt:
    """Writes the report on a run again.

    Arguments:
        run: The run, rebuilt from the archives.
        lang: "zh" or "en".
        name: The author's name.
        number: The author's student number.
        template: Its title, and the document with its page, if it has one.

    Raises:
        InputError: If the run lacks something that the report is made from.
        Refused: If no report can be made of it.
    """
    markdown = compose(Run(run), lang, name, number, template.title).text()
    pictures = [path.removeprefix("../") for path in PICTURE.findall(markdown)]
    try:
        made = write(parse(for_word(PICTURE.sub("", markdown))), "docx")
    except RuntimeError as error:
        raise Refused(f"pandoc makes no document of the records ({error})") from None
    document = docx.Document(io.BytesIO(made))  # made here, by pandoc
    add_contents(document, lang)
    buffer = io.BytesIO()
    document.save(buffer)
    body = WordDocument(buffer.getvalue(), "report.docx").xml("word/document.xml")
    margins = [template.title or TITLES[lang]]
    if template.reference is not None:
        reference = template.reference
        margins = read_docx(read_file(reference, LARGEST), reference.name).margins
    return Rebuilt(paragraphs_of(body), equations_of(body), margins, pictures)
