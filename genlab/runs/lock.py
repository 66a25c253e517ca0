"""A lock that lets one process at a time train in a folder.

The lock is the operating system's and is released when the process ends, however it ends. A file
that a killed process leaves behind locks nothing.
"""

__all__ = ["LOCK", "run_lock"]

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.progress import say
from genlab.runs.run import require_folder

LOCK = ".lock"
"""The file's name."""
POLL_S = 0.5


@contextmanager
def run_lock(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Keeps other processes from training in a folder, made if missing, inside the block.

    Arguments:
        path: The folder.
        wait: Wait for the end of another process that trains there now.

    Raises:
        InputError: If one trains there now and `wait` is false, or the folder cannot be
            written.
    """
    require_folder(path)
    lock = FileLock(path / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if not wait:
            raise InputError(
                f"`out` {path}: another process is training into it; wait for its end, stop it, "
                "or name another `out`"
            ) from None
        say(f"{path}: another process is training into it; waiting for its end")
        lock.acquire(poll_interval=POLL_S)
    try:
        _drop_leftovers(path)
        yield
    finally:
        with suppress(PermissionError):  # Windows deletes no open file; there the lock does
            (path / LOCK).unlink(missing_ok=True)
        lock.release()


def _drop_leftovers(run: Path) -> None:
    """Deletes what a process that was killed left half written in a run, not in runs inside."""
    atomic.drop_leftovers(run)
    for folder in (path for path in run.iterdir() if path.is_dir()):
        if not any((folder / name).exists() for name in (LOCK, "env.json", "config.json")):
            _drop_leftovers(folder)
