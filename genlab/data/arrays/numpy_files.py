"""NumPy's files of images: `.npy` with one array, `.npz` with several by name.

In a `.npz` the usual names are known: `train`, `x_train`, `train_images`, `images`, `data` and
`arr_0` are images, `y_train`, `train_labels`, `labels` and `targets` their labels.
"""

__all__ = ["as_named", "by_role", "read_arrays", "to_train_on"]

import re

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from genlab.common.errors import InputError
from genlab.common.formats.numpy_arrays import read_npy, read_npz
from genlab.common.progress import say_once
from genlab.common.text import one_line
from genlab.data.arrays.layout import Array, as_numpy, is_pixels
from genlab.data.split_names import split_of

IMAGES = frozenset({"x", "image", "images", "img", "imgs", "data", "pixels", "digits", "input",
                    "inputs", "pictures", "arr"})  # fmt: skip
LABELS = frozenset({"y", "label", "labels", "target", "targets", "class", "classes"})


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Reads the arrays of a `.npz` into memory, or that of a `.npy`, "images", left on the disk.

    Raises:
        InputError: If the file is damaged, holds Python objects, or less than its headers say.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"PK"
        if packed:
            return read_npz(path, str(path), text=True)
        return {"images": read_npy(path)}
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def as_named(arrays: Array | Mapping[str, Array]) -> dict[str, np.ndarray]:
    """Returns arrays or tensors by name; a single one stands for "train"."""
    named = arrays if isinstance(arrays, Mapping) else {"train": arrays}
    return {key: as_numpy(array) for key, array in named.items()}


def to_train_on(
    arrays: Mapping[str, np.ndarray], name: str, what: str
) -> dict[str, np.ndarray]:
    """Returns arrays as of `by_role`, a whole set as "train" where nothing else is.

    Arguments:
        arrays: Arrays by the names that they were given.
        name: What messages call them.
        what: What they hold, for the message.

    Raises:
        InputError: As of `by_role`, or if there is nothing to train on.
    """
    roles = by_role(arrays, name)
    if "train" not in roles:
        for suffix in ("", "_labels"):
            if f"whole{suffix}" in roles:
                roles[f"train{suffix}"] = roles.pop(f"whole{suffix}")
    if "train" not in roles:
        raise InputError(f"{name}: has {sorted(arrays)}, no {what} to train on, as 'train'")
    return roles


def by_role(arrays: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """Returns arrays by what they are: "train", "test", "valid", "whole", and "..._labels".

    Arguments:
        arrays: Arrays by the names that they were given.
        name: What messages call them; they say which arrays are left out.

    Raises:
        InputError: If there are no images, or two arrays are the same thing.
    """
    found: dict[str, str] = {}
    rest = []
    for key, array in arrays.items():
        role = _role(key, array)
        if role is None:
            rest.append(key)
        elif role in found:
            raise InputError(f"{name}: {found[role]!r} and {key!r}: which one? Give one of them")
        else:
            found[role] = key
    if not any(role in found for role in ("train", "test", "valid", "whole")):
        images = [key for key in rest if is_pixels(arrays[key]) and arrays[key].ndim > 2]
        if len(images) != 1:
            raise InputError(f"{name}: {_held(arrays)}; it needs one array of images by the name "
                             "'images', or 'train' and 'test'")  # fmt: skip
        found["whole"] = images[0]
        rest.remove(images[0])
    if rest:
        words = ", ".join(f"{one_line(key)} {arrays[key].shape}" for key in rest)
        say_once(f"note: {name}: left out: {words}")
    return {role: arrays[key] for role, key in found.items()}


def _role(key: str, array: np.ndarray) -> str | None:
    words = re.findall("[a-z]+", re.sub("([a-z])([A-Z])", r"\1 \2", key).lower())
    labels = [word for word in words if word in LABELS]
    if key.startswith("arr_") and array.ndim == 1:
        labels = [key]
    splits = [word for word in words if word not in IMAGES | LABELS]
    named = split_of("".join(splits)) if splits else "whole"
    if named is None or (named == "whole" and splits) or not words:
        return None
    return f"{named}_labels" if labels else named


def _held(arrays: Mapping[str, np.ndarray]) -> str:
    held = ", ".join(f"{one_line(key)} {a.dtype} {a.shape}" for key, a in arrays.items())
    if {"mu", "sigma"} <= set(arrays):
        held += "; mu and sigma are the statistics of features, not images"
    return f"holds {held or 'nothing'}"
