"""The image files of a folder and of the folders in it.

A file that is there under several names (links) counts once, by its first name. Links to folders
are not followed. Of a folder that genlab drew its images into, the images are compared with what
was drawn.
"""

__all__ = ["Folder"]

import hashlib
import os

from collections.abc import Mapping
from pathlib import Path

from genlab.common.errors import InputError
from genlab.common.formats.files import read_file
from genlab.common.formats.picture import LARGEST
from genlab.common.text import many
from genlab.data.files.base import ImageFiles, no_images
from genlab.data.files.drawn import RECORD, drawn_digests
from genlab.data.files.kinds import HEAD, is_named_as_picture, opens_as_picture
from genlab.data.files.left_out import LeftOut
from genlab.data.problems import DANGLING, MEND

ON_PURPOSE = (
    f"draw them again into a new folder, or delete {RECORD} if they were changed on purpose"
)


class Folder(ImageFiles):
    """The image files of a folder.

    Raises:
        InputError: If there are none, not even broken ones; or genlab drew images into the
            folder and some are missing, or others are there.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.resolve().name
        self.broken, self.left_out, self.others = {}, LeftOut(), []
        self.drawn = drawn_digests(path)
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
        if self.drawn is not None:
            self._require_as_drawn(self.drawn)

    def read(self, name: str) -> bytes:
        """Returns the bytes of an image.

        Raises:
            InputError: If it cannot be read, or is not the one that genlab drew.
        """
        try:
            data = read_file(self.path / name, LARGEST)
        except OSError as error:
            raise InputError(
                f"{self.title(name)}: cannot be read ({error.strerror}){MEND}"
            ) from None
        except InputError as error:
            raise InputError(f"{error}{MEND}") from None
        if self.drawn is not None and hashlib.sha256(data).hexdigest() != self.drawn[name]:
            raise InputError(f"{self.title(name)}: changed since genlab drew it; {ON_PURPOSE}")
        return data

    def read_other(self, name: str, most: int) -> bytes:
        """Returns the bytes of a file that is no picture, at most so many.

        Raises:
            InputError: If it cannot be read, or is larger.
        """
        try:
            return read_file(self.path / name, most)
        except OSError as error:
            raise InputError(f"{self.title(name)}: cannot be read ({error.strerror})") from None

    def _require_as_drawn(self, drawn: Mapping[str, str]) -> None:
        """Raises `InputError` if there are not just the images that genlab drew."""
        if lacking := sorted(set(drawn) - {*self.names, *self.broken}):
            raise InputError(
                f"{self.path}: lacks {len(lacking)} of the {many(len(drawn), 'image')} that "
                f"genlab drew into it, as {lacking[0]}; {ON_PURPOSE}"
            )
        if others := sorted({*self.names, *self.broken} - set(drawn)):
            raise InputError(
                f"{self.title(others[0])}: none of the {many(len(drawn), 'image')} that genlab "
                f"drew into this folder; {ON_PURPOSE}"
            )

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
            if name not in self.broken and (self.drawn is None or name != RECORD):
                self.left_out.add(name)
                self.others.append(name)
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
            return opens_as_picture(path.name, head, lambda: read_file(path, LARGEST))
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
