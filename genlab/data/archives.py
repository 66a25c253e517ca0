"""Zip archives read in place: nothing is written to the disk, so no name in one can do harm."""

__all__ = ["Members", "list_members", "open_zip", "read_member", "zip_images"]

import lzma
import stat
import zipfile
import zlib

from pathlib import Path
from typing import NamedTuple

from genlab.common.errors import InputError
from genlab.common.progress import say
from genlab.data.decode import MEND, SUFFIXES, no_images

LARGEST_MEMBER = 1 << 29
"""Bytes of one image, unpacked: more than any image has that `decode` takes."""
FREE = 1 << 30
MOST_PACKED = 100
"""Above `FREE` bytes, an archive that grows more than so many times is no archive of images."""

DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError,
    RuntimeError,  # a password is needed, or an unknown way of packing
)


def open_zip(path: Path) -> zipfile.ZipFile:
    """Opens a zip archive.

    Raises:
        InputError: If it is none, or so packed that unpacking it would fill any machine.
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


def zip_images(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Returns the images of an archive, as of `list_members`; what is left out is said.

    Raises:
        InputError: If there are none.
    """
    found = list_members(archive)
    if found.left_out:
        say(f"note: {archive.filename}: left out: {'; '.join(found.left_out)}")
    return found.images


class Members(NamedTuple):
    """What is in an archive and the folders in it."""

    images: list[zipfile.ZipInfo]
    """In the order of their names."""
    others: list[zipfile.ZipInfo]
    """Files whose names are not those of images."""
    left_out: list[str]
    """What is no image of the archive although it looks like some, in words."""


def list_members(archive: zipfile.ZipFile) -> Members:
    """Lists the images of an archive and the folders in it.

    Of members with one name the last counts, as when they are unpacked. The `._NAME` files that
    macOS packs beside NAME are no images.

    Raises:
        InputError: If there are none.
    """
    files = [m for m in archive.infolist() if not m.is_dir()]
    members = [m for m in files if _suffix(m) in SUFFIXES]
    images = {m.filename: m for m in members if not _is_note(m)}
    left_out = []
    if len(images) < len(members):
        left_out.append(
            f"{len(members) - len(images)} members (earlier ones of one name, or what macOS notes "
            "beside a file as ._NAME)"
        )
    if not images:
        raise InputError(no_images(str(archive.filename), left_out))
    others = [m for m in files if _suffix(m) not in SUFFIXES]
    return Members([images[name] for name in sorted(images)], others, left_out)


def _suffix(member: zipfile.ZipInfo) -> str:
    return Path(member.filename).suffix.lower()


def _is_note(member: zipfile.ZipInfo) -> bool:
    return member.filename.rpartition("/")[2].startswith("._")


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> bytes:
    """Returns the bytes of a member.

    Raises:
        InputError: If it is damaged, encrypted, a link or too large, naming it `name`.
    """
    reason = ""
    if member.file_size > LARGEST_MEMBER:
        reason = f"{member.file_size:,} bytes: too large for an image"
    elif stat.S_ISLNK(member.external_attr >> 16):
        reason = "a link, which an archive cannot follow"
    else:
        try:
            return archive.read(member)
        except DAMAGE as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
    raise InputError(f"{name}: cannot be read from the archive ({reason}){MEND}")
