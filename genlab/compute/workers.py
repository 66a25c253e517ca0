"""Threads that work side by side, each on one core.

Work on one image at a time has small operations. Torch divides each of them between all cores, and
the cores wait for one another after each; it is faster to give every core images of its own.
"""

__all__ = ["workers"]

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch


@contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """Yields a pool of as many threads as torch computes with, each of which uses one core.

    Where the block ends early, what has not begun is dropped.
    """
    count = torch.get_num_threads()
    pool = ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(count)  # a worker's setting holds for all threads that begin later
