"""Image files of a folder or of a zip, which is read in place: their names and bytes."""

__all__ = ["ImageFiles", "open_files"]

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from genlab.common.errors import InputError
from genlab.data.archives import list_members, open_zip, read_member
from genlab.data.decode import MEND, list_images


@dataclass(frozen=True, kw_only=True)
class ImageFiles:
    """Images before they are decoded, each by its path within the folder or zip, with slashes."""

    name: str
    """What the folder or zip is called."""
    names: Sequence[str]
    """The images, in the order of training."""
    broken: Sequence[str]
    """Links with the name of an image that lead nowhere."""
    others: Sequence[str]
    """Files whose names are not those of images."""
    left_out: Sequence[str]
    """What is no image although it looks like some, in words."""
    read: Callable[[str], bytes]
    """Returns an image's bytes; raises `InputError`, naming it, if it cannot be read."""


@contextmanager
def open_files(source: Path) -> Iterator[ImageFiles]:
    """Yields the image files of a folder or a `.zip`, by the rules of training.

    Raises:
        InputError: If `source` is neither, is damaged or holds no images.
    """
    if source.is_dir():
        yield _of_folder(source)
    elif not source.exists():
        raise InputError(f"{source}: no such folder; give the one that holds the images, or a zip")
    elif source.suffix.lower() != ".zip":
        raise InputError(f"{source}: a file; give the folder that holds the images, or a .zip")
    else:
        with open_zip(source) as archive:
            found = list_members(archive)
            members = {m.filename: m for m in found.images}
            yield ImageFiles(
                name=source.stem, names=list(members), broken=[],
                others=[m.filename for m in found.others], left_out=found.left_out,
                read=lambda name: read_member(archive, members[name], name),
            )


def _of_folder(folder: Path) -> ImageFiles:
    def read(name: str) -> bytes:
        try:
            return (folder / name).read_bytes()
        except OSError as error:
            raise InputError(f"{name}: cannot be read ({error.strerror}){MEND}") from None

    def named(paths: Sequence[Path]) -> list[str]:
        return [path.relative_to(folder).as_posix() for path in paths]

    found = list_images(folder)
    return ImageFiles(
        name=folder.resolve().name, names=named(found.files), broken=named(found.broken),
        others=named(found.others), left_out=found.left_out, read=read,
    )
