"""Generated images against real ones: Fréchet distances, and how many are recognised as dogs.

The whole real set and the whole generated set are used. The real images are brought to the size
of the generated ones first (load_images: a square, Lanczos): what both are compared at.

Only the distance over the 2048 features of FID Inception is called "FID". The one over
EfficientNet-Lite0, which every machine has, is "FD (EfficientNet-Lite0)".

Shapes: N images, S their side, F features.
"""

__all__ = ["NETWORKS", "Loaded", "Network", "Reference", "extract", "fid", "measure"]

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from PIL import Image
from torch import Tensor

from genlab.data.images import ImageSet, image_paths, load_images
from genlab.data.picture import FORMATS
from genlab.engine.progress import Progress, say
from genlab.errors import InputError
from genlab.features import efficientnet_lite0, inception
from genlab.features.weights import cached
from genlab.metrics.frechet import frechet_distance
from genlab.recipes.fid import FidConfig

FEWEST = 10
"""A covariance from fewer images says nothing."""
BATCH = 32
SIZE_OF_NAMES = 64
"""The side in pixels for generated images that have no size of their own (drawn ones)."""
VERSION = 1
"""Of everything between an image and its features: part of the cache key."""

DOWNLOAD = "download"


class Loaded(NamedTuple):
    """A network ready to look."""

    features: Callable[[Tensor], Tensor]
    """Images in [0, 1] with shape `(B, 3, S, S)` to features with shape `(B, F)`."""
    sha256: str
    """The SHA-256 of the file with its weights."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """One way to look at images: a row of `NETWORKS`."""

    name: str
    """The network's name."""
    label: str
    """What the distance over its features is called."""
    dims: int
    """The number of features F."""
    protocol: str
    """All that happens between an image and its features."""
    load: Callable[[str | None], Loaded]
    """Loads it; the argument is `FidConfig.inception`."""


def _efficientnet(_: str | None) -> Loaded:
    network = efficientnet_lite0.load_efficientnet_lite0()
    return Loaded(
        lambda images: network.features(efficientnet_lite0.to_input(images)),
        efficientnet_lite0.SHA256,
    )


def _load_inception(given: str | None) -> inception.Inception:
    if given == DOWNLOAD:
        say("fetching FID Inception (95 MB), unless it is on this machine")
        return inception.load_inception(download=True)
    return inception.load_inception(Path(given) if given else None)


def _inception(dims: int) -> Callable[[str | None], Loaded]:
    def load(given: str | None) -> Loaded:
        network = _load_inception(given)
        if dims == 2048:
            network.require_complete()
        return Loaded(
            lambda images: network.features(inception.to_input(images), dims), network.sha256
        )

    return load


PYTORCH_FID = "pytorch-fid: uint8 / 255, bilinear to 299 px without antialiasing, 2 v - 1; "

NETWORKS: dict[str, Network] = {
    "efficientnet-lite0": Network(
        name="EfficientNet-Lite0",
        label="FD (EfficientNet-Lite0)",
        dims=1280,
        protocol="uint8 / 255, bilinear to 224 px (antialiased where it shrinks), "
        "(255 v - 127) / 128; spatial mean after the head",
        load=_efficientnet,
    ),
    "inception": Network(
        name="FID Inception",
        label="FID",
        dims=2048,
        protocol=PYTORCH_FID + "spatial mean after Mixed_7c",
        load=_inception(2048),
    ),
    "inception-768": Network(
        name="FID Inception",
        label="FID-768",
        dims=768,
        protocol=PYTORCH_FID + "spatial mean after Mixed_6e",
        load=_inception(768),
    ),
}
"""Every way to look at images, by its word on the command line."""


def extract(network: str, images: Tensor, given: str | None = None) -> Tensor:
    """Returns the features of images.

    Arguments:
        network: A key of `NETWORKS`.
        images: Images, uint8 with shape `(N, 3, S, S)`.
        given: What `FidConfig.inception` says.

    Returns:
        Features, float32 with shape `(N, F)`.

    Raises:
        InputError: If the weights are not at hand, saying how to get them.
    """
    return _features(NETWORKS[network], NETWORKS[network].load(given), images)


@torch.no_grad()
def _features(network: Network, loaded: Loaded, images: Tensor) -> Tensor:
    parts = []
    with Progress(len(images), f"looking with {network.name}", "images") as progress:
        for part in images.split(BATCH):
            parts.append(loaded.features(part.float() / 255))
            progress.advance(len(part))
    return torch.cat(parts)


class Reference:
    """Real images whose features are computed once, however often they are compared with.

    They are kept in the cache too, by the content of the images and the weights: a later
    measurement against the same images only looks at the generated ones.

    Arguments:
        images: The real images.
        inception: What `FidConfig.inception` says.
    """

    def __init__(self, images: ImageSet, inception: str | None = None) -> None:
        self.set, self.inception = images, inception
        self._loaded: dict[str, Loaded] = {}
        self._features: dict[str, Tensor] = {}

    def loaded(self, network: str) -> Loaded:
        """Returns a key of `NETWORKS` ready to look; errors as of `extract`."""
        if network not in self._loaded:
            self._loaded[network] = NETWORKS[network].load(self.inception)
        return self._loaded[network]

    def features(self, network: str) -> Tensor:
        """Returns the real images' features, with shape `(N, F)`; errors as of `extract`."""
        if network not in self._features:
            loaded = self.loaded(network)
            key = f"features/{network}-v{VERSION}-{loaded.sha256[:16]}-{self.set.identity.sha256}"
            kept = cached(
                key,
                lambda: {"features": _features(NETWORKS[network], loaded, self.set.images)},
            )
            self._features[network] = kept["features"]
        return self._features[network]


def measure(real: Reference, fake: ImageSet, features: str = "all") -> dict[str, Any]:
    """Compares generated images with real ones.

    Arguments:
        real: The real images, as squares of the same side as the generated ones.
        fake: The generated images.
        features: A key of `NETWORKS`, or "all" whose weights are at hand.

    Returns:
        JSON values: counts, size and identities; "distances", one a network; "recognised_real"
        and "recognised_fake", the shares that EfficientNet-Lite0 takes for dogs with more than
        half of its probability; "note", what could not be had, or "".

    Raises:
        InputError: If sizes differ, a set has fewer than 10 images, or weights are not at hand.
    """
    _check(real.set, fake)
    names, note = _choose(real, features)
    seen = {"efficientnet-lite0": _fake_features("efficientnet-lite0", real, fake)}
    distances = []
    for name in names:
        if name not in seen:
            seen[name] = _fake_features(name, real, fake)
        network = NETWORKS[name]
        distances.append(
            {
                "network": network.name,
                "label": network.label,
                "dims": network.dims,
                "protocol": network.protocol,
                "weights_sha256": real.loaded(name).sha256,
                "value": frechet_distance(real.features(name), seen[name]),
            }
        )
    return {
        "n_real": len(real.set.images),
        "n_fake": len(fake.images),
        "size": fake.images.shape[-1],
        "real": asdict(real.set.identity),
        "fake": asdict(fake.identity),
        "distances": distances,
        "recognised_real": _recognised(real.features("efficientnet-lite0")),
        "recognised_fake": _recognised(seen["efficientnet-lite0"]),
        "note": note,
    }


def _fake_features(name: str, real: Reference, fake: ImageSet) -> Tensor:
    return _features(NETWORKS[name], real.loaded(name), fake.images)


def _check(real: ImageSet, fake: ImageSet) -> None:
    for images, role in ((real, "real"), (fake, "generated")):
        if len(images.images) < FEWEST:
            raise InputError(
                f"{images.identity.source}: {len(images.images)} {role} images; a Fréchet "
                f"distance needs at least {FEWEST}, better 300"
            )
    if real.images.shape[1:] != fake.images.shape[1:]:
        raise InputError(
            f"real images are {real.images.shape[-1]} px and generated ones "
            f"{fake.images.shape[-1]} px; load both at one size"
        )


def _choose(real: Reference, features: str) -> tuple[list[str], str]:
    """Returns the networks to look with, and what is missing."""
    if features != "all":
        real.loaded(features)  # asked for by name: weights not at hand are an error
        return [features], ""
    names = ["efficientnet-lite0"]
    missing = f"FID proper (2048 features) needs the whole FID Inception: {inception.HOW}"
    if real.inception is None and not inception.at_hand():
        return names, missing
    network = _load_inception(real.inception)
    if network.complete:
        return [*names, "inception"], ""
    return [*names, "inception-768"], f"FID-768 is taken at 768 features; {missing}"


def _recognised(features: Tensor) -> float:
    network = efficientnet_lite0.load_efficientnet_lite0()
    probability = efficientnet_lite0.dog_probability(network.classify(features))
    return (probability > 0.5).double().mean().item()


def fid(config: FidConfig) -> dict[str, Any]:
    """Loads both sets and compares them; result as of `measure`.

    Raises:
        InputError: If a set cannot be loaded, or as of `measure`.
    """
    size = config.size or _own_size(config.fake)
    fake = load_images(config.fake, size)
    real = load_images(config.real, size, crop=config.crop)
    return measure(Reference(real, config.inception), fake, config.features)


def _own_size(source: str) -> int:
    """Returns the shorter side of a folder's first readable image, in the order of names."""
    folder = Path(source)
    if folder.is_dir():
        for path in image_paths(folder):
            try:
                with Image.open(path, formats=FORMATS) as image:
                    return min(image.size)
            except (OSError, Image.DecompressionBombError):
                continue  # load_images names it
    return SIZE_OF_NAMES
