"""The idx format of MNIST, and folders with its four files.

References:
    | Gradient-based learning applied to document recognition (LeCun et al., 1998)
    | The idx format: magic number 0x0000080d (uint8, d axes), d big-endian uint32 sizes, data
"""

__all__ = ["FILES", "find_idx", "read_idx", "read_idx_folder"]

import gzip
import zlib

from pathlib import Path

import numpy as np

from genlab.common.errors import InputError
from genlab.data.digit_set import Digits
from genlab.data.identity import Origin

FILES = {
    "train images": "train-images-idx3-ubyte",
    "train labels": "train-labels-idx1-ubyte",
    "test images": "t10k-images-idx3-ubyte",
    "test labels": "t10k-labels-idx1-ubyte",
}
"""The files by what they hold; each may be gzipped, with `.gz` at its name's end."""


def find_idx(folder: Path, part: str) -> Path:
    """Returns the path of one of `FILES`, plain if it is there, else gzipped."""
    plain = folder / FILES[part]
    return plain if plain.exists() else plain.with_name(f"{plain.name}.gz")


def read_idx(path: Path) -> np.ndarray:
    """Reads an idx file (plain or gzipped) of uint8.

    Raises:
        InputError: If it is missing, truncated or something else, naming the file.
    """
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: damaged or truncated ({error}); fetch it again") from None
    axes = data[3] if len(data) >= 4 else 0
    if data[:3] != b"\x00\x00\x08" or not 1 <= axes <= 3 or len(data) < 4 + 4 * axes:
        raise InputError(f"{path}: not an idx file of bytes (starts with {data[:4].hex() or '-'})")
    shape = tuple(np.frombuffer(data, ">u4", axes, 4).astype(int).tolist())
    found, wanted = len(data) - 4 - 4 * axes, int(np.prod(shape))
    if found != wanted:
        raise InputError(
            f"{path}: {'truncated' if found < wanted else 'too long'}: its header promises "
            f"{wanted} bytes of shape {shape}, it has {found}; fetch it again"
        )
    return np.frombuffer(data, np.uint8, wanted, 4 + 4 * axes).reshape(shape)


def read_idx_folder(folder: Path, origin: Origin) -> Digits:
    """Reads the four idx files of a folder.

    Raises:
        InputError: If one is missing or damaged, or images and labels do not fit.
    """
    arrays = {part: read_idx(find_idx(folder, part)) for part in FILES}
    for split in ("train", "test"):
        images, labels = arrays[f"{split} images"], arrays[f"{split} labels"]
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            raise InputError(
                f"{folder}: {split} images {images.shape} and labels {labels.shape} do not fit"
            )
    return Digits.of(
        arrays["train images"], arrays["test images"], origin,
        train_labels=arrays["train labels"], test_labels=arrays["test labels"],
    )
