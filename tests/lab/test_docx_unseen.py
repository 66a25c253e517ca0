"""What hides text of a Word document by how it looks, and what only looks like it."""

import pytest

from genlab.common.formats.word import parse_xml
from genlab.lab.verify.readers.docx_unseen import unseen

SPACE = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def found(runs: str, styles: str = "", paragraph: str = "") -> set[str]:
    body = (f"<w:body {SPACE}><w:p><w:pPr>{paragraph}</w:pPr>"
            f"<w:r><w:rPr>{runs}</w:rPr><w:t>1</w:t></w:r></w:p></w:body>")
    sheet = f"<w:styles {SPACE}>{styles}</w:styles>"
    return unseen(parse_xml(body.encode(), "body"), [parse_xml(sheet.encode(), "styles")])


@pytest.mark.parametrize(("runs", "named"), [
    ('<w:color w:val="FFFFFF"/>', "w:color FFFFFF"),
    ('<w:color w:val="f0E8e0"/>', "w:color f0E8e0"),
    ('<w:color w:val="FFFF00"/>', "w:color FFFF00"),
    ('<w:color w:val="auto" w:themeColor="background1"/>', "w:color background1"),
    ('<w:sz w:val="2"/>', "w:sz 2"),
    ('<w:w w:val="1"/>', "w:w 1"),
    ('<w:w w:val="20%"/>', "w:w 20"),
    ("<w:vanish/>", "w:vanish"),
    ('<w:highlight w:val="black"/>', "w:highlight black"),
    ('<w:shd w:val="clear" w:fill="101010"/>', "w:shd 101010"),
])
def test_each_way_is_named_wherever_it_stands(runs: str, named: str) -> None:
    """At the text, in its style, in a style below that, in the style of all text, at its cell."""
    assert found(runs) == {named}
    style = '<w:style w:styleId="{}"{}>{}<w:rPr>{}</w:rPr></w:style>'
    below = style.format("A", "", "", runs)
    above = style.format("B", "", '<w:basedOn w:val="A"/>', "")
    assert found('<w:rStyle w:val="A"/>', below) == {named}
    assert found('<w:rStyle w:val="B"/>', below + above) == {named}
    assert found("", below + above, '<w:pStyle w:val="B"/>') == {named}
    assert found("", style.format("N", ' w:default="1"', "", runs)) == {named}
    assert not found("", below + above)  # nothing is of that style
    mended = '<w:color w:val="000000"/><w:sz w:val="21"/><w:w w:val="100"/>' \
        '<w:vanish w:val="0"/><w:highlight w:val="none"/><w:shd w:fill="auto"/>'
    assert not found('<w:rStyle w:val="B"/>', below + style.format(
        "B", "", '<w:basedOn w:val="A"/>', mended
    ))


@pytest.mark.parametrize("runs", [
    "", '<w:color w:val="000000"/>', '<w:color w:val="auto"/>', '<w:color w:val="ff0000"/>',
    '<w:color w:val="FFFFFF"/><w:shd w:val="clear" w:fill="1F3864"/>',  # a banner
    '<w:color w:val="no"/><w:sz w:val="x"/><w:w w:val=""/>', '<w:sz w:val="9"/>',
    '<w:shd w:val="clear" w:color="auto" w:fill="auto"/>', '<w:shd w:fill="F1F5F9"/>',
    '<w:vanish w:val="false"/>',
])
def test_what_is_seen_is_not_named(runs: str) -> None:
    assert not found(runs)


def test_styles_based_on_each_other_end() -> None:
    ring = ('<w:style w:styleId="A"><w:basedOn w:val="B"/></w:style>'
            '<w:style w:styleId="B"><w:basedOn w:val="A"/></w:style>')
    assert not found('<w:rStyle w:val="A"/>', ring)
