"""What the system around a command may lack: letters of its encoding, and open streams."""

__all__ = ["prepare_console"]

import io
import os
import sys

NAME = "实验五"
"""What the names of the lab sheet's files begin with."""


def prepare_console() -> None:
    """Lets file names and both streams take every letter, whatever the system's encoding.

    A letter that a stream lacks is written as its escape, `\\xe9` or `\\u4e09`. A stream that was
    closed before the start (`2>&-`) is None; what is printed to it is lost. Where file names
    cannot have Chinese letters (`LC_ALL=C` or a Western locale without UTF-8), the process begins
    again in Python's UTF-8 mode.
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
