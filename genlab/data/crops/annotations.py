"""Rectangles around what pictures show, as files beside them give them.

    b.xml, or b (Stanford Dogs has no suffix)     Pascal VOC's XML of the picture b.jpg: its
                                                  objects' `bndbox`
    any .csv                                      rows with the columns `filename`, `xmin`, `ymin`,
                                                  `xmax` and `ymax`, and any others

They may lie in other folders than the pictures, within the folder or zip that is given. Of several
rectangles of a picture the largest counts. Its square has the rectangle's longer side and the same
middle, moved and made smaller until the picture holds it.

Reference:
    | The PASCAL Visual Object Classes Challenge, Development Kit (Everingham & Winn, 2012)
"""

__all__ = ["VERSION", "Rectangle", "around", "rectangles_of"]

import csv
import io
import math
import xml.etree.ElementTree as ET

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from genlab.common.errors import InputError
from genlab.common.progress import Progress
from genlab.data.crops.squares import Box, inside
from genlab.data.files.base import ImageFiles

VERSION = "boxes-1"
"""The version of the path from a rectangle to its square: part of cache keys."""
LARGEST_XML, LARGEST_CSV = 1 << 20, 1 << 28
"""Bytes of a file."""
EDGES = ("xmin", "ymin", "xmax", "ymax")
HOW = (
    "give the folder or zip that holds both the pictures and their annotations: Pascal VOC's XML, "
    "one a picture, or a .csv with the columns filename, xmin, ymin, xmax, ymax"
)


class Rectangle(NamedTuple):
    """Edges in pixels, from the picture's upper left corner."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        """The area in pixels."""
        return (self.right - self.left) * (self.bottom - self.top)


def around(rectangle: Rectangle, width: int, height: int, name: str) -> Box:
    """Returns the square around the part of a rectangle that lies in an image.

    Raises:
        InputError: If no part of it does, naming the image.
    """
    left, right = max(rectangle.left, 0.0), min(rectangle.right, float(width))
    top, bottom = max(rectangle.top, 0.0), min(rectangle.bottom, float(height))
    if left >= right or top >= bottom:
        edges = ", ".join(f"{edge:g}" for edge in rectangle)
        raise InputError(
            f"{name}: its rectangle ({edges}) lies outside of its {width}x{height} pixels; mend "
            "the annotation"
        )
    side = max(right - left, bottom - top)
    return inside((left + right) / 2, (top + bottom) / 2, side, width, height)


def rectangles_of(files: ImageFiles, paths: Sequence[str]) -> list[Rectangle | None]:
    """Returns the rectangle of each picture; None of those without one.

    Files that give one are no longer counted among those that are left out. Edges are those of
    the picture as it is seen, turned as its EXIF says.

    Arguments:
        files: The folder or zip.
        paths: The pictures in it.

    Raises:
        InputError: If there is none at all, an annotation is damaged, or it is not clear which is
            a picture's.
    """
    listed = _listed(files, paths)
    notes = _notes(files)
    found: list[Rectangle | None] = []
    with Progress(len(paths), f"reading rectangles of {files.path}", "images") as progress:
        for path in paths:
            note = _note_of(path, notes, files)
            own = [] if note is None else _of_xml(files, note)
            if note is not None and own:
                files.left_out.take_back(note)
            found.append(max([*own, *listed[path]], key=lambda one: one.area, default=None))
            progress.advance()
    if not any(found):
        raise InputError(f"{files.path}: `crop` boxes: no rectangles beside the pictures; {HOW}")
    return found


def _notes(files: ImageFiles) -> dict[str, list[str]]:
    """Returns the files that may be annotations, by the stem that their picture has."""
    notes: dict[str, list[str]] = defaultdict(list)
    for name in files.others:
        path = PurePosixPath(name)
        if path.suffix.lower() == ".xml":
            notes[path.stem].append(name)
        elif not path.suffix:
            notes[path.name].append(name)
    return notes


def _note_of(path: str, notes: Mapping[str, list[str]], files: ImageFiles) -> str | None:
    """Returns the annotation of a picture: in its folder, or in one of that name, or anywhere."""
    place = PurePosixPath(path)
    many = notes.get(place.stem, [])
    for alike in (
        [name for name in many if PurePosixPath(name).parent == place.parent],
        [name for name in many if PurePosixPath(name).parent.name == place.parent.name],
        many,
    ):
        if len(alike) == 1:
            return alike[0]
        if alike:
            first, second = map(files.title, alike[:2])
            raise InputError(
                f"{files.title(path)}: has two annotations, {first} and {second}; keep one"
            )
    return None


def _of_xml(files: ImageFiles, name: str) -> list[Rectangle]:
    """Returns the rectangles in an XML file; a file without suffix that is no XML has none."""
    data, title = files.read_other(name, LARGEST_XML), files.title(name)
    if not name.lower().endswith(".xml") and not data.lstrip().startswith(b"<"):
        return []
    if b"<!doctype" in data.lower() or b"<!entity" in data.lower():
        raise InputError(f"{title}: declares a document type, which annotations have not: refused")
    try:
        boxes = list(ET.fromstring(data).iter("bndbox"))
    except ET.ParseError as error:
        raise InputError(f"{title}: no XML ({error}); mend or delete it") from None
    return [_rectangle({e: box.findtext(e) for e in EDGES}, title) for box in boxes]


def _listed(files: ImageFiles, paths: Sequence[str]) -> dict[str, list[Rectangle]]:
    """Returns the rectangles that tables give, by the path of their picture."""
    by_name: dict[str, list[str]] = defaultdict(list)
    whole = set(paths)
    for path in paths:
        by_name[PurePosixPath(path).name].append(path)
    found: dict[str, list[Rectangle]] = defaultdict(list)
    for table in files.others:
        if not table.lower().endswith(".csv"):
            continue
        if rows := list(_rows(files, table)):
            files.left_out.take_back(table)
        for line, row in rows:
            title, given = f"{files.title(table)}, line {line}", (row["filename"] or "").strip()
            given = given.replace("\\", "/")
            several = [given] if given in whole else by_name[PurePosixPath(given).name]
            if len(several) > 1:
                raise InputError(f"{title}: {len(several)} pictures are called {given[:100]}")
            for path in several:
                found[path].append(_rectangle(row, title))
    return found


def _rows(files: ImageFiles, table: str) -> Iterable[tuple[int, dict[str, str | None]]]:
    """Yields the rows of a table with their lines; none of one with other columns."""
    try:
        text = files.read_other(table, LARGEST_CSV).decode("utf-8-sig")
        rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        names = [name.strip().lower() for name in next(rows, [])]
        if not {"filename", *EDGES} <= set(names):
            return
        for row in rows:
            if row:
                yield rows.line_num, dict(zip(names, [*row, *[None] * (len(names) - len(row))]))
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{files.title(table)}: no table of rectangles ({error})") from None


def _rectangle(edges: Mapping[str, str | None], title: str) -> Rectangle:
    """Returns a rectangle of text.

    Raises:
        InputError: If it is none, naming where it stands.
    """
    try:
        found = Rectangle(*(float(edges[name] or "") for name in EDGES))
    except ValueError:
        found = Rectangle(0, 0, 0, 0)
    finite = all(map(math.isfinite, found))
    if not finite or found.left >= found.right or found.top >= found.bottom:
        given = ", ".join(f"{name} {str(edges[name])[:20]}" for name in EDGES)
        raise InputError(f"{title}: no rectangle ({given})")
    return found
