"""Runs readers over changed files: what raises what it must not, is slow, or takes memory."""

__all__ = ["LARGEST", "Campaign", "Find", "Reader", "growth", "run"]

import signal
import time
import traceback
import warnings

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from types import FrameType

from cases.fuzz.bytes import changed

from genlab.common.errors import InputError
from genlab.common.text import one_line

Change = Callable[[Random, bytes], bytes]

SLOWEST_S = 10.0
"""Seconds of processor time that a case may take."""
LARGEST = 64 << 20
"""The bytes that a case may take, beside twice those of an honest file."""
MEASURED = 25
"""Cases whose memory is measured together; only where they take too much each is, alone."""


@dataclass(frozen=True)
class Reader:
    """A function that reads files of strangers."""

    name: str
    honest: Sequence[bytes]
    """Files that it reads."""
    read: Callable[[bytes], object]
    """Reads one; raises `InputError` where it cannot."""
    changes: Sequence[Change] = ()
    """Changes inside the format; half of the cases are of these, the other half of any bytes."""
    given: bytes | None = None
    """The file of every case, where there is only one."""

    def case(self, seed: int, index: int) -> bytes:
        """Returns the changed file of a case."""
        if self.given is not None:
            return self.given
        random = Random(f"{self.name} {seed} {index}")
        data = random.choice(self.honest)
        if self.changes and random.random() < 0.6:
            data = random.choice(self.changes)(random, data)
            if random.random() < 0.9:
                return data
        return changed(random, data, self.honest)


@dataclass(frozen=True)
class Find:
    """A case that a reader did not stand."""

    reader: str
    what: str
    """The exception and the place in genlab that raised it, or how slow or large it was."""
    seed: int
    index: int
    data: bytes


@dataclass
class Campaign:
    """What came of a number of cases."""

    cases: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    largest: int = 0
    """Bytes by which the process grew, of what honest files take above twice that."""
    finds: list[Find] = field(default_factory=list)


def run(reader: Reader, seed: int, start: int, count: int) -> Campaign:
    """Runs the cases from `start` on."""
    found = Campaign()
    signal.signal(signal.SIGALRM, _too_long)
    for data in reader.honest:  # the first one loads what is needed
        reader.read(data)
    honest = max(growth(partial(reader.read, data)) for data in reader.honest)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for first in range(start, start + count, MEASURED):
            batch = range(first, min(first + MEASURED, start + count))
            grown = growth(partial(_all, reader, seed, batch, found))
            if grown > LARGEST + 2 * honest:
                grown = max(_memory(reader, seed, index, honest, found) for index in batch)
            found.largest = max(found.largest, grown)
    return found


def _all(reader: Reader, seed: int, batch: range, found: Campaign) -> None:
    for index in batch:
        _one(reader, seed, index, found)


def _memory(reader: Reader, seed: int, index: int, honest: int, found: Campaign) -> int:
    """Runs a case again, alone, and returns the memory that it takes."""
    grown = growth(partial(_one, reader, seed, index, Campaign()))
    if grown > LARGEST + 2 * honest:
        what = f"{grown >> 20} MB of memory (an honest file {honest >> 20} MB)"
        found.finds.append(Find(reader.name, what, seed, index, reader.case(seed, index)))
    return grown


def _one(reader: Reader, seed: int, index: int, found: Campaign) -> None:
    data = reader.case(seed, index)
    what, start = "", time.process_time()
    signal.setitimer(signal.ITIMER_REAL, 120)
    try:
        reader.read(data)
    except InputError as error:
        found.refused += 1
        if any(line != one_line(line) for line in str(error).split("\n")):
            what = "a message with control characters"
    except Exception as error:
        what = _place(error)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    seconds = time.process_time() - start
    if not what and seconds > SLOWEST_S:
        what = f"{seconds:.0f} s"
    if what:
        found.finds.append(Find(reader.name, what, seed, index, data))
    found.cases += 1
    found.slowest_s = max(found.slowest_s, seconds)


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/genlab/" in frame.filename] or frames
    name = own[-1].filename.rpartition("/genlab/")[2]
    return f"{type(error).__name__} at {name}:{own[-1].lineno} ({str(error)[:100]!r})"


def _too_long(signum: int, frame: FrameType | None) -> None:
    raise TimeoutError("120 s of the clock")


def growth(do: Callable[[], object]) -> int:
    """Returns by how many bytes the process grew at most while `do` ran; 0 where unknown."""
    status = Path("/proc/self/status")
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak is counted anew
    except OSError:
        do()
        return 0
    before = _kilobytes(status, "VmRSS")
    do()
    return 1024 * max(0, _kilobytes(status, "VmHWM") - before)


def _kilobytes(status: Path, what: str) -> int:
    lines = status.read_text().splitlines()
    return int(next(line for line in lines if line.startswith(what)).split()[1])
