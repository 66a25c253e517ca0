"""Figures in two languages: their words and their files."""

__all__ = ["LANGUAGES", "pick", "twin"]

from pathlib import Path

LANGUAGES = ("en", "zh")


def pick(lang: str, zh: str, en: str) -> str:
    """Returns the text of a language."""
    return zh if lang == "zh" else en


def twin(path: Path, lang: str) -> Path:
    """Returns the file of a figure in a language: `curve.png`, `curve-zh.png`."""
    return path if lang == "en" else path.with_name(f"{path.stem}-{lang}{path.suffix}")
