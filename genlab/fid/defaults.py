"""The networks that a measurement uses by default: two of those at hand.

A distance that only one network supports is doubtful, hence two: EfficientNet-Lite0, where its
weights are installed, and FID Inception, with as many features as there are weights for. Random
convolutions take the place of a network that is missing.
"""

__all__ = ["default_extractors", "inception_of"]

from genlab.common.errors import InputError
from genlab.features.extractor import Extractor
from genlab.features.extractors import FeatureExtractors
from genlab.networks.pretrained import efficientnet_lite0, inception


def default_extractors(extractors: FeatureExtractors) -> tuple[list[Extractor], str]:
    """Returns the extractors to use by default, and what FID proper lacks."""
    found = [extractors["efficientnet-lite0"]] if efficientnet_lite0.at_hand() else []
    second, note = inception_of(extractors)
    if second is None:
        return [*found, extractors["random"]], note
    return [*found, second] if found else [second, extractors["random"]], note


def inception_of(extractors: FeatureExtractors) -> tuple[Extractor | None, str]:
    """Returns FID Inception with as many features as there are weights for, and what is missing.

    Raises:
        InputError: If weights are there and cannot be used.
    """
    missing = f"FID proper (2048 features) needs the whole FID Inception: {inception.HOW}"
    if extractors.inception is None and not inception.at_hand():
        return None, missing
    try:
        return extractors["inception"], ""
    except InputError:  # weights up to 768 features only, unless they are no weights at all
        found = extractors["inception-768"]
        return found, f"FID-768 is taken at 768 features; {missing}"
