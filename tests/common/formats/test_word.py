"""Word documents of strangers: plain XML in a plain zip; nothing is expanded, nothing fetched."""

import io
import re
import zipfile

import pytest

from hypothesis import given, settings
from hypothesis import strategies as st

from genlab.common.errors import InputError
from genlab.common.formats import word
from genlab.common.formats.word import Link, WordDocument, open_in_word, parse_xml

BODY = "word/document.xml"
docx = pytest.importorskip("docx")


def written() -> bytes:
    """A document as python-docx writes it."""
    buffer = io.BytesIO()
    document = docx.Document()
    document.add_paragraph("text")
    document.save(buffer)
    return buffer.getvalue()


def with_part(name: str, part: bytes | None, data: bytes | None = None) -> bytes:
    """A document with another part, or without it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data or written())) as old, zipfile.ZipFile(
        buffer, "w", zipfile.ZIP_DEFLATED
    ) as new:  # fmt: skip
        for one in {*old.namelist(), name}:
            content = part if one == name else old.read(one)
            if content is not None:
                new.writestr(one, content)
    return buffer.getvalue()


XML = {
    "entities": b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    "external": b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
    "utf-16": '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a><a/>'.encode("utf-16"),
    "utf-7": b'<?xml version="1.0" encoding="utf-7"?>+ADw-!DOCTYPE a+AD4-<a/>',
    "deep": b"<a>" * 5000 + b"</a>" * 5000, "broken": b"<a><b></a>", "empty": b"",
    "tags": b"<a>" + b"<b/>" * word.MOST_MARKS + b"</a>",
    "attributes": b"<a " + b" ".join(b'b%d=""' % i for i in range(word.MOST_MARKS)) + b"/>",
}  # fmt: skip


@pytest.mark.parametrize("kind", XML)
def test_dangerous_xml_is_refused(kind: str) -> None:
    with pytest.raises(InputError, match="^a.xml: "):
        parse_xml(XML[kind], "a.xml")
    with pytest.raises(InputError, match=f"^a.docx/{re.escape(BODY)}: |unpack to"):
        WordDocument(with_part(BODY, XML[kind]), "a.docx").xml(BODY)
    with pytest.raises(InputError, match="^a.docx"):
        open_in_word(with_part("docProps/core.xml", XML[kind]), "a.docx")


def test_a_document_is_read_by_its_relations() -> None:
    document = WordDocument(written(), "a.docx")
    assert Link("officeDocument", BODY, "rId1") in document.links()
    assert "styles" in {link.kind for link in document.links(BODY)}
    assert b"text" in document.read(BODY)
    assert "".join(document.xml(BODY).itertext()).strip() == "text"
    assert [p.text for p in open_in_word(written(), "a.docx").paragraphs] == ["text"]
    with pytest.raises(InputError, match=r"^a.docx: has no word/none.xml"):
        document.read("word/none.xml")


def chain(count: int) -> bytes:
    """A document whose parts lead from one to the next."""
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/x"
    names = "http://schemas.openxmlformats.org/package/2006/relationships"
    buffer = io.BytesIO(written())
    with zipfile.ZipFile(buffer, "a") as archive:
        for i in range(count):
            archive.writestr(f"word/p{i}.bin", "")
            archive.writestr(
                f"word/_rels/p{i}.bin.rels", f'<Relationships xmlns="{names}"><Relationship '
                f'Id="r" Type="{kind}" Target="p{i + 1}.bin"/></Relationships>'
            )  # fmt: skip
        archive.writestr(f"word/p{count}.bin", "")
    data = buffer.getvalue()
    links = WordDocument(data, "a").read("word/_rels/document.xml.rels")
    more = f'<Relationship Id="c" Type="{kind}" Target="p0.bin"/></Relationships>'.encode()
    return with_part(
        "word/_rels/document.xml.rels", links.replace(b"</Relationships>", more), data
    )


W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
EMPTY_BODY = f'<w:document xmlns:w="{W}"><w:body/></w:document>'.encode()
ODD_STYLE = f'<w:styles xmlns:w="{W}"><w:style w:type="x"/></w:styles>'.encode()
ODD = {
    "no document": lambda: with_part(BODY, None),
    "no sections": lambda: with_part(BODY, EMPTY_BODY),
    "another root of styles": lambda: with_part("word/styles.xml", b"<a/>"),
    "a style of no kind": lambda: with_part("word/styles.xml", ODD_STYLE),
    "no types": lambda: with_part("[Content_Types].xml", None),
    "no relations": lambda: with_part("_rels/.rels", None),
    "another root": lambda: with_part(BODY, b"<a/>"),
    "types of nothing": lambda: with_part("[Content_Types].xml", b"<a/>"),
    "no archive": lambda: b"PK\x03\x04" + bytes(100), "nothing": lambda: b"",
    "a chain": lambda: chain(1200), "a name": lambda: with_part("word/图.xml", b"<a/>"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ODD)
def test_what_python_docx_cannot_open_is_refused(kind: str) -> None:
    with pytest.raises(InputError, match="^a.docx"):
        open_in_word(ODD[kind](), "a.docx")


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_any_damage_of_a_part_is_refused_or_read(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["[Content_Types].xml", "_rels/.rels", BODY]))
    good = WordDocument(GOOD, "a").read(name)
    at = data.draw(st.integers(0, len(good)))
    piece = data.draw(st.binary(max_size=4) | st.sampled_from([b"<", b"&", b'"', b"<a/>", b"../"]))
    part = good[:at] + piece + good[at + data.draw(st.integers(0, 40)) :]
    try:
        document = open_in_word(with_part(name, part, GOOD), "a.docx")
    except InputError:
        return
    assert isinstance(document.paragraphs, list)


GOOD = written()
