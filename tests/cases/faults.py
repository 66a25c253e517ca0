"""The k-th call fails: system calls that Python makes are counted, and one of them goes wrong.

As in SQLite's tests, a command is run with the first call failing, then the second, and so on,
until it passes untouched.

Counted are the calls on files below given folders: `open` for writing, `look` (open for reading,
folders too), `write`, `read`, `fsync`, `rename`, `mkdir`, `unlink` (rmdir too) and `chmod`. They
are caught in Python: in `os` and in `open`, which `pathlib`, `tempfile`, `shutil`, `zipfile`,
`filelock`, PIL and python-docx call. A file opened below the folders is a raw file of ours in
Python's own buffers, so each `write` is one system call, and can be short. Not seen: what
compiled libraries do (matplotlib reads fonts, Typst), child processes (pandoc), and `stat`.
"""

import builtins
import errno
import io
import os

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)
NAMELESS = ("write", "read", "fsync")
"""Calls on an open file, whose errors have no file name."""


class Call(NamedTuple):
    """A system call, and the file that it is about."""

    kind: str
    path: str


class Short(Exception):
    """Raised by an action on a `write`: half is written, and then the disk is full."""


Action = Callable[[Call], None]
"""What happens at a call, before it is made: it may raise."""


@dataclass
class Counter:
    """Counts calls below folders, and acts at one of them."""

    folders: Sequence[Path]
    at: int | None = None
    act: Action | None = None
    calls: list[Call] = field(default_factory=list)
    full: str | None = None
    """A file after a short write: the next one fails."""
    files: dict[int, str] = field(default_factory=dict)
    """Paths of open files by their descriptors."""

    @property
    def acted(self) -> Call | None:
        """The call at which it acted, if there was one."""
        reached = self.at is not None and len(self.calls) >= self.at
        return self.calls[self.at - 1] if reached and self.at else None

    def counts(self, path: str) -> bool:
        """Whether calls on a file are counted."""
        return any(path == str(f) or path.startswith(f"{f}{os.sep}") for f in self.folders)

    def called(self, kind: str, path: str) -> None:
        """Counts a call that is about to be made."""
        if not self.counts(path):
            return
        if kind == "write" and self.full == path:
            self.full = None
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.calls.append(Call(kind, path))
        if len(self.calls) == self.at and self.act:
            self.act(self.calls[-1])


def failing(number: int) -> Action:
    """Returns the action that fails with an error number, as the system would."""

    def act(call: Call) -> None:
        name = () if call.kind in NAMELESS else (call.path,)
        raise OSError(number, os.strerror(number), *name)

    return act


def short(call: Call) -> None:
    """The action that writes half, then finds the disk full; it fails other calls outright."""
    if call.kind == "write":
        raise Short
    failing(errno.ENOSPC)(call)


FAULTS = [*((failing(number), number) for number in ERRORS), (short, errno.ENOSPC)]
"""Actions, each with its error number: to the k-th call happens the k-th, round and round."""


@contextmanager
def counted(
    folders: Sequence[Path], at: int | None = None, act: Action | None = None
) -> Iterator[Counter]:
    """Counts the calls that the block makes below folders, and acts at the `at`-th, from 1."""
    counter = Counter([Path(os.path.realpath(one)) for one in folders], at, act)
    with mock.patch.multiple(os, **_functions(counter)):
        opened = _open(counter, io.open)
        with mock.patch.object(io, "open", opened), mock.patch.object(builtins, "open", opened):
            yield counter


def _functions(counter: Counter) -> dict[str, Callable[..., Any]]:
    real_open, real_fsync, realpath = os.open, os.fsync, os.path.realpath

    def place(path: Any, folder: int | None = None) -> str:
        if isinstance(path, int):
            return counter.files.get(path, "")
        text = os.fsdecode(path)
        if folder is not None:
            text = os.path.join(counter.files.get(folder, ""), text)
        return os.path.join(realpath(os.path.dirname(text) or "."), os.path.basename(text))

    def open_(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        where = place(path, dir_fd)
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        counter.called("open" if writes else "look", where)
        descriptor = real_open(path, flags, mode, dir_fd=dir_fd)
        counter.files[descriptor] = where
        return descriptor

    def fsync(file: Any) -> None:
        descriptor = file if isinstance(file, int) else file.fileno()
        counter.called("fsync", counter.files.get(descriptor, ""))
        real_fsync(file)

    def of_one(kind: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *arguments: Any, **options: Any) -> Any:
            counter.called(kind, place(path, options.get("dir_fd")))
            return real(path, *arguments, **options)

        return call

    def of_two(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(source: Any, target: Any, **options: Any) -> Any:
            counter.called("rename", place(target, options.get("dst_dir_fd")))
            return real(source, target, **options)

        return call

    kinds = {"mkdir": "mkdir", "unlink": "unlink", "remove": "unlink", "rmdir": "unlink",
             "chmod": "chmod"}
    ones = {name: of_one(kind, getattr(os, name)) for name, kind in kinds.items()}
    return ones | {
        "open": open_, "fsync": fsync, "replace": of_two(os.replace), "rename": of_two(os.rename),
    }


def _open(counter: Counter, real: Callable[..., Any]) -> Callable[..., Any]:
    """Returns `open` with files of ours below the folders."""

    class Raw(io.FileIO):
        path = ""

        def write(self, data: Any) -> int:
            try:
                counter.called("write", self.path)
            except Short:
                counter.full = self.path
                return super().write(memoryview(data).cast("B")[: max(1, len(data) // 2)])
            return super().write(data)

        def readinto(self, buffer: Any) -> int:
            counter.called("read", self.path)
            return super().readinto(buffer)

        def readall(self) -> bytes:
            counter.called("read", self.path)
            return super().readall()

    def opened(
        file: Any, mode: str = "r", buffering: int = -1, encoding: str | None = None,
        errors: str | None = None, newline: str | None = None, closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        given = isinstance(file, int)
        path = counter.files.get(file, "") if given else os.path.realpath(os.fsdecode(file))
        if not counter.counts(path):
            return real(file, mode, buffering, encoding, errors, newline, closefd, opener)
        plain = mode.replace("b", "").replace("t", "")
        if not given:
            counter.called("look" if plain == "r" else "open", path)
        raw = Raw(file, plain, closefd, opener)
        raw.path = counter.files[raw.fileno()] = path
        if buffering == 0:
            return raw
        kind = io.BufferedRandom if "+" in plain else (
            io.BufferedReader if plain == "r" else io.BufferedWriter)
        buffered = kind(raw)
        if "b" in mode:
            return buffered
        text = io.TextIOWrapper(buffered, encoding, errors, newline, buffering == 1)
        text.mode = mode
        return text

    return opened
