"""The Word document: native equations, named fonts, contents, captions, author."""

import re
import zipfile

from pathlib import Path
from xml.etree import ElementTree

import pytest

from cases.report import make_lab_run
from matplotlib import font_manager
from PIL import Image, ImageFont

from genlab.common.errors import InputError
from genlab.lab.report.formats.docx import write_docx
from genlab.lab.report.text.text import write_markdown
from genlab.lab.report.writer import Writer
from genlab.runs.run import Run

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
WP = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
PIC = "{http://schemas.openxmlformats.org/drawingml/2006/picture}"
SPACED_CJK = re.compile(r"[\u2e80-\u2fff\u3001-\u9fff\uff00-\uffef] +[\u2e80-\u2fff\u3001-\u9fff]")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_lab_run(tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="module")
def markdown(lab: Path) -> str:
    return write_markdown(Run(lab), "zh", "张_三*", "2021")


@pytest.fixture(scope="module")
def document(lab: Path, markdown: str) -> zipfile.ZipFile:
    target = lab / "report" / "report.docx"
    target.parent.mkdir()
    write_docx(markdown, target, lab / "report", "zh", "张_三*", "标题")
    return zipfile.ZipFile(target)


def xml(document: zipfile.ZipFile, name: str) -> ElementTree.Element:
    return ElementTree.fromstring(document.read(name))


def paragraphs(document: zipfile.ZipFile) -> list[str]:
    body = xml(document, "word/document.xml")
    return ["".join(t.text or "" for t in p.iter(f"{W}t")) for p in body.iter(f"{W}p")]


def test_every_style_names_its_fonts(document: zipfile.ZipFile) -> None:
    styles = xml(document, "word/styles.xml")
    found = styles.findall(f"{W}style")
    assert len(found) > 40
    for element in [*found, styles.find(f"{W}docDefaults")]:
        if element.get(f"{W}type") == "numbering":
            continue
        fonts = element.find(f".//{W}rFonts")
        assert fonts is not None, element.get(f"{W}styleId")
        assert fonts.get(f"{W}eastAsia") in ("宋体", "黑体")
        assert fonts.get(f"{W}ascii") in ("Times New Roman", "Consolas")
    assert [k for f in styles.iter(f"{W}rFonts") for k in f.attrib if "Theme" in k] == []
    headings = {s.get(f"{W}styleId"): s.find(f".//{W}rFonts") for s in found}
    assert headings["Heading1"].get(f"{W}eastAsia") == "黑体"
    assert headings["BodyText"].get(f"{W}eastAsia") == "宋体"


def test_every_equation_is_native(document: zipfile.ZipFile, markdown: str) -> None:
    body = xml(document, "word/document.xml")
    displayed = len(re.findall(r"^\$\$\n.*?\n\$\$$", markdown, re.M | re.S))
    inline = len(re.findall(r"(?<!\$)\$[^$\n]+\$(?!\$)", markdown))
    assert displayed >= 12
    assert len(list(body.iter(f"{M}oMathPara"))) == displayed
    assert len(list(body.iter(f"{M}oMath"))) == displayed + inline
    assert "$" not in "".join(paragraphs(document))
    rows = [t for t in body.iter(f"{W}tbl") if t.find(f".//{M}oMathPara") is not None]
    numbers = ["".join(t.text for t in row.iter(f"{W}t")) for row in rows]
    assert numbers == ["(1)", "(2)", "(3)", "(4)"]


def test_pictures_have_words_and_no_needless_pixels(
    document: zipfile.ZipFile, markdown: str
) -> None:
    body = xml(document, "word/document.xml")
    words = [p.get("descr") for p in body.iter(f"{WP}docPr")]
    assert words == re.findall(r"!\[([^\]]+)\]", markdown)
    assert words == [p.get("descr") for p in body.iter(f"{PIC}cNvPr")]
    widths = []
    for name in document.namelist():
        if name.startswith("word/media/"):
            with document.open(name) as file, Image.open(file) as image:
                widths.append(image.width)
    assert len(widths) == len(words)
    assert max(widths) == pytest.approx(16 / 2.54 * 260, abs=4)  # priors.png had 3000 pixels
    most = 9072 * 635  # the text's width, in EMU
    assert all(int(e.get("cx")) <= most for e in body.iter(f"{WP}extent"))


def test_no_space_between_chinese_characters(document: zipfile.ZipFile) -> None:
    assert [p for p in paragraphs(document) if SPACED_CJK.search(p)] == []


def test_the_author_is_the_one_given(document: zipfile.ZipFile) -> None:
    core = document.read("docProps/core.xml").decode()
    values = dict(re.findall(r"<\w+:(\w+)[^>]*>([^<]+)<", core))
    assert values["creator"] == values["lastModifiedBy"] == "张_三*"
    assert values["title"] == "标题"
    assert "description" not in values
    assert "keywords" not in values
    assert any("姓名：张_三*" in p and "学号：2021" in p for p in paragraphs(document))


def test_tables_have_three_lines_and_pages_are_a4(document: zipfile.ZipFile) -> None:
    body = xml(document, "word/document.xml")
    tables = [t for t in body.iter(f"{W}tbl") if t.find(f".//{M}oMathPara") is None]
    assert len(tables) == 8
    for table in tables:
        borders = table.find(f"{W}tblPr/{W}tblBorders")
        assert {b.tag.removeprefix(W): b.get(f"{W}sz") for b in borders} == {
            "top": "12", "bottom": "12"
        }
        header, *others = table.findall(f"{W}tr")
        assert header.find(f".//{W}tcBorders/{W}bottom").get(f"{W}sz") == "6"
        assert all(row.find(f".//{W}tcBorders") is None for row in others)
    page = body.find(f".//{W}sectPr/{W}pgSz")
    sides = [int(page.get(f"{W}{side}")) / 1440 * 25.4 for side in "wh"]
    assert [round(side) for side in sides] == [210, 297]


def test_no_number_is_broken_in_a_table(tmp_path: Path) -> None:
    """Six columns that want more than the page: each still has room for its longest word."""
    error = "0.0112\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.0011"
    head = ["Measure", "Value ± error", "If one law", "KID", "Precision / recall",
            "Coverage (if one law)"]
    cells = ["FD (EfficientNet-Lite0)", error, "41.3", error, "0.77 / 0.31", "0.42 (0.60)"]
    w = Writer("en")
    w.table("a", head, [cells], "", "A table", "lccccc")
    write_docx(w.text(), tmp_path / "a.docx", tmp_path, "en", "", "")
    with zipfile.ZipFile(tmp_path / "a.docx") as archive:
        grid = [int(g.get(f"{W}w")) for g in xml(archive, "word/document.xml").iter(f"{W}gridCol")]
    assert sum(grid) == pytest.approx(9072, abs=6)
    margins = 2 * 108
    for width, text in zip(grid, cells):
        longest = max(map(len, re.split("[ -]", text)))
        assert width - margins >= 5.25 * 20 * longest


def test_a_missing_picture_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.png: no such picture"):
        write_docx("![x](../nowhere.png)", tmp_path / "a.docx", tmp_path, "en", "", "")
    assert list(tmp_path.iterdir()) == []


# what Word and LibreOffice are known to get wrong


def parts(document: zipfile.ZipFile) -> list[str]:
    return [n for n in document.namelist() if n.startswith("word/") and n.endswith(".xml")]


def style_of(paragraph: ElementTree.Element) -> str | None:
    found = paragraph.find(f"{W}pPr/{W}pStyle")
    return None if found is None else found.get(f"{W}val")


def test_no_part_asks_the_theme_for_a_font(document: zipfile.ZipFile) -> None:
    """jgm/pandoc#10901: a theme's font for Chinese is whatever the machine makes of it."""
    asked = [n for n in parts(document) if "theme/" not in n and b"Theme=" in document.read(n)]
    assert asked == []
    defaults = xml(document, "word/styles.xml").find(f"{W}docDefaults")
    language = defaults.find(f".//{W}lang")
    assert (language.get(f"{W}val"), language.get(f"{W}eastAsia")) == ("en-US", "zh-CN")


def test_runs_name_no_fonts_of_their_own(document: zipfile.ZipFile) -> None:
    """So the styles decide, for Latin letters and for Chinese; jgm/pandoc#7022."""
    body = xml(document, "word/document.xml")
    named = {key.removeprefix(W) for fonts in body.iter(f"{W}rFonts") for key in fonts.attrib}
    assert named <= {"hint"}


def test_every_field_has_a_result(document: zipfile.ZipFile) -> None:
    """Who opens the file sees it as it is: nothing asks for an update, nothing is empty."""
    fields = 0
    for name in parts(document):
        results: list[list[str]] = []
        for element in xml(document, name).iter():
            if element.tag == f"{W}fldSimple":
                raise AssertionError("a simple field")
            if element.tag == f"{W}fldChar":
                kind = element.get(f"{W}fldCharType")
                assert element.get(f"{W}dirty") is None
                if kind == "begin":
                    results.append([])
                elif kind == "end":
                    assert "".join(results.pop()).strip(), name
                    fields += 1
            elif element.tag == f"{W}t" and results:
                results[-1].append(element.text or "")
        assert results == []
    assert fields == 2  # the page's number, the contents
    assert b"updateFields" not in document.read("word/settings.xml")


def test_the_contents_list_every_heading(document: zipfile.ZipFile) -> None:
    body = xml(document, "word/document.xml")
    every = list(body.iter(f"{W}p"))
    styles = {s.get(f"{W}styleId"): s.find(f"{W}name").get(f"{W}val")
              for s in xml(document, "word/styles.xml").iter(f"{W}style")}
    named = [(styles.get(style_of(p)), p) for p in every]
    headings = [(n, p) for n, p in named if n and re.fullmatch(r"[Hh]eading [12]", n)]
    entries = [(n, p) for n, p in named if n in ("toc 1", "toc 2")]
    text = ["".join(t.text or "" for t in p.iter(f"{W}t")) for _, p in headings]
    assert text == ["".join(t.text or "" for t in p.iter(f"{W}t")) for _, p in entries]
    assert len(text) > 15
    assert [n[-1] for n, _ in headings] == [n[-1] for n, _ in entries]
    anchors = [p.find(f"{W}hyperlink").get(f"{W}anchor") for _, p in entries]
    marks = [{b.get(f"{W}name") for b in p.iter(f"{W}bookmarkStart")} for _, p in headings]
    assert all(anchor in there for anchor, there in zip(anchors, marks))
    assert every.index(entries[-1][1]) < every.index(headings[0][1])


def test_links_lead_somewhere(document: zipfile.ZipFile) -> None:
    body = xml(document, "word/document.xml")
    there = [b.get(f"{W}name") for b in body.iter(f"{W}bookmarkStart")]
    assert len(there) == len(set(there))
    ids = [b.get(f"{W}id") for b in body.iter(f"{W}bookmarkStart")]
    assert len(ids) == len(set(ids))
    assert {h.get(f"{W}anchor") for h in body.iter(f"{W}hyperlink")} <= set(there)


def table_cells(document: zipfile.ZipFile) -> list[tuple[str, float, float]]:
    """Text, room in twentieths of a point, and size in points of the cells of all data tables."""
    found = []
    for table in xml(document, "word/document.xml").iter(f"{W}tbl"):
        if table.find(f".//{M}oMathPara") is not None:  # a numbered equation
            continue
        widths = [int(str(c.get(f"{W}w"))) for c in table.iter(f"{W}gridCol")]
        for row in table.findall(f"{W}tr"):
            for cell, width in zip(row.findall(f"{W}tc"), widths, strict=True):
                text = "".join(t.text or "" for t in cell.iter(f"{W}t"))
                size = next((int(str(s.get(f"{W}val"))) / 2 for s in cell.iter(f"{W}sz")), 10.5)
                found.append((text, width - 2 * 108, size))  # less the margins of a cell
    return found


def broken(document: zipfile.ZipFile) -> list[str]:
    """Words and numbers that are wider than their cells, in the widest of the likely fonts."""
    name = font_manager.FontProperties(family="DejaVu Serif", weight="bold")
    font = ImageFont.truetype(font_manager.findfont(name, fallback_to_default=False), 1000)
    return [
        word for text, room, size in table_cells(document)
        for word in re.split(r"[ \-/]+|(?=[\u2e80-\uffef])", text)
        if font.getlength(word) * size * 20 / 1000 > room
    ]


def test_no_number_in_a_table_breaks_in_another_font(document: zipfile.ZipFile) -> None:
    """Without Times New Roman a program may take DejaVu Serif, a third wider."""
    assert len(table_cells(document)) > 100
    assert broken(document) == []


def test_letters_of_a_crowded_table_become_smaller(tmp_path: Path) -> None:
    w, nbsp = Writer("en"), "\N{NO-BREAK SPACE}"
    row = [f"\N{MINUS SIGN}1,234.56{nbsp}±{nbsp}0.12"] * 7
    w.table("many", [f"prior{k}" for k in range(7)], [row], "表", "Table", "c" * 7)
    write_docx(w.text(), tmp_path / "a.docx", tmp_path, "en", "a", "t")
    with zipfile.ZipFile(tmp_path / "a.docx") as made:
        assert broken(made) == []
        assert min(size for _, _, size in table_cells(made)) < 10


def test_lines_are_not_torn_apart_and_pages_end_within_tables(document: zipfile.ZipFile) -> None:
    styles = {s.get(f"{W}styleId"): s for s in xml(document, "word/styles.xml").iter(f"{W}style")}
    for name in ("BodyText", "FirstParagraph"):  # a line before a formula would be torn apart
        adjust = styles[name].find(f"{W}pPr/{W}jc")
        assert adjust is None or adjust.get(f"{W}val") in ("left", "start")
    kept = styles["FigureRow"].find(f"{W}pPr/{W}keepNext")
    assert kept is None or kept.get(f"{W}val") in ("0", "false")
    long = [t for t in xml(document, "word/document.xml").iter(f"{W}tbl")
            if len(t.findall(f"{W}tr")) > 6]
    assert len(long) > 3
    for table in long:
        rows = table.findall(f"{W}tr")
        assert rows[0].find(f"{W}trPr/{W}tblHeader") is not None
        free = [row for row in rows if row.find(f".//{W}keepNext") is None]
        assert len(free) >= len(rows) - 5


def test_captions_stay_with_what_they_name(document: zipfile.ZipFile) -> None:
    """A picture keeps with the caption below, a table's caption with the table below."""
    styles = xml(document, "word/styles.xml")
    names = {s.get(f"{W}styleId"): s for s in styles.iter(f"{W}style")}
    for kept in ("CaptionedFigure", "TableCaption", "Heading1", "Heading2"):
        keep = names[kept].find(f"{W}pPr/{W}keepNext")
        assert keep is not None, kept
        assert keep.get(f"{W}val") in (None, "1", "true"), kept
    blocks = list(xml(document, "word/document.xml").find(f"{W}body"))
    blocks = [b for b in blocks if b.tag in (f"{W}p", f"{W}tbl")]
    kinds = [style_of(b) if b.tag == f"{W}p" else "table" for b in blocks]
    for index, kind in enumerate(kinds):
        if kind == "CaptionedFigure":
            assert kinds[index + 1] in ("CaptionedFigure", "ImageCaption")
        if kind == "TableCaption":
            assert kinds[index + 1] == "table"
    assert kinds.count("ImageCaption") == 10
    for table in (b for b in blocks if b.tag == f"{W}tbl"):
        rows = table.findall(f"{W}tr")
        assert all(row.find(f"{W}trPr/{W}cantSplit") is not None for row in rows) or (
            table.find(f".//{M}oMathPara") is not None)


def test_code_is_coloured(document: zipfile.ZipFile) -> None:
    body = xml(document, "word/document.xml")
    used = {r.get(f"{W}val") for r in body.iter(f"{W}rStyle")}
    coloured = {
        s.get(f"{W}styleId") for s in xml(document, "word/styles.xml").iter(f"{W}style")
        if s.find(f"{W}rPr/{W}color") is not None
    }
    assert len({u for u in used if u and u.endswith("Tok")} & coloured) >= 3


def test_every_part_is_well_formed(document: zipfile.ZipFile) -> None:
    names = [n for n in document.namelist() if n.endswith((".xml", ".rels"))]
    assert len([xml(document, name) for name in names]) > 8
