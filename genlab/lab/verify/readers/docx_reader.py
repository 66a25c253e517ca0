"""Reads what Word documents of strangers show: paragraphs, equations, pictures, author.

Word shows more than the text of paragraphs, and hides some of it. What does either is not
interpreted here but named (`Document.beside`), for a person to look at.

References:
    | ECMA-376, Office Open XML, part 1
"""

__all__ = ["Document", "equations_of", "paragraphs_of", "read_docx"]

import re
import unicodedata

from collections.abc import Iterable
from dataclasses import dataclass

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue] - it has no stubs

from genlab.common.errors import InputError
from genlab.common.formats.word import Link, WordDocument
from genlab.lab.verify.readers.docx_unseen import over_text, unseen
from genlab.lab.verify.readers.equations import normal_form

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
DC = "{http://purl.org/dc/elements/1.1/}"
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
SVG = "{http://schemas.microsoft.com/office/drawing/2016/SVG/main}"
TEXT = tuple(W + name for name in ("t", "tab", "br", "cr", "noBreakHyphen", "softHyphen"))
INSTEAD = {f"{W}noBreakHyphen": "-", f"{W}softHyphen": ""}
SAME = {ord("\N{NON-BREAKING HYPHEN}"): "-"}
UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
"""Soft hyphens and marks without width."""
BESIDE_CHINESE = re.compile("(?<=[\u2e80-\uffef]) | (?=[\u2e80-\uffef])")
BESIDE = {
    f"{space}{name}": f"{prefix}:{name}"
    for prefix, space, names in (
        ("w", W, "vanish specVanish sym ins del moveFrom moveTo pict object"),
        ("w", W, "txbxContent altChunk dataBinding"), ("m", M, "phant"), ("a", A, "t"),
        ("mc", MC, "AlternateContent"), ("asvg", SVG, "svgBlip"),
    )
    for name in names.split()
}
"""Elements that hide text, or show what is no text of a paragraph: hidden runs, symbols, tracked
changes, old pictures, embedded objects, text boxes. No report has any."""
READ = ("header", "footer", "footnotes", "endnotes", "comments")
"""Kinds of parts, by the names of relations, whose text is read beside the body's."""
SILENT = (
    "styles", "stylesWithEffects", "numbering", "settings", "webSettings", "fontTable", "theme",
    "image", "hyperlink", "customXml", "glossaryDocument", "commentsExtended", "commentsIds",
    "commentsExtensible", "people",
)
"""Kinds of parts that show nothing by themselves."""
PAGE = re.compile(r"[0-9]{1,3}")


@dataclass(frozen=True, kw_only=True)
class Document:
    """What a reader sees of a Word document."""

    paragraphs: list[str]
    """As of `paragraphs_of`."""
    equations: list[str]
    """As of `equations_of`."""
    margins: list[str]
    """Likewise of headers, footers, notes and comments, but for page numbers."""
    beside: list[str]
    """What hides text or shows other things than text, as XML names it, sorted."""
    pictures: list[bytes]
    """The file of each picture, in reading order."""
    author: str


def read_docx(data: bytes, name: str) -> Document:
    """Reads a Word document.

    Arguments:
        data: The document.
        name: What it is called in an error.

    Raises:
        InputError: If it is none, or is not plain XML in a plain archive.
    """
    word = WordDocument(data, name)
    main = [link.path for link in word.links() if link.kind == "officeDocument"]
    if len(main) != 1 or not main[0]:
        raise InputError(f"{name}: what Word opens in it is {main}, not one document")
    body, links = word.xml(main[0]), word.links(main[0])
    parts = [word.xml(link.path) for link in links if link.kind in READ]
    beside = {BESIDE[e.tag] for part in (body, *parts) for e in part.iter(*BESIDE)}
    styles = [word.xml(link.path) for link in links if link.kind == "styles"]
    beside |= {name for part in (body, *parts) for name in (*unseen(part, styles), *over_text(part))}
    beside |= {"a:blip" for part in parts for _ in part.iter(f"{A}blip")}
    beside |= {link.kind for link in links if link.kind not in READ + SILENT}
    pictures = _pictures(word, body, links)
    properties = [link.path for link in word.links() if link.kind == "core-properties"]
    core = word.xml(properties[0]) if properties else etree.Element("none")
    _one_reading(body)
    return Document(
        paragraphs=paragraphs_of(body), equations=equations_of(body), pictures=pictures,
        margins=[
            t for part in map(_one_reading, parts)
            for t in (*paragraphs_of(part), *equations_of(part)) if not t.isdecimal()
        ],
        beside=sorted(beside), author=core.findtext(f"{DC}creator") or "",
    )


def _pictures(word: WordDocument, body: etree._Element, links: list[Link]) -> list[bytes]:
    images = {link.name: link.path for link in links if link.path}
    pictures = []
    for blip in body.iter(f"{A}blip"):
        path = images.get(blip.get(f"{R}embed", ""))
        if path is None:
            raise InputError(f"{word.name}: a picture that is not in the document")
        pictures.append(word.read(path))
    return pictures


def _one_reading(part: etree._Element) -> etree._Element:
    """Leaves of each choice that programs have what Word shows, and of tracked changes the new."""
    for choice in list(part.iter(f"{MC}AlternateContent")):
        for other in choice.findall(f"{MC}Fallback") if len(choice) > 1 else ():
            choice.remove(other)
    for gone in list(part.iter(f"{W}del", f"{W}moveFrom")):
        if (around := gone.getparent()) is not None:
            around.remove(gone)
    return part


def equations_of(body: etree._Element) -> list[str]:
    """Returns what each equation says, in reading order (`equations.py`)."""
    forms = (normal_form(equation) for equation in body.iter(f"{M}oMath"))
    return [form for form in forms if form]


def paragraphs_of(body: etree._Element) -> list[str]:
    """Returns the text of each paragraph that has any, without equations, in reading order.

    White space is made single, and none is left beside Chinese letters: programs add and drop it
    there. A row of a table is one paragraph, with a tab between any two cells, if more than one
    of these has text. Page numbers in the table of contents, which Word adds when it is told to
    update it, are left out.
    """
    found = []
    for part in body.iter(f"{W}p", f"{W}tr"):
        if next(part.iterancestors(f"{W}tr"), None) is not None:
            continue  # read with that row
        if part.tag == f"{W}p":
            # A text box lies inside a paragraph and has paragraphs of its own.
            own = [t for t in part.iter(*TEXT) if next(t.iterancestors(f"{W}p")) is part]
            text = _text(_without_page(part, own))
        else:
            cells = [c for c in part.iter(f"{W}tc") if next(c.iterancestors(f"{W}tr")) is part]
            texts = [_text(cell.iter(f"{W}p", *TEXT)) for cell in cells]
            text = "\t".join(texts) if sum(map(bool, texts)) > 1 else "".join(texts)
        if text.strip():
            found.append(text)
    return found


def _without_page(paragraph: etree._Element, parts: list[etree._Element]) -> list[etree._Element]:
    """Returns the parts of a text without the tab and page number that end a link to a heading."""
    links = {link for link in paragraph.iter(f"{W}hyperlink")
             if link.get(f"{W}anchor", "").startswith("_Toc")}
    tabs = [i for i, part in enumerate(parts) if part.tag == f"{W}tab"
            and links.intersection(part.iterancestors())]
    if not tabs or not PAGE.fullmatch(_text(parts[tabs[-1] :])):
        return parts
    return parts[: tabs[-1]]


def _text(parts: Iterable[etree._Element]) -> str:
    letters = [
        INSTEAD.get(part.tag, part.text or " ") for part in parts
        if next(part.iterancestors(f"{M}oMath"), None) is None
    ]
    text = unicodedata.normalize("NFC", "".join(letters)).translate(SAME)
    return BESIDE_CHINESE.sub("", " ".join(UNSEEN.sub("", text).split()))
