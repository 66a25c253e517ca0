"""The error that a short precision causes in a distance, measured on the images at hand.

The features of some images of each set are extracted once more, in float32 on the processor. The
Fréchet distances of these images in both precisions show how much rounding moves it: on this
machine, by this network, for these images.

Shapes: F features.
"""

__all__ = ["rounding"]

import torch

from torch import Tensor

from genlab.common.progress import Progress
from genlab.data.decode import decoding
from genlab.data.pictures import Pictures, content_order
from genlab.features.extractor import Extractor
from genlab.features.extractors import FeatureExtractors
from genlab.fid.results import Rounding
from genlab.metrics.frechet_distance import frechet_distance

IMAGES = 50
"""Images of each set, at most: it takes seconds, and more images move by about the same share."""


def rounding(
    extractors: FeatureExtractors, extractor: Extractor, real: Pictures, fake: Pictures
) -> Rounding | None:
    """Returns how far an extractor's precision moves the distance of some of the images.

    Arguments:
        extractors: The features that have been extracted, those of both sets among them.
        extractor: The network.
        real: The real images.
        fake: The generated ones.

    Returns:
        The distances in both precisions; None if the network computes in float32, or is none of
        `NETWORKS`.
    """
    exactly = extractors.in_float32(extractor)
    if exactly is None:
        return None
    some = [content_order(pictures)[:: -(-len(pictures) // IMAGES)] for pictures in (real, fake)]
    short = [
        extractors.features(extractor, pictures)[torch.tensor(rows)]
        for pictures, rows in zip((real, fake), some)
    ]
    with Progress(sum(map(len, some)), "features in float32", "images") as progress:
        exact = [
            _one_by_one(exactly, pictures, rows, progress)
            for pictures, rows in zip((real, fake), some)
        ]
    value, exact_value = frechet_distance(*short), frechet_distance(*exact)
    return Rounding(
        images=[len(rows) for rows in some], value=value, value_float32=exact_value,
        moved=(value - exact_value) / exact_value if exact_value else None,
    )  # fmt: skip


def _one_by_one(
    extractor: Extractor, pictures: Pictures, rows: list[int], progress: Progress
) -> Tensor:
    """Returns the features of some pictures, with shape `(len(rows), F)`."""
    found = []
    with decoding():
        for index in rows:
            found.append(extractor(pictures.read(index)[None]))
            progress.advance()
    return torch.cat(found)
