"""Changes of bytes that know nothing of formats, as disks, networks and strangers make them."""

__all__ = ["ODD_NUMBERS", "any_change", "changed"]

import re

from collections.abc import Callable, Sequence
from random import Random

Change = Callable[[Random, bytes], bytes]

ODD_NUMBERS = (
    0, 1, -1, 2, 3, 7, 15, 16, 17, 127, 128, 255, 256, 257, 1000, 4095, 32767, 32768, 65535, 65536,
    10**6, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1,
)
DIGITS = re.compile(rb"[0-9]+")
TOKENS = (
    b"\0", b"\n", b"\r\n", b"\x1b[2J", b"\xff\xfe", b"\xef\xbb\xbf", b"../", b"NaN", b"-Infinity",
    b"1e999", b"null", b"{}", b"[]", b'"', b"'", b"\\ud800", b"%s%n", b"{0.__class__}", b"<!--",
    b"PK\3\4", b"PK\1\2", b"PK\5\6", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\x93NUMPY",
    b"\x1f\x8b\x08", b"II*\0", b"MM\0*", b"'|O'", b"\xe2\x80\xae", b"\xc3\x28",
)  # fmt: skip


def flip_bits(random: Random, data: bytes) -> bytes:
    found = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 8, 64))):
        found[random.randrange(len(found))] ^= 1 << random.randrange(8)
    return bytes(found)


def set_bytes(random: Random, data: bytes) -> bytes:
    found = bytearray(data)
    for _ in range(random.choice((1, 1, 4))):
        found[random.randrange(len(found))] = random.choice((0, 1, 127, 128, 254, 255))
    return bytes(found)


def set_number(random: Random, data: bytes) -> bytes:
    """Writes a number that is odd in one way or another over two, four or eight bytes."""
    size = random.choice((2, 4, 4, 8))
    place = random.randrange(len(data))
    if random.random() < 0.7:  # headers stand at the beginning, and those of zips at the end
        place = min(place, random.choice((64, 256))) if random.random() < 0.7 else (
            max(0, len(data) - 1 - random.randrange(64))
        )
    number = random.choice(ODD_NUMBERS) % (1 << 8 * size)
    written = number.to_bytes(size, random.choice(("little", "big")))
    return data[:place] + written + data[place + size :]


def set_digits(random: Random, data: bytes) -> bytes:
    """Writes another number where digits stand."""
    found = list(DIGITS.finditer(data))
    if not found:
        return flip_bits(random, data)
    start, end = random.choice(found).span()
    number = random.choice((*map(str, ODD_NUMBERS), "1" * 30, "9" * 5000, "1e400", "0" * 40 + "1"))
    return data[:start] + number.encode() + data[end:]


def cut(random: Random, data: bytes) -> bytes:
    near = random.choice((len(data), min(len(data), 64)))
    if random.random() < 0.7:
        return data[: random.randrange(near)]
    return data[-random.randrange(1, near + 1) :]


def extend(random: Random, data: bytes) -> bytes:
    noise = random.randbytes(random.randrange(1, 64))
    more = random.choice((b"\0", b"x", noise, bytes(70_000), data))
    return data + more if random.random() < 0.8 else more + data


def take_out(random: Random, data: bytes) -> bytes:
    start = random.randrange(len(data))
    return data[:start] + data[start + random.choice((1, 2, 4, 16, 200)) :]


def double(random: Random, data: bytes) -> bytes:
    start, size = random.randrange(len(data)), random.choice((1, 4, 16, 200, 2000))
    place = random.choice((start, random.randrange(len(data))))
    return data[:place] + data[start : start + size] * random.choice((1, 1, 2, 50)) + data[place:]


def put_token(random: Random, data: bytes) -> bytes:
    place, token = random.randrange(len(data)), random.choice(TOKENS)
    return data[:place] + token + data[place + random.choice((0, len(token))) :]


def nest(random: Random, data: bytes) -> bytes:
    """Puts in many opening brackets, with the closing ones or without."""
    place, deep = random.randrange(len(data) + 1), random.choice((20, 1000, 100_000))
    begin, end = random.choice((
        (b"[", b"]"), (b'{"a":', b"}"), (b"(", b")"), (b"<w:p>", b"</w:p>"), (b"a=[", b"]"),
    ))
    inside = begin * deep + (b"1" + end * deep if random.random() < 0.5 else b"")
    return data[:place] + inside + data[place:]


CHANGES: tuple[Change, ...] = (
    flip_bits, flip_bits, set_bytes, set_number, set_number, set_digits, cut, extend, take_out,
    double, put_token,
)


def changed(random: Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """Returns bytes with one change or a few."""
    if others and random.random() < 0.05:  # the beginning of one file, the end of another
        other = random.choice(others)
        data = data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        change = nest if random.random() < 0.01 else random.choice(CHANGES)
        data = change(random, data) if data else random.randbytes(4)
    return data


def any_change(random: Random, data: bytes) -> bytes:
    """Returns bytes with one change or a few, for a part of a file."""
    return changed(random, data)
