"""The heads in many photographs, kept in the cache by the photographs' content.

Shapes: N images.
"""

__all__ = ["heads_of"]

import hashlib

from collections.abc import Callable, Sequence
from functools import cache

import torch

from PIL import Image
from torch import Tensor

from genlab.common.cache import Parts
from genlab.common.progress import Progress
from genlab.compute.workers import workers
from genlab.data.crops.heads import VERSION, Head, HeadFinder
from genlab.data.crops.squares import Box
from genlab.data.decode import decoding

BLOCK = 256
"""Images whose heads are kept together: what is lost, at most, by a process that is killed."""


def heads_of(
    digests: Sequence[str], decode: Callable[[int], Image.Image], source: str
) -> list[Head]:
    """Returns the head in each image; every core looks at images of its own.

    Arguments:
        digests: The SHA-256 of each image's content.
        decode: Returns the image with a number, upright RGB; several threads call it.
        source: What progress calls them.

    Raises:
        InputError: As `decode` raises it.
    """
    parts, found = Parts.of_cache(f"heads/{VERSION}"), list[Head]()
    found_by = cache(HeadFinder)  # loads the network where there is something to look for
    label = f"looking for heads in {source}"
    with decoding(), workers() as pool, Progress(len(digests), label, "images") as progress:

        def looked(block: range) -> dict[str, Tensor]:
            finder, heads = found_by(), list[Head]()
            for head in pool.map(lambda index: finder.find(decode(index)), block):
                heads.append(head)
                progress.advance()
            return {
                "boxes": torch.tensor([head.box for head in heads]),
                "log_odds": torch.tensor([head.log_odds for head in heads], dtype=torch.float64),
            }

        for start in range(0, len(digests), BLOCK):
            block = range(start, min(start + BLOCK, len(digests)))
            key = hashlib.sha256("".join(digests[index] for index in block).encode()).hexdigest()
            kept = parts.keep(key[:32], lambda block=block: looked(block))
            found += [
                Head(Box(*box), odds)
                for box, odds in zip(kept["boxes"].tolist(), kept["log_odds"].tolist())
            ]
            progress.advance(len(found) - progress.done)
    return found
