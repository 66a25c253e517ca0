"""The extractors of a measurement: each network loaded once, each set of images processed once."""

__all__ = ["FeatureExtractors"]

import torch

from torch import Tensor

from genlab.common.progress import say
from genlab.compute.device import device_for
from genlab.compute.distributed import broadcast
from genlab.compute.precision import PRECISIONS, resolve
from genlab.data.pictures import Pictures
from genlab.features.extraction import Extracted, extract_with_pixels
from genlab.features.extractor import Extractor
from genlab.features.loaders import DOWNLOAD
from genlab.features.onnx_file import SUFFIX, onnx_extractor
from genlab.features.registry import NETWORKS, load_extractor


class FeatureExtractors:
    """The networks of `NETWORKS`, each loaded when it is first used, and the features extracted.

    Arguments:
        inception: Where FID Inception's weights are, as `FidConfig.inception` says.
        precision: What the networks compute in: "float32", "bf16", "fp16" or "auto".
        preprocessing: How FID Inception's input is prepared; other networks have one way only.
        device: Where they compute: a device, or "auto", "cpu", "cuda" for `device_for`.

    Raises:
        InputError: If there is no such device, or it does not compute in that precision. Of
            several processes every one must make this object.
    """

    def __init__(
        self, inception: str | None = None, precision: str = "float32",
        preprocessing: str = "pytorch-fid", device: torch.device | str = "cpu",
    ) -> None:  # fmt: skip
        self.inception, self.preprocessing = inception, preprocessing
        self.device = device if isinstance(device, torch.device) else device_for(device)
        self.precision = resolve(precision, self.device)
        if precision == "auto":  # trials may end differently: the first process's counts
            self.precision = PRECISIONS[int(broadcast(PRECISIONS.index(self.precision)))]
        self._loaded: dict[str, Extractor] = {}
        self._extracted: dict[tuple[object, ...], Extracted] = {}

    def __getitem__(self, key: str) -> Extractor:
        """Returns the extractor of one of `NETWORKS`, or of an ONNX file.

        Raises:
            InputError: If its weights are not at hand, saying how to get them; as of
                `onnx_extractor`.
        """
        if key not in self._loaded:
            if key.startswith("inception") and self.inception == DOWNLOAD:
                say("fetching FID Inception (95 MB), unless it is on this machine")
            self._loaded[key] = self._load(key, self.precision, self.device)
        return self._loaded[key]

    def in_float32(self, extractor: Extractor) -> Extractor | None:
        """Returns the same network in float32 on the processor.

        None if it computes in float32 already, or is none of `NETWORKS`.
        """
        if extractor.precision not in ("bf16", "fp16") or extractor not in self._loaded.values():
            return None
        return self._load(extractor.key, "float32", torch.device("cpu"))

    def features(self, extractor: Extractor, pictures: Pictures) -> Tensor:
        """Returns the features of pictures, with shape `(N, F)`; all else as of `extracted`."""
        return self.extracted(extractor, pictures).features

    def extracted(self, extractor: Extractor, pictures: Pictures) -> Extracted:
        """Returns the features of pictures and their pixels' digests, extracted once at most.

        Raises:
            InputError: As of `extract`.
        """
        # The content with its size and crop; the digests, for their order.
        key = (extractor, pictures.identity.sha256, pictures.digests)
        if key not in self._extracted:
            self._extracted[key] = extract_with_pixels(pictures, extractor)
        return self._extracted[key]

    def _load(self, key: str, precision: str, device: torch.device) -> Extractor:
        if key.endswith(SUFFIX):
            return onnx_extractor(key)
        several = key in NETWORKS and len(NETWORKS[key].preprocessings) > 1
        return load_extractor(
            key, inception=self.inception, precision=precision, device=device,
            preprocessing=self.preprocessing if several else None,
        )  # fmt: skip
