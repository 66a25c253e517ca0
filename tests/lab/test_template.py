"""A teacher's template: its names, title and styles are taken, and its mistakes are named."""

import json
import re
import zipfile

from pathlib import Path

import docx
import pytest

from cases.report import make_lab_run
from docx.shared import Cm, Pt

from genlab.common.errors import InputError
from genlab.lab.handin.submission import submit
from genlab.lab.handin.template import SHEET, read_template

GOOD = """\
title = "Deep Learning <3>, Lab 3"
reference = "teacher.docx"

[names]
docx = "Lab3_{name}_{id}.docx"
code = "Lab3_code_{id}.zip"
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_lab_run(tmp_path_factory.mktemp("lab"))


def write(folder: Path, text: str) -> Path:
    path = folder / "course.toml"
    path.write_text(text, encoding="utf-8")
    return path


def teachers_document(path: Path) -> None:
    """A document with a narrow page, its own body text and its own header."""
    document = docx.Document()
    section = document.sections[0]
    section.page_width, section.left_margin, section.right_margin = Cm(18), Cm(3), Cm(3)
    section.header.paragraphs[0].text = "Department of Examples"
    document.styles["Body Text"].font.size = Pt(13)
    document.styles["Heading 1"].font.name = "Georgia"
    document.save(str(path))


def test_a_template_names_titles_and_dresses_what_is_handed_in(run: Path, tmp_path: Path) -> None:
    teachers_document(tmp_path / "teacher.docx")
    submit(run, "张三", "7", "en")
    made = submit(run, "Li_Si", "42", "en", write(tmp_path, GOOD))
    assert made["docx"] == "report/Lab3_Li_Si_42.docx"
    assert made["code"] == "report/Lab3_code_42.zip"
    assert made["support"] == "report/实验五支撑材料_Li_Si_42.zip"
    there = {f"report/{p.name}" for p in (run / "report").iterdir()}
    assert there == {"report/submission.json"} | {
        made[k] for k in ("markdown", "numbers", "docx", "code", "support")}
    record = json.loads((run / "report/submission.json").read_text(encoding="utf-8"))
    assert record["files"]["docx"] == "Lab3_Li_Si_42.docx"
    document = docx.Document(str(run / made["docx"]))
    assert document.core_properties.title == "Deep Learning <3>, Lab 3"
    titles = [p.text for p in document.paragraphs if p.style and p.style.name == "Title"]
    assert titles == ["Deep Learning <3>, Lab 3"]
    section = document.sections[-1]
    assert section.page_width == pytest.approx(Cm(18), abs=700)
    assert section.header.paragraphs[0].text == "Department of Examples"
    assert document.styles["Body Text"].font.size == Pt(13)
    assert document.styles["Heading 1"].font.name == "Georgia"
    assert document.styles["Note"].font.size == Pt(10.5)  # the teacher's has none
    most = Cm(12) + 700
    assert all(shape.width <= most for shape in document.inline_shapes)
    widths = [sum(int(g.get(w)) for g in t._tbl.tblGrid) for t in document.tables
              for w in ["{http://schemas.openxmlformats.org/wordprocessingml/2006/main}w"]]
    assert max(widths) * 635 <= most + 20 * 635
    with zipfile.ZipFile(run / made["docx"]) as archive:
        assert len(re.findall(rb"<m:oMathPara", archive.read("word/document.xml"))) > 10


def test_an_empty_template_is_the_lab_sheet(tmp_path: Path) -> None:
    assert read_template(write(tmp_path, "")) == SHEET
    assert SHEET.file_names("张三", "1")["docx"] == "实验五_张三_1.docx"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("titel = 'x'", "titel: no such key"),
        ("title = 3", "title: must be a text"),
        ("title = ' '", "title: must be a text"),
        ("names = 'x'", "names: must be a table"),
        ("[names]\nword = 'a.docx'", "names.word: no such key"),
        ("[names]\ndocx = 'a.doc'", "names.docx: must be a text that ends with '.docx'"),
        ("[names]\ncode = 7", "names.code: must be a text that ends with '.zip'"),
        ("[names]\ndocx = 'a_{nmae}.docx'", "only {name} and {id} may stand in braces"),
        ("[names]\ndocx = 'a_{name.docx'", "only {name} and {id} may stand in braces"),
        ("[names]\ndocx = 'a_{name[x]}.docx'", "only {name} and {id} may stand in braces"),
        ("[names]\ndocx = 'a_{name:9999999999}.docx'", "only {name} and {id} may stand in braces"),
        ("[names]\ndocx = 'a_{name!r}.docx'", "only {name} and {id} may stand in braces"),
        ("[names]\ndocx = 'a_{name.__class__}.docx'", "only {name} and {id}"),
        ("[names]\ndocx = '../{name}.docx'", "names.docx"),
        ("[names]\ncode = 'a.zip'\nsupport = 'A.zip'", "two files would have one name"),
        ("reference = 'none.docx'", "reference: no such file"),
        ("reference = 'course.toml'", "is not a Word document"),
        ("reference = 1", "reference: must be the path"),
        ("title = ", "not a TOML file"),
    ],
)
def test_mistakes_are_named_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_template(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bad_template_leaves_the_submission_alone(run: Path, tmp_path: Path) -> None:
    made = submit(run, "张三", "7", "en")
    before = {p: p.read_bytes() for p in (run / "report").iterdir()}
    with pytest.raises(InputError, match="no such file"):
        submit(run, "张三", "8", "en", tmp_path / "none.toml")
    with pytest.raises(InputError, match="reference"):
        submit(run, "张三", "8", "en", write(tmp_path, "reference = 'none.docx'"))
    (tmp_path / "broken.docx").write_bytes(b"PK\x05\x06" + bytes(18))
    with pytest.raises(InputError, match="not a Word document"):
        submit(run, "张三", "8", "en", write(tmp_path, "reference = 'broken.docx'"))
    assert {p: p.read_bytes() for p in (run / "report").iterdir()} == before
    assert (run / made["docx"]).exists()


@pytest.mark.parametrize("piece", [
    "gan/samples/epoch_030/07.png", "gan/generated/123.png", "gan/generator.safetensors",
    "vae/mixture/model.safetensors", "gan/fid.json", "vae/priors.png",
])  # fmt: skip
def test_a_missing_piece_is_named(tmp_path: Path, piece: str) -> None:
    run = make_lab_run(tmp_path)
    (run / piece).unlink()
    with pytest.raises(InputError) as caught:
        submit(run)
    assert piece in str(caught.value)
    assert not (run / "report").exists()
