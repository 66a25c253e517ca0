"""The page of a prepared set: what was taken and what was left, at random."""

__all__ = ["prepared_page", "require_page"]

import html

from contextlib import closing
from pathlib import Path
from typing import Any

import torch

from PIL import Image

from genlab.common.errors import InputError
from genlab.common.formats.files import read_file
from genlab.common.rng import generator
from genlab.data.decode import decode
from genlab.data.open import open_files, place_of
from genlab.data.picture_page import facts_of, page_of_pictures, picture_figure
from genlab.data.prepare.prepare import Prepared

TITLE = "Prepared images of"
LARGEST = 50_000_000
"""Bytes of a page, at most."""
SHOWN = 60
"""Images of each kind that are shown, at most."""
WAYS = {
    "centre": "the central square of each",
    "subject": "the square around what an ImageNet network recognises",
    "face": "the square around a dog's head; images in which none was found are left out",
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
        (f"{results['n']:,}", "images taken"), (f"{results['left_out']:,}", "images left out"),
        (f"{share:.0%}", "taken"), (f"{results['size']} px", "a side"),
    ]
    taken = [
        picture_figure(Image.fromarray(found.square(index)), found.names[index], "")
        for index in some(len(found.names))
    ]
    parts = [
        page_of_pictures(title), facts_of(facts), f"<p>Taken: {WAYS[results['crop']]}.</p>",
        f"<h2>Taken{_of(len(taken), results['n'])}</h2><div class=row>", *taken, "</div>",
    ]
    if found.left_out:
        left = _left(found, results["source"])
        parts += [
            f"<h2>Left out{_of(len(left), results['left_out'])}</h2><div class=row>", *left,
            "</div>",
        ]
    return "\n".join([*parts, "</html>\n"])


def some(count: int) -> list[int]:
    """Returns random numbers below `count`, in order, at most `SHOWN`: the same every time."""
    order = torch.randperm(count, generator=generator(0, "shown of a set"))
    return sorted(order[:SHOWN].tolist())


def _of(shown: int, count: int) -> str:
    return f": {shown} of {count:,}, at random" if shown < count else ""


def _left(found: Prepared, source: str) -> list[str]:
    """Returns figures of images that were left out."""
    with closing(open_files(place_of(source))) as files:
        return [
            picture_figure(decode(files.read(name), files.title(name)), name, "")
            for name in (found.left_out[index] for index in some(len(found.left_out)))
        ]
