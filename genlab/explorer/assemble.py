"""Fills the template of the page: one file whose policy allows its own scripts and nothing else.

The Content-Security-Policy names the SHA-256 of every script and of the style sheet; nothing may
be fetched from anywhere, `file:` included (`default-src 'none'`), and pictures are data URIs.
What comes from a run (names, commands) enters as JSON whose `<` is escaped, or as escaped text.
"""

__all__ = ["SCRIPTS", "assemble", "word_table"]

import base64
import hashlib
import html
import json
import re

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genlab.common.page import page_style
from genlab.explorer.blobs import Blobs

FOLDER = Path(__file__).parent
SCRIPTS = (
    "words", "bytes", "mlp", "density", "state", "picture", "lattice", "plane", "chart", "field",
    "side", "sheet", "walk", "samples", "draw", "numbers", "gan", "vae_pictures", "check", "main",
)
"""The page's scripts in the order in which they run; they share one scope."""


def word_table() -> dict[str, dict[str, str]]:
    """Returns the words of the page, by language and key."""
    return json.loads((FOLDER / "words.json").read_text(encoding="utf-8"))


def assemble(
    facts: Mapping[str, Any], blobs: Blobs, texts: Mapping[str, str], stills: str, lang: str
) -> str:
    """Returns the page as HTML.

    Arguments:
        facts: What the scripts show, as JSON.
        blobs: The arrays that `facts` names.
        texts: Plain text of the template's slots: title, name, data, heading, lead.
        stills: HTML for a reader without scripts, escaped already.
        lang: "zh" or "en": the language it opens in.
    """
    words = word_table()
    style = page_style() + (FOLDER / "explorer.css").read_text(encoding="utf-8")
    scripts = [(FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    other = "en" if lang == "zh" else "zh"
    slots = {name: html.escape(text) for name, text in texts.items()} | {
        "lang": _tag(lang), "other-lang": _tag(other), "other-language": words[other]["language"],
        "policy": policy(scripts, style), "styles": style, "stills": stills,
        "facts": as_json(facts), "words": as_json(words), "blobs": blobs.script_blocks(),
        "scripts": "\n".join(f"<script>{script}</script>" for script in scripts),
    }
    template = (FOLDER / "explorer.html").read_text(encoding="utf-8")
    # Words first, slots second and in one pass: what a slot brings is never looked at again.
    template = template.replace("{{heading}}", texts["heading"]).replace("{{lead}}", texts["lead"])
    template = re.sub(
        r'(data-word="([\w-]+)"[^>]*>)(?=<)',
        lambda found: found[1] + html.escape(words[lang][found[2]]), template,
    )
    return re.sub(r"\{\{([\w-]+)\}\}", lambda found: slots[found[1]], template)


def _tag(lang: str) -> str:
    return "zh-CN" if lang == "zh" else "en"


def as_json(value: Any) -> str:
    """Returns JSON that may stand inside a script element: `<` is written as an escape."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def policy(scripts: Sequence[str], style: str) -> str:
    """Returns the page's Content-Security-Policy."""
    allowed = " ".join(_hash(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
