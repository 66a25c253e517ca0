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
    from genlab.data.digit_set import Digits


class IdxSource(DigitSource):
    """Images in four idx files: in the data folder, in the cache, or on a server."""

    md5: ClassVar[dict[str, str]]
    """The checksums of the gzipped files, by the parts of `files.idx.FILES`."""
    mirrors: ClassVar[Sequence[str]]
    """Folders on servers that hold the gzipped files."""
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

    def open(self) -> "Digits":
        """Loads the images, from a download where they are not at hand."""
        from genlab.data.digit_set import digits_of_idx

        folder, cached = self._folder(), cache_folder() / self.name
        if folder is None or folder == cached:  # what an earlier download left out comes now
            self.download(cached)
            folder = cached
        return digits_of_idx(folder, Origin(self.name, self.en, self.licence), self.classes)

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
        import pooch

        say(f"fetching {self.en} ({self.megabytes} MB) into {folder}")
        for part, name in FILES.items():
            file, errors = f"{name}.gz", []
            for mirror in self.mirrors:
                try:
                    pooch.retrieve(mirror + file, f"md5:{self.md5[part]}", file, folder)
                    break
                except (OSError, ValueError) as error:  # no network, or the wrong content
                    errors.append(f"{mirror}: {error}")
            else:
                raise self.not_fetched(file, errors)

    def not_fetched(self, what: str, errors: Sequence[str]) -> InputError:
        """Returns the error that says why a file cannot be fetched, and what to do."""
        instead = f", or take {self.fallback}" if self.fallback else ""
        return InputError(
            f"{self.name}: {what} cannot be fetched ({'; '.join(errors)}); put the four idx files "
            f"into DIR/{self.name} and set GENLAB_DATA=DIR{instead}"
        )
