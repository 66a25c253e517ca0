"""Pictures at the resolution that a document needs, put into it as data or beside it as files."""

__all__ = ["embed_pictures", "place_pictures", "shrunk"]

import base64
import io
import sys

from pathlib import Path

from PIL import Image

from genlab.common.errors import InputError
from genlab.common.formats.files import read_file
from genlab.common.formats.picture import LARGEST, opened
from genlab.lab.report.formats.pandoc import Document, images_of


def shrunk(data: bytes, name: str, most: int) -> bytes:
    """Returns a PNG at most `most` pixels wide, or the given bytes if they are smaller.

    Raises:
        InputError: If it is no PNG, or damaged, by its `name`.
    """
    with opened(data, name, ("PNG",)) as image:
        if image.width <= most:
            return data
        height = round(image.height * most / image.width)
        small = image.convert("RGB").resize((most, height), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        small.save(buffer, format="PNG", optimize=True)  # with its odd metadata, if it has any
    return min(data, buffer.getvalue(), key=len)


def embed_pictures(document: Document, resources: Path, most: int = sys.maxsize) -> None:
    """Puts pictures into a document, as data.

    Arguments:
        document: The document, whose pictures are PNG files.
        resources: The folder that their paths are relative to.
        most: Their largest width in pixels.

    Raises:
        InputError: If a picture is missing or damaged.
    """
    for target in images_of(document):
        data = _read(resources / target[0], most)
        target[0] = "data:image/png;base64," + base64.b64encode(data).decode()


def place_pictures(document: Document, resources: Path, folder: Path, most: int) -> None:
    """Copies a document's pictures into `folder`, where it finds them; else as `embed_pictures`."""
    names: dict[str, str] = {}
    for target in images_of(document):
        path = target[0]
        if path not in names:
            names[path] = f"picture-{len(names):03d}.png"
            (folder / names[path]).write_bytes(_read(resources / path, most))
        target[0] = names[path]


def _read(path: Path, most: int) -> bytes:
    if not path.exists():
        raise InputError(f"{path}: no such picture")
    return shrunk(read_file(path, LARGEST), str(path), most)
