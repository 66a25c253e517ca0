"""Tensors kept from one run to the next: images once read, weights once folded, features.

Beside `NAME.safetensors` in the cache lies `NAME.sha256`; only if both agree do the tensors
count. A cache that is damaged, or cannot be read or written, costs time and not the result; one
that is deleted is made again.
"""

__all__ = ["NOTHING_KEPT", "Parts", "cached", "is_cached", "read_cached"]

import hashlib
import shutil

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from genlab.common import atomic
from genlab.common.formats.tensors import read_tensors
from genlab.common.paths import cache_folder
from genlab.common.progress import say
from genlab.common.system_errors import read_bytes, told

if TYPE_CHECKING:
    from torch import Tensor


def cached(name: str, make: "Callable[[], dict[str, Tensor]]") -> "dict[str, Tensor]":
    """Returns the tensors kept in the cache under `name`, made and kept first if need be.

    Arguments:
        name: Folder and name in the cache, say "weights/lenet"; it says all they depend on.
        make: Makes the tensors.
    """
    return _kept(_path(name), make, parents=True)


def is_cached(name: str) -> bool:
    """Returns whether something is kept under `name`, without reading it."""
    return _is_kept(_path(name))


def read_cached(name: str) -> "dict[str, Tensor] | None":
    """Returns the tensors kept under `name`, or None if there are none, or damaged ones."""
    return _read(_path(name))


class Parts:
    """The finished parts of a long computation, kept in a folder until all of it is done.

    A computation that is stopped and begun again finds there what it had done. Without a folder
    nothing is kept.

    Arguments:
        folder: The folder; made when the first part is kept.
        key: A digest of everything that the parts depend on.
        parents: Whether the folders that it lies in are made, too. Those of the cache are; a run
            is not made again.
    """

    BLOCK = 1024
    """Rows of tensors, a row an image, that are one part."""

    def __init__(
        self, folder: Path | None = None, key: str = "", *, parents: bool = False
    ) -> None:
        self.folder, self.key, self.parents = folder, key, parents

    @classmethod
    def of_cache(cls, name: str) -> "Parts":
        """Returns the parts of something that stays in the cache, in a folder called `name`."""
        return cls(cache_folder() / name, parents=True)

    def keep(self, name: str, make: "Callable[[], dict[str, Tensor]]") -> "dict[str, Tensor]":
        """Returns a part, made and kept first if need be.

        Arguments:
            name: The part's name, unlike all others.
            make: Makes its tensors.
        """
        if self.folder is None:
            return make()
        return _kept(self._file(name), make, self.parents)

    def read(self, name: str) -> "dict[str, Tensor] | None":
        """Returns a part that is kept, or None."""
        return None if self.folder is None else _read(self._file(name))

    def write(self, name: str, tensors: "Mapping[str, Tensor]") -> None:
        """Keeps a part."""
        if self.folder is not None:
            _write(self._file(name), tensors, self.parents)

    def keep_rows(
        self, count: int, make: "Callable[[], dict[str, Tensor]]"
    ) -> "dict[str, Tensor]":
        """Returns tensors of `count` rows, made and kept first if need be; `keep` of blocks."""
        found = self.read_rows(count)
        if found is None:
            found = make()
            self.write_rows(found)
        return found

    def read_rows(self, count: int) -> "dict[str, Tensor] | None":
        """Returns tensors of `count` rows, of which `BLOCK` are a part; None if one lacks."""
        found: dict[str, Tensor] = {}
        for start in range(0, count, self.BLOCK):
            block = self.read(str(start))
            if block is None:
                return None
            for name, rows in block.items():
                if name not in found:
                    found[name] = rows.new_empty(count, *rows.shape[1:])
                found[name][start : start + self.BLOCK] = rows
        return found

    def write_rows(self, tensors: "Mapping[str, Tensor]") -> None:
        """Keeps tensors as `read_rows` reads them: never a second copy of all rows."""
        for start in range(0, max(map(len, tensors.values())), self.BLOCK):
            stop = start + self.BLOCK
            self.write(str(start), {name: rows[start:stop] for name, rows in tensors.items()})

    def _file(self, name: str) -> Path:
        assert self.folder is not None  # nothing is read or written without one
        return self.folder / f"{'-'.join(filter(None, [self.key[:16], name]))}.safetensors"

    def discard(self) -> None:
        """Deletes the folder: all is done, and kept elsewhere."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


NOTHING_KEPT = Parts()
"""Parts of which none is kept."""


def _kept(
    target: Path, make: "Callable[[], dict[str, Tensor]]", parents: bool
) -> "dict[str, Tensor]":
    found = _read(target)
    if found is None:
        found = make()
        _write(target, found, parents)
    return found


def _write(target: Path, tensors: "Mapping[str, Tensor]", parents: bool) -> None:
    data = atomic.tensor_bytes(tensors)
    digest = hashlib.sha256(data).hexdigest().encode()
    try:
        target.parent.mkdir(parents=parents, exist_ok=True)
        for file, content in ((target, data), (target.with_suffix(".sha256"), digest)):
            atomic.write_bytes(file, content)
            atomic.drop_leftovers(target.parent, file.name)
    except OSError as error:
        if not _is_kept(target):  # else another process has kept the same meanwhile
            say(f"note: nothing is kept ({told(error)}); it will be made again next time")


def _is_kept(target: Path) -> bool:
    return target.exists() and target.with_suffix(".sha256").exists()


def _read(target: Path) -> "dict[str, Tensor] | None":
    if not _is_kept(target):
        return None
    try:
        data, seal = read_bytes(target), read_bytes(target.with_suffix(".sha256"))
    except OSError as error:
        say(f"note: what was kept cannot be read ({told(error)}); it is made again")
        return None
    digest = hashlib.sha256(data).hexdigest().encode()
    return read_tensors(data, str(target)) if digest == seal else None


def _path(name: str) -> Path:
    return cache_folder() / f"{name}.safetensors"
