"""Animal silhouettes: 10,000 outlines of ten animals that come with the package animal-mnist.

The package keeps its arrays as pickles. Nothing is unpickled: of two files with a known content,
the bytes of the pixels and of the labels are taken from their places.
"""

__all__ = ["AnimalSilhouettes"]

import gzip
import hashlib
import importlib.util

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genlab.common.errors import InputError
from genlab.data.identity import Origin
from genlab.data.sources.base import DigitSource

if TYPE_CHECKING:
    from genlab.data.image_splits import ImageSplits

PIXELS = "animal_data_version_3.gz"
LABELS = "animal_label_version_3.gz"
SHA256 = {
    PIXELS: "68a30346781a0984f839463a4615d2decb899d1ce65091bb92586311754a34ce",
    LABELS: "dec8dba7c469830989fbab46825021a08a38470753a512f27ada847eced97b57",
}
FIRST_PIXEL, FIRST_LABEL = 150, 146
"""Where the arrays' bytes begin in the unpacked files."""
COUNT = 10_000


class AnimalSilhouettes(DigitSource):
    """The silhouettes; the last fifth of each animal's is the test set.

    Some are there several times. All copies of one lie in the same split.
    """

    name = "animal-silhouettes"
    zh, en = "动物剪影", "animal silhouettes"
    contents = "10,000 silhouettes of ten animals, dogs among them, 2.6 MB"
    licence = "MIT (Animal-MNIST)"
    how = "pip install --no-deps animal-mnist==0.4"
    classes = (
        "bear", "bird", "cat", "cow", "dog", "elephant", "giraffe", "horse", "sheep", "zebra"
    )

    def locate(self) -> str | None:
        """Returns the package's folder of data."""
        folder = _folder()
        return str(folder) if folder else None

    def open(self) -> "ImageSplits":
        """Loads some 8,000 silhouettes to train on and 2,000 to test on."""
        from genlab.data.image_splits import ImageSplits

        folder = _folder()
        if folder is None:
            raise InputError(
                f"{self.name}: the package animal-mnist, which carries these pictures, is not "
                f"installed; run: {self.how}"
            )
        pixels, labels = (_unpacked(folder / name, self.how) for name in (PIXELS, LABELS))
        images = np.frombuffer(pixels, np.uint8, COUNT * 28 * 28, FIRST_PIXEL)
        images = images.reshape(COUNT, 28, 28)
        animals = np.frombuffer(labels, "<i8", COUNT, FIRST_LABEL).astype(np.uint8)
        test = np.zeros(COUNT, dtype=bool)
        for animal in range(len(self.classes)):
            rows = np.flatnonzero(animals == animal)
            different = {image.tobytes(): None for image in images[rows]}
            place = {image: index for index, image in enumerate(different)}
            first_test = len(different) - len(different) // 5
            test[rows] = [place[image.tobytes()] >= first_test for image in images[rows]]
        return ImageSplits.of(
            images[~test], images[test], Origin(self.name, self.en, self.licence),
            train_labels=animals[~test], test_labels=animals[test], classes=self.classes,
        )


def _folder() -> Path | None:
    """Returns the package's folder of data, found without importing the package."""
    spec = importlib.util.find_spec("animal_mnist")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "data" / "Animal_MNIST"
    return folder if all((folder / name).exists() for name in SHA256) else None


def _unpacked(path: Path, how: str) -> bytes:
    packed = path.read_bytes()
    if hashlib.sha256(packed).hexdigest() != SHA256[path.name]:
        raise InputError(f"{path}: not the file of animal-mnist 0.4; run: {how}")
    return gzip.decompress(packed)
