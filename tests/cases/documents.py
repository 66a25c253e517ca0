"""The documents, and the blocks of code in them."""

import re

from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


def blocks_of(document: Path, language: str = "") -> list[str]:
    """The fenced blocks of one language; by default those that name none."""
    text = document.read_text(encoding="utf-8")
    fenced = re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [block for found, block in fenced if found == language]
