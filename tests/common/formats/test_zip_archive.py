"""Zip archives of strangers: what they say and what comes out of them is limited and agrees."""

import io
import stat
import struct
import zipfile

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hypothesis import given, settings
from hypothesis import strategies as st

from genlab.common.errors import InputError
from genlab.common.formats.plain_zip import PlainZip
from genlab.common.formats.zip_archive import Limits, ZipArchive

LIMITS = Limits(entries=100, directory=1 << 16, file=1 << 20, total=1 << 21)
CENTRAL = b"PK\x01\x02"


def zipped(
    files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, comment: bytes = b""
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.comment = comment
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def changed(data: bytes, place: int, value: bytes, entry: int = 0) -> bytes:
    """The archive with other bytes in an entry of its directory."""
    at = -1
    for _ in range(entry + 1):
        at = data.index(CENTRAL, at + 1)
    return data[: at + place] + value + data[at + place + len(value) :]


def quoted_bomb() -> bytes:
    """Files that hold each other's headers and share one kernel (Fifield, figure 3)."""
    kernel = zipped({"b": b"0" * 100_000})
    head, rest = kernel[: kernel.index(CENTRAL)], kernel[kernel.index(CENTRAL) :]
    quote = struct.pack("<BHH", 0, len(head), len(head) ^ 0xFFFF)  # a block as it is
    first = b"PK\x03\x04" + struct.pack(
        "<5H3L2H", 20, 0, 8, 0, 33, 0, len(quote) + len(head), 100_000, 1, 0
    ) + b"a" + quote  # fmt: skip
    entry = CENTRAL + struct.pack(
        "<6H3L5H2L", 20, 20, 0, 8, 0, 33, 0, len(quote) + len(head), 100_000, 1, 0, 0, 0, 0, 0, 0
    ) + b"a"  # fmt: skip
    shifted = bytearray(rest)
    shifted[42:46] = struct.pack("<L", len(first))
    end = shifted.index(b"PK\x05\x06")
    directory = entry + bytes(shifted[:end])
    tail = b"PK\x05\x06" + struct.pack(
        "<4H2LH", 0, 0, 2, 2, len(directory), len(first) + len(head), 0
    )
    return first + head + directory + tail


ONE = zipped({"a.txt": b"text" * 100})
REFUSED: dict[str, tuple[bytes, str]] = {
    "no zip": (b"PK\x03\x04" + bytes(500), "not a readable zip archive"),
    "empty": (b"", "not a readable zip archive"),
    "cut": (ONE[:-30], "not a readable zip archive"),
    "many": (zipped({str(i): b"" for i in range(101)}), "101 entries; at most 100"),
    "a long directory": (zipped({"a" * 60_000 + str(i): b"" for i in range(2)}), "a directory of"),
    "two shared entries": (
        changed(zipped({"a": b"1" * 99, "b": b"1" * 99}), 42, bytes(4), entry=1), "shares bytes"
    ),
    "a quoted bomb": (quoted_bomb(), "shares bytes"),
    "too much": (zipped({str(i): bytes(2**20) for i in range(3)}, 0), "unpacks to 3,145,728"),
}  # fmt: skip
LINK = zipfile.ZipInfo("a.txt")
LINK.external_attr = (stat.S_IFLNK | 0o777) << 16
UNREAD: dict[str, tuple[bytes, str]] = {
    "encrypted": (changed(ONE, 8, b"\x01\x00"), "encrypted"),
    "LZMA": (zipped({"a.txt": b"1"}, zipfile.ZIP_LZMA), r"packed in an unusual way \(14\)"),
    "an unknown method": (changed(ONE, 10, b"\x63\x00"), r"packed in an unusual way \(99\)"),
    "large": (zipped({"a.txt": bytes(2**20 + 1)}, zipfile.ZIP_STORED), "at most 1,048,576"),
    "a bomb": (zipped({"a.txt": bytes(2**20)}), "bytes that unpack to 1,048,576"),
    "less than it says": (changed(ONE, 24, struct.pack("<L", 500)), "has 400 bytes"),
    "more than it says": (changed(ONE, 24, struct.pack("<L", 300)), "damaged"),
    "another checksum": (changed(ONE, 16, bytes(4)), "damaged"),
    "another name": (changed(ONE, 46, b"b"), "damaged"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_archives_that_share_or_hide_are_refused(kind: str, tmp_path: Path) -> None:
    data, words = REFUSED[kind]
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    for file in (data, path):
        with pytest.raises(InputError, match=f"^a.zip.*{words}"):
            ZipArchive(file, "a.zip", LIMITS)


@pytest.mark.parametrize("kind", UNREAD)
def test_one_file_that_is_refused_takes_no_other_with_it(kind: str) -> None:
    data, words = UNREAD[kind]
    with ZipArchive(data, "a.zip", LIMITS) as archive:
        (entry,) = archive.entries
        with pytest.raises(InputError, match=f"^a.zip/[ab].txt: .*{words}"):
            archive.read(entry)


def test_links_are_refused_and_folders_are_none() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(LINK, b"/etc/passwd")
        archive.mkdir("folder")
    with ZipArchive(buffer.getvalue(), "a.zip", LIMITS) as found:
        link, folder = found.entries
        assert found.refusal(link) == "a link or another special file"
        assert not found.refusal(folder)


def test_honest_archives_are_read(tmp_path: Path) -> None:
    files = {"a.txt": b"text" * 100, "b": b"", "名字/c": bytes(range(256))}
    path = tmp_path / "a.zip"
    path.write_bytes(b"program" + zipped(files, comment=b"a comment"))
    with ZipArchive(path, "a.zip", LIMITS) as archive:
        assert {e.filename: archive.read(e) for e in archive.entries} == files
        assert archive.head(archive.entries[0], 6) == b"textte"
    with zipfile.ZipFile(path, "w") as made, made.open("a", "w", force_zip64=True) as file:
        file.write(b"1")
    with ZipArchive(path, "a.zip", LIMITS) as archive:
        assert archive.read(archive.entries[0]) == b"1"
    with pytest.raises(InputError, match="cannot be read"):
        ZipArchive(tmp_path / "none.zip", "none.zip", LIMITS)


def test_all_that_is_read_counts_together() -> None:
    files = {"a": bytes(range(256)) * 4, "b": b"2" * 1000}
    with ZipArchive(zipped(files), "a.zip", replace(LIMITS, total=2024)) as archive:
        a, b = archive.entries
        archive.read(a)
        with pytest.raises(InputError, match="more than 1,000 bytes"):
            archive.read(a)
        archive.renew()
        archive.read(b)


@pytest.mark.parametrize("kind", [PlainZip, lambda data, name: ZipArchive(data, name, LIMITS)])
@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_damage_is_refused_or_read(
    kind: Callable[[bytes, str], ZipArchive], data: st.DataObject
) -> None:
    good = zipped({"a.txt": b"text" * 100, "b.txt": b"more" * 100})
    at = data.draw(st.integers(0, len(good)))
    piece = data.draw(st.binary(max_size=8))
    damaged = good[:at] + piece + good[at + data.draw(st.sampled_from([len(piece), 0, 1, 400])) :]
    try:
        archive = kind(damaged, "a.zip")
        for entry in archive.entries:
            assert len(archive.read(entry)) == entry.file_size <= 1 << 20
    except InputError:
        return
