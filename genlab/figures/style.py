"""The look of all figures: sizes as they are printed, fonts, and words in both languages.

A figure has the size at which the report prints it, so its letters are printed at the sizes given
here. The figures of a report are drawn in English and, if this machine has a Chinese font, also in
Chinese.
"""

__all__ = [
    "CM", "TEXT", "chinese_font", "drawn_languages", "fonts", "literal", "save", "styled", "there",
    "wrapped",
]  # fmt: skip

import functools
import io

from collections.abc import Callable, Sequence
from pathlib import Path
from unicodedata import east_asian_width

import matplotlib

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

from genlab.common import atomic
from genlab.common.text import one_line
from genlab.figures.language import LANGUAGES, twin

CM = 1 / 2.54
"""A centimetre in inches, matplotlib's unit."""
TEXT, TITLE = 8, 9
"""Sizes of letters as printed, in points."""
LATIN = "DejaVu Sans"
"""matplotlib's own font, which is always there."""
HAN = "\N{CJK UNIFIED IDEOGRAPH-4E2D}"
"""A character that every Chinese font has."""
KNOWN = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN",
    "PingFang SC", "Microsoft YaHei", "Hiragino Sans GB", "Heiti SC", "SimHei",
    "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Noto Serif CJK SC", "Songti SC", "SimSun",
)  # fmt: skip
"""Fonts for simplified Chinese in the order of preference. If there is none of them, the first
other Chinese font in alphabetical order is taken."""

styled = matplotlib.rc_context({
    "font.family": "sans-serif", "font.size": TEXT, "axes.titlesize": TITLE,
    "axes.labelsize": TEXT, "xtick.labelsize": TEXT, "ytick.labelsize": TEXT,
    "legend.fontsize": TEXT, "figure.titlesize": TITLE, "figure.dpi": 240,
    "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
    "xtick.major.size": 2.5, "ytick.major.size": 2.5, "lines.linewidth": 1.2,
    "figure.facecolor": "white", "savefig.facecolor": "white",
})  # fmt: skip
"""A decorator for functions that make a figure."""


def literal(text: str) -> str:
    """Returns text from outside, such as a folder's name, in which a $ starts no formula."""
    return one_line(text).replace("$", r"\$")


def wrapped(text: str, width: float) -> str:
    """Breaks a text of size `TEXT` into lines of at most `width` inches."""
    letter = 0.62 * TEXT / 72  # DejaVu Sans is wide; a Chinese letter takes two
    lines, most = [""], width / letter
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        taken = sum(2 if east_asian_width(letter) in "WF" else 1 for letter in longer)
        if lines[-1] and taken > most:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)


@functools.cache
def chinese_font() -> str | None:
    """Returns the name of a font with Chinese letters, or None if this machine has none.

    matplotlib keeps a list of the system's fonts. It lacks fonts that were installed after it was
    made, so the font files that are not on it are searched too.
    """
    fonts = font_manager.fontManager
    listed = {entry.fname for entry in fonts.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - listed):
        if _has(path, HAN):
            fonts.addfont(path)
    names = {entry.name: entry.fname for entry in fonts.ttflist}
    for name in KNOWN:
        if name in names:
            return name
    marks = ("CJK", "Han", "Hei", "Song", "Ming", "Kai", "Fallback", "Unicode")
    likely = [name for name in sorted(names) if any(mark in name for mark in marks)]
    return next((name for name in likely if _has(names[name], HAN)), None)


def fonts() -> list[str]:
    """Returns the fonts that are searched for a character, in this order."""
    chinese = chinese_font()
    return [LATIN] if chinese is None else [LATIN, chinese]


def drawn_languages() -> tuple[str, ...]:
    """Returns the languages that figures can be drawn in on this machine."""
    return LANGUAGES if chinese_font() else LANGUAGES[:1]


def there(path: Path) -> tuple[str, ...]:
    """Returns the languages in which a figure has been drawn; English if it has not."""
    found = tuple(lang for lang in LANGUAGES if lang == "en" or twin(path, lang).exists())
    return tuple(lang for lang in found if lang in drawn_languages())


def save(
    make: Callable[[str], Figure] | Figure, path: Path, languages: Sequence[str] = ("en",)
) -> None:
    """Writes a figure as a PNG for each language, without the library's version in it.

    Arguments:
        make: The figure, or a function that makes it for a language.
        path: The English file; that of another language is its `twin`.
        languages: Of `LANGUAGES`.
    """
    for lang in languages:
        figure = make if isinstance(make, Figure) else make(lang)
        _dress(figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
        atomic.write_bytes(twin(path, lang), buffer.getvalue())


def _dress(figure: Figure) -> None:
    """Sets the fonts of all texts, and replaces characters that no font has by question marks.

    matplotlib would draw boxes for them and warn. Formulas have a font of their own.
    """
    letters = _letters(tuple(fonts()))
    for text in (one for one in figure.findobj(Text) if isinstance(one, Text)):
        text.set_fontfamily(fonts())
        said = text.get_text()
        text.set_text("".join(c if c == "\n" or ord(c) in letters else "?" for c in said))


@functools.cache
def _letters(names: tuple[str, ...]) -> frozenset[int]:
    files = [font_manager.findfont(name) for name in names]
    return frozenset(code for file in files for code in FT2Font(file).get_charmap())


def _has(path: str, letter: str) -> bool:
    try:
        return FT2Font(path).get_char_index(ord(letter)) != 0
    except (OSError, RuntimeError):  # no font that FreeType can read
        return False
