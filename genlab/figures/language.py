"""Figures in two languages: their words and their files."""

__all__ = ["LANGUAGES", "is_twin", "pick", "twin"]

from pathlib import Path

LANGUAGES = ("en", "zh")


def pick(lang: str, zh: str, en: str) -> str:
    """Returns the text of a language."""
    return zh if lang == "zh" else en


def twin(path: Path, lang: str) -> Path:
    """Returns the file of a figure in a language: `curve.png`, `curve-zh.png`."""
    return path if lang == "en" else path.with_name(f"{path.stem}-{lang}{path.suffix}")


def is_twin(path: Path) -> bool:
    """Returns whether a file is the twin of another that lies beside it."""
    stem, _, lang = path.stem.rpartition("-")
    return lang in LANGUAGES and path.with_name(stem + path.suffix).exists()
