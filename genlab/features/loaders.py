"""How the feature networks of this package are loaded: weights, precision, device.

Small networks compute in float32 in any case; what `resolve` makes of the precision asked for is
part of what they return. Classifiers of features stay in float32 on the processor.
"""

__all__ = ["DOWNLOAD", "Load", "Loaded", "digits", "efficientnet", "inception", "pixels", "random"]

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

import torch

from torch import Tensor

from genlab.compute.precision import CPU, dtype_of, resolve
from genlab.features.weight_free import RANDOM_SHA256, RandomConvolutions
from genlab.networks.pretrained import digits as digits_net
from genlab.networks.pretrained import efficientnet_lite0
from genlab.networks.pretrained.inception import load_inception

DOWNLOAD = "download"


class Loaded(NamedTuple):
    """A network with its weights."""

    network: Callable[[Tensor], Tensor]
    """Maps prepared images, on `device`, to features with shape `(B, F)`."""
    sha256: str
    """The SHA-256 of the file with its weights; empty where there are none."""
    precision: str = "float32"
    device: torch.device = CPU
    logits: Callable[[Tensor], Tensor] | None = None
    """Maps features to the logits of its classes, both in float32 on the processor."""


class Load(Protocol):
    """Loads a network."""

    def __call__(self, weights: str | None, precision: str, device: torch.device) -> Loaded:
        """Returns it on the device.

        Arguments:
            weights: Where FID Inception's weights are: a file, "download", or None for where
                they are kept; others have theirs.
            precision: One of `PRECISIONS`.
            device: Where it is to compute.

        Raises:
            InputError: If the weights are not at hand, saying how to get them, or the device
                does not compute in the precision.
        """
        ...


def inception(dims: int) -> Load:
    """Returns the loader of FID Inception up to so many features."""

    def load(weights: str | None, precision: str, device: torch.device) -> Loaded:
        path = Path(weights) if weights and weights != DOWNLOAD else None
        network = load_inception(path, download=weights == DOWNLOAD)
        if dims == 2048:
            network.require_complete()
        resolved = resolve(precision, device)
        network.to(device, dtype_of(resolved))
        return Loaded(lambda x: network.features(x, dims), network.sha256, resolved, device)

    return load


def efficientnet(weights: str | None, precision: str, device: torch.device) -> Loaded:
    """Loads EfficientNet-Lite0, a classifier of ImageNet."""
    network = efficientnet_lite0.load_efficientnet_lite0()
    resolved = resolve(precision, device)
    for part in (network.stem, network.blocks, network.head):  # the classifier stays as it is
        part.to(device, dtype_of(resolved))
    sha256 = efficientnet_lite0.SHA256
    return Loaded(network.features, sha256, resolved, device, network.classify)


def digits(weights: str | None, precision: str, device: torch.device) -> Loaded:
    """Loads the classifier of digits."""
    network = digits_net.load_digits_net()
    for part in (network.conv1, network.conv2, network.conv3, network.conv4, network.conv5):
        part.to(device)  # the classifier stays where it is
    return Loaded(
        network.features, digits_net.SHA256, device=device, logits=network.classify
    )


def random(weights: str | None, precision: str, device: torch.device) -> Loaded:
    """Loads the random convolutions."""
    return Loaded(RandomConvolutions().to(device), RANDOM_SHA256, device=device)


def pixels(weights: str | None, precision: str, device: torch.device) -> Loaded:
    """Returns the pixels as features: nothing to compute, so always on the processor."""
    return Loaded(lambda x: x.flatten(1), "")
