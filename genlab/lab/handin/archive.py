"""Zip archives that anyone can check: ASCII names, fixed order and times, a manifest of SHA-256.

`manifest-sha256.txt` has one line a file, as `sha256sum -c` reads it. The same files give the
same archive, byte for byte.
"""

__all__ = ["MANIFEST", "pack"]

import hashlib
import io
import zipfile

from collections.abc import Mapping
from pathlib import Path

from genlab.runs.seal import read_kept

MANIFEST = "manifest-sha256.txt"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip archive can hold."""
PACKED = (".png", ".safetensors")
"""Suffixes of what deflate makes little smaller."""


def pack(files: Mapping[str, Path | bytes]) -> bytes:
    """Returns a zip archive of `files` with a manifest.

    Arguments:
        files: What to put in, by its name inside: a file, or its content.

    Raises:
        ValueError: If a name is not plain ASCII: some programs would garble it.
    """
    lines = []
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            content = files[name]
            data = content if isinstance(content, bytes) else read_kept(content)
            _add(archive, name, data)
            lines.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
        _add(archive, MANIFEST, "".join(lines).encode())
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    if not name.isascii() or not name.isprintable():
        raise ValueError(f"{name!r}: names inside an archive are plain ASCII")
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.create_system = 3  # Unix, on every system: the mode below is then read
    entry.external_attr = 0o100644 << 16
    stored = name.endswith(PACKED)
    entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    archive.writestr(entry, data)
