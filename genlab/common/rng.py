"""Randomness as a function of (seed, stream, step), so that a resumed run repeats an unbroken one.

No generator state is ever saved: what happens at step t of a stream follows from its name.
"""

__all__ = ["derive", "generator", "seeded", "some"]

import hashlib

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from genlab.numerics.mkl_warmup import settle

settle()


def derive(seed: int, stream: str, step: int = 0) -> int:
    """Returns a 63-bit seed for `step` of the named `stream`: the head of a SHA-256."""
    digest = hashlib.sha256(f"{seed}/{stream}/{step}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, stream: str, step: int = 0) -> torch.Generator:
    """Returns a fresh CPU generator for `step` of the named `stream`."""
    return torch.Generator().manual_seed(derive(seed, stream, step))


def some(count: int, most: int, stream: str) -> list[int]:
    """Returns random numbers below `count`, rising, at most so many; a stream has its own."""
    return sorted(torch.randperm(count, generator=generator(0, stream))[:most].tolist())


@contextmanager
def seeded(seed: int, stream: str, step: int = 0) -> Iterator[None]:
    """Seeds torch's global CPU generator inside the block and restores it after.

    For what takes no generator: `torch.nn.init` and `torch.distributions`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, stream, step))
        yield
