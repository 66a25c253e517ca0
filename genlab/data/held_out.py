"""Images held out of training, so that a generator is measured on images that it never saw.

Copies of one image must not lie on both sides: then the held-out images favour a generator that
memorises. `hold_out` keeps each group of copies on one side.
"""

__all__ = ["duplicate_groups", "equal_groups", "hold_out"]

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.rng import generator
from genlab.data.identity import digest
from genlab.data.near_duplicates import (
    BLOCK,
    connected_groups,
    near_duplicates,
    thumbnails,
)

SHARE = 0.1


def hold_out(
    n: int, seed: int, groups: Sequence[Sequence[int]] = (), share: float = SHARE
) -> Tensor:
    """Chooses the images that training must not see, at random.

    Without groups exactly `share` of the images are chosen, rounded, at least one; groups are
    taken whole, in a random order, as long as they fit, so there may be fewer, by less than the
    largest group.

    Arguments:
        n: The number of images N.
        seed: The seed of the choice.
        groups: Groups of indices that stay on one side, say `duplicate_groups`; no index is in
            two of them.
        share: The share to hold out, above 0 and at most 0.5.

    Returns:
        Indices in increasing order, int64 with shape `(K,)`.

    Raises:
        InputError: If there are fewer than two images, or nothing can be held out; if `share` or
            an index is out of range, or an index is in two groups.
    """
    if n < 2:
        raise InputError(f"{n} images: at least two are needed to hold one out")
    if not 0 < share <= 0.5:
        raise InputError(f"`share` must be above 0 and at most 0.5, not {share}")
    grouped = [index for group in groups for index in group]
    if len(set(grouped)) != len(grouped) or not all(0 <= index < n for index in grouped):
        raise InputError(f"`groups`: an index is in two of them, or not in 0..{n - 1}")
    alone = set(range(n)) - set(grouped)
    units = sorted([sorted(group) for group in groups if group] + [[i] for i in alone])
    wanted = max(1, round(share * n))
    chosen: list[int] = []
    for place in torch.randperm(len(units), generator=generator(seed, "held out")).tolist():
        if len(chosen) + len(units[place]) <= wanted:
            chosen += units[place]
    if not chosen:
        raise InputError(
            f"{n} images, of which every one has more than {wanted - 1} copies: none can be held "
            "out without its copies; give more different images"
        )
    return torch.tensor(sorted(chosen))


def equal_groups(images: np.ndarray) -> list[list[int]]:
    """Finds groups of images, or rows of a table, that are the same in every byte.

    Arguments:
        images: An array with shape `(N, ...)`.

    Returns:
        Groups of at least two indices, each increasing, as `hold_out` takes them.
    """
    places = defaultdict(list)
    for index, image in enumerate(images):
        places[digest(image)].append(index)
    return [group for group in places.values() if len(group) > 1]


def duplicate_groups(images: Tensor) -> list[list[int]]:
    """Finds groups of images that are copies of one another, exact or near.

    Arguments:
        images: Images, uint8 with shape `(N, 3, H, W)`.

    Returns:
        Groups of at least two indices, as `hold_out` takes them.
    """
    # A flat image has no correlation: its copies are found by their bytes.
    exact = [(one, other) for one, *others in equal_groups(images.numpy()) for other in others]
    repeated = {other for _, other in exact}
    single = torch.tensor([index for index in range(len(images)) if index not in repeated])
    thumbs = torch.cat([thumbnails(images[some]) for some in single.split(BLOCK)])
    near = single[near_duplicates(thumbs).pairs]
    return connected_groups(len(images), [*exact, *((i, j) for i, j in near.tolist())])
