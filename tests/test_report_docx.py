"""The Word document: native equations, named fonts, contents, captions, author."""

import re
import zipfile

from pathlib import Path
from xml.etree import ElementTree

import pytest

from PIL import Image
from report_cases import make_lab_run

from genlab.engine.run import Run
from genlab.report.docx import write_docx
from genlab.report.text import write_markdown

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


def test_a_missing_picture_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="nowhere"):
        write_docx("![x](nowhere.png)", tmp_path / "a.docx", tmp_path, "en", "", "")
    assert list(tmp_path.iterdir()) == []
