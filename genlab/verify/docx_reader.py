"""Reads Word documents of strangers: paragraphs, pictures, author; no entity is ever expanded.

References:
    | ECMA-376, Office Open XML, parts 1 and 2
    | https://docs.python.org/3/library/xml.html (attacks on XML parsers)
"""

__all__ = ["Document", "paragraphs_of", "read_docx"]

import posixpath
import re

from dataclasses import dataclass
from pathlib import Path

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue] - it has no stubs

from genlab.verify.archive_reader import Archive, open_archive
from genlab.verify.findings import Refused

LARGEST_XML = 32 << 20
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
DC = "{http://purl.org/dc/elements/1.1/}"
ENCODING = re.compile(rb"""^<\?xml[^>]*?encoding\s*=\s*["']([^"']+)["']""")


@dataclass(frozen=True, kw_only=True)
class Document:
    """What a reader sees of a Word document."""

    paragraphs: list[str]
    """The text of each paragraph that has any, tables and equations too, in reading order."""
    pictures: list[bytes]
    """The file of each picture, in reading order."""
    author: str
    language: str
    """The language that the document says it is in, "" if it does not."""


def read_docx(path: Path) -> Document:
    """Reads a Word document.

    Raises:
        Refused: If it is none, or is not plain XML in a plain archive.
    """
    archive = open_archive(path)
    body = _parse(archive, "word/document.xml")
    links = _links(archive)
    pictures = []
    for blip in body.iter(f"{A}blip"):
        target = links.get(blip.get(f"{R}embed", ""))
        if target is None:
            raise Refused("word/document.xml: a picture that is not in the document")
        pictures.append(archive.read(target))
    core = _parse(archive, "docProps/core.xml")
    return Document(
        paragraphs=paragraphs_of(body), pictures=pictures,
        author=core.findtext(f"{DC}creator") or "", language=core.findtext(f"{DC}language") or "",
    )


def paragraphs_of(body: etree._Element) -> list[str]:
    """Returns the text of each paragraph that has any, white space made single."""
    found = []
    for paragraph in body.iter(f"{W}p"):
        # A text box lies inside a paragraph and has paragraphs of its own.
        own = [t for t in paragraph.iter(f"{W}t", f"{M}t", f"{W}tab", f"{W}br")
               if next(t.iterancestors(f"{W}p")) is paragraph]
        text = " ".join("".join(t.text or " " for t in own).split())
        if text:
            found.append(text)
    return found


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


def _links(archive: Archive) -> dict[str, str]:
    """Returns the file in the archive that each relation of the document names."""
    found = {}
    for link in _parse(archive, "word/_rels/document.xml.rels"):
        target = link.get("Target", "")
        if link.get("TargetMode") != "External":
            found[link.get("Id", "")] = posixpath.normpath(posixpath.join("word", target)).lstrip("/")
    return found
