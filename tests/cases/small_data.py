"""Small data sets for tests."""

import gzip
import struct

from pathlib import Path

import numpy as np

from PIL import Image

from genlab.data.files.idx import FILES


def make_tiny_digits(path: Path) -> Path:
    """Writes 160 small binary pictures (bars and blocks) with labels, 40 of them for tests."""
    random = np.random.default_rng(0)
    images = np.zeros((160, 8, 8), np.uint8)
    labels = random.integers(0, 2, 160).astype(np.uint8)
    for image, label in zip(images, labels):
        row, column = random.integers(1, 6, 2)
        if label:
            image[:, column] = 1
        else:
            image[row : row + 2, column : column + 2] = 1
    np.savez(
        path, train=images[:120], test=images[120:], train_labels=labels[:120],
        test_labels=labels[120:],
    )
    return path


def make_pictures(folder: Path) -> Path:
    """Fills a folder with 24 soft random colour pictures, 40 x 48 pixels."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for index in range(24):
        coarse = random.integers(0, 256, (4, 5, 3)).astype(np.uint8)
        Image.fromarray(coarse).resize((48, 40)).save(folder / f"{index:02d}.png")
    return folder


def idx_bytes(array: np.ndarray) -> bytes:
    """Returns an array of uint8 as an idx file."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_mnist(folder: Path, *, plain: bool = False) -> dict[str, np.ndarray]:
    """Writes 30 and 10 random digits as the four idx files, gzipped or plain."""
    random = np.random.default_rng(0)
    arrays = {
        "train images": random.integers(0, 256, (30, 28, 28)).astype(np.uint8),
        "train labels": random.integers(0, 10, 30).astype(np.uint8),
        "test images": random.integers(0, 256, (10, 28, 28)).astype(np.uint8),
        "test labels": random.integers(0, 10, 10).astype(np.uint8),
    }
    folder.mkdir()
    for part, name in FILES.items():
        data = idx_bytes(arrays[part])
        path = folder / (name if plain else f"{name}.gz")
        path.write_bytes(data if plain else gzip.compress(data))
    return arrays
