"""Communication between processes that share a task, started by `torchrun`.

    torchrun --nproc-per-node 2 -m genlab ...

torchrun sets each process's rank and the world size by environment variables. Tensors on
processors are exchanged by gloo, which works on every machine, those on GPUs by nccl. In a single
process the functions here do nothing.
"""

__all__ = [
    "all_reduce_sum",
    "all_true",
    "barrier",
    "broadcast",
    "gather_rows",
    "gather_text",
    "largest",
    "local_slice",
    "processes",
    "rank",
    "world_size",
]

import importlib
import os

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as dist

from torch import Tensor


@contextmanager
def processes() -> Iterator[None]:
    """Joins the process group that torchrun started, inside the block; does nothing if alone."""
    alone = int(os.environ.get("WORLD_SIZE", "1")) == 1
    if alone or dist.is_initialized():
        yield
        return
    # Its functions have the group of their import as a default. The first optimiser imports it: in
    # here, that would keep the group, and gloo's threads, which abort the process as it ends.
    importlib.import_module("torch.distributed.nn")
    both = torch.cuda.is_available() and dist.is_nccl_available()  # nccl: not on Windows
    dist.init_process_group("cpu:gloo,cuda:nccl" if both else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """Returns this process's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """Returns the number of processes."""
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


def barrier() -> None:
    """Waits until every process has reached this point."""
    if world_size() > 1:
        all_true(True)


def broadcast(value: float) -> float:
    """Returns the first process's value; every process must call it."""
    if world_size() == 1:
        return value
    tensor = torch.tensor([value], dtype=torch.float64)
    dist.broadcast(tensor, 0)
    return tensor.item()


def largest(values: Sequence[float]) -> list[float]:
    """Returns the largest of all processes' values, one by one; every process must call it."""
    if world_size() == 1:
        return list(values)
    tensor = torch.tensor(values, dtype=torch.float64)
    dist.all_reduce(tensor, dist.ReduceOp.MAX)
    return tensor.tolist()


def local_slice(n: int) -> slice:
    """Returns this process's slice of `n` rows; slices differ in length by one at most."""
    return slice(n * rank() // world_size(), n * (rank() + 1) // world_size())


def all_reduce_sum(tensors: Sequence[Tensor]) -> None:
    """Sums tensors of one type and device over the processes, in place.

    Every process must call it with the same shapes; all get the same bits.
    """
    if world_size() == 1 or not tensors:
        return
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    dist.all_reduce(flat)
    for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors])):
        tensor.copy_(part.view_as(tensor))
