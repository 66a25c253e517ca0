"""Files as they are given: on the disk, or in an archive that holds a class or a submission.

What is in such an archive is listed with limits and read one file at a time, into memory; nothing
of it is written, and no name in it becomes a path.
"""

__all__ = ["MOST_FILES", "Given", "Member", "members_of"]

import struct
import zipfile

from dataclasses import dataclass
from pathlib import Path

from genlab.common.formats.files import read_file
from genlab.common.formats.plain_zip import LARGEST
from genlab.common.formats.zip_archive import UTF8, Limits, ZipArchive, is_folder
from genlab.lab.verify.readers.names import unflagged

MOST_FILES = 20_000
"""Files in an archive, and in all that is given."""
LIMITS = Limits(entries=MOST_FILES, directory=8 << 20, file=LARGEST, total=32 << 30)
"""Of the archive of a class."""
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
            InputError: If it is too large, or damaged in the archive that it lies in.
            OSError: If it cannot be read.
        """
        if isinstance(self.source, Path):
            return read_file(self.source, LARGEST)
        with _opened(self.source.archive) as zipped:
            return zipped.read(self.source.info)

    def begins_with(self, count: int) -> bytes:
        """Returns the first bytes; raises as `read`."""
        if isinstance(self.source, Path):
            with self.source.open("rb") as file:
                return file.read(count)
        with _opened(self.source.archive) as zipped:
            return zipped.head(self.source.info, count)


@dataclass(frozen=True)
class Member:
    """An entry of an archive."""

    archive: Given
    info: zipfile.ZipInfo


def members_of(archive: Given) -> list[tuple[Given, str]]:
    """Lists the files of an archive that holds others' files.

    Returns:
        Each file, and why it cannot be read, or "".

    Raises:
        InputError: If it is no zip archive, is damaged, or holds too much.
        OSError: If it cannot be read.
    """
    found = []
    with _opened(archive) as zipped:
        for info in zipped.entries:
            path = _name(info).replace("\\", "/").lstrip("/")
            name = path.rpartition("/")[2]
            if not is_folder(info):
                given = Given(f"{archive.shown}/{path}", name, Member(archive, info))
                found.append((given, zipped.refusal(info)))
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


def _opened(archive: Given) -> ZipArchive:
    file = archive.source if isinstance(archive.source, Path) else archive.read()
    return ZipArchive(file, archive.name, LIMITS)
