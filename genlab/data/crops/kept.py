"""What is found in each of many images, kept in the cache by the images' content.

Shapes: N images.
"""

__all__ = ["kept_of_each"]

import hashlib

from collections.abc import Callable, Sequence
from functools import cache

import torch

from torch import Tensor

from genlab.common.cache import Parts
from genlab.common.progress import Progress
from genlab.compute.workers import workers
from genlab.data.decode import decoding

BLOCK = 256
"""Images that are kept together: what is lost, at most, by a process that is killed."""

Look = Callable[[int], dict[str, Tensor]]
"""Returns what is found in the image with a number; several threads call it."""


def kept_of_each(
    name: str, digests: Sequence[str], begin: Callable[[], Look], label: str
) -> dict[str, Tensor]:
    """Returns what is found in images, a row an image; every core looks at images of its own.

    Arguments:
        name: A folder in the cache. It says what is looked for, and by which version.
        digests: The SHA-256 of each image's content.
        begin: Returns what looks at an image; it is called once, if at all.
        label: What progress calls the work.
    """
    parts, found, begun = Parts.of_cache(name), list[dict[str, Tensor]](), cache(begin)
    with decoding(), workers() as pool, Progress(len(digests), label, "images") as progress:

        def looked(block: range) -> dict[str, Tensor]:
            rows = []
            for row in pool.map(begun(), block):
                rows.append(row)
                progress.advance()
            return {key: torch.stack([row[key] for row in rows]) for key in rows[0]}

        for start in range(0, len(digests), BLOCK):
            block = range(start, min(start + BLOCK, len(digests)))
            key = hashlib.sha256("".join(digests[index] for index in block).encode()).hexdigest()
            found.append(parts.keep(key[:32], lambda block=block: looked(block)))
            progress.advance(block.stop - progress.done)
    return {key: torch.cat([part[key] for part in found]) for key in found[0]}
