"""What an equation of a Word document says, however a program writes it.

Word, WPS and LibreOffice write one equation in many ways: brackets as letters or as an element,
a letter as U+1D53C or as "E" in a style, a limit of a sum as its own or as one below it. The
normal form is a line of text without any of that: `sum_{k=1}^{K}w_{k}`.

Reference:
    | ECMA-376, Office Open XML, part 1, section 22.1 (Office Math Markup Language)
"""

__all__ = ["normal_form", "numbers_of"]

import re
import unicodedata

from collections import Counter
from collections.abc import Iterable

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue] - it has no stubs

M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
ALIKE = str.maketrans({
    "∣": "|", "│": "|", "❘": "|", "‖": "∥", "−": "-", "–": "-", "‐": "-", "‑": "-", "∼": "~",
    "˜": "~", "∗": "*", "⋆": "*", "⋅": "·", "∙": "·", "•": "·", "′": "'", "’": "'", "〈": "⟨",
    "〉": "⟩", "⟮": "(", "⟯": ")", "⊙": "⊙", "⨀": "⊙", "∶": ":", "ɸ": "φ", "ϵ": "ε", "Ω": "Ω",
    "ℓ": "l", "…": "...", "⋯": "...", "⟶": "→", "⟵": "←", "⊤": "T", "∑": "Σ", "∏": "Π",
})  # fmt: skip
"""Letters that programs take for one another."""
ABOVE = {
    "\u0302": "^", "ˆ": "^", "^": "^", "\u0303": "~", "~": "~", "˜": "~", "\u0304": "-",
    "\u0305": "-", "¯": "-", "‾": "-", "ˉ": "-", "\u0307": ".", "˙": ".", "\u20d7": "→", "→": "→",
    "\u0308": "..", "¨": "..",
}
"""Marks above a letter, by the letters that stand for them."""
NUMBER = re.compile(r"\d+(?:\.\d+)?")
ATOM = re.compile(r"\d+(?:\.\d+)?|\w")
SILENT = re.compile(r"[\s\u00ad\u200b-\u200f\u2060-\u2064\ufeff\u25a1\ufe00-\ufe0f]+")
"""White space and what is not seen: soft hyphens, invisible operators, an empty box."""


def normal_form(equation: etree._Element) -> str:
    """Returns what an `m:oMath` says, without spaces.

    An equals sign at its beginning is left out: LibreOffice drops it.
    """
    return _plain(_line(equation)).replace("^{'}", "'").lstrip("=")


def numbers_of(form: str) -> Counter[str]:
    """Returns the numbers in a normal form, without signs, and how often each is there."""
    return Counter(NUMBER.findall(form))


def _plain(text: str) -> str:
    text = SILENT.sub("", unicodedata.normalize("NFKC", text).translate(ALIKE))
    return unicodedata.normalize("NFKC", text)


def _line(element: etree._Element) -> str:
    name = etree.QName(element).localname
    if element.tag in (f"{M}t", f"{W}t"):
        return element.text or ""
    if element.tag.startswith(W) and name in ("del", "moveFrom", "rPr", "instrText"):
        return ""
    if name.endswith("Pr"):
        return ""
    write = WRITE.get(name) if element.tag.startswith(M) else None
    return write(element) if write else _all(element)


def _all(element: etree._Element) -> str:
    return "".join(_line(child) for child in element)


def _part(element: etree._Element, name: str) -> str:
    return "".join(_line(part) for part in element.iterchildren(M + name))


def _property(element: etree._Element, name: str, default: str) -> str:
    found = element.find(f"{M}{etree.QName(element).localname}Pr/{M}{name}")
    return default if found is None else found.get(f"{M}val", "")


def _scripts(base: str, sub: str, sup: str) -> str:
    """Writes what is below and above; what stood above the base already goes behind."""
    text = base
    if _plain(sub):
        inner = re.fullmatch(r"(.*[^{}^_])\^\{([^{}]*)\}", base, re.DOTALL)
        text = f"{inner[1]}_{{{sub}}}^{{{inner[2]}}}" if inner else f"{base}_{{{sub}}}"
    return f"{text}^{{{sup}}}" if _plain(sup) else text


def _scripted(element: etree._Element) -> str:
    return _scripts(
        _part(element, "e"), _part(element, "sub") + _part(element, "lim") * _below(element),
        _part(element, "sup") + _part(element, "lim") * (not _below(element)),
    )


def _below(element: etree._Element) -> bool:
    return etree.QName(element).localname == "limLow"


def _nary(element: etree._Element) -> str:
    sign = _property(element, "chr", "∫")
    return _scripts(sign, _part(element, "sub"), _part(element, "sup")) + _part(element, "e")


def _delimited(element: etree._Element) -> str:
    begin, end = _property(element, "begChr", "("), _property(element, "endChr", ")")
    parts = [_line(part) for part in element.iterchildren(f"{M}e")]
    return begin + _property(element, "sepChr", "|").join(parts) + end


def _accented(element: etree._Element) -> str:
    mark = _property(element, "chr", "\u0302")
    return f"{_part(element, 'e')}⟪{ABOVE.get(mark, mark)}⟫"


def _barred(element: etree._Element) -> str:
    return f"{_part(element, 'e')}⟪{'-' if _property(element, 'pos', 'bot') == 'top' else '_'}⟫"


def _fraction(element: etree._Element) -> str:
    parts = [_plain(_part(element, name)) for name in ("num", "den")]
    return "/".join(part if ATOM.fullmatch(part) else f"{{{part}}}" for part in parts)


def _root(element: etree._Element) -> str:
    return f"√[{_part(element, 'deg')}]{{{_part(element, 'e')}}}"


def _rows(rows: Iterable[Iterable[etree._Element]]) -> str:
    return ";".join(",".join(map(_line, row)) for row in rows)


WRITE = {
    "sSub": _scripted, "sSup": _scripted, "sSubSup": _scripted, "sPre": _scripted,
    "limLow": _scripted, "limUpp": _scripted, "nary": _nary, "d": _delimited, "acc": _accented,
    "bar": _barred, "f": _fraction, "rad": _root,
    "func": lambda e: _part(e, "fName") + _part(e, "e"),
    "m": lambda e: _rows(row.iterchildren(f"{M}e") for row in e.iterchildren(f"{M}mr")),
    "eqArr": lambda e: _rows([row] for row in e.iterchildren(f"{M}e")),
}
"""How each element that is more than its content is written."""
