"""The record of a folder that genlab drew images into: the SHA-256 of each.

It stands in the folder's results.json, which `genlab gan sample` writes last:

    {"gan": "dogs", "n": 300, ..., "files": {"000.png": "3f5a...", ...}}
"""

__all__ = ["RECORD", "drawn_digests"]

from pathlib import Path

from genlab.common.errors import InputError
from genlab.common.formats.files import read_file
from genlab.common.formats.json_text import read_object

RECORD = "results.json"
"""The file's name."""
LARGEST = 32 << 20
"""Bytes of it: those of some 380,000 images."""


def drawn_digests(folder: Path) -> dict[str, str] | None:
    """Returns the SHA-256 of the images that genlab drew into a folder, by name.

    None if it did not: other programs, too, keep a results.json.
    """
    try:
        record = read_object(read_file(folder / RECORD, LARGEST), RECORD, most=LARGEST)
    except (OSError, InputError):
        return None
    files = record.get("files")
    return {str(k): str(v) for k, v in files.items()} if isinstance(files, dict) else None
