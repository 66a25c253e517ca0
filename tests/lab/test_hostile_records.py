"""A run of a stranger: every text of its records is markup, and none becomes markup anywhere."""

import re
import shutil
import zipfile

from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from cases.command import run_command
from cases.records import read, records_of, write
from lxml import etree

import genlab

from genlab.common.text import one_line
from genlab.explorer.explore import explore
from genlab.lab.handin.submission import make_report, submit

TOKEN = "zq7xk"
MARKUP = (
    f"![{TOKEN}](/etc/hostname) <script>{TOKEN}</script> <img src=x onerror={TOKEN}()> "
    f"[{TOKEN}](http://{TOKEN}.example/) `{TOKEN}` ``` $\\input{{{TOKEN}}}$ </script></style>"
    f"<b id={TOKEN}> \"' onclick={TOKEN} ' | {TOKEN} | \n\n# {TOKEN}\r\n- {TOKEN}\n\n"
    f"javascript:{TOKEN} \x1b[31m{TOKEN}\x07 \u202e{TOKEN}\u2066 \u200b {{{{scripts}}}} {{K}} %s "
    f"{{count}} \ue003fig:priors\ue004 #include \"{TOKEN}\" @{TOKEN} [^1] <!-- {TOKEN} \x9b2J"
)
SHOWN = one_line(" ".join(MARKUP.split()))
"""The text as one line has it."""
DECIDES = frozenset({
    "kind", "design", "prior", "priors", "likelihood", "recipe", "preset", "lang", "crop",
    "classes", "augment", "objective", "gradient", "schedule", "measure_with", "label", "device",
    "precision", "file", "files", "reference", "by", "covariance",
})  # fmt: skip
"""Names that decide what is done, not said; another is refused (`test_records.py`)."""


def _markup(value: Any, key: str, file: str) -> Any:
    if isinstance(value, dict):
        keys = {name: MARKUP if key in ("ways", "diagnostics") else name for name in value}
        return {keys[name]: _markup(part, name, file) for name, part in value.items()}
    if isinstance(value, list):
        return [_markup(part, key, file) for part in value]
    kept = key in DECIDES or (key == "sha256" and file.endswith("env.json"))
    return MARKUP if isinstance(value, str) and not kept else value


@pytest.fixture(scope="module")
def honest(lab_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("honest") / "run"
    shutil.copytree(lab_run, folder)
    return folder


@pytest.fixture(scope="module")
def hostile(lab_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile") / "run"
    shutil.copytree(lab_run, folder)
    for file in records_of(folder):
        if not file.startswith("report/"):
            write(folder / file, _markup(read(folder / file), "", file))
    return folder


class Tags(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def names(self) -> list[str]:
        return [tag for tag, _ in self.found]

    def with_token(self) -> set[tuple[str, str]]:
        """The attributes whose value has the token."""
        return {
            (tag, key) for tag, attributes in self.found for key, value in attributes.items()
            if TOKEN in key or TOKEN in (value or "")
        }


@pytest.fixture(scope="module")
def reports(honest: Path, hostile: Path) -> tuple[Path, Path]:
    for run in (honest, hostile):
        make_report(run, "en", ("docx", "html"))
    return honest / "report" / "report-en", hostile / "report" / "report-en"


def test_a_word_document_has_the_same_elements(reports: tuple[Path, Path]) -> None:
    made = [zipfile.ZipFile(report.with_suffix(".docx")) for report in reports]
    bodies = [etree.fromstring(one.read("word/document.xml")) for one in made]
    tags = [Counter(etree.QName(one).localname for one in body.iter()) for body in bodies]
    varies = {"r", "rPr", "rStyle", "t", "rFonts", "tblLayout", "sz", "szCs", "b"}  # of runs
    assert {k: n for k, n in tags[0].items() if k not in varies} == {
        k: n for k, n in tags[1].items() if k not in varies
    }
    media = [[name for name in one.namelist() if "media" in name] for one in made]
    assert len(media[0]) == len(media[1])
    for name in made[1].namelist():
        if name.endswith(".rels"):
            assert b"External" not in made[1].read(name)
            assert TOKEN.encode() not in made[1].read(name)
    for body in bodies:
        for one in body.iter():
            assert not any(TOKEN in value for value in one.attrib.values())
    text = "".join(bodies[1].itertext())
    assert text.count(SHOWN) > 15


def test_a_page_has_the_same_elements(reports: tuple[Path, Path]) -> None:
    pages = [Tags(one.with_suffix(".html").read_text(encoding="utf-8")) for one in reports]
    assert pages[0].names == pages[1].names
    assert pages[1].with_token() == {("meta", "content")}  # the author
    assert " ".join(pages[1].text.split()).count(SHOWN) > 15
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", pages[1].text)


def test_the_markdown_is_the_same_markdown_to_other_readers(reports: tuple[Path, Path]) -> None:
    import pypandoc

    for report in reports:
        text = report.with_suffix(".md").read_text(encoding="utf-8")
        found = pypandoc.convert_text(text, "json", format="markdown", sandbox=True)
        kinds = set(re.findall(r'"t":"(\w+)"', found))
        assert not kinds & {"RawInline", "RawBlock", "Note", "Cite", "BlockQuote"}
        targets = re.findall(r'"t":"Link","c":\[.*?\],\["([^"]*)",""\]\]', found)
        assert all(target.startswith("#") for target in targets)


def test_a_pdf_has_no_link_and_no_script(hostile: Path) -> None:
    pytest.importorskip("typst", reason="the extra pdf is not installed")
    data = (hostile / make_report(hostile, "en", ("pdf",))["pdf"]).read_bytes()
    for name in (b"/URI", b"/JavaScript", b"/JS", b"/Launch", b"/EmbeddedFile"):
        assert name not in data


def test_the_explorer_has_the_same_elements(honest: Path, hostile: Path, lab_run: Path) -> None:
    data = str(lab_run.parent / "digits.npz")
    pages = []
    for run in (honest, hostile):
        target = run.parent / "page.html"
        explore(run, target, "en", data)
        pages.append(Tags(target.read_text(encoding="utf-8")))
    assert pages[0].names == pages[1].names
    assert pages[1].with_token() == set()
    assert TOKEN in pages[1].text


def test_the_notebook_has_the_same_elements(honest: Path, hostile: Path) -> None:
    for folder in (".", "gan", "vae/vamp"):
        pages = [Tags(genlab.Run(run / folder)._repr_html_()) for run in (honest, hostile)]
        assert pages[0].names == pages[1].names
        assert pages[1].with_token() == set()
        assert re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", pages[1].text) is None
        assert repr(genlab.Run(hostile / folder)).isprintable()


def test_what_commands_print_moves_no_cursor(hostile: Path, tmp_path: Path) -> None:
    for command in (
        ("doctor", str(hostile)), ("report", str(hostile), "--format", "html"),
        ("gan", "sample", str(hostile / "gan"), "--n", "2", "--out", str(tmp_path / "some")),
        ("resume", str(hostile / "gan")), ("resume", str(hostile / "gan"), "--json"),
        ("resume", str(hostile)),
    ):
        ended = run_command(*command, cwd=tmp_path)
        for line in (ended.stdout + ended.stderr).splitlines():
            assert not re.search("[\x00-\x1f\x7f-\x9f\u200b\u202e\u2066]", line), (command, line)


def test_a_verifier_shows_the_text(honest: Path, hostile: Path, tmp_path: Path) -> None:
    pages = []
    for run in (honest, hostile):
        submit(run, "张三", "2021", "zh")
        folder = tmp_path / run.parent.name
        folder.mkdir()
        for file in [*run.glob("report/实验五*张三*.docx"), *run.glob("report/实验五*张三*.zip")]:
            shutil.copy(file, folder)
        out = tmp_path / f"{run.parent.name}-out"
        ended = run_command(
            "verify", str(folder), "--level", "consistency", "--out", str(out), cwd=tmp_path
        )
        assert "\x1b" not in ended.stdout + ended.stderr
        pages.append(Tags((out / "class.html").read_text(encoding="utf-8")))
    assert pages[1].with_token() == set()
    assert set(pages[1].names) <= {*pages[0].names, "details", "summary"}
