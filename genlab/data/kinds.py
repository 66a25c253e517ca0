"""What lies at a path: pictures, idx files, arrays, or a file that is no SOURCE."""

__all__ = ["Kind", "kind_at", "what_it_is"]

from pathlib import Path
from typing import Literal

from genlab.common.errors import InputError
from genlab.common.formats.files import read_file
from genlab.common.formats.numpy_arrays import array_names
from genlab.common.formats.picture import LARGEST
from genlab.data.files.idx import holds_idx
from genlab.data.files.kinds import HEAD, is_named_as_picture, opens_as_picture

Kind = Literal["pictures", "idx", "arrays"]

ARRAYS = (".npy", ".npz")
TABLES = (".csv", ".tsv", ".txt")
PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".p")
CONTAINERS = (".mat", ".h5", ".hdf5", ".parquet", ".arrow", ".feather", ".tfrecord", ".lmdb")
ARCHIVES = (".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst")
SOURCES = "a name (genlab data), a folder or .zip of pictures, idx files, .npy or .npz"

TABLE = (
    "a table of text{columns}, where arrays are needed. With a header and the label first: python "
    "-c \"import numpy as np; t = np.loadtxt('{name}', np.uint8, delimiter=',', skiprows=1); "
    "np.savez('digits.npz', train=t[:, 1:], train_labels=t[:, 0])\""
)


def kind_at(path: Path) -> Kind:
    """Returns what a folder or file holds, by its content.

    Raises:
        InputError: If it is a file of another kind, saying of which.
    """
    if path.is_dir():
        return "idx" if holds_idx(path) else "pictures"
    if not path.is_file():
        raise InputError(f"{path}: a pipe or a device; a SOURCE is {SOURCES}")
    head, suffix = _head(path), path.suffix.lower()
    if head.startswith(b"PK") or suffix == ".zip":
        if suffix != ".npz" and holds_idx(path):
            return "idx"
        return "arrays" if suffix == ".npz" or array_names(path) else "pictures"
    if head.startswith(b"\x93NUMPY") or suffix in ARRAYS:
        return "arrays"
    if holds_idx(path):
        return "idx"
    raise InputError(f"{path}: {what_it_is(path)}; a SOURCE is {SOURCES}")


def what_it_is(path: Path) -> str:
    """Returns in words what lies at a path that cannot be used, and what to do with it."""
    if holds_idx(path):
        return "idx files of digits, no files of pictures"
    suffix, head = path.suffix.lower(), _head(path)
    if suffix in ARRAYS or head.startswith(b"\x93NUMPY"):
        return "arrays, no files of pictures"
    if is_named_as_picture(path.name) or opens_as_picture(
        path.name, head, lambda: read_file(path, LARGEST)
    ):
        return "a file, one picture; give the folder that holds it"
    if suffix in TABLES:
        columns = _columns(path)
        return TABLE.format(columns=columns, name=path.name) if columns else "a file of text"
    if suffix in PICKLES or head.startswith(b"\x80\x04"):
        return "a file of pickled objects, which genlab never opens; save its arrays as .npz"
    if suffix in CONTAINERS:
        return f"a file of kind {suffix}, which genlab does not read; save its arrays as .npz"
    if suffix in ARCHIVES:
        return "an archive; unpack it and give the folder"
    return "a file of no kind that genlab reads"


def _columns(path: Path) -> str:
    with path.open(errors="replace") as file:
        columns = file.readline(100_000).replace("\t", ",").strip().split(",")
    if len(columns) < 2:
        return ""
    shown = ", ".join(column.strip()[:20] for column in columns[:3])
    return f" with {len(columns):,} columns ({ascii(shown)[1:-1]}, ...)"


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
