"""Reads a whole file whose size is known, and limited, before it is read."""

__all__ = ["read_file"]

import stat

from pathlib import Path

from genlab.common.errors import InputError
from genlab.common.system_errors import read_bytes


def read_file(path: Path, most: int) -> bytes:
    """Returns a file's bytes.

    Arguments:
        path: The file.
        most: The bytes that it may have.

    Raises:
        InputError: If it is larger, or no plain file: a folder, a pipe, a device.
        OSError: If it is not there or cannot be read.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{path}: not a plain file")
    if found.st_size > most:
        raise InputError(f"{path}: {found.st_size:,} bytes; at most {most:,}")
    return read_bytes(path)
