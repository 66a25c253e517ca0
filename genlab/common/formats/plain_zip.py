"""Reads the plain part of the zip format, of which no two programs can think differently.

That is one run of entries, one central directory, its end record at the very end without a
comment, no ZIP64, nothing encrypted, stored or deflated plain files, no name twice.
"""

__all__ = ["LARGEST", "LIMITS", "PlainZip", "require_plain"]

import re
import struct
import zipfile

from genlab.common.errors import InputError
from genlab.common.formats.zip_archive import ENCRYPTED, UTF8, Limits, ZipArchive, is_folder

LARGEST = 512 << 20
"""Bytes of an archive."""
LIMITS = Limits(entries=20_000, directory=4 << 20, file=256 << 20, total=1 << 30)
LONGEST_NAME = 200
PART = re.compile(r"[A-Za-z0-9._\[\]-]*[A-Za-z0-9_\[\]-]")
"""A folder's or a file's name: ASCII, no colon, does not end with a dot."""
END, LOCAL = b"PK\x05\x06", b"PK\x03\x04"
OTHERS = {
    LOCAL: "cut off, or with something behind its end", b"Rar!": "a RAR archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive", b"\x1f\x8b": "a gzip file", b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an old Office file, or one with a password", b"<": "a web page",
    b"{\\rtf": "an RTF text",
}  # fmt: skip
"""What begins so is something else."""


class PlainZip(ZipArchive):
    """A plain archive in memory, whose every header has been checked.

    Arguments:
        data: The archive.
        name: What it is called in an error.
        limits: How much it may hold.

    Raises:
        InputError: If it is no plain zip archive, or anything in it is refused.
    """

    def __init__(self, data: bytes, name: str, limits: Limits = LIMITS) -> None:
        if not data:
            raise InputError(f"{name}: empty, 0 bytes")
        if len(data) > LARGEST:
            raise InputError(f"{name}: larger than {LARGEST:,} bytes")
        start = _check_end(name, data)
        super().__init__(data, name, limits)
        self.paths: dict[str, zipfile.ZipInfo] = {}
        """The entries by their paths, which have slashes; folders end with one."""
        taken: set[str] = set()
        for entry in self.entries:
            path = self._path(entry)
            if path.lower() in taken:
                raise InputError(f"{name}/{path}: twice in the archive (or but for case)")
            taken.add(path.lower())
            self.paths[path] = entry
        self._check_places(data, start)

    def _path(self, entry: zipfile.ZipInfo) -> str:
        """Checks what the directory says of one entry; returns its path, with slashes."""
        name = entry.orig_filename
        path = name.replace("\\", "/")
        parts = path.removesuffix("/").split("/")
        if name != entry.filename or len(name) > LONGEST_NAME or not name.isprintable() or any(
            part in ("", ".", "..") or ":" in part for part in parts
        ):
            raise InputError(f"{self.shown(entry)}: not a plain name below the archive")
        why = self.refusal(entry)
        if why or (is_folder(entry) and entry.file_size):
            raise InputError(f"{self.shown(entry)}: {why or 'a folder with content'}")
        return path

    def _check_places(self, data: bytes, end: int) -> None:
        """Checks that no two entries share bytes, and that each says its own name twice."""
        ordered = sorted(self.entries, key=lambda entry: entry.header_offset)
        for entry, after in zip(ordered, [*(e.header_offset for e in ordered[1:]), end]):
            at = entry.header_offset
            head = data[at : at + 30]
            if len(head) < 30 or head[:4] != LOCAL:
                raise InputError(f"{self.shown(entry)}: no entry where the directory says")
            flags, length, extra = struct.unpack("<6xH18x2H", head)
            raw = entry.orig_filename.encode("utf-8" if entry.flag_bits & UTF8 else "cp437")
            if data[at + 30 : at + 30 + length] != raw or flags & ENCRYPTED:
                raise InputError(f"{self.shown(entry)}: the entry and the directory disagree")
            if at + 30 + length + extra + entry.compress_size > after:
                raise InputError(f"{self.shown(entry)}: shares bytes with another entry")


def require_plain(path: str, name: str) -> None:
    """Raises `InputError` if a path in an archive has other letters than plain ASCII ones.

    Arguments:
        path: The path; of a folder, with a slash at its end.
        name: What it is called in an error.
    """
    if not all(map(PART.fullmatch, path.removesuffix("/").split("/"))):
        raise InputError(f"{name}: not a plain ASCII name below the archive")


def _check_end(name: str, data: bytes) -> int:
    """Checks the end record; returns where the central directory starts."""
    if len(data) < 22 or data[-22:-18] != END:
        what = next((what for begin, what in OTHERS.items() if data.startswith(begin)), "")
        raise InputError(f"{name}: not a plain zip archive ({what or 'no end record at its end'})")
    disk, first, here, count, size, start, comment = struct.unpack("<4H2LH", data[-18:])
    if disk or first or here != count or comment or count == 0xFFFF or 0xFFFFFFFF in (size, start):
        raise InputError(f"{name}: in parts, with a comment, or ZIP64; archives here are plain")
    if start + size != len(data) - 22:
        raise InputError(f"{name}: its directory is not where the end record says")
    return start
