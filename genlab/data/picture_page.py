"""Parts of HTML pages that show many small pictures: a page is one file, pictures within."""

__all__ = ["facts_of", "page_of_pictures", "picture_figure"]

import base64
import html
import io

from collections.abc import Iterable

from PIL import Image

from genlab.common.page import page_style

SIDE = 120  # pixels of a picture on the page, at most

STYLE = """
body { font: 15px/1.5 var(--sans); max-width: 68rem; margin: 0 auto; padding: 1.5rem 1rem 3rem }
h1 { font-size: 1.6rem; margin: 0; overflow-wrap: anywhere }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem }
.facts { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.2rem 0 }
.facts div { background: var(--button); padding: .6rem 1rem; border-radius: .4rem }
.facts b { display: block; font-size: 1.4rem }
.row { display: flex; flex-wrap: wrap; gap: .8rem .6rem } figure { margin: 0; width: 120px }
.pair { display: flex; gap: 2px; background: var(--button); padding: 4px; border-radius: .4rem }
/* The border shows where a white picture ends, or a black one in the dark. */
img { max-width: 120px; max-height: 120px; display: block; border: 1px solid #8b949e }
figcaption { font-size: 12px; line-height: 1.3; color: var(--soft); overflow-wrap: anywhere }
table { border-collapse: collapse }
td, th { padding: .2rem .9rem .2rem 0; text-align: left; vertical-align: top }
th { font-weight: 500; color: var(--soft); min-width: 7rem }
td { overflow-wrap: anywhere; min-width: 9rem }
"""


def page_of_pictures(title: str) -> str:
    """Returns the beginning of a page, its heading included. The title is HTML."""
    return "\n".join((
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>",
        "<meta name=viewport content='width=device-width, initial-scale=1'>",
        f"<style>{page_style()}{STYLE}</style><h1>{title}</h1>",
    ))


def facts_of(facts: Iterable[tuple[str, str]]) -> str:
    """Returns numbers with what they count, large: pairs of HTML."""
    cells = "".join(f"<div><b>{value}</b>{name}</div>" for value, name in facts)
    return f"<div class=facts>{cells}</div>"


def picture_figure(image: Image.Image, name: str, words: str) -> str:
    """Returns an image, at most 120 pixels a side, above its name and more words, HTML."""
    image = image.copy()
    image.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=80)
    data = base64.b64encode(buffer.getvalue()).decode()
    label = html.escape(name)
    return (
        f"<figure><img alt='{label}' src='data:image/jpeg;base64,{data}'>"
        f"<figcaption>{label}<br>{words}</figcaption></figure>"
    )
