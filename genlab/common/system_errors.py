"""Failed system calls as a person reads them: the file, what is wrong, and what to do.

`write`, `read` and `fsync` work on an open file, and their errors have no file name; `naming`
gives them one.
"""

__all__ = ["naming", "read_bytes", "remedy", "told"]

import errno
import os

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

AGAIN = "and give the same command again"
WORDS = {
    errno.ENOSPC: f"no space is left on the disk; free some {AGAIN}",
    errno.EDQUOT: f"the disk quota is used up; delete other files {AGAIN}",
    errno.EFBIG: f"larger than files may be here; raise the limit (ulimit -f) {AGAIN}",
    errno.EIO: f"the disk fails (input/output error); check it, or use another, {AGAIN}",
    errno.EACCES: "permission denied; change its permissions, or name another place",
    errno.EPERM: "not permitted; change its permissions, or name another place",
    errno.EROFS: "the file system is read-only; name another place",
    errno.EMFILE: f"too many open files; raise the limit (ulimit -n) {AGAIN}",
    errno.ENAMETOOLONG: "the name is too long; name another place",
    errno.ENOTDIR: "a file is where a folder should be; name another place",
    errno.EISDIR: "a folder; name a file",
}
"""What errors mean and what to do, in the words of an error message."""


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Makes an `OSError` of the block that names no file one that names `path`."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = os.fspath(path)
        raise


def read_bytes(path: Path) -> bytes:
    """Reads a file; an `OSError` names it, whichever call failed."""
    with naming(path):
        return path.read_bytes()


def told(error: OSError) -> str:
    """Returns an error as one sentence that names the file and says what to do."""
    if error.errno is None or error.filename is None:
        return str(error)
    file = os.fsdecode(error.filename2 or error.filename)
    if error.errno == errno.ENOENT:
        above = [folder for folder in Path(file).absolute().parents if not folder.exists()]
        where = f": there is no folder {above[-1]}" if above else ""
        return f"{file}: no such file or folder{where}"
    return f"{file}: {remedy(error)}"


def remedy(error: OSError) -> str:
    """Returns what an error means and what to do, without the file."""
    return WORDS.get(error.errno or 0, error.strerror or str(error))
