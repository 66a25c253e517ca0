"""The page of a prepared set: what was taken and what was left, at random."""

__all__ = ["prepared_page", "require_page"]

import html

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from PIL import Image

from genlab.common.errors import InputError
from genlab.common.formats.files import read_file
from genlab.common.rng import some
from genlab.data.decode import decode
from genlab.data.open import open_files, place_of
from genlab.data.picture_page import facts_of, page_of_pictures, picture_figure
from genlab.data.pictures import Pictures
from genlab.data.prepare.prepare import Prepared
from genlab.data.selection.selected import percent

TITLE = "Prepared images of"
LARGEST = 50_000_000
"""Bytes of a page, at most."""
SHOWN = 60
"""Images of each kind that are shown, at most."""
WAYS = {
    "centre": "the central square of each",
    "subject": "the square around what an ImageNet network recognises",
    "face": "the square around a dog's head; images in which none was found are left out",
    "boxes": "the square around the rectangle that is given; images without one are left out",
}


def require_page(path: Path) -> None:
    """Refuses a file that is there and is no such page.

    Raises:
        InputError: If it is one.
    """
    if path.exists() and f"<title>{TITLE}".encode() not in read_file(path, LARGEST):
        raise InputError(f"`out`: its page would be {path}, and another file is there; move it")


def prepared_page(found: Prepared, results: dict[str, Any]) -> str:
    """Returns the page as HTML: random squares, and random images that were left out.

    Arguments:
        found: What was taken.
        results: The record of the folder.
    """
    title = f"{TITLE} {html.escape(results['source'])}"
    share = results["n"] / results["looked_at"]
    facts = [
        (f"{results['n']:,}", "images taken"),
        (f"{results['looked_at'] - results['n']:,}", "images left out"),
        (f"{share:.0%}", "taken"), (f"{results['size']} px", "a side"),
    ]
    taken = [_figure(found.pictures, row, found.names[row]) for row in _shown(len(found.names))]
    left = [
        _figure(found.whole, row, (found.whole.paths or found.whole.names)[row])
        for row in (found.untypical[index] for index in _shown(len(found.untypical)))
    ]
    parts = [
        page_of_pictures(title), facts_of(facts), f"<p>Taken: {_way(results)}</p>",
        *_row("Taken", taken, results["n"]),
        *_row("Left out: less typical", left, len(found.untypical)),
    ]
    if found.without:
        shown = _without(found, results["source"])
        lacks = {"face": "no head was found", "boxes": "no rectangle is given"}
        parts += _row(f"Left out: {lacks[results['crop']]}", shown, len(found.without))
    return "\n".join([*parts, "</html>\n"])


def _way(results: dict[str, Any]) -> str:
    """Returns what is taken of the images, and what that costs."""
    way = WAYS[results["crop"]]
    if (cost := results["cost"]) is None:
        return f"{way}."
    surest = " and by how sure the heads are" if results["crop"] == "face" else ""
    return (
        f"{way}; of these squares the {percent(results['keep'])} that are most typical, by the "
        f"density of an ImageNet network's features{surest}. They show less than all do: recall "
        f"{cost['recall']:.2f} (as many at random {cost['recall_random']:.2f}), coverage "
        f"{cost['coverage']:.2f} ({cost['coverage_random']:.2f})."
    )


def _row(heading: str, figures: Sequence[str], count: int) -> list[str]:
    """Returns pictures under a heading; none if there are none."""
    if not figures:
        return []
    return [f"<h2>{heading}{_of(len(figures), count)}</h2><div class=row>", *figures, "</div>"]


def _figure(pictures: Pictures, index: int, name: str) -> str:
    pixels = pictures.read(index).permute(1, 2, 0).numpy()
    return picture_figure(Image.fromarray(pixels), name, "")


def _shown(count: int) -> list[int]:
    """Returns the places of those of so many images that are shown."""
    return some(count, SHOWN, "shown of a set")


def _of(shown: int, count: int) -> str:
    return f": {shown} of {count:,}, at random" if shown < count else ""


def _without(found: Prepared, source: str) -> list[str]:
    """Returns figures of images without a square."""
    with closing(open_files(place_of(source))) as files:
        return [
            picture_figure(decode(files.read(name), files.title(name)), name, "")
            for name in (found.without[index] for index in _shown(len(found.without)))
        ]
