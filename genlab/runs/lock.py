"""A lock that lets one process at a time write in a folder.

The lock is the operating system's and is released when the process ends, however it ends. A file
that a killed process leaves behind locks nothing. The process that ends deletes the file, which
another may have opened just before: `filelock` does not take a lock on a file that is gone.
"""

__all__ = ["resumable", "run_lock"]

import errno
import threading
import warnings

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from genlab.common import atomic
from genlab.common.atomic import LOCK
from genlab.common.errors import InputError
from genlab.common.interrupt import Stopped
from genlab.common.progress import say
from genlab.runs.run import require_folder

POLL_S = 0.5
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP)
"""What file systems answer that have no locks, as some in a network."""


class _Held(threading.local):
    """The folders that this thread has locked."""

    def __init__(self) -> None:
        self.folders: set[Path] = set()


_held = _Held()


@contextmanager
def run_lock(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Keeps other processes from writing in a folder inside the block.

    A folder that is missing is made, and deleted if it is still empty at the end. One that this
    thread has locked already is not locked again.

    Arguments:
        path: The folder.
        wait: Wait for the end of another process that is at work there now.

    Raises:
        InputError: If one is at work there now and `wait` is false, or the folder cannot be
            written or locked.
    """
    folder = path.resolve()
    if folder in _held.folders:
        yield
        return
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    require_folder(path)
    lock = FileLock(path / LOCK)
    _acquire(lock, path, wait)
    try:
        _held.folders.add(folder)
        _drop_leftovers(path)
        yield
    finally:
        _held.folders.discard(folder)
        with suppress(PermissionError):  # Windows deletes no open file; there the lock does
            (path / LOCK).unlink(missing_ok=True)
        lock.release()
        with suppress(OSError):  # one is not empty
            for one in made:
                one.rmdir()


def _drop_leftovers(run: Path) -> None:
    """Deletes what a process that was killed left half written in a run, not in runs inside."""
    atomic.drop_leftovers(run)
    for folder in (path for path in run.iterdir() if path.is_dir()):
        if not any((folder / name).exists() for name in (LOCK, "env.json", "config.json")):
            _drop_leftovers(folder)


def _acquire(lock: FileLock, path: Path, wait: bool) -> None:
    try:
        with warnings.catch_warnings(action="error"):  # of a lock that outlives its process
            lock.acquire(timeout=0)
        return
    except Timeout:
        pass
    except (OSError, NotImplementedError, UserWarning) as error:
        if isinstance(error, OSError) and error.errno not in NO_LOCKS:
            raise
        raise InputError(
            f"{path}: its file system has no locks, and two processes could write there at once; "
            "use a folder on another one"
        ) from error
    if not wait:
        raise InputError(
            f"{path}: another process is at work there; wait for its end, stop it, or use another "
            "folder"
        )
    say(f"{path}: another process is at work there; waiting for its end")
    while not lock.is_locked:
        try:
            lock.acquire(poll_interval=POLL_S)
        except FileNotFoundError:  # who had made the folder has left it empty, and deleted it
            require_folder(path)


@contextmanager
def resumable(path: Path) -> Iterator[None]:
    """Lets a signal that stops the block name the run to resume; the outermost one counts."""
    try:
        yield
    except Stopped as stopped:
        if (path / "config.json").exists():
            stopped.run = path
        raise
