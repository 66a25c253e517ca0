"""One atomic writer for everything that is kept: a reader sees the old file or the new one.

The order is: temporary file *beside* the target, flush, fsync, rename, fsync of the folder
(Pillai et al., OSDI 2014: a rename without fsync may expose an empty file after a crash). The
mode is 0666 less the umask, so that others can read what was written.
"""

__all__ = [
    "json_bytes", "png_bytes", "tensor_bytes", "write_bytes", "write_json", "write_png",
    "write_tensors",
]

import io
import json
import os
import tempfile

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from torch import Tensor

_UMASK = os.umask(0)
os.umask(_UMASK)


def write_bytes(path: Path, data: bytes) -> None:
    """Replaces the file at `path` with `data`, wholly or not at all.

    Raises:
        OSError: If the folder cannot be written or the disk is full; `path` is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.tmp-", dir=path.parent)
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
