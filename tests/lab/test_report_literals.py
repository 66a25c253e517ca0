"""A record's text is never markup: what a report says of it is the text, letter for letter."""

import json
import re
import zipfile

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from genlab.common.errors import InputError
from genlab.lab.report.formats.pandoc import parse, write
from genlab.lab.report.numbers.bound import bind, literal
from genlab.lab.report.writer import Writer

TOKEN = "benign"
HOSTILE = (
    "![x](/etc/hostname)", "![x](../vae/priors.png)", "[a](http://example.com/)", "[a][b]",
    "[a]: /b", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<b>x</b>", "<!-- x",
    "<http://a.b>", "`a`", "a ` b `` c", "`", "``", "```", "~~~", "`x`{=html}",
    "`<b>`{=openxml}", "a\\", "\\`a\\`", "$x$", "$$\\input{/etc/hostname}$$", r"\input{a}",
    r"\(x\)", "\\newcommand{\\x}{y}", "a | b", "a \\| b", "|", "| a |\n|:--|\n", "# head",
    "- item", "1. item", "a) item", "(@) item", "> quote", ": note",
    "::: {custom-style=\"Title\"}", ":::", "---", "***", "===", "*a*", "**a**", "_a_", "~~a~~",
    "H~2~O", "x^2^", "a[^1]", "[^1]: note", "^[note]", "@key", "[@key]", "{#id}",
    "{.c onclick=x}", "[x]{onclick=y}", "---\ntitle: x\n---", "% title", "a\n\n# b", "a\r\nb",
    "javascript:alert(1)", "https://example.com", "www.example.com", "&lt;b&gt;", "&#60;b&#62;",
    "\"a\" -- b... 'c'", "M.A. b", "@@fig:priors@@", "{K}", "{count}", ":smile:",
    "\ue003fig:x\ue004", "\ue000[1, [\"f#/a\"], false]\ue001<b>\ue002", "\x1b[31mred", "a\x00b",
    "a\u202eb\u202c", "a\u200bb", "\u2028a", "\ud800", "    indented", "\ta", "张三", "a\u3000b",
    "😀", "&", "<", "%%", "//", "#!/",
)  # fmt: skip
"""Texts that would be something else in one kind of markup or another."""


def as_shown(text: str) -> str:
    """The text as a line shows it: spaces as one, escapes for what is no letter."""
    line = " ".join(text.split())
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in line
    )


def write_about(w: Writer, text: Any) -> None:
    """Writes the text in every place that a report gives to one."""
    w.heading(1, "", f"Head {text}")
    w.para("", f"{text} begins, {text}, `{text}` and **{text}** end with {text}")
    w.para("", f"{text}")
    w.bullets([("", f"{text}"), ("", f"one {text} (source `{text}`)")])
    rows = [[f"{text}", f"`{text}`"], [f"{text}, {text}", "x"]]
    w.table("t", ["a", f"{text}"], rows, "", f"Of {text}", "ll")
    w.styled("Author", f"Name: {text}")
    w.note("", f"Note: {text}")


def parts_of(texts: list[Any]) -> list[str]:
    """What pandoc makes of a document with a part on each text."""
    w = Writer("en")
    for text in texts:
        w.headings = 0  # every part has the same numbers
        w.numbers.clear()
        write_about(w, text)
    found = "".join(skeleton(parse(w.text(), 9999)["blocks"]))
    return found.split("<Header>")[1:]


def skeleton(value: Any) -> list[str]:
    """The elements of pandoc's document in order, and the letters between them."""
    if isinstance(value, dict):
        if value.get("t") == "Str":
            return [value["c"]]
        if value.get("t") in ("Space", "SoftBreak"):
            return [" "]
        if value.get("t") == "Code":
            return ["<code>", value["c"][1], "</code>"]
        inner = skeleton(value.get("c", []))
        return [f"<{value.get('t')}>", *inner, "</>"]
    if isinstance(value, list):
        return [part for one in value for part in skeleton(one)]
    return [] if isinstance(value, int | float) else [f"«{value}»"]


@pytest.mark.parametrize("marked", [lambda text: bind(text, "f.json"), literal])
def test_every_text_stands_in_a_document_letter_for_letter(marked: Any) -> None:
    benign, *parts = parts_of([marked(text) for text in (TOKEN, *HOSTILE)])
    assert len(parts) == len(HOSTILE)
    for text, part in zip(HOSTILE, parts):
        assert part == benign.replace(TOKEN, as_shown(text)), text


def test_texts_that_are_joined_without_a_format_stay_marked() -> None:
    one, two = bind(["<b>", "*x*"], "f.json")
    w = Writer("en")
    w.add(", ".join([one, two]) + one)
    w.add(f"{[one, two]}")
    found = skeleton(parse(w.text())["blocks"])
    assert "".join(found) == "<Para><b>, *x*<b></><Para>[<b>, *x*]</>"
    assert [one.text for one in w.shown()] == ["<b>", "*x*", "<b>", "<b>", "*x*"]


def test_a_bound_text_is_found_by_what_it_says() -> None:
    one = bind("vamp", "f.json")
    assert one == "vamp"
    assert {"vamp": 1}[one] == 1
    assert one in ("standard", "vamp")
    assert one != "standard"
    assert (one != "vamp") is False


@pytest.mark.parametrize(
    ("markdown", "what"),
    [
        ("[a](http://example.com)", "a link to elsewhere"),
        ("[a](javascript:alert)", "a link to elsewhere"),
        ("![a](/etc/hostname)", "a picture from elsewhere"),
        ("![a](../../secret.png)", "a picture from elsewhere"),
        ("![a](http://example.com/a.png)", "a picture from elsewhere"),
        ("> a", "BlockQuote"),
        ("1. a", "OrderedList"),
    ],
)
def test_what_no_report_has_is_refused(markdown: str, what: str) -> None:
    """Were a text not literal, this would still stand in the way."""
    with pytest.raises(InputError, match=f"with {what}, which no report has"):
        parse(markdown)


def test_the_reader_knows_no_other_markup() -> None:
    markdown = (
        "---\ntitle: a\n---\n\n<script>x</script>\n\na <b>b</b>\n\n`x`{=html}\n\n"
        "```{=openxml}\n<w:p/>\n```\n\n\\input{a}\n\na[^1]\n\n[^1]: b\n\n^[a]\n\n@key\n\n"
        "[a]\n\n[a]: /b\n\n~~a~~ H~2~O x^2^\n\n| line\n\na\n:   b\n\n<div>a</div>\n"
    )
    document = parse(markdown)
    assert document["meta"] == {}
    kinds = set(re.findall(r'"t": "(\w+)"', json.dumps(document["blocks"])))
    assert kinds == {"Header", "HorizontalRule", "Para", "Str", "Space", "SoftBreak", "Code"}


def test_pandoc_reads_no_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"x")
    image = {"t": "Image", "c": [["", [], []], [], [str(secret), ""]]}
    document = parse("a")
    document["blocks"] = [{"t": "Para", "c": [image]}]
    with pytest.raises(RuntimeError, match=r"Could not fetch resource"):
        write(document, "docx")


def test_the_documents_hold_the_text(tmp_path: Path) -> None:
    """All of it once more, written as Word and as HTML."""
    w = Writer("en")
    for text in HOSTILE:
        w.para("", f"{bind(text, 'f.json')}")
    document = parse(w.text())
    made = zipfile.ZipFile(BytesIO(write(document, "docx")))
    assert b"http://example.com" not in made.read("word/_rels/document.xml.rels")
    assert not [name for name in made.namelist() if "media" in name]
    page = write(document, "html5").decode()
    assert page.count("<p>") == len([text for text in HOSTILE if as_shown(text)])
    assert page.count("<") == 2 * page.count("<p>")
