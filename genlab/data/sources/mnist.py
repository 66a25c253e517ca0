"""MNIST: 70,000 handwritten digits, from the data folder, the cache or a download.

References:
    | Gradient-based learning applied to document recognition (LeCun et al., 1998)
"""

__all__ = ["MD5", "Mnist"]

from pathlib import Path
from typing import TYPE_CHECKING

from genlab.common.errors import InputError
from genlab.common.paths import cache_folder, data_folder
from genlab.common.progress import say
from genlab.data.files.idx import FILES, holds_idx, require_idx
from genlab.data.identity import Origin
from genlab.data.sources.base import DigitSource

if TYPE_CHECKING:
    from genlab.data.digit_set import Digits

MD5 = {
    "train images": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train labels": "d53e105ee54ea40749a09fcbcd1e9432",
    "test images": "9fb629c4189551a2d022fa330f9573f3",
    "test labels": "ec29112dd5afa0611ce80d1b7f02629c",
}
"""The checksums of the gzipped files."""
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


class Mnist(DigitSource):
    """All of MNIST."""

    name = "mnist"
    zh = en = "MNIST"
    contents = "60,000 + 10,000 digits, 12 MB"
    licence = "CC BY-SA 3.0 (LeCun, Cortes, Burges)"
    how = (
        "put the four idx files into DIR/mnist and set GENLAB_DATA=DIR, or: "
        "genlab data --get mnist"
    )
    fallback = "mnist-5k"

    def locate(self) -> str | None:
        """Returns the folder with the idx files."""
        folder = self._folder()
        return str(folder) if folder else None

    def glance(self) -> None:
        """Raises `InputError` if some of the files are there and not all."""
        if folder := self._folder():
            require_idx(folder)

    def open(self) -> "Digits":
        """Loads the digits, from a download where they are not at hand."""
        from genlab.data.digit_set import digits_of_idx

        folder = self._folder()
        if folder is None or folder == _in_cache():  # what an earlier download left out comes now
            folder = _download(_in_cache())
        return digits_of_idx(folder, Origin(self.name, "MNIST", self.licence))

    def _folder(self) -> Path | None:
        data = data_folder()
        places = ([data / "mnist"] if data else []) + [_in_cache()]
        return next((p for p in places if holds_idx(p)), None)


def _in_cache() -> Path:
    return cache_folder() / "mnist"


def _download(folder: Path) -> Path:
    """Returns the folder with all four files, those that are missing downloaded."""
    if all((folder / f"{name}.gz").exists() for name in FILES.values()):
        return folder
    import pooch

    say(f"fetching MNIST (12 MB) into {folder}")
    for part, name in FILES.items():
        file, errors = f"{name}.gz", []
        for mirror in MIRRORS:
            try:
                pooch.retrieve(mirror + file, f"md5:{MD5[part]}", file, folder)
                break
            except (OSError, ValueError) as error:  # no network, or the wrong content
                errors.append(f"{mirror}: {error}")
        else:
            raise InputError(
                f"mnist: {file} cannot be fetched ({'; '.join(errors)}); put the four idx files "
                "into DIR/mnist and set GENLAB_DATA=DIR, or take mnist-5k"
            )
    return folder
