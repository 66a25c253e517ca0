"""Files as they are given: on the disk, or in an archive that holds a class or a submission.

What is in such an archive is listed with limits and read one file at a time, into memory; nothing
of it is written, and no name in it becomes a path.
"""

__all__ = ["MOST_FILES", "Given", "Member", "members_of"]

import io
import stat
import struct
import zipfile

from dataclasses import dataclass
from pathlib import Path

from genlab.lab.verify.readers.archive_reader import (
    DAMAGE,
    ENCRYPTED,
    FREE,
    LARGEST_FILE,
    RATIO,
    UTF8,
)
from genlab.lab.verify.readers.names import unflagged
from genlab.lab.verify.results.findings import Refused

MOST_FILES = 20_000
"""Files in an archive, and in all that is given."""
LARGEST_DIRECTORY = 8 << 20
PIECE = 1 << 20
LARGEST_CLASS = 32 << 30
"""Bytes that all files of one archive may unpack to."""
END, END64 = b"PK\x05\x06", b"PK\x06\x06"
UNICODE_PATH = 0x7075
"""Info-ZIP's extra field with a name in UTF-8."""


@dataclass(frozen=True)
class Given:
    """A file."""

    shown: str
    """Its path, for people; of a file in an archive that of the archive, and the path in it."""
    name: str
    source: "Path | Member"

    def read(self) -> bytes:
        """Returns its bytes.

        Raises:
            Refused: If it is too large, or damaged in the archive that it lies in.
            OSError: If it cannot be read.
        """
        if isinstance(self.source, Path):
            if self.source.stat().st_size > LARGEST_FILE:
                raise Refused(f"{self.name}: larger than {LARGEST_FILE:,} bytes")
            return self.source.read_bytes()
        return self.source.read()

    def begins_with(self, count: int) -> bytes:
        """Returns the first bytes; raises as `read`."""
        if isinstance(self.source, Path):
            with self.source.open("rb") as file:
                return file.read(count)
        return self.source.read(count)


@dataclass(frozen=True)
class Member:
    """An entry of an archive."""

    archive: Given
    info: zipfile.ZipInfo

    def read(self, most: int = LARGEST_FILE) -> bytes:
        """Returns its bytes, or the first of them.

        Raises:
            Refused: If they are damaged, or more than the archive says.
        """
        data, name = bytearray(), self.info.filename[-60:]
        try:
            with _opened(self.archive) as zipped, zipped.open(self.info) as stream:
                while len(data) < most and (piece := stream.read(min(PIECE, most - len(data)))):
                    data += piece
                    if len(data) > self.info.file_size:
                        raise Refused(f"{name}: unpacks to more than its header says")
        except (*DAMAGE, NotImplementedError) as error:
            raise Refused(f"{name}: damaged or packed in an unusual way ({error})") from None
        return bytes(data)


def members_of(archive: Given) -> list[tuple[Given, str]]:
    """Lists the files of an archive that holds others' files.

    Returns:
        Each file, and why it cannot be read, or "".

    Raises:
        Refused: If it is no zip archive, is damaged, or holds too much.
        OSError: If it cannot be read.
    """
    with _opened(archive) as zipped:
        entries = [info for info in zipped.infolist() if not info.is_dir()]
    if sum(info.file_size for info in entries) > LARGEST_CLASS:
        raise Refused(f"{archive.name}: unpacks to more than {LARGEST_CLASS >> 30} GB")
    found = []
    for info in entries:
        path = _name(info).replace("\\", "/").lstrip("/")
        given = Given(f"{archive.shown}/{path}", path.rpartition("/")[2], Member(archive, info))
        found.append((given, _refused(info)))
    return found


def _name(info: zipfile.ZipInfo) -> str:
    """Returns an entry's name as it was before it was packed, as far as that can be known."""
    extra = info.extra
    while len(extra) >= 4:
        tag, size = struct.unpack("<2H", extra[:4])
        if tag == UNICODE_PATH and size > 5:
            return extra[9 : 4 + size].decode("utf-8", "replace")
        extra = extra[4 + size :]
    return info.filename if info.flag_bits & UTF8 else unflagged(info.filename)


def _refused(info: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        return "a link or another special file"
    if info.flag_bits & ENCRYPTED:
        return "encrypted"
    if info.file_size > LARGEST_FILE:
        return f"larger than {LARGEST_FILE:,} bytes"
    if info.file_size > max(FREE, RATIO * info.compress_size):
        return f"{info.compress_size:,} bytes that unpack to {info.file_size:,}"
    return ""


def _opened(archive: Given) -> zipfile.ZipFile:
    """Opens an archive whose directory is not too large to be read."""
    if isinstance(archive.source, Path):
        with archive.source.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - (1 << 17)))
            tail = file.read()
        opened = archive.source
    else:
        data = archive.read()
        tail, opened = data[-(1 << 17) :], io.BytesIO(data)
    at = tail.rfind(END)
    if at < 0 or len(tail) < at + 22:
        raise Refused(f"{archive.name}: not a zip archive, or its end is missing")
    count, size = struct.unpack("<HL", tail[at + 10 : at + 16])
    if (at64 := tail.rfind(END64)) >= 0 and len(tail) >= at64 + 48:
        count, size = struct.unpack("<2Q", tail[at64 + 32 : at64 + 48])
    if count > MOST_FILES or size > LARGEST_DIRECTORY:
        raise Refused(f"{archive.name}: {count:,} entries; at most {MOST_FILES:,}")
    try:
        return zipfile.ZipFile(opened)
    except (*DAMAGE, NotImplementedError) as error:
        raise Refused(f"{archive.name}: not a readable zip archive ({error})") from None
