"""The image files of a folder and of the folders in it.

A file that is there under several names (links) counts once, by its first name. Links to folders
are not followed.
"""

__all__ = ["Folder"]

import os

from pathlib import Path

from genlab.common.errors import InputError
from genlab.data.files.base import ImageFiles, no_images
from genlab.data.files.kinds import HEAD, is_named_as_picture, opens_as_picture
from genlab.data.files.left_out import LeftOut
from genlab.data.problems import DANGLING, MEND


class Folder(ImageFiles):
    """The image files of a folder.

    Raises:
        InputError: If there are none, not even broken ones.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.resolve().name
        self.broken, self.left_out = {}, LeftOut()
        files: dict[tuple[int, int] | str, str] = {}
        for parts in sorted(self._walk()):
            name = "/".join(parts)
            if not self._is_picture(name):
                continue
            if files.setdefault(_file_key(path / name), name) != name:
                self.left_out.again += 1
        self.names = tuple(files.values())
        if not self.names and not self.broken:
            raise InputError(no_images(str(path), self.left_out))

    def read(self, name: str) -> bytes:
        """Returns the bytes of an image; raises `InputError` if it cannot be read."""
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise InputError(
                f"{self.title(name)}: cannot be read ({error.strerror}){MEND}"
            ) from None

    def _walk(self) -> list[tuple[str, ...]]:
        """Returns the paths of all files that are not hidden, as their parts."""
        found: list[tuple[str, ...]] = []
        waiting: list[tuple[str, ...]] = [()]
        while waiting:
            folder = waiting.pop()
            try:
                with os.scandir(self.path.joinpath(*folder)) as entries:
                    for entry in entries:
                        parts = (*folder, entry.name)
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(parts)
                        elif self.left_out.add_hidden(parts):
                            continue
                        elif _leads_to_a_folder(entry):
                            self.left_out.linked_folders.append("/".join(parts))
                        else:
                            found.append(parts)
            except OSError as error:
                if self.left_out.add_hidden(folder):
                    continue
                name = "/".join(folder) or "."
                self.broken[name] = f"a folder that cannot be opened ({error.strerror}){MEND}"
        return found

    def _is_picture(self, name: str) -> bool:
        """Returns whether a file is a picture, and otherwise notes what it is."""
        path, named = self.path / name, is_named_as_picture(name)
        if path.is_file():
            if named or self._opens(name):
                return True
            if name not in self.broken:
                self.left_out.add(name)
        elif named and path.is_symlink():
            self.broken[name] = DANGLING
        else:
            self.left_out.special += 1
        return False

    def _opens(self, name: str) -> bool:
        path = self.path / name
        try:
            with path.open("rb") as file:
                head = file.read(HEAD)
            return opens_as_picture(path.name, head, path.read_bytes)
        except OSError as error:  # it may be a picture
            self.broken[name] = f"cannot be read ({error.strerror}){MEND}"
            return False


def _leads_to_a_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def _file_key(path: Path) -> tuple[int, int] | str:
    """Returns what all names of one file share."""
    status = path.stat()
    if status.st_ino:
        return status.st_dev, status.st_ino
    return os.path.realpath(path)  # a file system without numbers
