"""The style that all HTML pages of genlab share."""

__all__ = ["page_style"]

from pathlib import Path


def page_style() -> str:
    """Returns the style sheet that a page's own rules follow: colours, fonts, scrolling boxes.

    A page is light or dark as the reader's system is; the attribute `data-theme` of its root
    decides where it is set.
    """
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8")
