"""The page of a checked folder: one HTML file that needs nothing else, its images within."""

__all__ = ["check_page"]

import html

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from genlab.data.decode import decode_usable
from genlab.data.files.base import ImageFiles
from genlab.data.open import open_files
from genlab.data.picture_page import facts_of, page_of_pictures, picture_figure

PAIRS = 60  # shown at most

CAPTIONS = {
    "least like a dog": ("dog probability {:.3f}", "Least like a dog, for the ImageNet network"),
    "longest": ("{:.2f} : 1", "Longest: these lose most in a square"),
    "darkest": ("mean grey value {:.0f}", "Darkest"),
    "brightest": ("mean grey value {:.0f}", "Brightest"),
    "least contrast": ("contrast {:.1f}", "Least contrast"),
    "smallest": ("{:.0f} pixels", "Smallest, by the shorter side"),
}


def check_page(findings: dict[str, Any], folder: Path) -> str:
    """Returns the page as HTML.

    Arguments:
        findings: The result of `check_folder` for `folder`.
        folder: The folder or zip of the images; some are shown, at 120 pixels at most.
    """
    with closing(open_files(folder)) as files:
        return _page(findings, files)


def _page(findings: dict[str, Any], files: ImageFiles) -> str:
    f, title = findings, f"Images in {html.escape(findings['folder'])}"
    parts = [
        page_of_pictures(title),
        _facts(f),
        "<h2>What to do</h2><ul>",
        *(f"<li>{html.escape(line)}</li>" for line in f["advice"]),
        "</ul>",
        *_copies(f, files),
    ]
    for kind, entries in f["outliers"].items():
        number, heading = CAPTIONS[kind]
        pictures = (
            _figure(files, entry["file"], number.format(entry["value"])) for entry in entries
        )
        parts += [f"<h2>{heading}</h2><div class=row>", *pictures, "</div>"]
    parts += [*_unusable(f), "<h2>In numbers</h2>", _numbers(f), "</html>\n"]
    return "\n".join(parts)


def _facts(f: dict[str, Any]) -> str:
    rest = sum(len(group) - 1 for group in f["groups"])
    facts = [
        (f"{f['images']:,}", "usable images"),
        (f"{len(f['unusable']):,}", "unusable files"),
        (f"{rest:,}", "copies and near duplicates"),
        (f"{f['dogs']['share']:.1%}", "recognised as dogs"),
        (f"{f['left_out_by_central_square']['median']:.0%}", "left out by the central square"),
    ]
    return facts_of(facts)


def _copies(f: dict[str, Any], source: ImageFiles) -> Iterable[str]:
    pairs = [
        (entry["files"], f"correlation {entry['correlation']:.3f}")
        for entry in f["near_duplicates"]
    ]
    exact = [(group[:2], f"{len(group)} exact copies") for group in f["copies"]]
    for heading, entries in (("Exact copies", exact), ("Near duplicates", pairs)):
        if not entries:
            continue
        yield f"<h2>{heading}: {len(entries):,}{_shown(len(entries), PAIRS)}</h2><div class=row>"
        for files, words in entries[:PAIRS]:
            both = "".join(_figure(source, name, words) for name in files)
            yield f"<div class=pair>{both}</div>"
        yield "</div>"


def _unusable(f: dict[str, Any]) -> Iterable[str]:
    files = f["unusable"]
    if not files:
        return
    yield f"<h2>Unusable files: {len(files):,}</h2><div class=scroll><table>"
    for entry in files:
        yield f"<tr><td>{html.escape(entry['file'])}<td>{html.escape(entry['reason'])}</tr>"
    yield "</table></div>"


def _shown(n: int, most: int) -> str:
    return f", {most} of them shown" if n > most else ""


def _numbers(f: dict[str, Any]) -> str:
    def counts(values: dict[str, int]) -> str:
        return ", ".join(f"{html.escape(name)} {n:,}" for name, n in values.items()) or "none"

    def spread(key: str, form: str) -> str:
        order = ("smallest", "quarter", "median", "three_quarters", "largest")
        return " · ".join(form.format(f[key][name]) for name in order)

    dogs = f["dogs"]
    rows = [
        ("formats", counts(f["formats"])),
        ("modes", counts(f["modes"])),
        ("other files, not read", counts(f["other_files"])),
        ("shorter side, pixels*", spread("shorter_side", "{:.0f}")),
        ("longer over shorter side*", spread("aspect", "{:.2f}")),
        ("mean grey value*", spread("brightness", "{:.0f}")),
        ("square", f"{f['square']:,}"),
        ("turned or mirrored by EXIF", f"{f['turned_by_exif']:,}"),
        ("with transparency", f"{f['transparent']:,}"),
        ("with several frames", f"{f['several_frames']:,}"),
        ("almost without colour", f"{f['grey']:,}"),
        ("recognised as dogs", f"{dogs['share']:.1%}: {dogs['network']} gives the dog classes "
         f"more than half of its probability; {dogs['input']}"),
    ]
    body = "".join(f"<tr><th>{name}<td>{value}</tr>" for name, value in rows)
    return (
        f"<div class=scroll><table>{body}</table></div>"
        "<p>* smallest, a quarter below, half below, three quarters below, largest</p>"
    )


def _figure(files: ImageFiles, name: str, words: str) -> str:
    return picture_figure(decode_usable(files.read(name), files.title(name)), name, words)
