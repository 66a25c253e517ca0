"""Networks that look at pictures: each loaded once, each set of pictures looked at once."""

__all__ = ["Eyes", "Looking"]

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
from genlab.features.extract import Extractor, extract
from genlab.features.registry import (
    DOWNLOAD,
    NETWORKS,
    Loaded,
    Network,
    Protocol,
    identity,
    look,
    protocol_of,
)  # fmt: skip

VERSION = 2
"""Of everything between an image and its features: part of the cache's key."""


class Looking:
    """A loaded network with its protocol: what `extract` asks."""

    def __init__(self, loaded: Loaded, protocol: Protocol) -> None:
        self.loaded, self.protocol = loaded, protocol

    def features(self, images: Tensor) -> Tensor:
        """Returns features `(B, F)` of a batch."""
        return look(self.loaded, self.protocol, images)


class Eyes:
    """Every network at hand.

    Arguments:
        inception: Where FID Inception's weights are, as `FidConfig.inception` says.
        precision: What the networks compute in.
        protocol: The way into FID Inception; other networks have one only.
        own: Networks of the caller's own (`network_of`) by name, beside those of `NETWORKS`.
        device: Where they look: a device, or "auto", "cpu", "cuda" as `device_for` has them.

    Raises:
        InputError: If there is no such device, or it does not compute in that precision. Of
            several processes every one must make its eyes.
    """

    def __init__(
        self, inception: str | None = None, precision: str = "fp32",
        protocol: str = "pytorch-fid", own: Mapping[str, Network] = MappingProxyType({}),
        device: torch.device | str = "cpu",
    ) -> None:  # fmt: skip
        self.inception, self.protocol, self.networks = inception, protocol, {**NETWORKS, **own}
        self.device = device if isinstance(device, torch.device) else device_for(device)
        self.precision = resolve(precision, self.device)
        if precision == "auto":  # trials may end differently: the first process's counts
            self.precision = PRECISIONS[int(broadcast(PRECISIONS.index(self.precision)))]
        self._loaded: dict[str, Loaded] = {}
        self._seen: dict[tuple[object, ...], Tensor] = {}

    def loaded(self, network: str) -> Loaded:
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

    def protocol_for(self, network: str, protocol: str | None = None) -> Protocol:
        """Returns how this network gets its input; `protocol` asks for a certain one."""
        own = len(self.networks[network].protocols) == 1
        return protocol_of(self.networks[network], None if own else protocol or self.protocol)

    def identity(self, network: str) -> dict[str, Any]:
        """Returns all that the network's features depend on, as JSON values."""
        return identity(self.networks[network], self.protocol_for(network), self.loaded(network))

    def extractor(self, network: str, protocol: str | None = None) -> Extractor:
        """Returns the same, as statistics files keep it."""
        loaded, row = self.loaded(network), self.networks[network]
        return Extractor(
            network=row.name, sha256=loaded.sha256, layer=row.layer,
            protocol=self.protocol_for(network, protocol).name, precision=loaded.precision,
            device=loaded.device.type, version=VERSION,
        )  # fmt: skip

    def features(self, network: str, pictures: Pictures, protocol: str | None = None) -> Tensor:
        """Returns the features of pictures, with shape `(N, F)`; from the cache where it has them.

        Raises:
            InputError: If weights are not at hand, or images are not readable.
        """
        way = self.protocol_for(network, protocol)
        # The content with its size and crop; the digests, for their order.
        key = (network, way.name, pictures.identity.sha256, pictures.digests)
        if key not in self._seen:
            looking = Looking(self.loaded(network), way)
            extractor = self.extractor(network, protocol)
            self._seen[key] = extract(looking, pictures, extractor=extractor)
        return self._seen[key]
