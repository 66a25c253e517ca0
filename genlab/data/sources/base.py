"""Base classes of the named sources, each of which is a class in a file of its own."""

__all__ = ["DigitSource", "FolderSource", "ImageSource", "Source"]

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from genlab.data.files.folder import Folder
from genlab.data.identity import Origin

if TYPE_CHECKING:  # these load torch, and whoever lists the sources opens none
    from genlab.data.crops.crop import Crop
    from genlab.data.files.pictures import FilePictures
    from genlab.data.image_splits import ImageSplits
    from genlab.data.pictures import Pictures


class Source(ABC):
    """A named source of data."""

    name: ClassVar[str]
    """The name that opens it."""
    kind: ClassVar[Literal["digits", "images"]]
    zh: ClassVar[str]
    """Its name in a report in Chinese; `{count}` stands for the number of its images."""
    en: ClassVar[str]
    """Its name in a report in English, likewise."""
    contents: ClassVar[str]
    """The number of its images and the size of a download, in words."""
    licence: ClassVar[str]
    how: ClassVar[str]
    """Instructions to get it where it is not at hand."""
    fallback: ClassVar[str | None] = None
    """The SOURCE that stands in for it where it cannot be had."""

    @abstractmethod
    def locate(self) -> str | None:
        """Returns where it is on this machine; None if it is not at hand."""

    @abstractmethod
    def check(self) -> None:
        """Raises `InputError` if it cannot be had; it is fetched to see that."""

    def glance(self) -> None:  # noqa: B027 - what genlab makes itself is as it should be
        """Raises `InputError` if what is at hand can be seen at once to be unusable."""


class DigitSource(Source):
    """A source of grey digits, in splits for training and testing."""

    kind = "digits"

    @abstractmethod
    def open(self) -> "ImageSplits":
        """Loads the digits, fetched first if need be.

        Raises:
            InputError: If they cannot be had.
        """

    def check(self) -> None:
        """Raises `InputError` if the digits cannot be loaded."""
        self.open()


class ImageSource(Source):
    """A source of colour images."""

    kind = "images"
    count: ClassVar[int | None] = None
    """The number of images that its name means without `:COUNT`; None for all there are."""

    @abstractmethod
    def open(
        self, source: str, size: int | None, crop: "Crop", limit: int | None
    ) -> "Pictures":
        """Opens the images, fetched first if need be.

        Arguments:
            source: The SOURCE as it was given: NAME or NAME:COUNT.
            size: The side S of squares; None: each image keeps its own size.
            crop: The square to take of a photograph.
            limit: Take only the first images.

        Raises:
            InputError: If they cannot be had, or there is no such crop of them.
        """

    def folder(self) -> Path | None:
        """Returns the folder on this machine that holds the images, if there is one."""
        return None


class FolderSource(ImageSource):
    """A source of images in a folder."""

    @abstractmethod
    def title(self, folder: Path) -> str:
        """Returns what a person calls the images in a folder of this source."""

    @abstractmethod
    def fetch(self) -> Path:
        """Returns the folder, fetched first if need be.

        Raises:
            InputError: If it cannot be had.
        """

    def open(
        self, source: str, size: int | None, crop: "Crop", limit: int | None
    ) -> "FilePictures":
        """Opens the images of the folder."""
        from genlab.data.files.pictures import FilePictures

        folder = self.fetch()
        origin = Origin(source, self.title(folder), self.licence)
        return FilePictures.open(Folder(folder), origin, size, crop, limit)

    def locate(self) -> str | None:
        """Returns the folder, if it is there."""
        folder = self.folder()
        return str(folder) if folder else None

    def check(self) -> None:
        """Raises `InputError` if the folder cannot be had or holds no images."""
        Folder(self.fetch())

    def glance(self) -> None:
        """Raises `InputError` if the folder is there and holds no images."""
        if folder := self.folder():
            Folder(folder)
