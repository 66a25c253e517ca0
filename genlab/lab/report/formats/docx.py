"""Markdown to Word by pandoc, the only one of the ways tried that gets every equation right.

Pandoc makes the document with native equations, on a page of ours; python-docx then sets what
pandoc leaves to its own taste (its styles for code come with each document, not before): styles, three-line tables, equation numbers, sizes of pictures, and who wrote it.
"""

__all__ = ["write_docx"]

import copy
import io
import subprocess
import tempfile

from datetime import UTC, datetime
from pathlib import Path

import docx
import pypandoc

from docx.document import Document
from docx.oxml import OxmlElement
from docx.oxml.ns import qn

from genlab.common import atomic
from genlab.common.formats.files import read_file
from genlab.common.formats.plain_zip import LARGEST
from genlab.common.formats.word import open_in_word
from genlab.common.system_errors import naming
from genlab.common.text import one_line
from genlab.lab.report.formats.pandoc import for_word, parse, write
from genlab.lab.report.formats.pictures import embed_pictures, shrunk
from genlab.lab.report.formats.styles import dress_page, dress_styles
from genlab.lab.report.formats.tables import dress_tables, number_equations
from genlab.lab.report.formats.toc import add_contents

LONGEST = 255
"""Letters of an author, for python-docx."""
DOTS_PER_INCH = 260
EMU_PER_INCH = 914400


def write_docx(
    markdown: str, target: Path, resources: Path, lang: str, author: str, title: str,
    template: Path | None = None,
) -> None:
    r"""Writes a Word document.

    Arguments:
        markdown: Pandoc Markdown; `\tag{n}` in a display equation is its number.
        target: The file, replaced wholly or not at all.
        resources: The folder that paths of pictures are relative to.
        lang: "zh" or "en": Chinese paragraphs begin two characters in.
        author: The author, also the one who last modified it.
        title: The title, also at the head of each page.
        template: A Word document whose own styles, page and header are taken instead of ours.

    Raises:
        InputError: If a picture is missing or damaged, or the template cannot be read.
        RuntimeError: If pandoc warns of anything.
    """
    parsed = parse(for_word(markdown))  # an equation's number goes into its row later
    embed_pictures(parsed, resources)
    with tempfile.TemporaryDirectory() as folder, naming(folder):
        reference = Path(folder) / "reference.docx"
        kept = _write_reference(reference, title, template)
        made = write(
            parsed, "docx", f"--reference-doc={reference}", "--syntax-highlighting=pygments"
        )
    # what pandoc takes over of a template may still be odd
    document = open_in_word(made, target.name if template is None else str(template))
    add_contents(document, lang)
    dress_styles(document, lang, kept)
    dress_tables(document)
    number_equations(document)
    _dress_pictures(document)
    _sign(document, author, title, lang)
    atomic.write_bytes(target, _bytes_of(document))


def _write_reference(target: Path, title: str, template: Path | None) -> frozenset[str]:
    """Writes the document whose page and styles pandoc takes: pictures are fitted to its width.

    That is pandoc's own with our page, or the given one, with the styles that it lacks.

    Returns:
        The names of the styles that are to stay as they are.

    Raises:
        InputError: If the given document cannot be read.
    """
    command = [pypandoc.get_pandoc_path(), "--print-default-data-file", "reference.docx"]
    default = subprocess.run(command, capture_output=True, check=True).stdout
    document = docx.Document(io.BytesIO(default))
    if template is None:
        dress_page(document, title)
        target.write_bytes(_bytes_of(document))
        return frozenset()
    given = open_in_word(read_file(template, LARGEST), str(template))
    there = {style.style_id for style in given.styles}
    kept = frozenset(style.name or "" for style in given.styles)
    for style in document.styles:
        if style.style_id not in there:
            given.styles.element.append(copy.deepcopy(style.element))
    target.write_bytes(_bytes_of(given))
    return kept


def _bytes_of(document: Document) -> bytes:
    """Returns the file: one that is written piece by piece cannot be closed on a full disk."""
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def _dress_pictures(document: Document) -> None:
    """Reduces pictures to the resolution of print, and repeats their alternative text inside."""
    widths: dict[str, int] = {}
    for inline in document.element.body.iter(qn("wp:inline")):
        described = inline.find(qn("wp:docPr"))
        inner = next(inline.iter(qn("pic:cNvPr")))
        inner.set("descr", described.get("descr"))
        for side in ("distT", "distB", "distL", "distR"):  # LibreOffice's default is not zero
            inline.set(side, "0")
        part = next(inline.iter(qn("a:blip"))).get(qn("r:embed"))
        widths[part] = max(widths.get(part, 0), int(inline.find(qn("wp:extent")).get("cx")))
    for name, width in widths.items():
        part = document.part.related_parts[name]
        most = round(width / EMU_PER_INCH * DOTS_PER_INCH)
        part._blob = shrunk(part.blob, str(part.partname), most)


def _sign(document: Document, author: str, title: str, lang: str) -> None:
    """Sets the document properties that programs show."""
    core, now = document.core_properties, datetime.now(UTC).replace(tzinfo=None)
    core.author = core.last_modified_by = one_line(author)[:LONGEST]
    core.title, core.language = title, {"zh": "zh-CN", "en": "en-US"}[lang]
    core.comments = core.keywords = core.subject = core.category = ""
    core.created = core.modified = now
    core.revision = 1
    settings = document.settings.element
    if settings.find(qn("w:compat")) is None:  # else Word opens it in compatibility mode
        compat = OxmlElement("w:compat")
        mode = OxmlElement("w:compatSetting")
        mode.set(qn("w:name"), "compatibilityMode")
        mode.set(qn("w:uri"), "http://schemas.microsoft.com/office/word")
        mode.set(qn("w:val"), "15")
        compat.append(mode)
        settings.find(qn("w:rsids")).addprevious(compat)  # the place that the schema gives it
