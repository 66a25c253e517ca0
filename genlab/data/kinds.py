"""What lies at a path: pictures, idx files, arrays, or a file that is no SOURCE."""

__all__ = ["Kind", "kind_at", "pixels_words", "what_it_is"]

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

PIXELS = {784: "train=t", 785: "train=t[:, 1:], train_labels=t[:, 0]"}
"""Arrays in a table of images of 28 x 28 pixels, by its columns: without or with a label first."""


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
        return _table_words(path)
    if suffix in PICKLES or head.startswith(b"\x80\x04"):
        return "a file of pickled objects, which genlab never opens; save its arrays as .npz"
    if suffix in CONTAINERS:
        return f"a file of kind {suffix}, which genlab does not read; save its arrays as .npz"
    if suffix in ARCHIVES:
        return "an archive; unpack it and give the folder"
    return "a file of no kind that genlab reads"


def pixels_words(path: Path, columns: int, header: bool) -> str:
    """Returns what a table of images is called, with a pixel in each column, and what to do."""
    label = ", the label first" if columns == 785 else ""
    skipped = ", skiprows=1" if header else ""
    return (
        f"a table of images, a pixel in each column{label}, where arrays are needed: python -c "
        f"\"import numpy as np; t = np.loadtxt('{path.name}', np.uint8, delimiter=','{skipped}); "
        f"np.savez('digits.npz', {PIXELS[columns]})\""
    )


def _table_words(path: Path) -> str:
    """Returns what a table of text is, where images are wanted."""
    with path.open(errors="replace") as file:
        columns = file.readline(100_000).replace("\t", ",").strip().split(",")
    if len(columns) in PIXELS:
        return pixels_words(path, len(columns), not columns[0].strip().isdecimal())
    if len(columns) < 2:
        return "a file of text"
    shown = ", ".join(column.strip()[:20] for column in columns[:3])
    return (
        f"a table of text with {len(columns):,} columns ({ascii(shown)[1:-1]}, ...), no images; "
        "VAEs of rows of numbers take it, as .csv or .tsv"
    )


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
