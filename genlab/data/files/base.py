"""Encoded images by name: the files of a folder (`folder.py`) or of a zip (`archive.py`)."""

__all__ = ["ImageFiles", "no_images"]

from abc import ABC, abstractmethod
from pathlib import Path

from genlab.common.progress import say_once
from genlab.common.text import one_line
from genlab.data.files.left_out import LeftOut


class ImageFiles(ABC):
    """Images before they are decoded, each by its path within a folder or zip, with slashes."""

    path: Path
    """The folder or zip."""
    name: str
    """The name of the folder, or that of the zip without its suffix."""
    names: tuple[str, ...]
    """The images, in the order of training."""
    broken: dict[str, str]
    """What has the name of an image or folder and cannot be opened, with the reason."""
    left_out: LeftOut
    """What else is there."""
    others: list[str]
    """The paths of the files that are no pictures, but for hidden ones."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Returns the bytes of an image.

        Raises:
            InputError: If it cannot be read.
        """

    @abstractmethod
    def read_other(self, name: str, most: int) -> bytes:
        """Returns the bytes of a file that is no picture, at most so many.

        Raises:
            InputError: If it cannot be read, or is larger.
        """

    def close(self) -> None:  # noqa: B027 - a folder has nothing to close
        """Closes what is open."""

    def title(self, name: str) -> str:
        """Returns an image's name for messages: one line, whatever characters it holds."""
        return one_line(f"{self.path}/{name}")

    def tell_left_out(self) -> None:
        """Prints what is left out, once."""
        if words := self.left_out.words():
            say_once(f"note: {one_line(str(self.path))}: left out: {', '.join(words)}")


def no_images(source: str, left_out: LeftOut) -> str:
    """Returns the message about a source without images."""
    words = f"{one_line(source)}: no images in it (folders inside it were looked through too)"
    return "; left out: ".join(filter(None, [words, ", ".join(left_out.words())]))
