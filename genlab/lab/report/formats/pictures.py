"""Pictures at the resolution that a document needs."""

__all__ = ["shrunk", "with_small_pictures"]

import io
import re

from pathlib import Path

from PIL import Image

from genlab.common.formats.picture import opened

PICTURE = re.compile(r"(!\[[^\]]*\]\()([^)]+)(\))")


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
    small.save(buffer, format="PNG", optimize=True)
    return min(data, buffer.getvalue(), key=len)


def with_small_pictures(markdown: str, resources: Path, folder: Path, most: int) -> str:
    """Copies a text's pictures into `folder`, at most `most` pixels wide.

    Returns:
        The text with the names of the copies.

    Raises:
        InputError: If a picture is damaged.
        RuntimeError: If one is missing.
    """
    names: dict[str, str] = {}

    def copied(found: re.Match[str]) -> str:
        path = resources / found[2]
        if not path.exists():
            raise RuntimeError(f"{path}: no such picture")
        if found[2] not in names:
            names[found[2]] = f"picture-{len(names):03d}{path.suffix}"
            (folder / names[found[2]]).write_bytes(shrunk(path.read_bytes(), str(path), most))
        return f"{found[1]}{names[found[2]]}{found[3]}"

    return PICTURE.sub(copied, markdown)
