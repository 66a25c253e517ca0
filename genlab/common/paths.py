"""Where genlab keeps what it fetches and makes, and where it looks for data."""

__all__ = [
    "cache_folder", "data_folder", "exists", "from_way", "require_outside", "require_place",
    "way_from", "within",
]  # fmt: skip

import errno
import os
import sys

from pathlib import Path

from genlab.common.errors import InputError


def cache_folder() -> Path:
    """Returns the folder for downloads and resized images: `GENLAB_CACHE` or the system's own."""
    if given := os.environ.get("GENLAB_CACHE"):
        return Path(given)
    home = Path.home()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local"
        return Path(local) / "genlab" / "Cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "genlab"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "genlab"


def data_folder() -> Path | None:
    """Returns the folder of the user's data sets (`--data-dir` or `GENLAB_DATA`), if one is set.

    It may hold `mnist/` (the four idx files) and `dogs/` (images, nested as they come; if it has
    a folder `faces`, that one).
    """
    given = os.environ.get("GENLAB_DATA")
    return Path(given) if given else None


def exists(path: Path) -> bool:
    """Returns whether a file or folder is there; of a name that is too long there is none.

    Raises:
        OSError: If the system cannot tell.
    """
    try:
        return path.exists()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return False
        raise


def way_from(folder: Path, path: Path) -> str:
    """Returns how `path` is reached from within `folder`: it holds where both are moved to."""
    try:
        return os.path.relpath(path.resolve(), folder.resolve())
    except ValueError:  # two drives of Windows
        return str(path.resolve())


def from_way(folder: Path, way: str) -> Path:
    """Returns the place that `way_from` gave the way to from `folder`."""
    return Path(os.path.normpath(folder.resolve() / way))


def within(inner: Path, outer: Path) -> bool:
    """Whether `inner` is `outer` or lies in it, links followed."""
    return inner.resolve().is_relative_to(outer.resolve())


def require_outside(parameter: str, target: Path, folder: Path) -> None:
    """Refuses a place to write to, named by a parameter, that lies in a folder of images.

    Raises:
        InputError: If `target` is `folder` or within it.
    """
    if within(target, folder):
        raise InputError(
            f"`{parameter}` {target}: lies in the folder of the images, {folder}, and that is not "
            "changed; name another"
        )


def require_place(parameter: str, target: Path) -> None:
    """Refuses a folder to write to, named by a parameter, that cannot be made or written.

    Raises:
        InputError: If a file is in its way, or it is not writable.
    """
    there = next(p for p in (target, *target.absolute().parents) if p.exists())
    if not there.is_dir():
        raise InputError(f"`{parameter}` {target}: a file is in the way; name a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(
            f"`{parameter}` {target}: {there} is not writable; name another folder or change its "
            "permissions"
        )
