"""The feature networks of this package: one row each.

Only the distance over the 2048 features of FID Inception is called "FID". Over its earlier
layers it is "FID-64", "FID-192", "FID-768" (pytorch-fid's `--dims`), over any other network
"FD (NAME)". A network from elsewhere needs no row: see `genlab.features.Extractor`.
"""

__all__ = ["NETWORKS", "FeatureNetwork", "load_extractor"]

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from genlab.common.errors import InputError
from genlab.compute.precision import CPU
from genlab.features import loaders, weight_free
from genlab.features.extractor import Extractor
from genlab.features.preprocessing import PREPROCESSINGS, Preprocessing
from genlab.networks.pretrained import digits, efficientnet_lite0
from genlab.networks.pretrained.inception_net import DIMS as STAGES


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureNetwork:
    """A network, the layer whose features are taken, and the ways to prepare its input."""

    name: str
    """The network's name."""
    label: str
    """What the Fréchet distance over its features is called."""
    dims: int
    """The number of features F."""
    layer: str
    """Where in the network they are taken."""
    preprocessings: Mapping[str, Preprocessing]
    """The ways from an image to its input by name, the default first."""
    load: loaders.Load
    """Loads its weights."""


def load_extractor(
    key: str, *, inception: str | None = None, precision: str = "float32",
    preprocessing: str | None = None, device: torch.device = CPU,
) -> Extractor:  # fmt: skip
    """Loads one of `NETWORKS`.

    Arguments:
        key: Its key.
        inception: Where FID Inception's weights are: a file, "download", or None for where they
            are kept.
        precision: What the network computes in: "float32", "bf16", "fp16", "auto"; small ones
            compute in float32 in any case.
        preprocessing: One of the network's ways to prepare its input; by default its first.
        device: Where it computes.

    Raises:
        InputError: If there is no such network or preprocessing, its weights are not at hand
            (saying how to get them), or the device does not compute in the precision.
    """
    row = NETWORKS.get(key)
    if row is None:
        raise InputError(f"no feature network {key!r}; there are {', '.join(NETWORKS)}")
    way = preprocessing or next(iter(row.preprocessings))
    if way not in row.preprocessings:
        raise InputError(
            f"`preprocessing` {way!r}: {row.name} takes {' or '.join(row.preprocessings)}"
        )
    loaded = row.load(inception, precision, device)
    return Extractor(
        loaded.network, row.preprocessings[way], row.name, label=row.label, layer=row.layer,
        dims=row.dims, sha256=loaded.sha256, precision=loaded.precision, device=loaded.device,
        logits=loaded.logits, cache=True, key=key,
    )  # fmt: skip


def _inception(dims: int, label: str) -> FeatureNetwork:
    return FeatureNetwork(
        name="FID Inception", label=label, dims=dims, layer=f"spatial mean after {STAGES[dims]}",
        preprocessings=PREPROCESSINGS, load=loaders.inception(dims),
    )  # fmt: skip


def _only(preprocessing: Preprocessing) -> dict[str, Preprocessing]:
    return {preprocessing.name: preprocessing}


NETWORKS: dict[str, FeatureNetwork] = {
    "efficientnet-lite0": FeatureNetwork(
        name="EfficientNet-Lite0",
        label="FD (EfficientNet-Lite0)",
        dims=1280,
        layer="spatial mean after the head",
        preprocessings=_only(Preprocessing(
            name="efficientnet-lite0",
            words="bilinear to 224 px, antialiased where it shrinks, (v - 127) / 128",
            prepare=lambda images: efficientnet_lite0.to_input(images.float() / 255),
        )),
        load=loaders.efficientnet,
    ),
    "inception": _inception(2048, "FID"),
    "inception-768": _inception(768, "FID-768"),
    "inception-192": _inception(192, "FID-192"),
    "inception-64": _inception(64, "FID-64"),
    "digits": FeatureNetwork(
        name="digits",
        label="FD (digits)",
        dims=digits.DIMS,
        layer="spatial mean after the last convolution",
        preprocessings=_only(Preprocessing(
            name="digits", words="luma, bilinear to 28 px, antialiased, v / 255",
            prepare=digits.to_input,
        )),
        load=loaders.digits,
    ),
    "random": FeatureNetwork(
        name="random",
        label="FD (random convolutions)",
        dims=weight_free.RANDOM_DIMS,
        layer="spatial means after all three convolutions",
        preprocessings=_only(Preprocessing(
            name="random", words="bilinear to 64 px, antialiased, 2 (v / 255) - 1",
            prepare=weight_free.to_random_input,
        )),
        load=loaders.random,
    ),
    "pixels": FeatureNetwork(
        name="pixels",
        label="FD (16 x 16 pixels)",
        dims=3 * weight_free.PIXELS_SIZE**2,
        layer="the pixels",
        preprocessings=_only(Preprocessing(
            name="pixels", words="bilinear to 16 px, antialiased, v / 255",
            prepare=weight_free.pixels,
        )),
        load=loaders.pixels,
    ),
}  # fmt: skip
"""The feature networks by key, which is their name on the command line."""
