"""A report that Word, WPS or LibreOffice saved without a change says what it said; edits show."""

import io
import re
import shutil
import subprocess
import zipfile

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cases.report import make_lab_run
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]
from PIL import Image

from genlab.lab.handin.submission import make_report
from genlab.lab.verify.levels.consistency import Changes, compare_equations, compare_texts
from genlab.lab.verify.readers.docx_reader import Document, read_docx
from genlab.lab.verify.readers.equations import normal_form, numbers_of
from genlab.lab.verify.readers.pictures import converted

BODY = "word/document.xml"
SPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
)
M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
Edit = Callable[[str], str]


@pytest.fixture(scope="module", params=["zh", "en"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    run = make_lab_run(tmp_path_factory.mktemp("lab"))
    return (run / make_report(run, request.param)["docx"]).read_bytes()


def edited(data: bytes, edit: Edit, packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The document with an edit of its body, its parts packed in another order."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(buffer, "w", packing) as new,
    ):
        for name in sorted(old.namelist()):
            part = old.read(name)
            new.writestr(name, edit(part.decode()).encode() if name == BODY else part)
        new.writestr("customXml/item1.xml", "<a/>")
    return buffer.getvalue()


def compared(data: bytes, report: bytes) -> tuple[Changes, Document]:
    document, wanted = read_docx(data, "saved"), read_docx(report, "report")
    changes = compare_texts([*document.paragraphs, *document.margins],
                            [*wanted.paragraphs, *wanted.margins])  # fmt: skip
    compare_equations(document.equations, wanted.equations, changes)
    assert document.author == wanted.author
    return changes, document


W_RUN = r"(<w:r(?: [^>]*)?>(?:<w:rPr>(?:(?!</w:rPr>).)*</w:rPr>)?<w:t[^>]*>)"
M_RUN = r"(<m:r>(?:<m:rPr>(?:(?!</m:rPr>).)*</m:rPr>)?<m:t[^>]*>)"


def split_runs(text: str) -> str:
    """Every text in two runs, each with its properties, as Word does when it checks spelling."""
    spelling = '<w:proofErr w:type="spellEnd"/>'
    return re.sub(
        W_RUN + "([^<&][^<&]*?)([^<&]{1,9})(</w:t></w:r>)",
        lambda f: f"{f[1]}{f[2]}{f[4]}{spelling}{f[1]}{f[3]}{f[4]}", text,
    )  # fmt: skip


def split_equations(text: str) -> str:
    return re.sub(
        M_RUN + "([^<&])([^<&]+)(</m:t></m:r>)",
        lambda f: f"{f[1]}{f[2]}{f[4]}{f[1]}{f[3]}{f[4]}", text,
    )  # fmt: skip


def alternatives(text: str) -> str:
    """A run in Word's choice, with a fallback that says it again."""
    mc = "http://schemas.openxmlformats.org/markup-compatibility/2006"
    return re.sub(
        f"({W_RUN}[^<]*\\d[^<]*</w:t></w:r>)",
        lambda f: (
            f'<mc:AlternateContent xmlns:mc="{mc}"><mc:Choice Requires="w14">{f[1]}</mc:Choice>'
            f"<mc:Fallback>{f[1]}</mc:Fallback></mc:AlternateContent>"
        ),
        text, count=3,
    )  # fmt: skip


def written_otherwise(text: str) -> str:
    """Equations without styles, with brackets as letters, limits around and scripts nested."""
    root = etree.fromstring(text.encode())
    for found in list(root.iter(f"{M}sty", f"{M}scr", f"{M}nor", f"{M}grow")):
        found.getparent().remove(found)
    for found in list(root.iter(f"{M}d")):
        found.addprevious(run(found.find(f"{M}dPr/{M}begChr").get(f"{M}val")))
        for part in found.findall(f"{M}e"):
            for child in list(part):
                found.addprevious(child)
        found.addprevious(run(found.find(f"{M}dPr/{M}endChr").get(f"{M}val")))
        found.getparent().remove(found)
    for found in list(root.iter(f"{M}nary")):
        if (after := found.getnext()) is not None:
            found.find(f"{M}e").append(after)
    for found in list(root.iter(f"{M}sSubSup")):
        outer, inner = etree.Element(f"{M}sSup"), etree.Element(f"{M}sSub")
        base = etree.SubElement(outer, f"{M}e")
        base.append(inner)
        inner.extend([found.find(f"{M}e"), found.find(f"{M}sub")])
        outer.append(found.find(f"{M}sup"))
        found.addprevious(outer)
        found.getparent().remove(found)
    for found in root.iter(f"{M}t"):
        found.text = (found.text or "").translate(str.maketrans("∣−xz", "|-𝒙𝑧"))
    return etree.tostring(root, encoding="unicode")


def run(text: str) -> etree._Element:
    made = etree.Element(f"{M}r")
    etree.SubElement(made, f"{M}t").text = text
    return made


def without_properties(text: str) -> str:
    text = re.sub(r"<w:(?:rPr|pPr)>(?:(?!</w:(?:rPr|pPr)>).)*</w:(?:rPr|pPr)>", "", text)
    return re.sub(r"<w:bookmark(?:Start|End)[^>]*/>", "", text)


SAVED: dict[str, Edit] = {
    "runs split": split_runs,
    "equations split": split_equations,
    "equations written otherwise": written_otherwise,
    "marks of revisions": lambda t: re.sub(
        r"<w:(p|r|tr)>", r'<w:\1 w:rsidR="00AB12CD" w:rsidRPr="00AB12CD">', t
    ),
    "paragraph ids": lambda t: t.replace(
        "<w:p>",
        '<w:p xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml" '
        'w14:paraId="1A2B3C4D" w14:textId="77777777">',
    ),
    "page breaks": lambda t: (
        t.replace("<w:t", "<w:lastRenderedPageBreak/><w:t", 40)
        .replace("<w:lastRenderedPageBreak/><w:tb", "<w:tb")
        .replace("<w:lastRenderedPageBreak/><w:tc", "<w:tc")
    ),
    "no-break spaces": lambda t: re.sub(r"(?<=[a-z0-9±]) (?=[a-z0-9±][^<>]*</w:t>)", "\u00a0", t),
    "plain spaces": lambda t: t.replace("\u00a0", " ").replace("\u2009", " "),
    "soft hyphens": lambda t: re.sub(r"(<w:t[^>]*>[^<&]{4})", "\\1\u00ad", t),
    "no spaces beside Chinese": lambda t: re.sub(r"(?<=[一-龥]) (?=\w)", "", t),
    "bookmarks": lambda t: re.sub(
        r"(<w:p(?: [^>]*)?>)(?!<w:pPr)", r'\1<w:bookmarkStart w:id="77" w:name="_GoBack"/>', t
    ),
    "nothing but text": without_properties,
    "runs and equations": lambda t: split_equations(split_runs(t)),
}


@pytest.mark.parametrize("way", SAVED)
def test_saving_changes_nothing(way: str, report: bytes) -> None:
    data = edited(report, SAVED[way], zipfile.ZIP_STORED)
    changes, document = compared(data, report)
    assert not any(changes), (way, changes)
    assert document.beside == []


def test_the_strict_variant_of_the_format_is_read(report: bytes) -> None:
    """As Word saves "Strict Open XML", its document under another name."""
    spaces = re.compile(rb"http://schemas.openxmlformats.org/(\w+)/2006/(?!metadata)(\w+)")
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(report)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            part = spaces.sub(rb"http://purl.oclc.org/ooxml/\1/\2", old.read(name))
            renamed = name.replace("document.xml", "document2.xml")
            new.writestr(renamed, part.replace(b"word/document.xml", b"word/document2.xml"))
    changes, document = compared(buffer.getvalue(), report)
    assert not any(changes)
    assert document.beside == []


FLOAT = ("<wp:inline", '<wp:anchor behindDoc="0"'), ("</wp:inline>", "</wp:anchor>")
DRAWN = [
    (FLOAT, "wp:anchor"), ((("<a:stretch>", '<a:srcRect l="20000"/><a:stretch>'),), "a:srcRect"),
    ((("</a:blip>", "<a:grayscl/></a:blip>"),), "a:grayscl"),
    ((("<w:pPr>", '<w:pPr><w:framePr w:w="9000" w:x="1" w:y="1"/>'),), "w:framePr"),
]  # fmt: skip


@pytest.mark.parametrize(("edits", "named"), DRAWN)
def test_what_may_lie_over_text_or_alters_a_picture_is_shown(
    edits: tuple[tuple[str, str], ...], named: str, report: bytes
) -> None:
    def drawn(text: str) -> str:
        text = re.sub(r"(<a:blip [^>]*)/>", r"\1></a:blip>", text, count=1)
        for old, new in edits:
            assert old in text, old
            text = text.replace(old, new, 1)
        return text

    changes, document = compared(edited(report, drawn), report)
    assert document.beside == [named]
    assert not any(changes)


def test_tracked_changes_are_read_as_word_shows_them(report: bytes) -> None:
    run = r"(<w:r>(?:<w:rPr>(?:(?!</w:rPr>).)*</w:rPr>)?<w:t[^>]*>[^<]*\d[^<]*</w:t></w:r>)"
    tracked = (
        '<w:moveFrom w:id="1" w:author="a"><w:r><w:t>0.123</w:t></w:r></w:moveFrom>'
        '<w:del w:id="2" w:author="a"><w:r><w:delText>4.56</w:delText></w:r></w:del>'
        r'<w:ins w:id="3" w:author="a">\1</w:ins>'
    )
    data = edited(report, lambda text: re.sub(run, tracked, text, count=1))
    changes, document = compared(data, report)
    assert not any(changes)
    assert document.beside == ["w:del", "w:ins", "w:moveFrom"]


def test_alternatives_of_programs_count_once(report: bytes) -> None:
    changes, document = compared(edited(report, alternatives), report)
    assert not any(changes)
    assert document.beside == ["mc:AlternateContent"]  # and so are shown


@pytest.mark.parametrize("way", ["runs split", "equations split", "equations written otherwise"])
def test_a_changed_number_shows_after_saving(way: str, report: bytes) -> None:
    plain = read_docx(report, "report")
    number = next(n for t in plain.paragraphs for n in re.findall(r"\d\.\d{2}", t))
    other = f"{(int(number[0]) + 1) % 10}{number[1:]}"

    def changed(text: str) -> str:
        assert number in text
        return SAVED[way](text.replace(number, other, 1))

    changes, _ = compared(edited(report, changed), report)
    assert changes.numbers


@pytest.mark.parametrize("way", ["equations split", "equations written otherwise"])
def test_a_changed_number_of_an_equation_shows(way: str, report: bytes) -> None:
    pattern = re.compile(r"(<m:t[^>]*>)(\d+)(</m:t>)")

    def changed(text: str) -> str:
        found = list(pattern.finditer(text))[-1]
        return SAVED[way](f"{text[: found.start()]}{found[1]}77{found[3]}{text[found.end() :]}")

    changes, _ = compared(edited(report, changed), report)
    assert len(changes.numbers) == 1
    assert "77" in changes.numbers[0]


def test_words_and_equations_that_are_changed_or_gone_are_shown(report: bytes) -> None:
    def without_equations(text: str) -> str:  # as LibreOffice without its Math saves it
        return re.sub(r"<m:oMath>.*?</m:oMath>", "", text, flags=re.DOTALL)

    changes, _ = compared(edited(report, without_equations), report)
    assert len(changes.equations) > 50
    assert not any(changes._replace(equations=[]))
    changes, _ = compared(
        edited(report, lambda t: re.sub(r"(<w:t[^>]*>)ELBO", r"\1bound", t, count=1)), report
    )
    assert (len(changes.words), len(changes.numbers)) == (1, 0)


@pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice")
def test_libreoffice_saves_a_report(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    run = make_lab_run(tmp_path_factory.mktemp("lab"))
    path = run / make_report(run, "zh")["docx"]
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    command = ["soffice", "--headless", profile, "--convert-to", "docx", "--outdir", str(tmp_path)]
    subprocess.run([*command, str(path)], check=True, capture_output=True)
    changes, document = compared((tmp_path / path.name).read_bytes(), path.read_bytes())
    equations = read_docx(path.read_bytes(), "report").equations
    assert len(changes.equations) in (0, len(equations))  # all are lost without its Math
    assert not any(changes._replace(equations=[])), changes
    assert document.beside == []


def equation(inner: str) -> str:
    return normal_form(etree.fromstring(f"<m:oMath {SPACES}>{inner}</m:oMath>"))


def t(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


def m(tag: str, properties: str = "", **parts: str) -> str:
    """An element of parts, with properties as "chr=∑"."""
    name, _, value = properties.partition("=")
    first = f'<m:{tag}Pr><m:{name} m:val="{value}"/></m:{tag}Pr>' if name else ""
    inner = "".join(f"<m:{part}>{content}</m:{part}>" for part, content in parts.items())
    return f"<m:{tag}>{first}{inner}</m:{tag}>"


X, I, TWO, SUM = t("x"), t("i"), t("2"), "chr=∑"  # noqa: E741
SAME = [
    [m("sSubSup", e=X, sub=I, sup=TWO), m("sSup", e=m("sSub", e=X, sub=I), sup=TWO),
     m("sSub", e=m("sSup", e=t("𝑥"), sup=t(" 2")), sub=I)],
    [f"<m:d><m:e>{t('a')}</m:e><m:e>{t('b')}</m:e></m:d>", t("(a∣b)"),
     f"{t('(')}{t('a|b')}{t(')')}"],
    [m("acc", "chr=\u0305", e=X), m("acc", "chr=¯", e=X), m("bar", "pos=top", e=X)],
    [m("acc", e=X), m("acc", "chr=^", e=X), m("acc", "chr=ˆ", e=X)],
    [m("nary", SUM, sub=t("k=1"), sup=t("K"), e=X),
     m("nary", SUM, sub=t("k = 1"), sup=t("K"), e="") + X,
     m("limUpp", e=m("limLow", e=t("∑"), lim=t("k=1")), lim=t("K")) + X],
    [t("ϵ∼𝒩(0, 1)"), t("ε~N(0,1)"), t("ϵ∼") + t("N") + t("(0,\u20091)")],
    [m("func", fName=t("ln"), e=X), t("lnx"), t("ln\u2061x")],
]  # fmt: skip


@pytest.mark.parametrize("forms", SAME)
def test_equations_written_in_many_ways_have_one_normal_form(forms: list[str]) -> None:
    assert len({equation(form) for form in forms}) == 1, [equation(form) for form in forms]


def test_equations_that_say_other_things_differ() -> None:
    forms = [form for forms in SAME for form in forms[:1]]
    forms += [m("f", num=t("1"), den=TWO), m("f", num=TWO, den=t("1")), t("12"), t("1.2"),
              t("x2"), t("x"), m("rad", e=X), m("bar", "pos=bot", e=X)]  # fmt: skip
    assert len({equation(form) for form in forms}) == len(forms)
    assert numbers_of(equation(t("0,0.99+") + t("2") + t("0"))) == {"0": 1, "0.99": 1, "20": 1}


def test_a_picture_made_smaller_or_a_jpeg_is_known() -> None:
    def encoded(pixels: np.ndarray, size: tuple[int, int], kind: str) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).save(buffer, kind)
        return buffer.getvalue()

    across, down = np.meshgrid(np.arange(320), np.arange(240))
    waves = 128 + 100 * np.sin(across / 9) * np.cos(down / 7)
    own = np.stack([waves, 255 - waves, waves], 2).astype(np.uint8)
    other = own.copy()
    other[40:80, 100:140] = 255
    for size, kind in (((271, 203), "PNG"), ((320, 240), "JPEG"), ((160, 120), "JPEG")):
        assert converted(encoded(own, size, kind), own), (size, kind)
        assert not converted(encoded(other, size, kind), own), (size, kind)
    assert not converted(encoded(own, (240, 320), "PNG"), own)
