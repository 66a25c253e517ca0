"""Text for people: names on one line, counts with their nouns."""

__all__ = ["many", "one_line"]

import unicodedata


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
