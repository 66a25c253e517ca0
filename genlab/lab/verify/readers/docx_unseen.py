"""Text of a Word document that is there and is not seen: pale, tiny, squeezed, covered.

Where a property stands does not matter: at the text itself, in its style, or in a style that this
one is based on. Pale text on a dark ground, as in a banner, is seen.

Reference:
    | ECMA-376, Office Open XML, part 1, sections 17.3.2 (runs) and 17.7 (styles)
"""

__all__ = ["over_text", "unseen"]

from collections.abc import Iterable

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue] - it has no stubs

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
WP = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
FLOATING = {f"{WP}anchor": "wp:anchor", f"{W}framePr": "w:framePr", f"{W}tblpPr": "w:tblpPr"}
ALTERED = tuple(
    A + name for name in "lum clrChange clrRepl duotone biLevel grayscl alphaModFix".split()
)
"""What changes the colours of a picture, or makes it transparent."""
PALE, DARK = 220, 96
"""Lightness of 255 from which text is lost on paper, and up to which a ground hides black text."""
TINY, SQUEEZED = 8, 20
"""Half-points of height, and per cent of width, up to which text is not read."""
PROPERTIES = tuple(W + name for name in ("color", "shd", "highlight", "sz", "w", "vanish"))


def over_text(part: etree._Element) -> set[str]:
    """Returns what may lie over the text or another picture, or changes what a picture shows.

    A report's pictures stand in lines of their own, whole; a floating one can lie anywhere.
    """
    found = {name for tag, name in FLOATING.items() if next(part.iter(tag), None) is not None}
    found |= {f"a:{etree.QName(e).localname}" for e in part.iter(*ALTERED)}
    if any(e.get(side, "0") not in ("0", "0%") for e in part.iter(f"{A}srcRect") for side in "ltrb"):
        found.add("a:srcRect")
    return found


def unseen(part: etree._Element, styles: Iterable[etree._Element]) -> set[str]:
    """Returns what hides text in a part, as XML names it, with its value.

    Arguments:
        part: The body, a header or the like.
        styles: The parts with the document's styles.
    """
    found: set[str] = set()
    for block in part.iter(f"{W}rPr", f"{W}pPr", f"{W}tcPr"):
        own = (e for e in block.iterchildren(*PROPERTIES))
        found |= _hiding({e.tag: e for e in own})
    named = {e.get(f"{W}styleId"): e for sheet in styles for e in sheet.iter(f"{W}style")}
    used = {e.get(f"{W}val") for e in part.iter(f"{W}rStyle", f"{W}pStyle")}
    used |= {name for name, style in named.items() if style.get(f"{W}default") in ("1", "true")}
    for name in used & named.keys():
        found |= _hiding(_inherited(name, named))
    return found


def _inherited(name: str, named: dict[str, etree._Element]) -> dict[str, etree._Element]:
    """Returns a style's properties, those of the styles it is based on among them."""
    found: dict[str, etree._Element] = {}
    passed: set[str] = set()
    while name in named and name not in passed:
        passed.add(name)
        blocks = named[name].iterchildren(f"{W}rPr", f"{W}pPr")
        for e in (e for block in blocks for e in block.iterchildren(*PROPERTIES)):
            found.setdefault(e.tag, e)
        base = named[name].find(f"{W}basedOn")
        name = "" if base is None else base.get(f"{W}val", "")
    return found


def _hiding(properties: dict[str, etree._Element]) -> set[str]:
    """Returns which of some properties that hold together hide text."""
    said = {tag.removeprefix(W): e.get(f"{W}val", "") for tag, e in properties.items()}
    ground = properties.get(f"{W}shd")
    fill = "" if ground is None else ground.get(f"{W}fill", "")
    theme = "" if f"{W}color" not in properties else properties[f"{W}color"].get(
        f"{W}themeColor", ""
    )
    pale = _lightness(said.get("color", ""), DARK) >= PALE or theme in ("background1", "light1")
    dark = _lightness(fill, PALE) <= DARK or said.get("highlight") == "black"
    found = set()
    if pale and not dark:
        found.add(f"w:color {theme or said['color']}")
    if dark and not pale:
        found.add(f"w:shd {fill}" if fill else "w:highlight black")
    if "vanish" in said and said["vanish"] not in ("0", "false", "off"):
        found.add("w:vanish")
    for name, least in (("sz", TINY), ("w", SQUEEZED)):
        number = said.get(name, "").removesuffix("%")
        if number.isdecimal() and int(number) <= least:
            found.add(f"w:{name} {number}")
    return found


def _lightness(colour: str, other: float) -> float:
    """Returns the luma of six hexadecimal digits (ITU-R BT.601), or `other` of anything else."""
    try:
        red, green, blue = bytes.fromhex(colour)
    except ValueError:
        return other
    return 0.299 * red + 0.587 * green + 0.114 * blue
