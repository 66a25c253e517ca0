"""Signals that ask a command to stop, and the moments at which it does.

The signals are Ctrl-C (SIGINT), SIGTERM, SIGHUP and, on Windows, SIGBREAK. One of them raises
`Stopped` wherever the program is. Inside `held()` it waits instead: a training loop asks
`waiting()` after each step, saves its state and stops.

    with held():
        for step in steps:
            ...
            if signal := waiting():
                save()
                stop(signal, step)

Only the command line calls `listen`. Elsewhere no handler is installed, nothing ever waits, and
Ctrl-C raises `KeyboardInterrupt` at once, as in every Python program.
"""

__all__ = ["Stopped", "asked", "held", "listen", "stop", "waiting"]

import os
import signal

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")

_holds = 0
_waiting = 0
_asked = 0


class Stopped(KeyboardInterrupt):
    """A signal asked the process to stop.

    Arguments:
        signal_number: The signal.
        step: The step whose state was saved, of a training that was stopped.
    """

    def __init__(self, signal_number: int, step: int | None = None) -> None:
        super().__init__()
        self.signal, self.step = signal.Signals(signal_number), step
        self.run: Path | None = None
        """The run to resume, where there is one."""

    @property
    def exit_code(self) -> int:
        """The exit code by which shells tell the signal: 130, 143 or 129."""
        return 128 + self.signal

    def __str__(self) -> str:
        name = "Ctrl-C" if self.signal == signal.SIGINT else self.signal.name
        where = "" if self.step is None else f" at step {self.step}"
        if self.run is None:
            return f"stopped by {name}{where}; give the same command again to go on"
        return f"stopped by {name}{where}; to go on: genlab resume {self.run}"


def listen() -> None:
    """Installs the handlers in this process. A signal that is ignored, as by nohup, stays so."""
    for name in NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _note)


def asked() -> int:
    """Returns the signal that has asked this process to stop; 0 if none has."""
    return _asked


def waiting() -> int:
    """Returns the signal that waits for the end of `held()`; 0 if none does."""
    return _waiting


@contextmanager
def held() -> Iterator[None]:
    """Lets a signal wait inside the block; at its end the signal raises `Stopped`."""
    global _holds
    _holds += 1
    try:
        yield
    finally:
        _holds -= 1
    if _waiting and not _holds:
        stop(_waiting)


def stop(signal_number: int, step: int | None = None) -> NoReturn:
    """Raises `Stopped`, inside `held()` too; arguments are those of `Stopped`."""
    global _waiting
    _waiting = 0
    raise Stopped(signal_number, step)


def _note(number: int, frame: FrameType | None) -> None:
    global _asked, _waiting
    del frame
    # torchrun hands Ctrl-C on to its processes, to which the terminal gave it already.
    if _asked and number == signal.SIGINT and "TORCHELASTIC_RUN_ID" not in os.environ:
        os.write(2, b"genlab: ended at once; what was saved before is kept\n")
        os._exit(128 + number)
    _asked = number
    if not _holds:
        stop(number)
    _waiting = number
