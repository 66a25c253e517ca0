"""The idx format of MNIST: arrays of bytes behind a header, plain or gzipped.

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
from genlab.common.formats.zip_archive import Stream

LARGEST = 1 << 31
"""The bytes that a file may unpack to; MNIST has 47 million, all of EMNIST 550 million."""
FREE = 1 << 25
"""The bytes that any file may unpack to."""
MOST_PACKED = 200
"""The ratio of unpacked to packed bytes above which a larger file is refused."""
PIECE = 1 << 20
"""The bytes that are unpacked at a time."""
GZIP = 16 + zlib.MAX_WBITS


def read_idx(file: IO[bytes] | Stream, name: str, size: int) -> np.ndarray:
    """Reads an idx file of uint8, and never more of it than its header says.

    Arguments:
        file: The file, opened.
        name: What errors call it.
        size: The bytes of the file.

    Raises:
        InputError: If it is truncated, something else, or too large.
    """
    try:
        return _read(file, name, size)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{name}: damaged or truncated ({reason}); fetch it again") from None


def _read(file: IO[bytes] | Stream, name: str, size: int) -> np.ndarray:
    unpack = _Unpacker(file)
    head = unpack.read(4)
    axes = head[3] if len(head) == 4 else 0
    if head[:3] != b"\x00\x00\x08" or not 1 <= axes <= 3:
        raise InputError(f"{name}: not an idx file of bytes (starts with {head.hex() or '-'})")
    sides = unpack.read(4 * axes)
    if len(sides) < 4 * axes:
        raise InputError(f"{name}: truncated: it ends in its header; fetch it again")
    shape = tuple(np.frombuffer(sides, ">u4").astype(int).tolist())
    wanted = prod(shape)
    largest = min(LARGEST, max(FREE, MOST_PACKED * size))
    if wanted > largest:
        raise InputError(
            f"{name}: its header promises {wanted:,} bytes of shape {shape}; of a file of "
            f"{size:,} bytes at most {largest:,} are read"
        )
    values, held = np.empty(wanted, np.uint8), 0
    while held < wanted and (piece := unpack.piece(min(PIECE, wanted - held))):
        values[held : held + len(piece)] = np.frombuffer(piece, np.uint8)
        held += len(piece)
    more = held == wanted and unpack.piece(1)
    if held < wanted or more:
        raise InputError(
            f"{name}: {'too long' if more else 'truncated'}: its header promises {wanted} bytes "
            f"of shape {shape}, it has {'more' if more else held}; fetch it again"
        )
    return values.reshape(shape)


class _Unpacker:
    """Reads so many bytes and no more, of a plain or a gzipped file."""

    def __init__(self, file: IO[bytes] | Stream) -> None:
        self.file = file
        self.waiting = file.read(PIECE)
        self.gzip = zlib.decompressobj(GZIP) if self.waiting[:2] == b"\x1f\x8b" else None

    def read(self, count: int) -> bytes:
        """Returns the next `count` bytes, or fewer at the end."""
        found = b""
        while len(found) < count and (piece := self.piece(count - len(found))):
            found += piece
        return found

    def piece(self, most: int) -> bytes:
        """Returns some of the next bytes, `most` at most; none at the end."""
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
