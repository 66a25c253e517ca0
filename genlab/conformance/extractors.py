"""Checks of feature networks: what must hold for every extractor.

    from genlab.conformance.extractors import check_extractor
    check_extractor(extractor)

The features of an image are finite, are the same every time, and do not depend on the other
images of its batch beyond rounding: distances of them would otherwise depend on chance, and on
how images are grouped. Their number is what the extractor says, and images that differ have
features that differ.

A check returns nothing; one that fails raises `ConformanceError` and says by how much.

Shapes: B images of H x W pixels, F features.
"""

__all__ = ["ROUNDING", "check_extractor"]

import torch

from torch import Tensor

from genlab.conformance.errors import ConformanceError
from genlab.features.extractor import Extractor

ROUNDING = 1e-4
"""The difference that a batch may make to a feature, relative to the largest one: float32 sums."""


def check_extractor(
    extractor: Extractor, images: Tensor | None = None, tolerance: float = ROUNDING
) -> None:
    """Checks an extractor.

    Arguments:
        extractor: The extractor.
        images: Three images or more, all different, uint8 with shape `(B, 3, H, W)`; by default
            noise of 40 x 40 pixels.
        tolerance: The difference that a batch may make to a feature, relative to the largest
            one; networks in shorter types need more.

    Raises:
        ConformanceError: If something does not hold.
        InputError: If features have another shape than `(B, F)`, or are no floating-point numbers.
    """
    if images is None:
        random = torch.Generator().manual_seed(0)
        images = torch.randint(0, 256, (5, 3, 40, 40), generator=random, dtype=torch.uint8)
    features = extractor(images)
    _require(
        features.shape[1] == extractor.dims,
        f"gives {features.shape[1]} features, and says {extractor.dims}",
    )
    _require(features.dtype in (torch.float32, torch.float64), f"gives {features.dtype}")
    _require(not features.requires_grad, "its features have a graph")
    _require(bool(features.isfinite().all()), "its features are not finite")
    _require(
        len(features.unique(dim=0)) == len(images.unique(dim=0)),
        "different images have the same features",
    )
    _require(torch.equal(extractor(images), features), "the same batch gives other features")
    largest = features.abs().max().item()
    parts = {
        "one by one": [image[None] for image in images],
        "in two batches": [images[:2], images[2:]],
    }
    for how, batches in parts.items():
        off = (torch.cat([extractor(batch) for batch in batches]) - features).abs().max().item()
        _require(
            off <= tolerance * largest,
            f"features depend on the batch: {how} they differ by {off:.2g}, where the largest is "
            f"{largest:.2g}",
        )
    turned = extractor(images.flip(0)).flip(0)
    off = (turned - features).abs().max().item()
    _require(
        off <= tolerance * largest,
        f"features depend on the order of a batch: they differ by {off:.2g}, where the largest is "
        f"{largest:.2g}",
    )


def _require(holds: bool, words: str) -> None:
    if not holds:
        raise ConformanceError(words)
