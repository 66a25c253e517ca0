"""The table of contents of the Word document, with its entries already in it.

Word fills a TOC field only when it is told to update; other programs never do. So the entries
stand in the field as its result, each a link to its heading. They have no page numbers, which
only the program that lays the pages out can know; updating the field in Word (F9) adds them, on
tab stops with dots that the styles have ready.
"""

__all__ = ["add_contents"]

from typing import Any

from docx.document import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_TAB_ALIGNMENT, WD_TAB_LEADER
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Pt
from docx.text.paragraph import Paragraph

HEADINGS = {"Heading 1": "toc 1", "Heading 2": "toc 2"}
"""The style of an entry, by that of its heading."""
FIRST_ID = 9000
"""Above the bookmarks that pandoc makes."""
RIGHT_EDGE = Pt(16 / 2.54 * 72)


def add_contents(document: Document, lang: str) -> None:
    """Puts the table of contents before the first heading, which then begins a page."""
    headings = [p for p in document.paragraphs if p.style and p.style.name in HEADINGS]
    if not headings:
        return
    for name in HEADINGS.values():
        _add_style(document, name)
    before = headings[0]._p
    while before.getprevious() is not None and before.getprevious().tag == qn("w:bookmarkStart"):
        before = before.getprevious()
    title = _paragraph(document, before, "TOC Heading")
    title.add_run({"zh": "目录", "en": "Contents"}[lang])
    for index, heading in enumerate(headings):
        name = f"_Toc{FIRST_ID + index}"
        _bookmark(heading._p, name, FIRST_ID + index)
        entry = _paragraph(document, before, HEADINGS[heading.style.name])  # pyright: ignore
        if index == 0:
            _field(entry, "begin", ' TOC \\o "1-2" \\h \\z \\u ')
            _field(entry, "separate")
        link = OxmlElement("w:hyperlink")
        link.set(qn("w:anchor"), name)
        link.set(qn("w:history"), "1")
        run = OxmlElement("w:r")
        text = OxmlElement("w:t")
        text.text = heading.text
        run.append(text)
        link.append(run)
        entry._p.append(link)
        if index == len(headings) - 1:
            _field(entry, "end")
    headings[0].paragraph_format.page_break_before = True


def _add_style(document: Document, name: str) -> None:
    if name in [style.name for style in document.styles]:
        return
    style: Any = document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH, builtin=True)
    style.base_style = document.styles["Normal"]
    style.paragraph_format.tab_stops.add_tab_stop(
        RIGHT_EDGE, WD_TAB_ALIGNMENT.RIGHT, WD_TAB_LEADER.DOTS
    )


def _paragraph(document: Document, before: Any, style: str) -> Paragraph:
    element = OxmlElement("w:p")
    before.addprevious(element)
    paragraph = Paragraph(element, document._body)
    paragraph.style = style
    return paragraph


def _bookmark(heading: Any, name: str, number: int) -> None:
    start, end = OxmlElement("w:bookmarkStart"), OxmlElement("w:bookmarkEnd")
    for element in (start, end):
        element.set(qn("w:id"), str(number))
    start.set(qn("w:name"), name)
    first_run = heading.find(qn("w:r"))
    first_run.addprevious(start)
    heading.append(end)


def _field(paragraph: Paragraph, kind: str, instruction: str | None = None) -> None:
    run = paragraph.add_run()
    mark = OxmlElement("w:fldChar")
    mark.set(qn("w:fldCharType"), kind)
    run._r.append(mark)
    if instruction is not None:
        asked = paragraph.add_run()
        text = OxmlElement("w:instrText")
        text.set(qn("xml:space"), "preserve")
        text.text = instruction
        asked._r.append(text)
