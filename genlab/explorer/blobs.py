"""The binary data of a page: each distinct content once, as base64, under a short name."""

__all__ = ["Blobs"]

import base64
import hashlib

import numpy as np


class Blobs:
    """A store of byte strings. The same content is kept only once."""

    def __init__(self) -> None:
        self._text: dict[str, str] = {}

    def add(self, data: bytes | np.ndarray) -> str:
        """Keeps bytes (an array's, little-endian) and returns their name."""
        if isinstance(data, np.ndarray):
            data = data.astype(data.dtype.newbyteorder("<")).tobytes()
        name = "b" + hashlib.sha256(data).hexdigest()[:12]
        self._text.setdefault(name, base64.b64encode(data).decode("ascii"))
        return name

    def text(self, name: str) -> str:
        """Returns a blob as base64."""
        return self._text[name]

    @property
    def characters(self) -> int:
        """The total length of the base64 text."""
        return sum(map(len, self._text.values()))

    def script_blocks(self) -> str:
        """Returns the store as HTML data blocks, which browsers do not run."""
        return "\n".join(
            f'<script type="application/octet-stream" id="{name}">{text}</script>'
            for name, text in self._text.items()
        )
