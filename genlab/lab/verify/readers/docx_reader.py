"""Reads Word documents of strangers: paragraphs, pictures, author; no entity is ever expanded.

Word shows more than the text of paragraphs, and hides some of it. What does either is not
interpreted here but named (`Document.beside`), for a person to look at.

References:
    | ECMA-376, Office Open XML, parts 1 and 2
    | https://docs.python.org/3/library/xml.html (attacks on XML parsers)
"""

__all__ = ["Document", "paragraphs_of", "parse", "read_docx"]

import posixpath
import re

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue] - it has no stubs

from genlab.lab.verify.readers.archive_reader import Archive, open_archive
from genlab.lab.verify.readers.docx_unseen import unseen
from genlab.lab.verify.results.findings import Refused

LARGEST_XML = 32 << 20
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
DC = "{http://purl.org/dc/elements/1.1/}"
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
SVG = "{http://schemas.microsoft.com/office/drawing/2016/SVG/main}"
TEXT = (f"{W}t", f"{M}t", f"{W}tab", f"{W}br")
BESIDE = {
    f"{space}{name}": f"{prefix}:{name}"
    for prefix, space, names in (
        ("w", W, "vanish specVanish sym noBreakHyphen ins del moveFrom moveTo pict object"),
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
ENCODING = re.compile(rb"""^<\?xml[^>]*?encoding\s*=\s*["']([^"']+)["']""")


@dataclass(frozen=True, kw_only=True)
class Document:
    """What a reader sees of a Word document."""

    paragraphs: list[str]
    """As of `paragraphs_of`."""
    margins: list[str]
    """Likewise of headers, footers, notes and comments, but for page numbers."""
    beside: list[str]
    """What hides text or shows other things than text, as XML names it, sorted."""
    pictures: list[bytes]
    """The file of each picture, in reading order."""
    author: str
    language: str
    """The language that the document says it is in, "" if it does not."""


def read_docx(data: bytes, name: str) -> Document:
    """Reads a Word document.

    Arguments:
        data: The document.
        name: What it is called in an error.

    Raises:
        Refused: If it is none, or is not plain XML in a plain archive.
    """
    archive = open_archive(data, name)
    main = [target for kind, target, _ in _links(archive, "") if kind == "officeDocument"]
    if main != ["word/document.xml"]:
        raise Refused(f"{name}: what Word opens in it is {main}, not word/document.xml")
    body, links = _parse(archive, main[0]), _links(archive, "word")
    images = {link: target for _, target, link in links if target}
    pictures = []
    for blip in body.iter(f"{A}blip"):
        target = images.get(blip.get(f"{R}embed", ""))
        if target is None:
            raise Refused("word/document.xml: a picture that is not in the document")
        pictures.append(archive.read(target))
    parts = [_parse(archive, target) for kind, target, _ in links if kind in READ]
    beside = {BESIDE[e.tag] for part in (body, *parts) for e in part.iter(*BESIDE)}
    styles = [_parse(archive, target) for kind, target, _ in links if kind == "styles"]
    beside |= {name for part in (body, *parts) for name in unseen(part, styles)}
    beside |= {"a:blip" for part in parts for _ in part.iter(f"{A}blip")}
    beside |= {kind for kind, _, _ in links if kind not in READ + SILENT}
    core = _parse(archive, "docProps/core.xml")
    return Document(
        paragraphs=paragraphs_of(body), pictures=pictures,
        margins=[t for part in parts for t in paragraphs_of(part) if not t.isdecimal()],
        beside=sorted(beside),
        author=core.findtext(f"{DC}creator") or "", language=core.findtext(f"{DC}language") or "",
    )


def paragraphs_of(body: etree._Element) -> list[str]:
    """Returns the text of each paragraph that has any, white space made single, in reading order.

    A row of a table is one paragraph, with a tab between any two cells; but a display equation
    and its number, which lie in a row too, are paragraphs of their own. Page numbers in the table
    of contents, which Word adds when it is told to update it, are left out.
    """
    rows = {row for row in body.iter(f"{W}tr") if not _is_equation(row)}
    found = []
    for part in body.iter(f"{W}p", f"{W}tr"):
        if any(around in rows for around in part.iterancestors(f"{W}tr")):
            continue  # read with that row
        if part.tag == f"{W}p":
            # A text box lies inside a paragraph and has paragraphs of its own.
            own = [t for t in part.iter(*TEXT) if next(t.iterancestors(f"{W}p")) is part]
            text = _text(_without_page(part, own))
        elif part in rows:
            cells = [c for c in part.iter(f"{W}tc") if next(c.iterancestors(f"{W}tr")) is part]
            text = "\t".join(_text(cell.iter(f"{W}p", *TEXT)) for cell in cells)
        else:
            continue
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


def _is_equation(row: etree._Element) -> bool:
    """Returns whether this is a row of an empty cell, a display equation, and its number."""
    begins_empty = not any(_text(cell.iter(*TEXT)) for cell in islice(row.iter(f"{W}tc"), 1))
    return begins_empty and next(row.iter(f"{M}oMathPara"), None) is not None


def _text(parts: Iterable[etree._Element]) -> str:
    return " ".join("".join(part.text or " " for part in parts).split())


def parse(data: bytes, name: str) -> etree._Element:
    """Parses XML that has no document type, and with it no entities.

    Raises:
        Refused: If it has one, is not UTF-8, or is no XML.
    """
    encoding = ENCODING.match(data)
    plain = encoding is None or encoding[1].lower() in (b"utf-8", b"us-ascii", b"ascii")
    if not plain or b"\0" in data or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise Refused(f"{name}: has a document type, entities or an unusual encoding")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Refused(f"{name}: not readable as XML ({error})") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise Refused(f"{name}: has a document type")
    return root


def _parse(archive: Archive, name: str) -> etree._Element:
    return parse(archive.read(name, LARGEST_XML), name)


def _links(archive: Archive, folder: str) -> list[tuple[str, str, str]]:
    """Returns kind, file in the archive ("" if it is not there) and name of each relation.

    Arguments:
        archive: The document's archive.
        folder: "word" for those of the text, "" for those of the archive itself.
    """
    found = []
    name = "word/_rels/document.xml.rels" if folder else "_rels/.rels"
    for link in _parse(archive, name):
        target, kind = link.get("Target", ""), link.get("Type", "").rpartition("/")[2]
        inside = link.get("TargetMode") != "External"
        path = posixpath.normpath(posixpath.join(folder, target)).lstrip("/") if inside else ""
        found.append((kind, path, link.get("Id", "")))
    return found
