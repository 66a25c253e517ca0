"""The look of the Word document: page, header, footer, and fonts, sizes and spacing of each style.

East-Asian fonts are named outright and theme fonts removed: with pandoc's own styles Chinese text
falls to whatever the theme gives. Chinese body text is 宋体, headings are 黑体 (as Chinese
universities ask for), Latin letters Times New Roman. Text is not justified: a formula or a number
with its error cannot be broken, and a line before one would be torn apart.
"""

__all__ = ["dress_page", "dress_styles", "set_fonts"]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from docx.document import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor

SONG, HEI, LATIN, CODE = "宋体", "黑体", "Times New Roman", "Consolas"
LEFT, CENTRE = WD_ALIGN_PARAGRAPH.LEFT, WD_ALIGN_PARAGRAPH.CENTER
DARK, GREY = "1F2937", "6B7280"


@dataclass(frozen=True, kw_only=True)
class Look:
    """A paragraph style; sizes and spaces in points."""

    size: float
    font: str = SONG
    bold: bool = False
    colour: str | None = None
    before: float = 0
    after: float = 0
    line: float = 1.0
    align: WD_ALIGN_PARAGRAPH = LEFT
    keep_next: bool = False
    indent: bool = False
    """Chinese paragraphs are indented by two characters."""


LOOKS = {
    "Normal": Look(size=12, line=1.25),
    "Body Text": Look(size=12, line=1.3, after=3, indent=True),
    "First Paragraph": Look(size=12, line=1.3, after=3, indent=True),
    "Compact": Look(size=10.5, before=2, after=2, line=1.15),
    "Title": Look(size=18, font=HEI, bold=True, before=4, after=6, align=CENTRE),
    "Subtitle": Look(size=14, font=HEI, before=2, after=4, align=CENTRE),
    "Author": Look(size=12, before=4, after=14, align=CENTRE),
    "Heading 1": Look(size=16, font=HEI, bold=True, colour=DARK, before=18, after=8,
                      keep_next=True),
    "Heading 2": Look(size=14, font=HEI, bold=True, colour=DARK, before=12, after=6,
                      keep_next=True),
    "Figure Row": Look(size=10.5, before=4, after=2, align=CENTRE),
    "Captioned Figure": Look(size=10.5, before=4, after=2, align=CENTRE, keep_next=True),
    "Image Caption": Look(size=10.5, font=HEI, before=2, after=10, align=CENTRE),
    "Table Caption": Look(size=10.5, font=HEI, before=10, after=4, align=CENTRE,
                          keep_next=True),
    "Source Code": Look(size=8, before=4, after=8, line=1.1),
    "Note": Look(size=10.5, colour="7C2D12", before=4, after=8, line=1.25, keep_next=True),
    "TOC Heading": Look(size=14, font=HEI, bold=True, colour=DARK, before=10, after=6,
                        align=CENTRE, keep_next=True),
    "toc 1": Look(size=11, font=HEI, before=5, after=1),
    "toc 2": Look(size=10.5, after=1),
    "Reference": Look(size=10.5, after=3, line=1.2),
}
"""By the style's name in Word. Those of contents, "Figure Row", "Note" and
"Reference" are ours, the others pandoc's."""


def set_fonts(style_or_run: Any, east_asian: str, latin: str) -> None:
    """Names the four fonts of a style (or run) and removes what the theme says of them."""
    fonts = style_or_run.element.get_or_add_rPr().get_or_add_rFonts()
    fonts.attrib.clear()
    for slot in ("ascii", "hAnsi", "cs"):
        fonts.set(qn(f"w:{slot}"), latin)
    fonts.set(qn("w:eastAsia"), east_asian)


def dress_styles(document: Document, lang: str, kept: frozenset[str] = frozenset()) -> None:
    """Gives every style of the document its look, but for those named in `kept`."""
    if not kept:
        _defaults(document)
    styles: Any = document.styles  # iterated, they are known as styles of any kind
    for style in styles:
        if style.type == WD_STYLE_TYPE.LIST:
            continue
        name = style.name or ""
        if name in kept:
            continue
        code = name.endswith("Tok") or name in ("Source Code", "Verbatim Char")
        hei = name.startswith(("Heading", "Title", "Subtitle", "TOC")) or name.endswith("Caption")
        set_fonts(style, HEI if hei else SONG, CODE if code else LATIN)
        if code and style.type == WD_STYLE_TYPE.CHARACTER:
            style.font.size = Pt(9.5 if name == "Verbatim Char" else 8)
        if style.type == WD_STYLE_TYPE.TABLE:
            for conditional in style.element.findall(qn("w:tblStylePr")):  # lines are set outright
                style.element.remove(conditional)
        if name == "Hyperlink":  # links within the text look like the text
            style.font.color.rgb, style.font.underline = RGBColor.from_string("000000"), False
        if name.startswith(("Heading", "Title", "Subtitle")):
            style.font.italic = False
            for spaced in style.element.rPr.findall(qn("w:spacing")):
                style.element.rPr.remove(spaced)
            style.font.color.rgb = RGBColor.from_string(DARK)
    for name, look in LOOKS.items():
        if name in [s.name for s in document.styles] and name not in kept:
            _dress(document, name, look, lang)
    _boxes(document, kept)


def _defaults(document: Document) -> None:
    root = document.styles.element
    fonts = root.find(f".//{qn('w:docDefaults')}//{qn('w:rFonts')}")
    fonts.attrib.clear()
    for slot in ("ascii", "hAnsi", "cs"):
        fonts.set(qn(f"w:{slot}"), LATIN)
    fonts.set(qn("w:eastAsia"), SONG)
    language = root.find(f".//{qn('w:docDefaults')}//{qn('w:lang')}")
    language.set(qn("w:val"), "en-US")
    language.set(qn("w:eastAsia"), "zh-CN")


def _dress(document: Document, name: str, look: Look, lang: str) -> None:
    style: Any = document.styles[name]
    font, layout = style.font, style.paragraph_format
    font.size, font.bold, font.italic = Pt(look.size), look.bold, False
    font.color.rgb = RGBColor.from_string(look.colour or "000000")
    set_fonts(style, look.font, CODE if name == "Source Code" else LATIN)
    layout.space_before, layout.space_after = Pt(look.before), Pt(look.after)
    layout.line_spacing, layout.alignment = look.line, look.align
    layout.keep_with_next = look.keep_next
    layout.widow_control = True
    indent = style.element.get_or_add_pPr().get_or_add_ind()
    indent.attrib.clear()
    if look.indent and lang == "zh":
        indent.set(qn("w:firstLineChars"), "200")
        indent.set(qn("w:firstLine"), str(int(2 * 20 * look.size)))
    elif name == "toc 2":
        indent.set(qn("w:left"), "420")
    elif name == "Reference":
        indent.set(qn("w:left"), "420")
        indent.set(qn("w:hanging"), "420")
    else:  # zero outright: it would inherit the body's
        indent.set(qn("w:firstLineChars"), "0")
        indent.set(qn("w:firstLine"), "0")
    if look.indent and lang != "zh":
        layout.space_after = Pt(look.after + 4)


def _boxes(document: Document, kept: frozenset[str]) -> None:
    """Sets code on a light ground, and remarks with a bar on the left."""
    for name, ground, bar in (("Source Code", "F5F7FA", "CBD5E1"), ("Note", "FFF7ED", "F59E0B")):
        if name in kept or name not in [s.name for s in document.styles]:
            continue
        properties = document.styles[name].element.get_or_add_pPr()
        for tag in ("w:pBdr", "w:shd", "w:wordWrap"):
            for old in properties.findall(qn(tag)):
                properties.remove(old)
        borders = OxmlElement("w:pBdr")
        left = OxmlElement("w:left")
        for key, value in (("val", "single"), ("sz", "18"), ("space", "6"), ("color", bar)):
            left.set(qn(f"w:{key}"), value)
        borders.append(left)
        shade = OxmlElement("w:shd")
        for key, value in (("val", "clear"), ("color", "auto"), ("fill", ground)):
            shade.set(qn(f"w:{key}"), value)
        after = _first_of(properties, ("w:spacing", "w:ind", "w:jc", "w:outlineLvl"))
        for element in (borders, shade):  # the schema has these before spacing and indents
            after.addprevious(element)


def _first_of(parent: Any, tags: Sequence[str]) -> Any:
    names = {qn(tag) for tag in tags}
    return next(child for child in parent if child.tag in names)


def dress_page(document: Document, header: str) -> None:
    """Sets A4 with margins of 2.5 cm, the title at the head and the page number at the foot."""
    for section in document.sections:
        section.page_width, section.page_height = Cm(21), Cm(29.7)
        section.left_margin = section.right_margin = Cm(2.5)
        section.top_margin, section.bottom_margin = Cm(2.5), Cm(2.3)
        section.header_distance, section.footer_distance = Cm(1.4), Cm(1.2)
        for part, text in ((section.header, header), (section.footer, None)):
            paragraph = part.paragraphs[0]
            paragraph.alignment = CENTRE
            run = paragraph.add_run(text or "")
            run.font.size = Pt(9)
            run.font.color.rgb = RGBColor.from_string(GREY)
            if text is None:
                _page_number(run)


def _page_number(run: Any) -> None:
    """A PAGE field with a result in it, for programs that compute none."""
    for kind, text in (("begin", ""), ("instr", "PAGE"), ("separate", ""), ("text", "1"),
                       ("end", "")):
        if kind in ("instr", "text"):
            element = OxmlElement("w:instrText" if kind == "instr" else "w:t")
            element.text = text
        else:
            element = OxmlElement("w:fldChar")
            element.set(qn("w:fldCharType"), kind)
        run._r.append(element)
