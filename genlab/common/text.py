"""Text for people: names on one line and in both languages, counts with their nouns."""

__all__ = ["Title", "many", "one_line"]

import unicodedata

from typing import NamedTuple


class Title(NamedTuple):
    """A name in both languages, as it stands inside a sentence."""

    zh: str
    en: str

    def capitalised(self) -> "Title":
        """Returns the name as it begins a sentence."""
        return Title(self.zh, self.en[:1].upper() + self.en[1:])


def one_line(text: str) -> str:
    """Returns a text that fits on one line and moves no cursor, whatever characters it holds.

    Line ends, control characters, marks that turn the direction of writing, and what stands for
    bytes that are no UTF-8 become escapes as Python writes them.
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or unicodedata.category(letter) == "Zs"
        else letter.encode("unicode_escape").decode()
        for letter in text
    )  # fmt: skip


def many(count: int, noun: str, plural: str = "") -> str:
    """Returns a count with its noun: "1 file", "1,204 files"."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
