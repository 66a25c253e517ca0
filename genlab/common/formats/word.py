"""Reads Word documents: a plain zip of parts in plain XML; no entity is ever expanded.

What the parts say is left to whoever reads them.

References:
    | ECMA-376, Office Open XML, part 2, Open Packaging Conventions
    | https://docs.python.org/3/library/xml.html (attacks on XML parsers)
"""

__all__ = ["Link", "WordDocument", "open_in_word", "parse_xml"]

import io
import posixpath
import re

from typing import TYPE_CHECKING, Any, NamedTuple

from genlab.common.errors import InputError
from genlab.common.formats.plain_zip import PlainZip, require_plain
from genlab.common.formats.zip_archive import Limits

if TYPE_CHECKING:
    from docx.document import Document

LIMITS = Limits(entries=5_000, directory=1 << 20, file=256 << 20, total=1 << 30)
LARGEST_XML = 32 << 20
MOST_MARKS = 1_000_000
"""Tags and attributes of a part; each takes some hundred bytes in memory."""
ENCODING = re.compile(rb"""^<\?xml[^>]*?encoding\s*=\s*["']([^"']+)["']""")
STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/(\w+)")
TRANSITIONAL = rb"http://schemas.openxmlformats.org/\1/2006/\2"
"""Namespaces of documents saved as "Strict Open XML", and the usual ones."""


class Link(NamedTuple):
    """A relation of a part to another."""

    kind: str
    path: str
    """The other part; "" if it lies outside the document."""
    name: str
    """By which the part refers to it."""


class WordDocument:
    """A document whose archive has been checked; its parts are read when they are asked for.

    Arguments:
        data: The document.
        name: What it is called in an error.

    Raises:
        InputError: If it is no plain zip archive.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self.name = name
        self._zip = PlainZip(data, name, LIMITS)
        for path in self._zip.paths:
            require_plain(path, f"{name}/{path}")

    def read(self, path: str, most: int = LIMITS.file) -> bytes:
        """Returns the bytes of a part; raises `InputError` if it is not there or damaged."""
        entry = self._zip.paths.get(path)
        if entry is None or path.endswith("/"):
            raise InputError(f"{self.name}: has no {path}")
        return self._zip.read(entry, most)

    def xml(self, path: str) -> Any:
        """Returns the root of a part, as `parse_xml` does."""
        return parse_xml(self.read(path, LARGEST_XML), f"{self.name}/{path}")

    def links(self, path: str = "") -> list[Link]:
        """Returns the relations of a part, or of the document itself."""
        folder, _, last = path.rpartition("/")
        found = []
        for link in self.xml(posixpath.join(folder, "_rels", f"{last}.rels")):
            target, kind = link.get("Target", ""), link.get("Type", "").rpartition("/")[2]
            other = posixpath.normpath(posixpath.join(folder, target)).lstrip("/")
            outside = link.get("TargetMode") == "External"
            found.append(Link(kind, "" if outside else other, link.get("Id", "")))
        return found

    def require_xml(self) -> None:
        """Raises `InputError` if a part in XML is not as `parse_xml` takes it."""
        for path in self._zip.paths:
            if path.lower().endswith((".xml", ".rels")):
                self.xml(path)


def open_in_word(data: bytes, name: str) -> "Document":
    """Opens a Word document with python-docx, after every part of it was checked.

    Raises:
        InputError: If it is none, or has no body, no sections or odd styles.
    """
    import docx

    WordDocument(data, name).require_xml()
    try:
        document = docx.Document(io.BytesIO(data))
        document.element.body.iter()
        if not document.sections or not [style.name for style in document.styles]:
            raise ValueError("no section or no style")
        document.save(io.BytesIO())  # a part without a type is found only here
        return document
    except Exception as error:  # it takes the parts to be there and to be right
        reason = f"{type(error).__name__}: {error}"[:200]
        raise InputError(f"{name}: not a Word document that can be read ({reason})") from None


def parse_xml(data: bytes, name: str) -> Any:
    """Parses XML that has no document type, and with it no entities.

    Returns:
        Its root, an element of lxml.

    Raises:
        InputError: If it has one, is not UTF-8, is no XML, or has too many tags or attributes.
    """
    from lxml import etree  # pyright: ignore[reportAttributeAccessIssue] - it has no stubs

    if data.count(b"<") + data.count(b"=") > MOST_MARKS:
        raise InputError(f"{name}: XML of more than {MOST_MARKS:,} tags and attributes")
    encoding = ENCODING.match(data)
    plain = encoding is None or encoding[1].lower() in (b"utf-8", b"us-ascii", b"ascii")
    if not plain or b"\0" in data or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise InputError(f"{name}: has a document type, entities or an unusual encoding")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(STRICT.sub(TRANSITIONAL, data), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise InputError(f"{name}: not readable as XML ({error})") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise InputError(f"{name}: has a document type")
    return root
