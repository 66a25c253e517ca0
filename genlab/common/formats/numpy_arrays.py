r"""NumPy's files: `.npy` with one array, `.npz` with several by name, a zip of `.npy` files.

A header is read as the text that NumPy writes, and nothing in it is evaluated; of types there are
numbers, booleans and, where asked for, text. An array is made only after the size of its file or
member was found to be what its header says, and nothing is unpickled.

References:
    | The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

__all__ = ["array_names", "read_npy", "read_npz"]

import os
import re

from collections.abc import Collection
from math import prod
from pathlib import Path
from typing import IO, Literal, NamedTuple
from zipfile import ZipInfo

import numpy as np

from genlab.common.errors import InputError
from genlab.common.formats.zip_archive import Limits, Stream, ZipArchive
from genlab.common.paths import exists
from genlab.common.text import one_line

MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 10_000
"""The bytes of a header; NumPy has the same limit."""
MOST_AXES = 8
LIMITS = Limits(
    entries=1_000, directory=1 << 20, file=1 << 46, total=1 << 46, free=1 << 25, ratio=200
)
"""Of a `.npz`; it is no larger than the disk that it comes from."""
PIECE = 1 << 20
"""The bytes that are unpacked at a time."""

ENTRY = re.compile(r"""
    \s* (['"]) (?P<key> descr | fortran_order | shape) \1 \s* : \s*
    (?: (['"]) (?P<text> [^'"\\]*) \3
      | (?P<flag> True | False)
      | \( (?P<shape> [\dL,\s]*) \)
      | (?P<structure> \[ .* \]) )
    \s* (?: , | (?=\}) )
""", re.VERBOSE)  # fmt: skip
"""An entry of the dictionary in a header."""
FLAGS = ("True", "False")
DTYPE = re.compile(r"[<>|=]?(?:b1|[iu][1248]|f(?:2|4|8|12|16)|[US]\d{1,6})")
AXES = re.compile(r"(?:\s*\d{1,19}L?\s*(?:,|$))*\s*")


class Header(NamedTuple):
    """What a header says."""

    dtype: np.dtype
    shape: tuple[int, ...]
    order: Literal["C", "F"]
    """"C", or "F": the first axis is the one that runs fastest."""
    start: int
    """The bytes before the values."""

    @property
    def size(self) -> int:
        """The bytes of the values."""
        return prod(self.shape) * self.dtype.itemsize


def read_npy(path: Path) -> np.ndarray:
    """Reads a `.npy` of numbers or booleans; the values stay on the disk until they are used.

    Raises:
        InputError: If it is damaged, of another type, or not as long as its header says.
        OSError: If it cannot be read.
    """
    name = str(path)
    with path.open("rb") as file:
        header = _header(file, name, text=False)
        held = file.seek(0, os.SEEK_END) - header.start
    _require_size(header, held, name)
    if not header.size:
        return np.empty(header.shape, header.dtype)
    array = np.memmap(path, header.dtype, "r", header.start, header.shape, header.order)
    _require_booleans(array, name)
    return array


def read_npz(
    file: Path | bytes, name: str, *, only: Collection[str] | None = None, text: bool = False
) -> dict[str, np.ndarray]:
    """Reads the arrays of a `.npz` into memory, in this machine's byte order.

    Arguments:
        file: The file, or its content.
        name: What errors call it.
        only: The names of the arrays to read, where the others are of no interest.
        text: Whether arrays may be of text.

    Raises:
        InputError: If it is damaged, of other types, or unpacks to less or more than it says.
    """
    with ZipArchive(file, name, LIMITS) as archive:
        size = len(file) if isinstance(file, bytes) else file.stat().st_size
        unpacked = sum(entry.file_size for entry in archive.entries)
        if unpacked > max(LIMITS.free, LIMITS.ratio * size):
            raise InputError(f"{name}: {size:,} bytes that unpack to {unpacked:,}: refused")
        found: dict[str, np.ndarray] = {}
        for entry in archive.entries:
            key = entry.filename.removesuffix(".npy")
            if key in found:
                raise _damaged(name, f"two arrays {key}")
            if only is None or key in only:
                found[key] = _member(archive, entry, f"{name}: {key}", text)
        return found


def array_names(path: Path) -> list[str]:
    """Returns the names of a `.npz`'s arrays; none of what is no zip, or holds others."""
    if not (exists(path) and path.is_file()):
        return []
    try:
        with ZipArchive(path, str(path), LIMITS) as archive:
            names = [entry.filename for entry in archive.entries]
    except InputError:
        return []
    plain = all(name.endswith(".npy") for name in names)
    return [name.removesuffix(".npy") for name in names] if plain else []


def _member(archive: ZipArchive, entry: ZipInfo, name: str, text: bool) -> np.ndarray:
    with archive.open(entry) as file:
        header = _header(file, name, text)
        _require_size(header, entry.file_size - header.start, name)
        values, held = np.empty(header.size, np.uint8), 0
        while piece := file.read(min(PIECE, header.size - held) or 1):  # 1: the end, its checksum
            if held + len(piece) > header.size:
                raise _damaged(name, "more than its header says")
            values[held : held + len(piece)] = np.frombuffer(piece, np.uint8)
            held += len(piece)
    _require_size(header, held, name)
    array = np.ndarray(header.shape, header.dtype, values.data, order=header.order)
    _require_booleans(array, name)
    return array.astype(header.dtype.newbyteorder("="), copy=False)


def _header(file: IO[bytes] | Stream, name: str, text: bool) -> Header:
    head = file.read(8)
    version = tuple(head[6:])
    if head[:6] != MAGIC or version not in ((1, 0), (2, 0), (3, 0)):
        raise _damaged(name, f"it starts with {head.hex() or 'nothing'}")
    width = 2 if version == (1, 0) else 4
    length = int.from_bytes(file.read(width), "little")
    if length > LONGEST_HEADER:
        raise _damaged(name, f"a header of {length:,} bytes")
    written = file.read(length)
    if len(written) < length:
        raise _damaged(name, "cut short")
    entries = _entries(written.decode("latin-1"), name)
    dtype = _dtype(entries["descr"], name, text)
    shape = tuple(map(int, re.findall(r"\d+", entries["shape"])))
    order = "F" if entries["fortran_order"] == "True" else "C"
    header = Header(dtype, shape, order, 8 + width + length)
    strides = prod(side for side in shape if side) * dtype.itemsize
    if len(shape) > MOST_AXES or strides > np.iinfo(np.intp).max or not dtype.itemsize:
        raise _damaged(name, f"an array of shape {shape} and type {dtype}")
    return header


def _entries(header: str, name: str) -> dict[str, str]:
    """Returns the texts of the three entries of a header."""
    found: dict[str, str] = {}
    text, place = header.rstrip(), 1
    while match := ENTRY.match(text, place):
        if match["structure"] is not None:
            raise _damaged(name, "of a structured type; save each field as an array")
        if match["key"] in found:
            break
        found[match["key"]] = next(filter(None, match.group("text", "flag", "shape")), "")
        place = match.end()
    whole = text[:1] == "{" and text[place:].strip() == "}" and len(found) == 3
    if not whole or found["fortran_order"] not in FLAGS or not AXES.fullmatch(found["shape"]):
        raise _damaged(name, "its header is not as NumPy writes it")
    return found


def _dtype(descr: str, name: str, text: bool) -> np.dtype:
    if DTYPE.fullmatch(descr) and (text or descr.lstrip("<>|=")[0] not in "US"):
        try:
            return np.dtype(descr)
        except TypeError:  # of 96 or 128 bits, which not every machine has
            pass
    what = "Python objects, which are never read" if "O" in descr else f"type {descr!r}"
    raise _damaged(name, f"{what[:60]}; save numbers or booleans")


def _require_size(header: Header, held: int, name: str) -> None:
    if held != header.size:
        raise _damaged(
            name, f"its header says {header.size:,} bytes of {header.dtype} {header.shape}, it "
            f"has {held:,}"
        )


def _require_booleans(array: np.ndarray, name: str) -> None:
    """Refuses bytes of booleans that are neither 0 nor 1, with which NumPy would calculate."""
    if array.dtype.kind != "b":
        return
    levels = array.view(np.uint8).reshape(-1, order="A")
    for start in range(0, levels.size, PIECE):
        if levels[start : start + PIECE].max() > 1:
            raise _damaged(name, "booleans that are neither 0 nor 1")


def _damaged(name: str, reason: str) -> InputError:
    return InputError(f"{name}: not a NumPy file of plain arrays ({one_line(reason)[:200]})")
