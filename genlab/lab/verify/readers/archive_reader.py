"""The two archives of a submission: plain zips, whose files count below the folder of the root."""

__all__ = ["Archive"]

import zipfile

from genlab.common.errors import InputError
from genlab.common.formats.plain_zip import PlainZip, require_plain
from genlab.lab.verify.readers.names import system_file

MOST_ABOVE = 3
"""Folders above the root, as programs put them there that pack a folder."""


class Archive:
    """An archive whose every entry has been checked but not yet read.

    Arguments:
        data: The archive.
        name: What it is called in an error.
        root: A file of its root. If a program put folders above the root, they are left out, and
            so are files of systems (`__MACOSX`, ...).

    Raises:
        InputError: If it is no plain zip archive or anything in it is forbidden.
    """

    def __init__(self, data: bytes, name: str, root: str) -> None:
        self._name, self._zip = name, PlainZip(data, name)
        system = {path for path in self._zip.paths if system_file(path)}
        self.ignored = sorted(path for path in system if path[-1] != "/")
        """The files of systems in it, which count for nothing."""
        above = _above(root, self._zip.paths.keys() - system)
        self._members: dict[str, zipfile.ZipInfo] = {}
        for path, entry in self._zip.paths.items():
            if path in system or (path.endswith("/") and above.startswith(path)):
                continue
            if not path.startswith(above):
                raise InputError(f"{name}/{path}: beside the folder {above} that holds the rest")
            require_plain(path.removeprefix(above), f"{name}/{path}")
            if not path.endswith("/"):
                self._members[path.removeprefix(above)] = entry

    @property
    def names(self) -> list[str]:
        """The names of its files, sorted."""
        return sorted(self._members)

    def renew(self) -> None:
        """Begins to count again what all files come to, for another pass over them."""
        self._zip.renew()

    def read(self, name: str, most: int | None = None) -> bytes:
        """Returns a file's bytes.

        Raises:
            InputError: If it is not there, is damaged, or there is more of it than `most`, or than
                all files of an archive may come to.
        """
        if name not in self._members:
            raise InputError(f"{self._name}: has no {name}")
        return self._zip.read(self._members[name], most)


def _above(root: str, paths: set[str]) -> str:
    """Returns the folders above the root, "" or ending with a slash."""
    places = sorted(
        (path.removesuffix(root) for path in paths if path.rpartition("/")[2] == root), key=len
    )
    return places[0] if places and places[0].count("/") <= MOST_ABOVE else ""
