"""Features of images: feature networks, how images become their input, and how they are run.

    genlab.features.extract("photographs/")                 # (N, F), EfficientNet-Lite0's
    inception = genlab.features.load_extractor("inception-768")
    genlab.features.extract(images, inception)              # of an array or tensor of images

Each name is imported when it is first used: the package itself loads no torch.
"""

__all__ = [
    "NETWORKS",
    "PREPROCESSINGS",
    "Extractor",
    "FeatureExtractors",
    "Preprocessing",
    "Provenance",
    "extract",
    "load_extractor",
    "onnx_extractor",
]

from typing import TYPE_CHECKING

from genlab.common.lazy import lazy_names

if TYPE_CHECKING:
    from genlab.features.extraction import extract
    from genlab.features.extractor import Extractor, Provenance
    from genlab.features.extractors import FeatureExtractors
    from genlab.features.onnx_file import onnx_extractor
    from genlab.features.preprocessing import PREPROCESSINGS, Preprocessing
    from genlab.features.registry import NETWORKS, load_extractor

__getattr__, __dir__ = lazy_names(__name__, {
    "NETWORKS": "registry",
    "PREPROCESSINGS": "preprocessing",
    "Extractor": "extractor",
    "FeatureExtractors": "extractors",
    "Preprocessing": "preprocessing",
    "Provenance": "extractor",
    "extract": "extraction",
    "load_extractor": "registry",
    "onnx_extractor": "onnx_file",
})  # fmt: skip
