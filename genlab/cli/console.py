"""What the system around a command may lack: letters of its encoding, and open streams."""

__all__ = ["prepare_console"]

import io
import os
import sys

from contextlib import suppress
from typing import Any, TextIO

NAME = "实验五"
"""What the names of the lab sheet's files begin with."""


class Lossy:
    """A stream on which what cannot be written is lost.

    A terminal that is closed sends SIGHUP and takes nothing any more. A training that wants to say
    something then must still save its state.

    Arguments:
        stream: The stream.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Writes a text."""
        with suppress(OSError):
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Writes what was kept back."""
        with suppress(OSError):
            self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def prepare_console() -> None:
    """Lets file names and both streams take every letter, whatever the system's encoding.

    A letter that a stream lacks is written as its escape, `\\xe9` or `\\u4e09`. A stream that was
    closed before the start (`2>&-`) is None; what is printed to it is lost, as on a standard error
    that is closed later. Where file names cannot have Chinese letters (`LC_ALL=C` or a Western
    locale without UTF-8), the process begins again in Python's UTF-8 mode.
    """
    try:
        NAME.encode(sys.getfilesystemencoding())
    except UnicodeEncodeError:
        if sys.stdout is not None:
            os.environ.setdefault("PYTHONIOENCODING", sys.stdout.encoding)
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.stderr = Lossy(sys.stderr)
