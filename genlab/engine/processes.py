"""Several processes that share one task, started by `torchrun`; a single one needs none of it.

    torchrun --nproc-per-node 2 -m genlab ...

torchrun tells each process its rank and the world's size by environment variables. The processes
talk by gloo, which works on every machine's processors. Alone, every function here is free.
"""

__all__ = ["all_true", "gather_rows", "gather_text", "processes", "rank", "world_size"]

import os

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist

from torch import Tensor


@contextmanager
def processes() -> Iterator[None]:
    """Joins the processes that torchrun started, inside the block; alone, or joined: nothing."""
    alone = int(os.environ.get("WORLD_SIZE", "1")) == 1
    if alone or dist.is_initialized():
        yield
        return
    dist.init_process_group("gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """Returns this process's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """Returns how many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def gather_rows(rows: Tensor) -> list[Tensor]:
    """Returns the rows of every process, in the order of ranks; every process must call it.

    Arguments:
        rows: This process's rows with shape `(B, F)`, on the processor; only B may differ from
            process to process.
    """
    if world_size() == 1:
        return [rows]
    counts = [torch.zeros(1, dtype=torch.int64) for _ in range(world_size())]
    dist.all_gather(counts, torch.tensor([len(rows)]))
    padded = rows.new_zeros(int(torch.cat(counts).max()), rows.shape[1])  # gloo wants one shape
    padded[: len(rows)] = rows
    parts = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(parts, padded)
    return [part[: int(count)] for part, count in zip(parts, counts)]


def gather_text(text: str) -> list[str]:
    """Returns the text of every process, in the order of ranks; every process must call it."""
    letters = torch.tensor(list(text.encode()), dtype=torch.uint8)[:, None]
    return [bytes(part.flatten().tolist()).decode() for part in gather_rows(letters)]


def all_true(flag: bool) -> bool:
    """Returns whether `flag` is true in every process; every process must call it."""
    return all(bool(part.all()) for part in gather_rows(torch.tensor([[int(flag)]])))
