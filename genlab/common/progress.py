"""Progress that is right on a terminal, in a file and in CI: a bar, or one line every 30 s."""

__all__ = ["SOON", "Progress", "say", "say_once", "speaks"]

import os
import sys
import time

from functools import cache
from types import TracebackType

from tqdm import tqdm

from genlab.common.text import one_line

LINE_EVERY_S = 30.0
SOON = 2.0
"""Seconds after which work that is mostly short shows its bar."""


def speaks() -> bool:
    """Returns whether this process is the one of several (started by torchrun) that speaks."""
    return os.environ.get("RANK", "0") == "0"


def say(message: str) -> None:
    """Prints one line for the person who watches, on standard error."""
    if speaks():
        tqdm.write(one_line(message), file=sys.stderr)


@cache
def say_once(message: str) -> None:
    """Prints a line as `say` does, unless this process has printed it before."""
    say(message)


def clock(seconds: float) -> str:
    """Returns a duration as `m:ss`."""
    minutes, rest = divmod(int(round(seconds)), 60)
    return f"{minutes}:{rest:02d}"


class Progress:
    """Counts `total` units of work, with rate and time left, on standard error.

    Arguments:
        total: The number of units of the whole work.
        label: What is being done.
        unit: The name of one unit.
        done: Units that an earlier process has done; they do not count for the rate.
        delay: Seconds before a bar is shown.
    """

    def __init__(
        self, total: int, label: str, unit: str = "it", done: int = 0, delay: float = 0.0
    ) -> None:
        self.total, self.label, self.unit = total, label, unit
        self.done = self.start = done
        self.began = self.spoke = time.monotonic()
        self.note = ""
        self.bar = None
        if sys.stderr.isatty() and speaks():
            self.bar = tqdm(
                total=total, initial=done, desc=label, unit=unit, file=sys.stderr,
                dynamic_ncols=True, unit_scale=total >= 10_000, delay=delay,
            )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.bar is not None:
            self.bar.close()

    def advance(self, units: int = 1, note: str = "") -> None:
        """Adds finished units; `note` (a loss, say) stands behind the numbers."""
        self.done += units
        self.note = one_line(note) or self.note
        if self.bar is not None:
            if note:
                self.bar.set_postfix_str(self.note, refresh=False)
            self.bar.update(units)
            return
        now = time.monotonic()
        if now - self.spoke < LINE_EVERY_S:
            return
        self.spoke = now
        rate = (self.done - self.start) / (now - self.began)
        # None is done where training has gone back to where it began, or before.
        left = clock((self.total - self.done) / rate) if rate > 0 else "unknown time"
        say(
            f"{self.label}: {self.done}/{self.total} {self.unit} "
            f"({100 * self.done / self.total:.0f} %), {rate:.3g} {self.unit}/s, "
            f"{left} left" + (f", {self.note}" if self.note else "")
        )
