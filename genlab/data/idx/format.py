"""The idx format of MNIST: arrays of bytes behind a header.

References:
    | Gradient-based learning applied to document recognition (LeCun et al., 1998)
    | The idx format: magic number 0x0000080d (uint8, d axes), d big-endian uint32 sizes, data
"""

__all__ = ["read_idx"]

import zlib

from math import prod
from typing import IO

import numpy as np

from genlab.common.errors import InputError

LARGEST = 1 << 31
"""The bytes that a file may unpack to; MNIST has 47 million, all of EMNIST 550 million."""
PIECE = 1 << 20
"""The bytes that are unpacked at a time."""
GZIP = 16 + zlib.MAX_WBITS


def read_idx(file: IO[bytes], name: str) -> np.ndarray:
    """Reads an idx file (plain or gzipped) of uint8, and never more of it than its header says.

    Arguments:
        file: The file, opened.
        name: What errors call it.

    Raises:
        InputError: If it is truncated, something else, or too large.
    """
    try:
        return _read(file, name)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{name}: damaged or truncated ({reason}); fetch it again") from None


def _read(file: IO[bytes], name: str) -> np.ndarray:
    unpack = _Unpacker(file)
    head = unpack.read(16)
    axes = head[3] if len(head) >= 4 else 0
    if head[:3] != b"\x00\x00\x08" or not 1 <= axes <= 3 or len(head) < 4 + 4 * axes:
        raise InputError(f"{name}: not an idx file of bytes (starts with {head[:4].hex() or '-'})")
    start = 4 + 4 * axes
    shape = tuple(np.frombuffer(head, ">u4", axes, 4).astype(int).tolist())
    wanted = prod(shape)
    if wanted > LARGEST:
        raise InputError(
            f"{name}: its header promises {wanted:,} bytes of shape {shape}; at most {LARGEST:,} "
            "are read"
        )
    data = head[start:] + unpack.read(start + wanted + 1 - len(head))
    if len(data) != wanted:
        found = "truncated" if len(data) < wanted else "too long"
        more = "more" if len(data) > wanted else f"{len(data)}"
        raise InputError(
            f"{name}: {found}: its header promises {wanted} bytes of shape {shape}, it has "
            f"{more}; fetch it again"
        )
    return np.frombuffer(data, np.uint8).reshape(shape)


class _Unpacker:
    """Reads so many bytes and no more, of a plain or a gzipped file."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.waiting = file.read(PIECE)
        self.gzip = zlib.decompressobj(GZIP) if self.waiting[:2] == b"\x1f\x8b" else None

    def read(self, count: int) -> bytes:
        """Returns the next `count` bytes, or fewer at the end."""
        found = bytearray()
        while len(found) < count:
            piece = self._piece(min(PIECE, count - len(found)))
            if not piece:
                break
            found += piece
        return bytes(found)

    def _piece(self, most: int) -> bytes:
        if self.gzip is None:
            piece, self.waiting = self.waiting[:most], self.waiting[most:]
            return piece or self.file.read(most)
        while not self.gzip.eof:
            if piece := self.gzip.decompress(self.waiting, most):
                self.waiting = self.gzip.unconsumed_tail
                return piece
            self.waiting = self.gzip.unconsumed_tail or self.file.read(PIECE)
            if not self.waiting:
                raise EOFError("its end is missing")
        return b""
