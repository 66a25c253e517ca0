"""Reads zip archives of strangers (the two archives, and the Word document, which is one too).

Accepted is the plain part of the format only: one run of entries, one central directory, its end
record at the very end without a comment, no ZIP64, nothing encrypted, stored or deflated plain
files. Then no two programs can disagree about what is in the archive. All limits hold for what
truly comes out of the stream; the sizes in the headers are only a first, cheap test.

References:
    | APPNOTE.TXT, .ZIP File Format Specification 6.3.10 (PKWARE), sections 4.3 and 4.4
    | A better zip bomb (Fifield, 2019), https://www.bamsoftware.com/hacks/zipbomb/
"""

__all__ = [
    "DAMAGE", "ENCRYPTED", "FREE", "LARGEST_FILE", "RATIO", "UTF8", "Archive", "open_archive",
]

import io
import re
import stat
import struct
import zipfile
import zlib

from genlab.lab.verify.readers.names import system_file
from genlab.lab.verify.results.findings import Refused

LARGEST_FILE = 512 << 20
"""Bytes of an archive."""
LARGEST_TOTAL = 1 << 30
"""Bytes of all that is in it."""
LARGEST_MEMBER = 256 << 20
MOST_ENTRIES = 20_000
LARGEST_DIRECTORY = 4 << 20
"""Bytes of the central directory."""
FREE, RATIO = 1 << 16, 200
"""Above so many bytes nothing may be so many times as large as its packed form."""
PIECE = 1 << 16

PART = re.compile(r"[A-Za-z0-9._\[\]-]*[A-Za-z0-9_\[\]-]")
"""A folder's or a file's name: ASCII, no colon, does not end with a dot."""
LONGEST_NAME = 200
MOST_ABOVE = 3
"""Folders above the root, as programs put them there that pack a folder."""
END, LOCAL = b"PK\x05\x06", b"PK\x03\x04"
OTHERS = {
    LOCAL: "cut off, or with something behind its end", b"Rar!": "a RAR archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive", b"\x1f\x8b": "a gzip file", b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an old Office file, or one with a password", b"<": "a web page",
    b"{\\rtf": "an RTF text",
}
"""What begins so is something else."""
DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError,
    RuntimeError,  # an unknown version or way of packing, or a password is needed
)
ENCRYPTED = 0x1 | 0x20 | 0x40 | 0x2000
"""Flags: encrypted, patched data, strongly encrypted, masked headers."""


UTF8 = 0x800
"""Flag: the name is in UTF-8, not in code page 437."""


class Archive:
    """An archive whose every entry has been checked but not yet read."""

    def __init__(
        self, name: str, zipped: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo],
        ignored: list[str],
    ) -> None:
        self._name, self._zip, self._members = name, zipped, members
        self._left = LARGEST_TOTAL
        self.ignored = ignored
        """The files of systems in it, which count for nothing."""

    @property
    def names(self) -> list[str]:
        """The names of its files, sorted."""
        return sorted(self._members)

    def renew(self) -> None:
        """Begins to count again what all files come to, for another pass over them."""
        self._left = LARGEST_TOTAL

    def read(self, name: str, most: int = LARGEST_MEMBER) -> bytes:
        """Returns a file's bytes.

        Raises:
            Refused: If it is not there, is damaged, or there is more of it than `most`, or than
                its packed form or all files of an archive may come to.
        """
        if name not in self._members:
            raise Refused(f"{self._name}: has no {name}")
        info, data = self._members[name], bytearray()
        limit = min(most, self._left, max(FREE, RATIO * info.compress_size))
        try:
            with self._zip.open(info) as stream:
                while piece := stream.read(PIECE):
                    data += piece
                    if len(data) > limit:
                        raise Refused(f"{name}: unpacks to more than {limit:,} bytes")
        except Refused:
            raise
        except DAMAGE as error:
            raise Refused(f"{name}: damaged ({error})") from None
        if len(data) != info.file_size:
            raise Refused(f"{name}: has {len(data):,} bytes, its header says {info.file_size:,}")
        self._left -= len(data)
        return bytes(data)


def open_archive(data: bytes, name: str, root: str | None = None) -> Archive:
    """Opens an archive and checks every header; nothing is unpacked yet.

    Arguments:
        data: The archive.
        name: What it is called in an error.
        root: A file of its root. If a program put folders above the root, they are left out, and
            so are files of systems (`__MACOSX`, ...). If not given, the archive must be as made.

    Raises:
        Refused: If it is no plain zip archive or anything in it is forbidden.
    """
    if not data:
        raise Refused(f"{name}: empty, 0 bytes")
    if len(data) > LARGEST_FILE:
        raise Refused(f"{name}: larger than {LARGEST_FILE:,} bytes")
    start = _check_end(name, data)
    try:
        zipped = zipfile.ZipFile(io.BytesIO(data))
    except DAMAGE as error:
        raise Refused(f"{name}: not a readable zip archive ({error})") from None
    members: dict[str, zipfile.ZipInfo] = {}
    taken: set[str] = set()
    entries = {info: _check_entry(info) for info in zipped.infolist()}
    ignored = {path for path in entries.values() if root and system_file(path)}
    above = _above(root, set(entries.values()) - ignored) if root else ""
    for info, path in entries.items():
        if path in ignored or (path.endswith("/") and above.startswith(path)):
            continue
        _check_name(path, above)
        below = path.removeprefix(above)
        if below.lower() in taken:
            raise Refused(f"{below}: twice in the archive (or but for case)")
        taken.add(below.lower())
        if not info.is_dir() and not path.endswith("/"):
            members[below] = info
    total = sum(info.file_size for info in entries)
    if total > LARGEST_TOTAL:
        raise Refused(f"{name}: unpacks to {total:,} bytes, more than {LARGEST_TOTAL:,}")
    _check_places(zipped.infolist(), data, start)
    return Archive(name, zipped, members, sorted(path for path in ignored if path[-1] != "/"))


def _above(root: str, paths: set[str]) -> str:
    """Returns the folders above the root, "" or ending with a slash."""
    places = sorted(
        (path.removesuffix(root) for path in paths if path.rpartition("/")[2] == root), key=len
    )
    return places[0] if places and places[0].count("/") <= MOST_ABOVE else ""


def _check_name(path: str, above: str) -> None:
    shown = ascii(path[:80])
    if not path.startswith(above):
        raise Refused(f"{shown}: beside the folder {ascii(above[:80])} that holds the rest")
    if not all(map(PART.fullmatch, path.removeprefix(above).removesuffix("/").split("/"))):
        raise Refused(f"{shown}: not a plain ASCII name below the archive")


def _check_end(name: str, data: bytes) -> int:
    """Checks the end record; returns where the central directory starts."""
    if len(data) < 22 or data[-22:-18] != END:
        what = next((what for begin, what in OTHERS.items() if data.startswith(begin)), "")
        raise Refused(f"{name}: not a plain zip archive ({what or 'no end record at its end'})")
    disk, first, here, count, size, start, comment = struct.unpack("<4H2LH", data[-18:])
    if disk or first or here != count or comment or count == 0xFFFF or 0xFFFFFFFF in (size, start):
        raise Refused(f"{name}: in parts, with a comment, or ZIP64; archives here are plain")
    if start + size != len(data) - 22:
        raise Refused(f"{name}: its directory is not where the end record says")
    if count > MOST_ENTRIES or size > LARGEST_DIRECTORY:
        raise Refused(f"{name}: {count:,} entries; at most {MOST_ENTRIES:,}")
    return start


def _check_entry(info: zipfile.ZipInfo) -> str:
    """Checks what the directory says of one entry; returns its path, with slashes."""
    name = info.orig_filename
    shown = ascii(name[:80])
    path = name.replace("\\", "/")
    parts = path.removesuffix("/").split("/")
    if name != info.filename or len(name) > LONGEST_NAME or not name.isprintable() or any(
        part in ("", ".", "..") or ":" in part for part in parts
    ):
        raise Refused(f"{shown}: not a plain name below the archive")
    if info.flag_bits & ENCRYPTED:
        raise Refused(f"{shown}: encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused(f"{shown}: packed in an unusual way ({info.compress_type})")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFDIR if info.is_dir() else stat.S_IFREG):
        raise Refused(f"{shown}: a link or another special file")
    if info.is_dir() and info.file_size:
        raise Refused(f"{shown}: a folder with content")
    if info.file_size > LARGEST_MEMBER:
        raise Refused(f"{shown}: {info.file_size:,} bytes; at most {LARGEST_MEMBER:,}")
    if info.file_size > max(FREE, RATIO * info.compress_size):
        raise Refused(f"{shown}: {info.compress_size:,} bytes that unpack to {info.file_size:,}")
    return path


def _check_places(entries: list[zipfile.ZipInfo], data: bytes, end: int) -> None:
    """Checks that no two entries share bytes, and that each says its own name twice."""
    ordered = sorted(entries, key=lambda info: info.header_offset)
    for info, after in zip(ordered, [*(i.header_offset for i in ordered[1:]), end]):
        at = info.header_offset
        head = data[at : at + 30]
        if len(head) < 30 or head[:4] != LOCAL:
            raise Refused(f"{info.filename}: no entry where the directory says")
        flags, length, extra = *struct.unpack("<H", head[6:8]), *struct.unpack("<2H", head[26:30])
        raw = info.orig_filename.encode("utf-8" if info.flag_bits & UTF8 else "cp437")
        if data[at + 30 : at + 30 + length] != raw or flags & ENCRYPTED:
            raise Refused(f"{info.filename}: the entry and the directory disagree")
        if at + 30 + length + extra + info.compress_size > after:
            raise Refused(f"{info.filename}: shares bytes with another entry")
