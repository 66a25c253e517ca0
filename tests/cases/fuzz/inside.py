"""Changes inside a format: its checksums and lengths are made right again, so readers go on.

A change takes an honest file and returns another that a reader has to look into before it can
refuse it, or read it.
"""

__all__ = ["in_gzip", "in_json", "in_npy", "in_png", "in_safetensors", "in_zip", "with_exif"]

import gzip
import io
import json
import struct
import zipfile
import zlib

from collections.abc import Callable
from random import Random
from typing import Any

from cases.fuzz.bytes import ODD_NUMBERS, any_change

Change = Callable[[Random, bytes], bytes]

NAMES = (
    "a", "", "../a", "/a", "a\nb", "a\x1b[2Jb", "C:\\a", "a" * 300, "con", "\u202ea", "a/", "词",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, "", "x", "\n", "\x1b[2J", "\ud800", "词", "9" * 5000, -1, 0, 1, 10**30,
    1e308, -0.0, 1e-320, [], {}, [[]], [None], {"": None}, [1, "a"], float("nan"), float("inf"),
    "x" * 100_000, list(range(3000)), {"value": 1, "error": None},
)


def in_json(random: Random, data: bytes) -> bytes:
    """Changes values and keys of JSON, a text of one value or of one a line."""
    lines = data.split(b"\n")
    index = random.randrange(len(lines)) if lines[0].endswith(b"}") and len(lines) > 2 else None
    text = data if index is None else lines[index]
    try:
        value = json.loads(text)
    except ValueError:
        return any_change(random, data)
    for _ in range(random.choice((1, 1, 2, 4))):
        value = _other(random, value)
    written = json.dumps(value).encode()
    if random.random() < 0.1 and b": " in written:  # a key twice
        twice = b'{"a": 1, "a": 2, ' if random.random() < 0.5 else b"{,"
        written = written.replace(b"{", twice, 1)
    if index is None:
        return written
    return b"\n".join([*lines[:index], written, *lines[index + 1 :]])


def _other(random: Random, value: Any) -> Any:
    if random.random() < 0.2 or not isinstance(value, dict | list) or not value:
        return _odd(random, value)
    if isinstance(value, list):
        index = random.randrange(len(value))
        return [*value[:index], _other(random, value[index]), *value[index + 1 :]]
    key = random.choice(list(value))
    kind = random.random()
    if kind < 0.1:
        return {name: part for name, part in value.items() if name != key}
    if kind < 0.2:
        other = random.choice(NAMES)
        return {other if name == key else name: part for name, part in value.items()}
    return value | {key: _other(random, value[key])}


def _odd(random: Random, value: Any) -> Any:
    if isinstance(value, int | float) and random.random() < 0.5:
        return random.choice((value + 1, -value, value * 1.5, *ODD_NUMBERS))
    if isinstance(value, str) and random.random() < 0.5:
        return random.choice((value.upper(), value + "\n", value[:-1], value * 2))
    if isinstance(value, dict | list) and random.random() < 0.3:
        return [value] if random.random() < 0.5 else {"a": value}
    return random.choice(VALUES)


def in_gzip(change: Change) -> Change:
    """Returns the change of what a gzipped file holds."""
    def within(random: Random, data: bytes) -> bytes:
        if random.random() < 0.05:
            packer = zlib.compressobj(1, zlib.DEFLATED, 31)
            honest = gzip.decompress(data)
            bomb = packer.compress(honest) + packer.compress(bytes(random.choice((1, 48)) << 20))
            return bomb + packer.flush()
        return gzip.compress(change(random, gzip.decompress(data)), 1)
    return within


def in_zip(*changes: tuple[str, Change], method: int = zipfile.ZIP_DEFLATED) -> Change:
    """Returns the change of a zip's members and of what it says of them.

    Arguments:
        changes: The change of the members whose names end so; others get any.
        method: How they are packed.
    """
    def within(random: Random, data: bytes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(name, archive.read(name)) for name in archive.namelist()]
        spot, kind = random.randrange(len(members)), random.random()
        name, content = members[spot]
        if kind < 0.6:
            own = [change for end, change in changes if name.endswith(end)] or [any_change]
            members[spot] = name, random.choice(own)(random, content)
        elif kind < 0.68:
            members[spot] = random.choice(NAMES) + name[-4:], content
        elif kind < 0.74:
            members.append((random.choice((name, "b" + name)), content))
        elif kind < 0.8:
            other = random.randrange(len(members))
            members[spot], members[other] = (
                (name, members[other][1]), (members[other][0], content)
            )
        elif kind < 0.84:
            del members[spot]
        packing = random.choice((method, method, zipfile.ZIP_STORED))
        if random.random() < 0.03:
            packing = random.choice((zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
        made = _zipped(members, packing)
        return _headers(random, made) if kind > 0.84 else made
    return within


def _zipped(members: list[tuple[str, bytes]], packing: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing, compresslevel=1) as archive:
        for name, content in members:
            entry = zipfile.ZipInfo(name)
            entry.compress_type = packing
            archive.NameToInfo.pop(entry.filename, None)  # so that a name twice is no warning
            archive.writestr(entry, content, compresslevel=1)
    return buffer.getvalue()


FIELDS = {b"PK\3\4": ((4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)),
          b"PK\1\2": ((4, 2), (6, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2),
                      (32, 2), (38, 4), (42, 4)),
          b"PK\5\6": ((4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2))}  # fmt: skip
"""The places and sizes of fields: versions, flags, methods, checksums, sizes, lengths, offsets."""


def _headers(random: Random, data: bytes) -> bytes:
    """Changes fields of the headers of a zip."""
    found = bytearray(data)
    for _ in range(random.choice((1, 1, 2))):
        mark = random.choice(list(FIELDS))
        places = []
        at = data.find(mark)
        while at >= 0:
            places.append(at)
            at = data.find(mark, at + 4)
        if places:
            start, size = random.choice(FIELDS[mark])
            at = random.choice(places) + start
            number = random.choice((*ODD_NUMBERS, random.choice(places), 0x801, 9, 12, 14, 99))
            found[at : at + size] = (number % (1 << 8 * size)).to_bytes(size, "little")
    return bytes(found)


def in_npy(random: Random, data: bytes) -> bytes:
    """Changes the header of a `.npy`, its length made right, or its values."""
    if data[:6] != b"\x93NUMPY":
        return any_change(random, data)
    size = int.from_bytes(data[8:10], "little")
    header, values = data[10 : 10 + size], data[10 + size :]
    if random.random() < 0.3:
        return data[: 10 + size] + any_change(random, values or b"\0")
    kind = random.random()
    if kind < 0.3:
        dtype = random.choice((
            "|O", "|b1", "|V8", "<U3", "|S4", "<c8", ">f4", "<f2", "<f16", "<i8", "|u1", "<M8[s]",
            "O4", "<U99999999", "|S0", "f" * 3000, "<f4,<i2",
        ))
        start = header.index(b"'descr': ") + 9
        header = header[:start] + repr(dtype).encode() + header[header.index(b", 'fortran") :]
    elif kind < 0.6:
        shape = random.choice(("()", "(1,)", "(-1,)", "(0,)", "(2, 0)", "(9, 9, 9)", "(1e3,)",
                               f"({'1, ' * 70})", f"({2**62}, 4)", f"({2**32}, {2**32})", "(7",
                               f"({'9' * 5000},)", "(True,)", "(2,) + (3,)", "[2, 3]",
                               f"({random.choice(ODD_NUMBERS)},)"))  # fmt: skip
        start = header.index(b"'shape': ") + 9
        header = header[:start] + shape.encode() + b", }"
    elif kind < 0.65:
        header = header.replace(b"False", random.choice((b"True", b"0", b"None", b"False " * 9)))
    else:
        header = any_change(random, header)
    if random.random() < 0.2:
        return data[:6] + b"\2\0" + struct.pack("<I", len(header)) + header + values
    return data[:8] + struct.pack("<H", len(header) % 65536) + header + values


def in_safetensors(random: Random, data: bytes) -> bytes:
    """Changes the header of a safetensors file, its length made right, or its values."""
    size = int.from_bytes(data[:8], "little")
    header, values = data[8 : 8 + size], data[8 + size :]
    if random.random() < 0.3:
        floats = (b"\0\0\xc0\x7f", b"\0\0\x80\xff", b"\xff\xff\x7f\x7f", b"\1\0\0\0")
        place = random.randrange(max(1, len(values) // 4)) * 4
        return data[: 8 + size] + values[:place] + random.choice(floats) + values[place + 4 :]
    header = in_json(random, header) if random.random() < 0.7 else any_change(random, header)
    return struct.pack("<Q", len(header)) + header + values


def in_png(random: Random, data: bytes) -> bytes:
    """Changes the chunks of a PNG, their checksums made right."""
    chunks, place = [], 8
    while place + 12 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + size]))
        place += 12 + size
    if not chunks:
        return any_change(random, data)
    spot, kind = random.randrange(len(chunks)), random.random()
    name, content = chunks[spot]
    if kind < 0.25:  # IHDR: sizes, depth, colour, interlacing
        name, content = chunks[0]
        at = random.choice((0, 4, 8, 9, 12))
        number = random.choice((0, 1, 2, 3, 4, 6, 8, 16, 17, 300, 5000, 30_000, 10**6, 2**31 - 1))
        width = 4 if at < 8 else 1
        written = (number % (1 << 8 * width)).to_bytes(width, "big")
        content = content[:at] + written + content[at + width :]
        chunks[0] = name, content
    elif kind < 0.45 and name == b"IDAT":
        try:
            chunks[spot] = name, zlib.compress(any_change(random, zlib.decompress(content)), 1)
        except zlib.error:
            chunks[spot] = name, any_change(random, content or b"x")
    elif kind < 0.6:
        chunks[spot] = name, any_change(random, content or b"x")
    elif kind < 0.7:
        chunks.insert(random.randrange(len(chunks) + 1), (name, content))
    elif kind < 0.8:
        del chunks[spot]
    else:
        big = zlib.compress(bytes(random.choice((1, 12)) << 20), 1) if random.random() < 0.1 else (
            zlib.compress(b"x")
        )
        chunks.insert(random.randrange(1, len(chunks) + 1), random.choice((
            (b"tRNS", random.randbytes(random.choice((0, 1, 2, 6, 256)))),
            (b"PLTE", random.randbytes(random.choice((0, 2, 3, 768, 800)))),
            (b"zTXt", b"a\0\0" + big), (b"iTXt", b"a\0\1\0\0\0" + big), (b"iCCP", b"a\0\0" + big),
            (b"tEXt", b"Raw profile type exif\0\n" + b"6" * 99), (b"eXIf", tiff_of_tags(random)),
            (b"acTL", struct.pack(">2I", random.choice((0, 1, 2**31)), 0)),
            (b"fcTL", random.randbytes(26)), (b"gAMA", random.randbytes(4)), (b"pHYs", b"\0" * 9),
            (b"cHRM", random.randbytes(32)), (b"sRGB", b"\1"), (b"\xff\xfe\0a", b""),
        )))  # fmt: skip
    return data[:8] + b"".join(_chunk(name, content) for name, content in chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    checked = name + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def tiff_of_tags(random: Random) -> bytes:
    """Returns EXIF data, some of whose tags share bytes, point outside, or have odd types."""
    count = random.choice((1, 2, 5, 40, 2000))
    order = random.choice("<>")
    extra = random.randbytes(random.choice((0, 8, 200))) + bytes(random.choice((0, 30_000)))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    body = struct.pack(f"{order}H", count)
    shared = random.random() < 0.3
    for index in range(count):
        tag = random.choice((0x0112, 0x011A, 0x8769, 0x8825, 0x927C, 0x010F, 0x0110, index))
        kind = random.choice((1, 2, 3, 4, 5, 7, 10, 11, 12, 13, 0, 99))
        size, value = random.choice((1, 1, 2, 300, *ODD_NUMBERS[-12:])), random.choice(ODD_NUMBERS)
        if shared:
            tag, kind, size, value = index + 1, 7, len(extra), 14 + 12 * count
        body += struct.pack(f"{order}2H2I", tag, kind, size % 2**32, value % 2**32)
    return head + body + struct.pack(f"{order}I", 0) + extra


def with_exif(random: Random, data: bytes) -> bytes:
    """Puts EXIF data into a JPEG."""
    if data[:2] != b"\xff\xd8":
        return any_change(random, data)
    found = data[:2]
    for _ in range(random.choice((1, 1, 2, 6))):
        body = b"Exif\0\0" + tiff_of_tags(random)[:65_000]
        marker = random.choice((b"\xff\xe1", b"\xff\xe1", b"\xff\xe2"))
        if marker[1] == 0xE2:
            body = b"MPF\0" + body[6:]
        found += marker + struct.pack(">H", len(body) + 2) + body
    return found + data[2:]
