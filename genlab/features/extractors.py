"""Networks that look at pictures: each loaded once, each set of pictures looked at once."""

__all__ = ["Extractor", "FeatureExtractors"]

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch

from torch import Tensor

from genlab.common.progress import say
from genlab.compute.device import device_for
from genlab.compute.distributed import broadcast
from genlab.compute.precision import PRECISIONS, resolve
from genlab.data.pictures import Pictures
from genlab.features.extract import Provenance, extract
from genlab.features.registry import (
    DOWNLOAD,
    NETWORKS,
    FeatureNetwork,
    LoadedNetwork,
    Preprocessing,
    extract_batch,
    identity,
    preprocessing_of,
)  # fmt: skip

VERSION = 2
"""Of everything between an image and its features: part of the cache's key."""


class Extractor:
    """A loaded network with its preprocessing: what `extract` asks."""

    def __init__(self, loaded: LoadedNetwork, preprocessing: Preprocessing) -> None:
        self.loaded, self.preprocessing = loaded, preprocessing

    def features(self, images: Tensor) -> Tensor:
        """Returns features `(B, F)` of a batch."""
        return extract_batch(self.loaded, self.preprocessing, images)


class FeatureExtractors:
    """Every network at hand.

    Arguments:
        inception: Where FID Inception's weights are, as `FidConfig.inception` says.
        precision: What the networks compute in.
        preprocessing: The way into FID Inception; other networks have one only.
        own: Networks of the caller's own (`network_of`) by name, beside those of `NETWORKS`.
        device: Where they look: a device, or "auto", "cpu", "cuda" as `device_for` has them.

    Raises:
        InputError: If there is no such device, or it does not compute in that precision. Of
            several processes every one must make its extractors.
    """

    def __init__(
        self, inception: str | None = None, precision: str = "float32",
        preprocessing: str = "pytorch-fid",
        own: Mapping[str, FeatureNetwork] = MappingProxyType({}),
        device: torch.device | str = "cpu",
    ) -> None:  # fmt: skip
        self.inception, self.preprocessing = inception, preprocessing
        self.networks = {**NETWORKS, **own}
        self.device = device if isinstance(device, torch.device) else device_for(device)
        self.precision = resolve(precision, self.device)
        if precision == "auto":  # trials may end differently: the first process's counts
            self.precision = PRECISIONS[int(broadcast(PRECISIONS.index(self.precision)))]
        self._loaded: dict[str, LoadedNetwork] = {}
        self._seen: dict[tuple[object, ...], Tensor] = {}

    def loaded(self, network: str) -> LoadedNetwork:
        """Returns one of `networks` ready to look.

        Raises:
            InputError: If its weights are not at hand, saying how to get them.
        """
        if network not in self._loaded:
            if network.startswith("inception") and self.inception == DOWNLOAD:
                say("fetching FID Inception (95 MB), unless it is on this machine")
            load = self.networks[network].load
            self._loaded[network] = load(self.inception, self.precision, self.device)
        return self._loaded[network]

    def preprocessing_for(self, network: str, preprocessing: str | None = None) -> Preprocessing:
        """Returns how this network gets its input; `preprocessing` asks for a certain one."""
        own = len(self.networks[network].preprocessings) == 1
        asked = None if own else preprocessing or self.preprocessing
        return preprocessing_of(self.networks[network], asked)

    def identity(self, network: str) -> dict[str, Any]:
        """Returns all that the network's features depend on, as JSON values."""
        way = self.preprocessing_for(network)
        return identity(self.networks[network], way, self.loaded(network))

    def provenance(self, network: str, preprocessing: str | None = None) -> Provenance:
        """Returns the same, as statistics files keep it."""
        loaded, row = self.loaded(network), self.networks[network]
        return Provenance(
            network=row.name, sha256=loaded.sha256, layer=row.layer,
            preprocessing=self.preprocessing_for(network, preprocessing).name,
            precision=loaded.precision, device=loaded.device.type, version=VERSION,
        )  # fmt: skip

    def features(
        self, network: str, pictures: Pictures, preprocessing: str | None = None
    ) -> Tensor:
        """Returns the features of pictures, with shape `(N, F)`; from the cache where it has them.

        Raises:
            InputError: If weights are not at hand, or images are not readable.
        """
        way = self.preprocessing_for(network, preprocessing)
        # The content with its size and crop; the digests, for their order.
        key = (network, way.name, pictures.identity.sha256, pictures.digests)
        if key not in self._seen:
            extractor = Extractor(self.loaded(network), way)
            provenance = self.provenance(network, preprocessing)
            self._seen[key] = extract(extractor, pictures, provenance=provenance)
        return self._seen[key]
