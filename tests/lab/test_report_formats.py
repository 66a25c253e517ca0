"""The report as HTML and PDF: nothing outside the file, equations and pictures in it."""

import json
import re
import sys

from html.parser import HTMLParser
from pathlib import Path

import pytest

from cases.command import refused, run_command
from cases.report import make_lab_run

from genlab.common.errors import InputError
from genlab.lab.handin.submission import make_report
from genlab.lab.report.formats import formats


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_lab_run(tmp_path_factory.mktemp("lab"), name='张_三*<b>"', id="7")


@pytest.fixture(scope="module")
def page(lab: Path) -> str:
    made = make_report(lab, "zh", ("html",))
    assert made["html"] == "report/report-zh.html"
    return (lab / made["html"]).read_text(encoding="utf-8")


class Elements(HTMLParser):
    """Collects the elements of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def of(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag == name]


def test_the_page_asks_for_nothing(page: str) -> None:
    elements = Elements(page)
    tags = {tag for tag, _ in elements.found}
    assert not tags & {"script", "link", "iframe", "object", "embed", "base"}
    for _, attributes in elements.found:
        for key, value in attributes.items():
            assert not key.startswith("on")
            if key == "src":
                assert str(value).startswith("data:image/png;base64,")
            if key == "href":
                assert str(value).startswith("#")
    assert "url(" not in page
    assert "@import" not in page
    (policy,) = [m["content"] for m in elements.of("meta") if "http-equiv" in m]
    assert str(policy).startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")


def test_the_page_has_all_of_the_report(page: str, lab: Path) -> None:
    elements = Elements(page)
    markdown = (lab / "report" / "report-zh.md").read_text(encoding="utf-8")
    displayed = len(re.findall(r"^\$\$\n.*?\n\$\$$", markdown, re.M | re.S))
    inline = len(re.findall(r"(?<!\$)\$[^$\n]+\$(?!\$)", markdown))
    assert len(elements.of("math")) == displayed + inline
    assert [m.get("display") for m in elements.of("math")].count("block") == displayed
    assert "\\tag" not in re.sub(r"<annotation.*?</annotation>", "", page)
    numbers = re.findall(r'<span\s+class="number">\((\d)\)</span>', page)
    assert numbers == ["1", "2", "3", "4"]
    pictures = elements.of("img")
    assert [p["alt"] for p in pictures] == re.findall(r"!\[([^\]]+)\]", markdown)
    ids = [a["id"] for _, a in elements.found if a.get("id")]
    assert len(ids) == len(set(ids))
    targets = {str(a["href"])[1:] for a in elements.of("a") if a.get("href")}
    assert targets <= set(ids)
    assert page.count("</nav>") == 1
    headings = re.findall(r"^#+ .* \{#(\S+)\}$", markdown, re.M)
    assert set(headings) <= targets
    assert elements.of("html") == [{"lang": "zh"}]


def test_the_page_fits_phones_darkness_and_paper(page: str) -> None:
    elements = Elements(page)
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in (
        elements.of("meta"))
    assert "@media (prefers-color-scheme: dark)" in page
    assert "@media print" in page
    tables = len(elements.of("table"))
    assert tables == len([a for a in elements.of("div") if a.get("class") == "scroll"]) == 8


def test_what_is_wider_than_a_phone_scrolls_in_a_box_of_its_own(page: str) -> None:
    elements = Elements(page)
    boxes = [str(a.get("class", "")).split() for a in elements.of("div")]
    displayed = [m for m in elements.of("math") if m.get("display") == "block"]
    assert len([one for one in boxes if "equation" in one and "scroll" in one]) == len(displayed)
    assert re.search(r"\.scroll, pre \{[^}]*overflow-x: auto;[^}]* local,[^}]* scroll,", page)


def test_english_is_not_set_in_a_chinese_font(page: str) -> None:
    """A Chinese serif before `serif` has full-width apostrophes and quotation marks."""
    serif, chinese = re.findall(r"--serif: ([^;]*);", page)
    assert not re.search("Song|CJK|Han|SimSun", serif)
    assert "Noto Serif CJK SC" in chinese
    assert page.index("--serif: " + serif) < page.index(":root:lang(zh)") < page.index(
        "--serif: " + chinese)


def test_names_from_outside_stay_text(page: str) -> None:
    elements = Elements(page)
    assert {"name": "author", "content": '张_三*<b>"'} in elements.of("meta")
    assert elements.of("b") == []
    assert "张_三*&lt;b&gt;" in page


def test_the_report_knows_the_places_of_its_numbers(lab: Path, page: str) -> None:
    record = json.loads((lab / "report" / "numbers-zh.json").read_text(encoding="utf-8"))
    assert record["lang"] == "zh"
    share = next(one for one in record["shown"] if one["text"] == "29.7")
    assert share == {"text": "29.7", "value": 29.7, "derived": False,
                     "origin": ["gan/results.json#/images_per_second"]}
    seen = re.sub(r"\s+", " ", page)
    for one in record["shown"]:
        if re.fullmatch(r"[\d,]+\.\d+", one["text"]):
            assert one["text"] in seen


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_pdf_has_its_author_its_pages_and_its_fonts(lab: Path, lang: str) -> None:
    typst = pytest.importorskip("typst", reason="the extra pdf is not installed")
    if lang == "zh" and not set(typst.Fonts().families()) & {*formats.SONG, *formats.HEI}:
        pytest.skip("no Chinese font on this machine")
    made = make_report(lab, lang, ("pdf",))
    data = (lab / made["pdf"]).read_bytes()
    assert data.startswith(b"%PDF-")
    pages = re.search(rb"/Type/Pages/Count (\d+)", data)
    assert pages
    assert int(pages[1]) > 8
    fonts = [f.decode().lower() for f in re.findall(rb"/FontName */[A-Z]+\+([\w-]+)", data)]
    assert any(name.startswith("newcmmath") for name in fonts)
    for font in formats.check_pdf(lang) if lang == "zh" else formats.LATIN[1:]:
        wanted = font.replace(" ", "").lower()
        assert any(name.startswith(wanted) for name in fonts), (font, fonts)  # none stands in
    assert b"/StructTreeRoot" in data  # it can be read aloud


def test_without_typst_the_error_says_what_to_install(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(InputError, match=r'pip install "genlab\[pdf\]"'):
        make_report(lab, "en", ("docx", "pdf"))
    assert not (lab / "report" / "report-en.docx").exists()


def test_without_a_chinese_font_a_chinese_pdf_is_refused(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("typst", reason="the extra pdf is not installed")
    monkeypatch.setattr(formats, "SONG", ("No such font",))
    monkeypatch.setattr(formats, "HEI", ("No such font",))
    with pytest.raises(InputError, match="no Chinese font"):
        formats.check_pdf("zh")
    assert formats.check_pdf("en") == (formats.LATIN[1],) * 2


@pytest.mark.parametrize("asked", [("doc",), ("docx", "odt"), ()])
def test_unknown_formats_are_refused(lab: Path, asked: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="there are docx, html, pdf"):
        make_report(lab, "en", asked)


def test_the_command_writes_what_is_asked(lab: Path) -> None:
    command = ("report", str(lab), "--lang", "en", "--format", "html,docx", "--json")
    done = run_command(*command, cwd=lab)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["html"] == "report/report-en.html"
    assert made["docx"] == "report/report-en.docx"
    assert all((lab / made[k]).exists() for k in ("html", "docx", "markdown", "numbers"))
    gan = run_command("report", str(lab / "gan"), cwd=lab)
    refused(gan, "a report is made of a genlab lab run")
