"""The image files of a zip, read in place: nothing is written, so no name in it can do harm."""

__all__ = ["Archive", "member_name", "open_zip"]

import zipfile

from pathlib import Path

from genlab.common.errors import InputError
from genlab.common.formats.zip_archive import UTF8, Limits, ZipArchive, is_folder
from genlab.data.files.base import ImageFiles, no_images
from genlab.data.files.kinds import HEAD, is_named_as_picture, opens_as_picture
from genlab.data.files.left_out import LeftOut
from genlab.data.problems import MEND

LIMITS = Limits(
    entries=2_000_000, directory=1 << 28, file=1 << 30, total=1 << 50, free=1 << 24
)  # fmt: skip
"""Of an archive; its files are read one by one."""
LARGEST_MEMBER = 1 << 29
"""The bytes of one image, unpacked: more than any image has that `decode` takes."""
FREE = 1 << 30
"""The bytes that any archive may unpack to."""
MOST_PACKED = 100
"""The ratio of unpacked to packed bytes above which a larger archive is refused."""


def open_zip(path: Path) -> ZipArchive:
    """Opens a zip archive.

    Raises:
        InputError: If it is none, or would unpack to so much that it may be a trap.
    """
    archive = ZipArchive(path, str(path), LIMITS)
    packed = path.stat().st_size
    unpacked = sum(member.file_size for member in archive.entries)
    if unpacked > FREE and unpacked > MOST_PACKED * packed:
        archive.close()
        raise InputError(
            f"{path}: {packed:,} bytes that unpack to {unpacked:,}: refused; unpack it yourself "
            "if you trust it"
        )
    return archive


class Archive(ImageFiles):
    """The images of a zip and of the folders in it, in the order of their names.

    Of members with one name the last counts, as when they are unpacked.

    Raises:
        InputError: If it is no zip, or holds no images.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.stem
        self.broken, self.left_out = {}, LeftOut()
        self._zip = open_zip(path)
        self._members: dict[str, zipfile.ZipInfo] = {}
        self._further: dict[str, zipfile.ZipInfo] = {}
        for member in self._zip.entries:
            name = member_name(member)
            if is_folder(member) or self.left_out.add_hidden(tuple(name.split("/"))):
                continue
            if not self._is_picture(name, member):
                self.left_out.add(name)
                self._further[name] = member
                continue
            self.left_out.again += name in self._members
            self._members[name] = member
        self.names, self.others = tuple(sorted(self._members)), list(self._further)
        if not self.names:
            raise InputError(no_images(str(path), self.left_out))

    def read(self, name: str) -> bytes:
        """Returns the bytes of an image.

        Raises:
            InputError: If it is damaged, encrypted, a link or too large.
        """
        title, member = self.title(name), self._members[name]
        try:
            if member.file_size > LARGEST_MEMBER:
                raise InputError(f"{member.file_size:,} bytes: too large for an image")
            return self._zip.read(member, name=title)
        except InputError as error:
            reason = str(error).removeprefix(f"{title}: ")
        raise InputError(f"{title}: cannot be read from the archive ({reason}){MEND}")

    def read_other(self, name: str, most: int) -> bytes:
        """Returns the bytes of a member that is no picture, at most so many.

        Raises:
            InputError: If it is damaged, encrypted, a link or larger.
        """
        return self._zip.read(self._further[name], most, name=self.title(name))

    def close(self) -> None:
        """Closes the file."""
        self._zip.close()

    def _is_picture(self, name: str, member: zipfile.ZipInfo) -> bool:
        if is_named_as_picture(name):
            return True
        try:
            head = self._zip.head(member, HEAD)
            return opens_as_picture(name, head, lambda: self._zip.read(member, LARGEST_MEMBER))
        except InputError:
            return False


def member_name(member: zipfile.ZipInfo) -> str:
    """Returns the path of a member with slashes, its characters as they were meant.

    Some programs write backslashes. Without the flag of UTF-8 `zipfile` reads names as code page
    437; most programs that leave the flag out write UTF-8 all the same, Chinese Windows GBK.
    """
    name = member.filename
    if not member.flag_bits & UTF8 and not name.isascii():
        for encoding in ("utf-8", "gbk"):
            try:
                name = name.encode("cp437").decode(encoding)
                break
            except UnicodeError:
                continue
    return name.replace("\\", "/")
