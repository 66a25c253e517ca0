"""Sources in four idx files, as MNIST and its kin are published."""

__all__ = ["IdxSource"]

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from genlab.common.errors import InputError
from genlab.common.paths import cache_folder, data_folder
from genlab.common.progress import say
from genlab.data.files.idx import FILES, holds_idx, require_idx
from genlab.data.identity import Origin
from genlab.data.sources.base import DigitSource

if TYPE_CHECKING:
    from genlab.data.image_splits import ImageSplits


class IdxSource(DigitSource):
    """Images in four idx files: in the data folder, in the cache, or on a server."""

    md5: ClassVar[dict[str, str]]
    """The checksums of what is fetched, by its parts: those of `files.idx.FILES`, gzipped."""
    mirrors: ClassVar[Sequence[str]]
    """Folders on servers that hold it."""
    megabytes: ClassVar[int]
    """The size of the download."""
    classes: ClassVar[Sequence[str] | None] = None
    """The names of the labels 0, 1, ..., where they have names."""

    def locate(self) -> str | None:
        """Returns the folder with the idx files."""
        folder = self._folder()
        return str(folder) if folder else None

    def glance(self) -> None:
        """Raises `InputError` if some of the files are there and not all."""
        if folder := self._folder():
            require_idx(folder)

    def open(self) -> "ImageSplits":
        """Loads the images, from a download where they are not at hand."""
        from genlab.data.image_splits import splits_of_idx

        folder, cached = self._folder(), cache_folder() / self.name
        if folder is None or folder == cached:  # what an earlier download left out comes now
            self.download(cached)
            folder = cached
        return splits_of_idx(folder, Origin(self.name, self.en, self.licence), self.classes)

    def _folder(self) -> Path | None:
        data = data_folder()
        places = ([data / self.name] if data else []) + [cache_folder() / self.name]
        return next((place for place in places if holds_idx(place)), None)

    def download(self, folder: Path) -> None:
        """Fetches those of the files that are not in the folder.

        Raises:
            InputError: If they cannot be had.
        """
        if all((folder / f"{name}.gz").exists() for name in FILES.values()):
            return
        say(f"fetching {self.en} ({self.megabytes} MB) into {folder}")
        for part, name in FILES.items():
            self.fetch(part, f"{name}.gz", folder)

    def fetch(self, part: str, file: str, folder: Path) -> Path:
        """Returns a file in the folder, fetched first from the first server that has it.

        Raises:
            InputError: If none has it; what to do is said too.
        """
        import pooch

        errors = []
        for mirror in self.mirrors:
            try:
                return Path(pooch.retrieve(mirror + file, f"md5:{self.md5[part]}", file, folder))
            except (OSError, ValueError) as error:  # no network, or the wrong content
                errors.append(f"{mirror}: {error}")
        instead = f", or take {self.fallback}" if self.fallback else ""
        raise InputError(
            f"{self.name}: {file} cannot be fetched ({'; '.join(errors)}); put the four idx files "
            f"into DIR/{self.name} and set GENLAB_DATA=DIR{instead}"
        )
