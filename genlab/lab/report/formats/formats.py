"""Markdown to one HTML file and to PDF, by the same pandoc as the Word document.

The HTML holds its pictures, has MathML for equations, needs no script and makes no request. The
PDF is laid out by Typst, not converted from the Word document: LibreOffice, which could do that,
loses the doubled and the bold letters of equations, which Typst has. It comes in an extra.
"""

__all__ = ["check_pdf", "write_html", "write_pdf"]

import html
import tempfile

from pathlib import Path

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.page import page_style
from genlab.common.system_errors import naming
from genlab.lab.report.formats.pandoc import parse, write
from genlab.lab.report.formats.pictures import embed_pictures, place_pictures

FOLDER = Path(__file__).parent
CONTENTS = {"zh": "目录", "en": "Contents"}
REGIONS = {"zh": "cn", "en": "us"}
MOST_PIXELS = 1400
"""Of a picture's width: twice that of the text in the HTML file."""
COLUMNS = 9999
"""No line of a table is longer, so that columns are as wide as what they hold."""
RENAMED = {"dot.circle": "dot.o"}
"""Symbols that pandoc still calls by a name that Typst has dropped."""
LATIN = ("Times New Roman", "Libertinus Serif")
"""The second is part of Typst."""
SONG = (
    "SimSun", "NSimSun", "Songti SC", "STSong", "Source Han Serif SC", "Noto Serif CJK SC",
    "Noto Serif SC", "AR PL UMing CN",
)  # fmt: skip
HEI = (
    "SimHei", "Heiti SC", "PingFang SC", "Microsoft YaHei", "Source Han Sans SC",
    "Noto Sans CJK SC", "Noto Sans SC", "WenQuanYi Zen Hei",
)  # fmt: skip
"""Chinese fonts of body and headings as Windows, macOS and Linux have them, the first first."""


def write_html(
    markdown: str, target: Path, resources: Path, lang: str, author: str, title: str
) -> None:
    """Writes a self-contained HTML file; arguments as of `write_docx`.

    Raises:
        InputError: If a picture is missing or damaged.
        RuntimeError: If pandoc warns of anything.
    """
    style = page_style() + (FOLDER / "html.css").read_text(encoding="utf-8")
    parsed = parse(markdown, COLUMNS)
    embed_pictures(parsed, resources, MOST_PIXELS)
    made = write(
        parsed, "html5", *_common("html.template", lang, author, title),
        f"--variable=css-text={style}", "--mathml", "--syntax-highlighting=pygments",
    )
    atomic.write_bytes(target, made)


def write_pdf(
    markdown: str, target: Path, resources: Path, lang: str, author: str, title: str
) -> None:
    """Writes a PDF; arguments as of `write_docx`.

    Raises:
        InputError: As of `check_pdf` and `write_html`.
        RuntimeError: If Typst or pandoc refuse the text.
    """
    song, hei = check_pdf(lang)
    import typst  # pyright: ignore[reportMissingImports] - an extra

    latin = next(font for font in LATIN if font in typst.Fonts().families())
    variables = {"latin": latin, "song": song, "hei": hei, "region": REGIONS[lang]}
    if lang == "zh":
        variables["indent"] = "true"
    parsed = parse(markdown, COLUMNS)
    with tempfile.TemporaryDirectory() as folder, naming(folder):
        place_pictures(parsed, resources, Path(folder), MOST_PIXELS)
        text = write(
            parsed, "typst", *_common("pdf.template", lang, author, title),
            *(f"--variable={key}={value}" for key, value in variables.items()),
        ).decode()
        for old, new in RENAMED.items():
            text = text.replace(old, new)
        inputs = {"title": title, "author": author}
        data = typst.compile(
            text.encode(), sys_inputs=inputs,
            root=folder,  # pyright: ignore[reportArgumentType] - stubs tie it to the input's type
        )
    atomic.write_bytes(target, data)


def check_pdf(lang: str) -> tuple[str, str]:
    """Returns the fonts of Chinese body and headings that a PDF will have.

    Raises:
        InputError: If Typst is not installed, or a Chinese report has no font.
    """
    try:
        import typst  # pyright: ignore[reportMissingImports] - an extra
    except ImportError:
        raise InputError(
            '`format` pdf: needs Typst; install it with: pip install "genlab[pdf]" (or: pip '
            "install typst), or print the HTML file from a browser"
        ) from None
    there = set(typst.Fonts().families())
    song = next((font for font in SONG if font in there), None)
    hei = next((font for font in HEI if font in there), None)
    if song is None and hei is None:
        if lang == "zh":
            raise InputError(
                "`format` pdf: no Chinese font on this machine; install one (Debian, Ubuntu: "
                "apt install fonts-noto-cjk), or print the HTML file from a browser elsewhere"
            )
        return LATIN[1], LATIN[1]
    return song or str(hei), hei or str(song)


def _common(template: str, lang: str, author: str, title: str) -> list[str]:
    return [
        "--standalone", f"--template={FOLDER / template}", "--wrap=none",
        f"--lua-filter={FOLDER / 'formats.lua'}", f"--variable=lang={lang}",
        f"--variable=author={html.escape(author)}",
        f"--variable=title={html.escape(title)}", f"--metadata=contents-title={CONTENTS[lang]}",
    ]
