"""The image files of a zip, read in place: nothing is written, so no name in it can do harm."""

__all__ = ["Archive", "open_zip"]

import lzma
import stat
import zipfile
import zlib

from pathlib import Path

from genlab.common.errors import InputError
from genlab.data.files import SUFFIXES, ImageFiles, no_images
from genlab.data.problems import MEND

LARGEST_MEMBER = 1 << 29
"""The bytes of one image, unpacked: more than any image has that `decode` takes."""
FREE = 1 << 30
"""The bytes that any archive may unpack to."""
MOST_PACKED = 100
"""The ratio of unpacked to packed bytes above which a larger archive is refused."""

DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError,
    RuntimeError,  # a password is needed, or an unknown way of packing
)


def open_zip(path: Path) -> zipfile.ZipFile:
    """Opens a zip archive.

    Raises:
        InputError: If it is none, or would unpack to so much that it may be a trap.
    """
    try:
        archive = zipfile.ZipFile(path)
        packed = path.stat().st_size
    except DAMAGE as error:
        raise InputError(f"{path}: not a readable zip archive ({error})") from None
    unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > FREE and unpacked > MOST_PACKED * packed:
        archive.close()
        raise InputError(
            f"{path}: {packed:,} bytes that unpack to {unpacked:,}: refused; unpack it yourself "
            "if you trust it"
        )
    return archive


class Archive(ImageFiles):
    """The images of a zip and of the folders in it, in the order of their names.

    Of members with one name the last counts, as when they are unpacked. The `._NAME` files that
    macOS packs beside NAME are no images.

    Raises:
        InputError: If it is no zip, or holds no images.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.stem
        self._zip = open_zip(path)
        files = [member for member in self._zip.infolist() if not member.is_dir()]
        images = [member for member in files if _suffix(member) in SUFFIXES]
        self._members = {m.filename: m for m in images if not _is_note(m)}
        left_out = []
        if len(self._members) < len(images):
            left_out.append(
                f"{len(images) - len(self._members)} members (earlier ones of one name, or what "
                "macOS notes beside a file as ._NAME)"
            )
        self.names = tuple(sorted(self._members))
        self.others = tuple(m.filename for m in files if _suffix(m) not in SUFFIXES)
        self.left_out = tuple(left_out)
        if not self.names:
            raise InputError(no_images(str(path), left_out))

    def read(self, name: str) -> bytes:
        """Returns the bytes of an image.

        Raises:
            InputError: If it is damaged, encrypted, a link or too large.
        """
        member = self._members[name]
        if member.file_size > LARGEST_MEMBER:
            reason = f"{member.file_size:,} bytes: too large for an image"
        elif stat.S_ISLNK(member.external_attr >> 16):
            reason = "a link, which an archive cannot follow"
        else:
            try:
                return self._zip.read(member)
            except DAMAGE as error:
                reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"{self.title(name)}: cannot be read from the archive ({reason}){MEND}"
        )

    def close(self) -> None:
        """Closes the file."""
        self._zip.close()


def _suffix(member: zipfile.ZipInfo) -> str:
    return Path(member.filename).suffix.lower()


def _is_note(member: zipfile.ZipInfo) -> bool:
    return member.filename.rpartition("/")[2].startswith("._")
