"""One process at a time trains into a folder: two would mix their logs and states.

The lock is the operating system's. It goes with the process, however that ends; the file that
carries it stays behind only where a process was killed, and means nothing then.
"""

__all__ = ["LOCK", "alone"]

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from genlab.engine.run import require_folder
from genlab.errors import InputError

LOCK = ".lock"
"""The file's name."""


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keeps other processes from training into a folder, made if missing, inside the block.

    Raises:
        InputError: If one trains there now, or the folder cannot be written.
    """
    require_folder(path)
    lock = FileLock(path / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"--out {path}: another process is training into it; wait for its end, stop it, or "
            "name another --out"
        ) from None
    try:
        yield
    finally:
        with suppress(PermissionError):  # Windows deletes no open file; there the lock does
            (path / LOCK).unlink()
        lock.release()
