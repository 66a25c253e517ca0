"""Text for people: names on one line, counts with their nouns."""

__all__ = ["many", "one_line"]


def one_line(text: str) -> str:
    """Returns a text that fits on one line, whatever characters it holds."""
    return text if text.isprintable() else ascii(text)


def many(count: int, noun: str, plural: str = "") -> str:
    """Returns a count with its noun: "1 file", "1,204 files"."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
