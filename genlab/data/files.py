"""Encoded images by name: the files of a folder (`folder.py`) or of a zip (`archive.py`)."""

__all__ = ["SUFFIXES", "ImageFiles", "no_images"]

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from genlab.common.progress import say
from genlab.data.problems import DANGLING, refuse_images

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}
)


class ImageFiles(ABC):
    """Images before they are decoded, each by its path within a folder or zip, with slashes."""

    path: Path
    """The folder or zip."""
    name: str
    """The name of the folder, or that of the zip without its suffix."""
    names: tuple[str, ...]
    """The images, in the order of training."""
    dangling: tuple[str, ...] = ()
    """Links with the name of an image that lead nowhere."""
    others: tuple[str, ...]
    """Files whose names are not those of images."""
    left_out: tuple[str, ...]
    """Descriptions of files that look like images and are left out."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Returns the bytes of an image.

        Raises:
            InputError: If it cannot be read.
        """

    def close(self) -> None:  # noqa: B027 - a folder has nothing to close
        """Closes what is open."""

    def title(self, name: str) -> str:
        """Returns an image's name for messages: one line, whatever characters it holds."""
        full = f"{self.path}/{name}"
        return full if full.isprintable() else ascii(full)

    def refuse_dangling(self) -> None:
        """Raises `InputError` if a link leads nowhere; prints what is left out."""
        broken = [f"{self.title(name)}: {DANGLING}" for name in self.dangling]
        refuse_images(broken, len(self.names) + len(broken), str(self.path))
        if self.left_out:
            say(f"note: {self.path}: left out: {'; '.join(self.left_out)}")


def no_images(source: str, left_out: Sequence[str]) -> str:
    """Returns the message about a source without images."""
    looked = f"{source}: no images in it (looked for {', '.join(sorted(SUFFIXES))}, "
    return "; left out: ".join([f"{looked}folders inside it too)", *left_out])
