"""Names in both languages."""

__all__ = ["Title"]

from typing import NamedTuple


class Title(NamedTuple):
    """A name in both languages, as it stands inside a sentence."""

    zh: str
    en: str

    def capitalised(self) -> "Title":
        """Returns the name as it begins a sentence."""
        return Title(self.zh, self.en[:1].upper() + self.en[1:])
