"""What a short precision does to a distance, measured on the images at hand.

Some images of each set are looked at once more, in float32 on the processor. The Fréchet distance
of these few, from their features in either precision, shows what rounding moved: on this machine,
by this network, for these images. Nothing is assumed of a processor or GPU.

Shapes: F features.
"""

__all__ = ["rounding"]

from typing import Any

import torch

from torch import Tensor

from genlab.common.progress import Progress
from genlab.data.decode import decoding
from genlab.data.pictures import Pictures
from genlab.features.extractors import Extractor, FeatureExtractors
from genlab.metrics.frechet_distance import frechet_distance

IMAGES = 50
"""Of each set, at most: seconds, and the distance of more moves by about the same share."""


def rounding(
    extractors: FeatureExtractors, name: str, real: Pictures, fake: Pictures
) -> dict[str, Any] | None:
    """Returns what a network's precision does to the distance of some of the images.

    Arguments:
        extractors: The networks; this one has looked at both sets.
        name: The network.
        real: The real images.
        fake: The generated ones.

    Returns:
        JSON values: "images", how many of each set; "value" and "value_float32", their distance in
        the network's precision and in float32; "moved", by what share of the latter the former
        differs. None if the network computes in float32, or as a module of the caller's does.
    """
    if extractors.loaded(name).precision not in ("bf16", "fp16"):
        return None
    some = [pictures.order[:: -(-len(pictures) // IMAGES)] for pictures in (real, fake)]
    short = [
        extractors.features(name, pictures)[torch.tensor(rows)]
        for pictures, rows in zip((real, fake), some)
    ]
    network = extractors.networks[name].load(extractors.inception, "float32")
    extractor = Extractor(network, extractors.preprocessing_for(name))
    with Progress(sum(map(len, some)), "looking again in float32", "images") as progress:
        exact = [
            _looked(extractor, pictures, rows, progress)
            for pictures, rows in zip((real, fake), some)
        ]
    value, exact_value = frechet_distance(*short), frechet_distance(*exact)
    return {
        "images": [len(rows) for rows in some], "value": value, "value_float32": exact_value,
        "moved": (value - exact_value) / exact_value if exact_value else None,
    }  # fmt: skip


def _looked(
    extractor: Extractor, pictures: Pictures, rows: list[int], progress: Progress
) -> Tensor:
    """Returns the features of some pictures, with shape `(len(rows), F)`."""
    found = []
    with decoding():
        for index in rows:
            found.append(extractor.features(pictures.read(index)[None]))
            progress.advance()
    return torch.cat(found)
