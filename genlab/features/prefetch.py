"""Iteration ahead in a thread, while the caller does something else."""

__all__ = ["in_background"]

import threading

from collections.abc import Generator, Iterable
from queue import Empty, Full, Queue
from typing import Any, TypeVar

T = TypeVar("T")

LOOK_EVERY_S = 0.05
"""The time that a side waits before it checks whether the other one has stopped."""


def in_background(items: Iterable[T], ahead: int) -> Generator[T, None, None]:
    """Iterates over `items` in a thread of its own.

    An exception of `items` is raised here, in its turn. When the caller stops early (an
    exception, Ctrl-C) the thread ends after its current item.

    Arguments:
        items: Any iterable; only the thread touches it.
        ahead: How many items may wait to be taken, at most.
    """
    waiting: Queue[tuple[str, Any]] = Queue(maxsize=ahead)
    stop = threading.Event()

    def offer(kind: str, value: Any) -> None:
        while not stop.is_set():
            try:
                return waiting.put((kind, value), timeout=LOOK_EVERY_S)
            except Full:
                continue

    def work() -> None:
        try:
            for item in items:
                offer("item", item)
                if stop.is_set():
                    return
            offer("end", None)
        except BaseException as error:
            offer("error", error)

    thread = threading.Thread(target=work, name="reading ahead", daemon=True)
    thread.start()
    try:
        while True:
            try:  # with a limit, so that Ctrl-C comes through on every system
                kind, value = waiting.get(timeout=LOOK_EVERY_S)
            except Empty:
                continue
            if kind == "item":
                yield value
            elif kind == "error":
                raise value
            else:
                return
    finally:
        stop.set()
        thread.join()
