"""Memory: how much is free, which long work asks before it begins; and errors for want of it.

Linux lends more memory than there is and ends whoever uses it, without a word. So work whose needs
are known asks first. Where nothing says what is free (systems other than Linux), nothing is
refused.

References:
    | proc(5): /proc/meminfo, MemAvailable; /proc/self/status, VmSize
    | https://docs.kernel.org/admin-guide/cgroup-v2.html: memory.max, memory.stat
"""

__all__ = ["free_memory", "is_lack_of_memory", "require_memory"]

import re
import sys

from pathlib import Path

from genlab.common.errors import InputError

LACKING = re.compile(
    r"(can't|cannot) allocate|not enough memory|bad.?alloc|can't start new thread|"
    r"could not create a primitive", re.I,  # the last is oneDNN's
)
"""What torch and its libraries say, in errors that are no `MemoryError`."""
UNLIMITED = 1 << 62


def free_memory() -> int | None:
    """Returns the bytes that this process can still take; None where the system does not say."""
    if sys.platform != "linux":
        return None
    found = [_of_machine(), _of_group(), _of_process()]
    known = [free for free in found if free is not None]
    return max(0, min(known)) if known else None


def require_memory(needed: int, what: str, remedy: str) -> None:
    """Refuses work for which there is not enough memory, before it begins.

    Arguments:
        needed: The bytes that it takes at least.
        what: What takes them.
        remedy: What to do about it.

    Raises:
        InputError: If there are fewer.
    """
    free = free_memory()
    if free is not None and needed > free:
        raise InputError(
            f"{what}: {_size(needed)} of memory, and {_size(free)} are free; {remedy}"
        )


def is_lack_of_memory(error: BaseException) -> bool:
    """Returns whether an error says that there is no memory left."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and LACKING.search(str(error)) is not None


def _of_machine() -> int | None:
    return _number(Path("/proc/meminfo"), "MemAvailable:", 1024)


def _of_group() -> int | None:
    """What the limit of a container leaves; pages of files that it has read can be dropped."""
    folder = Path("/sys/fs/cgroup")
    try:
        most = int((folder / "memory.max").read_text())
    except (OSError, ValueError):  # no such group, or "max"
        return None
    used = _number(folder / "memory.stat", "anon ", 1)
    return None if used is None else most - used


def _of_process() -> int | None:
    """What `ulimit -v` leaves."""
    import resource

    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    used = _number(Path("/proc/self/status"), "VmSize:", 1024)
    return None if used is None or not 0 <= most < UNLIMITED else most - used


def _number(file: Path, key: str, unit: int) -> int | None:
    """Returns the first number behind `key`; None if there is none, or no such file."""
    try:
        return unit * int(file.read_text().partition(key)[2].split()[0])
    except (OSError, IndexError, ValueError):
        return None


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GB" if count >= 2**30 else f"{max(1, count >> 20):,} MB"
