"""One picture's file, as a set of one."""

__all__ = ["OnePicture"]

from pathlib import Path

from genlab.common.errors import InputError
from genlab.common.formats.files import read_file
from genlab.common.formats.picture import LARGEST
from genlab.data.files.base import ImageFiles
from genlab.data.files.left_out import LeftOut


class OnePicture(ImageFiles):
    """A set that is one file."""

    def __init__(self, path: Path) -> None:
        self.path, self.name, self.names = path.parent, path.stem, (path.name,)
        self.broken, self.left_out, self.others = {}, LeftOut(), []

    def read(self, name: str) -> bytes:
        """Returns the bytes of the picture.

        Raises:
            InputError: If it cannot be read.
        """
        try:
            return read_file(self.path / name, LARGEST)
        except OSError as error:
            raise InputError(f"{self.title(name)}: cannot be read ({error.strerror})") from None

    def read_other(self, name: str, most: int) -> bytes:
        """Raises `InputError`: there are no others."""
        raise InputError(f"{self.title(name)}: cannot be read (at most {most:,} bytes)")
