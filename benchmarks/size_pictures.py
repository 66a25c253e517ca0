"""Sets of different small pictures of any number, for benchmarks/size.py; drawn once and kept.

A picture is a random smooth field in colour: 8 x 8 random colours, enlarged to 64 x 64 by bilinear
interpolation. Picture i follows from its number alone. In one folder half of the files are JPEG
and half are PNG. Digits are grey fields of 28 x 28 pixels.
"""

import io
import shutil
import struct
import zipfile

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from PIL import Image

SIDE, DIGIT = 64, 28
KNOTS = 8
TOGETHER = 1000


def enlargement(side: int) -> np.ndarray:
    """Weights of KNOTS values at each of `side` places, with shape `(side, KNOTS)`."""
    place = np.linspace(0, KNOTS - 1, side)
    return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(KNOTS))).astype(np.float32)


def fields(first: int, count: int, side: int, channels: int) -> np.ndarray:
    """Pictures `first` to `first + count`, uint8 with shape `(count, side, side, channels)`."""
    knots = np.stack([
        np.random.default_rng([side, channels, number]).random((KNOTS, KNOTS, channels))
        for number in range(first, first + count)
    ])  # fmt: skip
    weights = enlargement(side)
    across = np.einsum("nklc,wl->nkwc", knots.astype(np.float32), weights)
    found = np.einsum("hk,nkwc->nhwc", weights, across)
    return (255 * found).round().astype(np.uint8)


def parts(first: int, count: int, side: int = SIDE, channels: int = 3) -> Iterator[np.ndarray]:
    for start in range(0, count, TOGETHER):
        yield fields(first + start, min(TOGETHER, count - start), side, channels)


def encoded(picture: np.ndarray, number: int) -> tuple[str, bytes]:
    kind, options = ("JPEG", {"quality": 85}) if number % 2 else ("PNG", {"compress_level": 1})
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, **options)
    return f"{number // 1000:03d}/{number:06d}.{'jpg' if number % 2 else 'png'}", buffer.getvalue()


def folder(target: Path, first: int, count: int) -> None:
    number = first
    for part in parts(first, count):
        for picture in part:
            name, data = encoded(picture, number)
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(data)
            number += 1


def archive(target: Path, first: int, count: int) -> None:
    number = first
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as file:
        for part in parts(first, count):
            for picture in part:
                file.writestr(*encoded(picture, number))
                number += 1


def npy(target: Path, first: int, count: int) -> None:
    with target.open("wb") as file:
        write_npy(file, first, count)


def write_npy(file: io.IOBase | zipfile.ZipExtFile, first: int, count: int) -> None:
    shape = (count, SIDE, SIDE, 3)
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    for part in parts(first, count):
        file.write(part.tobytes())


def npz(target: Path, first: int, count: int) -> None:
    with (
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
        file.open("images.npy", "w", force_zip64=True) as member,
    ):
        write_npy(member, first, count)


def idx(target: Path, first: int, count: int) -> None:
    """The four files of MNIST; a sixth of the digits is for tests."""
    target.mkdir(parents=True)
    test = count // 6
    for name, start, number in (("train", 0, count - test), ("t10k", count - test, test)):
        with (target / f"{name}-images-idx3-ubyte").open("wb") as file:
            file.write(struct.pack(">IIII", 0x803, number, DIGIT, DIGIT))
            for part in parts(first + start, number, DIGIT, 1):
                file.write(part.tobytes())
        labels = np.arange(number, dtype=np.uint8) % 10
        head = struct.pack(">II", 0x801, number)
        (target / f"{name}-labels-idx1-ubyte").write_bytes(head + labels.tobytes())


MAKERS = {"folder": folder, "zip": archive, "npy": npy, "npz": npz, "idx": idx}
SUFFIX = {"folder": "", "zip": ".zip", "npy": ".npy", "npz": ".npz", "idx": ""}


def made(root: Path, kind: str, count: int, first: int = 0) -> Path:
    """Returns `count` pictures as a folder or file of a kind; drawn if they are not there yet."""
    target = root / f"{kind}-{first}-{count}{SUFFIX[kind]}"
    if not target.exists():
        root.mkdir(parents=True, exist_ok=True)
        half = root / f"half-{target.name}"
        shutil.rmtree(half, ignore_errors=True)
        half.unlink(missing_ok=True)
        MAKERS[kind](half, first, count)
        half.rename(target)
    return target
