"""One atomic writer for everything that is kept: a reader sees the old file or the new one.

The order is: temporary file *beside* the target, flush, fsync, rename, fsync of the folder
(Pillai et al., OSDI 2014: a rename without fsync may expose an empty file after a crash). The
mode is 0666 less the umask, so that others can read what was written.

No folder is made here. Runs and outputs make theirs once (`make_within`, for folders inside); one
that is deleted meanwhile is an error, and not half of it is made again.
"""

__all__ = [
    "append", "drop_leftovers", "is_leftover", "json_bytes", "make_folder", "make_within",
    "png_bytes", "sync", "tensor_bytes", "write_bytes", "write_json", "write_output",
    "write_png", "write_tensors",
]

import glob
import io
import json
import os
import tempfile

from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from genlab.common.interrupt import held
from genlab.common.paths import within
from genlab.common.system_errors import naming

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from torch import Tensor

TEMPORARY, LOCK = ".tmp-", ".lock"
"""In names of temporary files, `.NAME.tmp-...`; the file that locks a folder (runs/lock.py)."""
_UMASK = os.umask(0)
os.umask(_UMASK)


@held()
def write_bytes(path: Path, data: bytes) -> None:
    """Replaces the file at `path` with `data`, wholly or not at all.

    Raises:
        OSError: If the folder is not there or cannot be written, or the disk is full; it names
            `path`, which is as it was.
    """
    try:
        _replace(path, data)
    except OSError as error:  # names the temporary file, or none
        raise OSError(error.errno, error.strerror, str(path)) from error


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}{TEMPORARY}", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_UMASK)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def append(path: Path, text: str) -> None:
    """Appends to a log; where that fails half of the text may be there."""
    with naming(path), path.open("ab") as file:
        file.write(text.encode())


def sync(path: Path) -> None:
    """Waits until a file that was appended to is on the disk."""
    with naming(path), path.open("ab") as file:
        os.fsync(file.fileno())


def make_within(folder: Path, inside: str | PurePath) -> Path:
    """Makes a folder inside another one, with those between them, and returns it.

    Raises:
        FileNotFoundError: If `folder` is not there: it is not made again.
    """
    for part in PurePath(inside).parts:
        folder = folder / part
        folder.mkdir(exist_ok=True)
    return folder


def make_folder(folder: Path, run: Path) -> None:
    """Makes the folder of an output of a run, with its parents; the run is not made again.

    Raises:
        FileNotFoundError: If it lies in the run, and that is not there.
    """
    if within(folder, run):
        make_within(run, folder.resolve().relative_to(run.resolve()))
    else:
        folder.mkdir(parents=True, exist_ok=True)


def write_output(path: Path, data: bytes, run: Path) -> None:
    """Writes a single file that is made of a run, into the run or elsewhere.

    Raises:
        OSError: As of `make_folder` and `write_bytes`.
    """
    make_folder(path.parent, run)
    write_bytes(path, data)
    drop_leftovers(path.parent, path.name)


def is_leftover(path: Path) -> bool:
    """Whether a name is a temporary file's or a lock's; a process that was killed leaves them."""
    return path.name == LOCK or (path.name.startswith(".") and TEMPORARY in path.name)


def drop_leftovers(folder: Path, name: str | None = None) -> None:
    """Deletes the temporary files in a folder that no process is writing to.

    Arguments:
        folder: The folder.
        name: Only those of this file.
    """
    pattern = "*" if name is None else glob.escape(name)
    for path in folder.glob(f".{pattern}{TEMPORARY}*"):
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # other systems cannot open a folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as readable JSON; NaN and infinities are refused with `ValueError`.

    What is no UTF-8 in the name of a file is written as JSON's escape, `\\udcXX`.
    """
    write_bytes(path, json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """Returns `value` as `write_json` writes it."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode(errors="backslashreplace")


def write_png(path: Path, image: "np.ndarray") -> None:
    """Writes a uint8 image with shape `(H, W, 3)` or `(H, W)` as PNG, losslessly."""
    write_bytes(path, png_bytes(image))


def png_bytes(image: "np.ndarray") -> bytes:
    """Returns an image as `write_png` writes it."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()


def write_tensors(path: Path, tensors: "Mapping[str, Tensor]") -> None:
    """Writes named tensors, of any device, as safetensors.

    The bytes are made in memory and written here: the library's own `save_file` leaves a file
    that only its owner can read (mode 0600) and does not fsync.
    """
    write_bytes(path, tensor_bytes(tensors))


def tensor_bytes(tensors: "Mapping[str, Tensor]") -> bytes:
    """Returns named tensors as `write_tensors` writes them."""
    from safetensors.torch import save

    return save({k: v.detach().cpu().contiguous() for k, v in tensors.items()})
