"""The four idx files of MNIST and its kin, found by their usual names in folders and zips.

    train-images-idx3-ubyte, t10k-labels.idx1-ubyte, emnist-letters-test-images-idx3-ubyte.gz

Any case; in nested folders (`MNIST/raw`), in a folder of the file's own name (as Kaggle unpacks
them) or in one for each split; plain or gzipped.
"""

__all__ = ["FILES", "holds_idx", "idx_arrays", "idx_name", "require_idx"]

import os
import re
import zipfile

from collections import defaultdict
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from genlab.common.errors import InputError
from genlab.common.formats.idx import read_idx
from genlab.common.formats.zip_archive import is_folder
from genlab.data.files.archive import member_name, open_zip
from genlab.data.files.hidden import hidden_part
from genlab.data.split_names import split_of

FILES = {
    "train images": "train-images-idx3-ubyte",
    "train labels": "train-labels-idx1-ubyte",
    "test images": "t10k-images-idx3-ubyte",
    "test labels": "t10k-labels-idx1-ubyte",
}
"""MNIST's files by what they hold; each may be gzipped, with `.gz` at its name's end."""

NAME = re.compile(
    r"(?P<set>.*?)[-_. ]*(?P<split>train|training|t10k|test|testing)[-_. ]*"
    r"(?P<what>image|label)s?[-_. ]*(?:idx|ubyte).*"
)
TRAIN = ("train", "training")


class IdxSet(NamedTuple):
    """The idx files of one data set."""

    title: str
    """Its folder and prefix, for messages."""
    files: dict[str, str]
    """The path of each part of `FILES` that is there."""
    transposed: bool
    """Whether the images are stored column by column, as those of EMNIST are."""


def idx_name(name: str) -> bool:
    """Returns whether a file is named as an idx file of images or labels."""
    return NAME.fullmatch(name.lower()) is not None


def holds_idx(path: Path) -> bool:
    """Returns whether a folder, zip or file is or holds idx files, by their names."""
    return bool(_names(path))


def require_idx(path: Path) -> IdxSet:
    """Returns the one complete set of idx files of a folder or zip, or that a file is of.

    Raises:
        InputError: If files are missing, or there are several sets.
    """
    return _choose(_names(path), path)


def idx_arrays(path: Path) -> dict[str, np.ndarray]:
    """Reads the idx files of a folder or zip, or of the set that a file is of.

    Returns:
        uint8 arrays: "train" and "test" with shape `(N, H, W)`, "train_labels" and "test_labels".
        The images of EMNIST, which lie on their sides, are turned upright.

    Raises:
        InputError: If files are missing or damaged, or of several sets, or images and labels do
            not fit.
    """
    names = _names(path)
    chosen = _choose(names, path)
    files = chosen.files
    folder = path.parent if idx_name(path.name) and path.is_file() else path
    arrays = {}
    with nullcontext() if folder.is_dir() else open_zip(folder) as archive:
        members = {member.filename: member for member in archive.entries} if archive else {}
        for part in FILES:
            name = files[part]
            if archive:
                member = members[names[name]]
                opened, size = archive.open(member, f"{folder}/{name}"), member.file_size
            else:
                opened, size = (folder / name).open("rb"), (folder / name).stat().st_size
            with opened as file:
                arrays[part] = read_idx(file, f"{folder}/{name}", size)
    for split in ("train", "test"):
        images, labels = arrays[f"{split} images"], arrays[f"{split} labels"]
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            raise InputError(
                f"{path}: {split} images {images.shape} and labels {labels.shape} do not fit"
            )
        if chosen.transposed:
            arrays[f"{split} images"] = images.transpose(0, 2, 1)
    return {part.replace(" images", "").replace(" ", "_"): a for part, a in arrays.items()}


def _names(path: Path) -> dict[str, str]:
    """Returns the idx files of a folder or zip by their paths within it, hidden ones left out.

    The values are the same paths, as a zip itself writes them.
    """
    found: dict[str, str] = {}
    if path.is_file() and idx_name(path.name):
        path = path.parent
    if path.is_dir():
        for folder, below, files in os.walk(path):
            below[:] = [name for name in below if hidden_part([name]) is None]
            for name in filter(idx_name, files):
                inner = (Path(folder) / name).relative_to(path).as_posix()
                found[inner] = inner
    elif zipfile.is_zipfile(path):
        with open_zip(path) as archive:
            for member in archive.entries:
                name = member_name(member)
                if not is_folder(member) and idx_name(PurePosixPath(name).name):
                    found[name] = member.filename
    return {name: own for name, own in found.items() if hidden_part(name.split("/")) is None}


def _sets(names: Iterable[str]) -> list[IdxSet]:
    """Sorts idx files into data sets, plain files before gzipped ones, outer before inner."""
    sets: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for name in sorted(names, key=lambda n: (n.lower().endswith(".gz"), n.count("/"), n)):
        *folders, file = PurePosixPath(name).parts
        found = NAME.fullmatch(file.lower())
        assert found is not None  # as `_names` has it
        own = [
            part for part in folders
            if not idx_name(part) and split_of(part) is None and part.lower() != "labels"
        ]
        part = f"{'train' if found['split'] in TRAIN else 'test'} {found['what']}s"
        sets[(*own, found["set"])].setdefault(part, name)
    return [
        IdxSet("/".join(filter(None, key)) or ".", files, key[-1].startswith("emnist"))
        for key, files in sets.items()
    ]


def _choose(names: Iterable[str], path: Path) -> IdxSet:
    sets = _sets(names)
    if path.is_file() and idx_name(path.name):
        sets = [one for one in sets if path.name in one.files.values()]
    whole = [one for one in sets if len(one.files) == len(FILES)]
    if len(whole) == 1:
        return whole[0]
    if whole:
        titles = ", ".join(one.title for one in whole)
        raise InputError(
            f"{path}: idx files of several data sets: {titles}; give the folder of one, or one of "
            "its files"
        )
    best = max(sets, key=lambda one: len(one.files))
    missing = [name for part, name in FILES.items() if part not in best.files]
    raise InputError(
        f"{path}: idx files, of which {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} "
        f"missing (also taken with .gz); there: {', '.join(best.files.values())}"
    )
