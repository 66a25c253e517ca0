"""Tables of the Word document, with three lines as in papers, and numbered equations."""

__all__ = ["dress_tables", "number_equations"]

import re

from typing import Any

from docx.document import Document
from docx.enum.table import WD_ALIGN_VERTICAL, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Pt
from docx.table import Table, _Cell
from docx.text.paragraph import Paragraph

NUMBER = re.compile(r"\(\w+\)")
HEAVY, LIGHT = "12", "6"
"""Line widths, in eighths of a point."""
LATER = {qn(f"w:{tag}") for tag in ("tblLayout", "tblCellMar", "tblLook", "vAlign")}
BREAKS = re.compile(r"[ \-/]+|(?=[\u2e80-\uffef])")
"""Where a line may break."""
SIZE = 10.5
"""Points of a table's letters."""
LETTER, HAN, PADDING = 148, 1.5, 1.7
"""The width of a Latin letter in twentieths of a point; the Latin letters that a Chinese one takes,
and those that a cell's margins take. Times New Roman is narrower (105), but its place may be taken
by DejaVu Serif, of which this is a bold digit: numbers must not break in it either."""
EMU_PER_TWENTIETH = 635
FEW = 6
"""A table of at most so many rows is not broken over pages."""


def dress_tables(document: Document) -> None:
    """Gives every data table a line above, below, and under its header row."""
    for table in document.tables:
        if table.style is None or table.style.name != "Table":
            continue
        table.alignment = WD_TABLE_ALIGNMENT.CENTER
        _borders(table._tbl.tblPr, "w:tblBorders", top=HEAVY, bottom=HEAVY)
        for cell in table.rows[0].cells:
            _borders(cell._tc.get_or_add_tcPr(), "w:tcBorders", top=HEAVY, bottom=LIGHT)
            for run in (r for p in cell.paragraphs for r in p.runs):
                run.font.bold = True
        _together(table)
        _widths(table, _text_width(document))
        after = table._tbl.getnext()
        if after is not None and after.tag == qn("w:p"):  # a table has no space of its own
            Paragraph(after, table._parent).paragraph_format.space_before = Pt(8)


def _borders(properties: Any, tag: str, **sizes: str) -> None:
    for old in properties.findall(qn(tag)):
        properties.remove(old)
    borders = OxmlElement(tag)
    for side, size in sizes.items():
        line = OxmlElement(f"w:{side}")
        for key, value in (("val", "single"), ("sz", size), ("space", "0"), ("color", "000000")):
            line.set(qn(f"w:{key}"), value)
        borders.append(line)
    later = [p for p in properties if p.tag in LATER]  # the schema has borders before these
    if later:
        later[0].addprevious(borders)
    else:
        properties.append(borders)


def _together(table: Table) -> None:
    """Keeps each row on one page, the caption with the first rows, and a short table together.

    The header is repeated on every further page of a longer table.
    """
    rows = list(table.rows)
    for row in rows:
        row._tr.get_or_add_trPr().insert(0, OxmlElement("w:cantSplit"))
        for cell in row.cells:
            cell.vertical_alignment = WD_ALIGN_VERTICAL.CENTER
    for row in rows[:-1] if len(rows) <= FEW else [*rows[:3], *rows[-3:-1]]:
        for paragraph in (p for cell in row.cells for p in cell.paragraphs):
            paragraph.paragraph_format.keep_with_next = True


def _widths(table: Table, room: int) -> None:
    """Shares the text's width among the columns so that no number and no word is broken.

    Where there are too many for that, their letters become smaller.
    """
    columns = len(table.columns)
    wanted, least = [0.0] * columns, [0.0] * columns
    for row in table.rows:
        for index, cell in enumerate(row.cells):
            text = _text(cell)
            longest = max(map(_width, BREAKS.split(text)), default=0.0)
            wanted[index] = max(wanted[index], PADDING + min(_width(text), 46.0))
            least[index] = max(least[index], PADDING + min(longest, 46.0))
    letters = room / LETTER
    if sum(least) > letters:
        for run in (r for row in table.rows for c in row.cells for p in c.paragraphs for r in p.runs):
            run.font.size = Pt(SIZE * letters / sum(least))
    if sum(wanted) > letters:  # what is left over the longest words goes by what is wanted
        more = max(0.0, letters - sum(least)) / max(1e-9, sum(wanted) - sum(least))
        wanted = [low + more * (high - low) for low, high in zip(least, wanted)]
    widths = [round(width * room / sum(wanted)) for width in wanted]
    properties = table._tbl.tblPr
    total = properties.find(qn("w:tblW"))
    total.set(qn("w:type"), "dxa")
    total.set(qn("w:w"), str(sum(widths)))
    for grid, width in zip(table._tbl.tblGrid.findall(qn("w:gridCol")), widths):
        grid.set(qn("w:w"), str(width))
    for row in table.rows:
        for cell, width in zip(row.cells, widths):
            cell.width = Pt(width / 20)


def _text_width(document: Document) -> int:
    """Returns the width of the text, in twentieths of a point."""
    page: Any = document.sections[-1]
    return round((page.page_width - page.left_margin - page.right_margin) / EMU_PER_TWENTIETH)


def _text(cell: _Cell) -> str:
    """Returns all letters of a cell, those of equations included."""
    return "".join(t.text or "" for t in cell._tc.iter(qn("w:t"), qn("m:t")))


def _width(text: str) -> float:
    """Returns the width of a text in Latin letters."""
    return sum(HAN if ord(letter) > 0x2E7F else 1.0 for letter in text)


def number_equations(document: Document) -> None:
    """Puts the number "(n)" that follows a display equation at the right end of its line.

    Word has no number for an equation; a row without lines, the equation in its middle cell, is
    what every program shows alike.
    """
    body = document.element.body
    for paragraph in list(body.iterchildren(qn("w:p"))):
        after = paragraph.getnext()
        if paragraph.find(qn("m:oMathPara")) is None or after is None or after.tag != qn("w:p"):
            continue
        text = "".join(t.text or "" for t in after.iter(qn("w:t")))
        if not NUMBER.fullmatch(text.strip()):
            continue
        paragraph.addprevious(_equation_row(document, paragraph, text.strip()))
        body.remove(paragraph)
        body.remove(after)


def _equation_row(document: Document, paragraph: Any, number: str) -> Any:
    table = document.add_table(rows=1, cols=3)
    room = _text_width(document)
    widths = (room // 12, room - 2 * (room // 12), room // 12)
    table.autofit = False
    for column, cell, width in zip(table.columns, table.rows[0].cells, widths):
        column.width = cell.width = Pt(width / 20)
        cell.vertical_alignment = WD_ALIGN_VERTICAL.CENTER
        cell.paragraphs[0].style = "Compact"
    left, middle, right = table.rows[0].cells
    middle.paragraphs[0]._p.append(paragraph.find(qn("m:oMathPara")))
    right.paragraphs[0].add_run(number)
    right.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.RIGHT
    table._tbl.getparent().remove(table._tbl)
    return table._tbl
