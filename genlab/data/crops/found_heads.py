"""The heads in many photographs."""

__all__ = ["heads_of"]

from collections.abc import Callable, Sequence

import torch

from PIL import Image
from torch import Tensor

from genlab.data.crops.heads import VERSION, Head, HeadFinder
from genlab.data.crops.kept import Look, kept_of_each
from genlab.data.crops.squares import Box


def heads_of(
    digests: Sequence[str], decode: Callable[[int], Image.Image], source: str
) -> list[Head]:
    """Returns the head in each image; they stay in the cache.

    Arguments:
        digests: The SHA-256 of each image's content.
        decode: Returns the image with a number, upright RGB; several threads call it.
        source: What progress calls them.

    Raises:
        InputError: As `decode` raises it.
    """

    def begin() -> Look:
        finder = HeadFinder()

        def look(index: int) -> dict[str, Tensor]:
            head = finder.find(decode(index))
            odds = torch.tensor(head.log_odds, dtype=torch.float64)
            return {"boxes": torch.tensor(head.box), "log_odds": odds}

        return look

    label = f"looking for heads in {source}"
    kept = kept_of_each(f"heads/{VERSION}", digests, begin, label)
    rows = zip(kept["boxes"].tolist(), kept["log_odds"].tolist())
    return [Head(Box(*box), odds) for box, odds in rows]
