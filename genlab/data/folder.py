"""The image files of a folder and of the folders in it.

A file that is there under several names (links) counts once, by its first name. The `._NAME`
files that macOS puts beside NAME are no images. Links to folders are not followed.
"""

__all__ = ["Folder"]

import os

from pathlib import Path

from genlab.common.errors import InputError
from genlab.data.files import SUFFIXES, ImageFiles, no_images
from genlab.data.problems import MEND


class Folder(ImageFiles):
    """The image files of a folder.

    Raises:
        InputError: If there are none, not even links that lead nowhere.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.resolve().name
        everything = sorted(path.rglob("*"))
        named = [p for p in everything if p.suffix.lower() in SUFFIXES]
        present = [p for p in named if p.is_file()]
        files: dict[tuple[int, int] | str, Path] = {}
        for file in present:
            if not file.name.startswith("._"):
                files.setdefault(_file_key(file), file)
        left_out = []
        if len(files) < len(present):
            left_out.append(
                f"{len(present) - len(files)} names (links to images that are counted already, or "
                "what macOS notes beside a file as ._NAME)"
            )
        if linked := [p for p in everything if p.is_symlink() and p.is_dir()]:
            left_out.append(
                f"links to folders: {len(linked)}, as {linked[0].relative_to(path).as_posix()} "
                "(they are not followed: copy those folders here)"
            )
        self.names = self._within(list(files.values()))
        self.dangling = self._within([p for p in named if not p.exists()])
        self.others = self._within(
            [p for p in everything if p.suffix.lower() not in SUFFIXES and p.is_file()]
        )
        self.left_out = tuple(left_out)
        if not self.names and not self.dangling:
            raise InputError(no_images(str(path), left_out))

    def read(self, name: str) -> bytes:
        """Returns the bytes of an image; raises `InputError` if it cannot be read."""
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise InputError(
                f"{self.title(name)}: cannot be read ({error.strerror}){MEND}"
            ) from None

    def _within(self, paths: list[Path]) -> tuple[str, ...]:
        return tuple(path.relative_to(self.path).as_posix() for path in paths)


def _file_key(path: Path) -> tuple[int, int] | str:
    """Returns what all names of one file share."""
    status = path.stat()
    if status.st_ino:
        return status.st_dev, status.st_ino
    return os.path.realpath(path)  # a file system without numbers
