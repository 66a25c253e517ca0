"""Reads zip archives: what an archive says is checked when it is opened, what comes out of it too.

The sizes in the headers are a first, cheap test; the limits hold for what truly comes out. An
entry is refused by itself, so that one of thousands does not take the others with it. Stricter
archives, of which no two programs can think differently: `plain_zip.py`.

References:
    | APPNOTE.TXT, .ZIP File Format Specification 6.3.10 (PKWARE), sections 4.3 and 4.4
    | A better zip bomb (Fifield, 2019), https://www.bamsoftware.com/hacks/zipbomb/
"""

__all__ = ["ENCRYPTED", "UTF8", "Limits", "Stream", "ZipArchive", "is_folder"]

import io
import stat
import struct
import zipfile
import zlib

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from genlab.common.errors import InputError

DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, OverflowError,
    RuntimeError,  # an unknown version or way of packing
)  # fmt: skip
"""What `zipfile` and zlib raise on bytes that are no archive."""
ENCRYPTED = 0x1 | 0x20 | 0x40 | 0x2000
"""Flags: encrypted, patched data, strongly encrypted, masked headers."""
UTF8 = 0x800
"""Flag: the name is in UTF-8, not in code page 437."""
HEADER = 30
"""Bytes before the name of an entry."""
PIECE = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much an archive may hold."""

    entries: int
    directory: int
    """Bytes of the central directory."""
    file: int
    """Bytes of one file."""
    total: int
    """Bytes of all files."""
    free: int = 1 << 16
    """Bytes that any file may unpack to."""
    ratio: int = 200
    """How many times its packed form a larger file may be."""


class ZipArchive:
    """An archive whose directory has been read and checked; nothing is unpacked yet.

    Arguments:
        file: The archive, on the disk or in memory.
        name: What it is called in an error.
        limits: How much it may hold.

    Raises:
        InputError: If it is no archive, is damaged, holds too much, or two entries share bytes.
    """

    def __init__(self, file: Path | bytes, name: str, limits: Limits) -> None:
        self.name, self.limits = name, limits
        self._left = limits.total
        try:
            self._file = _Bounded(file, limits.directory)
        except OSError as error:
            raise InputError(f"{name}: cannot be read ({error.strerror})") from None
        try:
            self._zip = zipfile.ZipFile(self._file)  # pyright: ignore[reportArgumentType, reportCallIssue]
            self.entries: list[zipfile.ZipInfo] = self._zip.infolist()
            self._check()
        except InputError:
            self._file.close()
            raise
        except DAMAGE as error:
            self._file.close()
            raise InputError(f"{name}: not a readable zip archive ({error})") from None

    def _check(self) -> None:
        """Checks the number of entries, their sizes, and that no two share bytes."""
        if len(self.entries) > self.limits.entries:
            raise InputError(
                f"{self.name}: {len(self.entries):,} entries; at most {self.limits.entries:,}"
            )
        total = sum(entry.file_size for entry in self.entries)
        if total > self.limits.total:
            raise InputError(
                f"{self.name}: unpacks to {total:,} bytes, more than {self.limits.total:,}"
            )
        ordered = sorted(self.entries, key=lambda entry: entry.header_offset)
        starts = [entry.header_offset for entry in ordered]
        for entry, start, after in zip(ordered, starts, [*starts[1:], self._zip.start_dir]):
            name = entry.orig_filename.encode("utf-8" if entry.flag_bits & UTF8 else "cp437")
            if start < 0 or start + HEADER + len(name) + entry.compress_size > after:
                raise InputError(f"{self.shown(entry)}: shares bytes with another entry")

    def __enter__(self) -> "ZipArchive":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._zip.close()
        self._file.close()

    def shown(self, entry: zipfile.ZipInfo) -> str:
        """Returns what an entry is called in an error."""
        return f"{self.name}/{entry.filename[-80:]}"

    def refusal(self, entry: zipfile.ZipInfo) -> str:
        """Returns why a file is not read; "" if it is."""
        kind, limits = stat.S_IFMT(entry.external_attr >> 16), self.limits
        if kind not in (0, stat.S_IFDIR if is_folder(entry) else stat.S_IFREG):
            return "a link or another special file"
        if entry.flag_bits & ENCRYPTED:
            return "encrypted: unpack the zip with its password"
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return f"packed in an unusual way ({entry.compress_type})"
        if entry.file_size > limits.file:
            return f"{entry.file_size:,} bytes; at most {limits.file:,}"
        if entry.file_size > max(limits.free, limits.ratio * entry.compress_size):
            return f"{entry.compress_size:,} bytes that unpack to {entry.file_size:,}"
        return ""

    def read(self, entry: zipfile.ZipInfo, most: int | None = None, name: str = "") -> bytes:
        """Returns a file's bytes.

        Arguments:
            entry: The file.
            most: The bytes that it may have; those of the limits if not given.
            name: What it is called in an error; as `shown` has it if not given.

        Raises:
            InputError: If it is refused, damaged, not as long as its header says, or there is more
                of it than `most`, or than all files may come to.
        """
        name = name or self.shown(entry)
        limit = min(self.limits.file if most is None else most, self._left)
        data = self.head(entry, limit + 1, name)
        if len(data) > limit:
            raise InputError(f"{name}: unpacks to more than {limit:,} bytes")
        if len(data) != entry.file_size:
            raise InputError(
                f"{name}: has {len(data):,} bytes, its header says {entry.file_size:,}"
            )
        self._left -= len(data)
        return data

    def head(self, entry: zipfile.ZipInfo, count: int, name: str = "") -> bytes:
        """Returns the first bytes of a file, or all if it has less.

        Raises:
            InputError: If it is refused or damaged.
        """
        data = bytearray()
        with self.open(entry, name) as stream:
            while len(data) < count and (piece := stream.read(min(PIECE, count - len(data)))):
                data += piece
        return bytes(data)

    @contextmanager
    def open(self, entry: zipfile.ZipInfo, name: str = "") -> Iterator["Stream"]:
        """Opens a file for the block, to be read piece by piece.

        Raises:
            InputError: If it is refused or damaged; in the block, if damage is come to.
        """
        name = name or self.shown(entry)
        if why := self.refusal(entry):
            raise InputError(f"{name}: {why}")
        try:
            opened = self._zip.open(entry)
        except DAMAGE as error:
            raise InputError(f"{name}: damaged ({error or 'cut short'})") from None
        with opened:
            yield Stream(opened, name)

    def renew(self) -> None:
        """Begins to count again what all files come to, for another pass over them."""
        self._left = self.limits.total


class Stream:
    """What comes out of a file of an archive, and no more of it than the archive says."""

    def __init__(self, opened: IO[bytes], name: str) -> None:
        self._opened, self._name = opened, name

    def read(self, size: int) -> bytes:
        """Returns the next bytes; raises `InputError` if they are damaged."""
        try:
            return self._opened.read(size)
        except DAMAGE as error:
            raise InputError(f"{self._name}: damaged ({error or 'cut short'})") from None


def is_folder(entry: zipfile.ZipInfo) -> bool:
    """Returns whether an entry is a folder; `ZipInfo.is_dir` fails where the name is empty."""
    return entry.filename.endswith("/")


class _Bounded:
    """A file of which no more is read at once than a directory may have, whatever it says."""

    _file: IO[bytes] | None = None

    def __init__(self, file: Path | bytes, most: int) -> None:
        self._most = most
        self._file = opened = io.BytesIO(file) if isinstance(file, bytes) else file.open("rb")
        self.seek, self.tell, self.seekable = opened.seek, opened.tell, opened.seekable

    def __del__(self) -> None:  # of an archive that nobody closed; `zipfile` does the same
        self.close()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def read(self, size: int = -1) -> bytes:
        if size > self._most:
            raise ValueError(f"a directory of {size:,} bytes; at most {self._most:,}")
        assert self._file is not None  # else it was not made
        return self._file.read(size)  # without a size `zipfile` reads the last bytes only
