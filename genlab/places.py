"""Where genlab keeps what it fetches and makes, and where it looks for data."""

__all__ = ["cache_folder", "data_folder", "way_from"]

import os

from pathlib import Path


def cache_folder() -> Path:
    """Returns the folder for downloads and resized images: `GENLAB_CACHE` or the system's own."""
    if given := os.environ.get("GENLAB_CACHE"):
        return Path(given)
    import pooch

    return Path(pooch.os_cache("genlab"))


def data_folder() -> Path | None:
    """Returns the folder of the user's data sets (`--data-dir` or `GENLAB_DATA`), if one is set.

    It may hold `mnist/` (the four idx files) and `dogs/` (images, nested as they come; if it has
    a folder `faces`, that one).
    """
    given = os.environ.get("GENLAB_DATA")
    return Path(given) if given else None


def way_from(folder: Path, path: Path) -> str:
    """Returns how `path` is reached from within `folder`: it holds where both are moved to."""
    try:
        return os.path.relpath(path.resolve(), folder.resolve())
    except ValueError:  # two drives of Windows
        return str(path.resolve())
