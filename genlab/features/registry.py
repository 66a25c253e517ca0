r"""Every way to look at images: a network, the layer looked at, and the ways into it.

A number from features means nothing without all of: the network, its weights (SHA-256), the
layer, the preprocessing (what happens between an image and the network's input), the precision and
the kind of device. `identity` gives these; two numbers compare only if they agree (in float32 the
device may differ: it is off by rounding, as one processor is from another).

Images are decoded and resized on the processor, whatever the device: there each preprocessing is
exact to the bit, and Pillow's is nowhere else. A GPU gets the network's input, and gives features
back.

Only the distance over the 2048 features of FID Inception is called "FID". Over its earlier
layers it is "FID-64", "FID-192", "FID-768" (what pytorch-fid's `--dims` gives), over any other
network "FD (NAME)".

A network of one's own is a row too:

    network = network_of(module, "my encoder", prepare)
    features = extract_batch(network.load(None, "float32"), network.preprocessing, images)

Shapes: B images of H x W pixels in a batch, F features.
"""

__all__ = [
    "NETWORKS",
    "FeatureNetwork",
    "LoadedNetwork",
    "extract_batch",
    "identity",
    "network_of",
    "preprocessing_of",
]

import hashlib

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from torch import Tensor, nn

from genlab.common.errors import InputError
from genlab.compute.precision import CPU, dtype_of, exact, resolve
from genlab.features import weight_free
from genlab.features.preprocessing import PREPROCESSINGS, Preprocessing, check_images
from genlab.networks.pretrained import digits, efficientnet_lite0, inception

DOWNLOAD = "download"


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedNetwork:
    """A network ready to look."""

    name: str
    """What it is called in messages."""
    forward: Callable[[Tensor], Tensor]
    """What a preprocessing prepares, on `device`, to features, float32 with shape `(B, F)`."""
    sha256: str
    """The SHA-256 of the file with its weights (of the weights themselves, where there is no
    file); empty where there are none."""
    precision: str = "float32"
    """How it computes: "float32", "bf16", "fp16", or "its own" for a module from outside."""
    logits: Callable[[Tensor], Tensor] | None = None
    """Features to the logits of its classes, `(B, K)`, if it is a classifier; both in float32 on
    the processor."""
    device: torch.device = CPU
    """Where it computes its features."""


class Load(Protocol):
    """How a network is loaded."""

    def __call__(
        self, given: str | None, precision: str, device: torch.device = CPU, /
    ) -> LoadedNetwork:
        """Returns it ready, on the device."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureNetwork:
    """One way to look at images: a row of `NETWORKS`."""

    name: str
    """The network's name."""
    label: str
    """What the Fréchet distance over its features is called."""
    dims: int
    """The number of features F."""
    layer: str
    """Where in the network they are taken."""
    preprocessings: Mapping[str, Preprocessing]
    """The ways from an image into it, the default first."""
    load: Load
    """Loads it. The first argument says where FID Inception's weights are (a file, "download",
    or None: where they are kept); the second is one of `PRECISIONS`; the third is the device.
    Small networks look in float32 whatever is asked, modules from outside as and where they do;
    `LoadedNetwork` says which. Raises `InputError` if the weights are not at hand, saying how to
    get them, or the device does not compute in the precision."""

    @property
    def preprocessing(self) -> Preprocessing:
        """The default preprocessing."""
        return next(iter(self.preprocessings.values()))


def preprocessing_of(network: FeatureNetwork, name: str | None = None) -> Preprocessing:
    """Returns a network's preprocessing of that name, or its default.

    Raises:
        InputError: If the network has no such preprocessing.
    """
    if name is None:
        return network.preprocessing
    if name not in network.preprocessings:
        raise InputError(
            f"preprocessing {name!r}: {network.name} takes {' or '.join(network.preprocessings)}"
        )
    return network.preprocessings[name]


@torch.no_grad()
def extract_batch(loaded: LoadedNetwork, preprocessing: Preprocessing, images: Tensor) -> Tensor:
    """Returns the features of one batch.

    Arguments:
        loaded: The network, ready.
        preprocessing: One of its preprocessings.
        images: Images, uint8 with shape `(B, 3, H, W)` (or one grey channel), on the processor.

    Returns:
        Features, float32 with shape `(B, F)`, on the processor.

    Raises:
        InputError: If the network gives something else than finite features of that shape.
        ValueError: If `images` are no such images.
    """
    prepared = preprocessing.prepare(check_images(images))
    with exact(loaded.device):
        features = loaded.forward(prepared.to(loaded.device))
    if not isinstance(features, Tensor) or not features.is_floating_point():
        kind = features.dtype if isinstance(features, Tensor) else type(features).__name__
        raise InputError(f"{loaded.name}: gives {kind}; a feature network gives floating point")
    if features.ndim != 2 or len(features) != len(images):
        raise InputError(
            f"{loaded.name}: gives shape {tuple(features.shape)} for {len(images)} images; a "
            f"feature network gives ({len(images)}, F): average over space, keep the batch axis"
        )
    if not features.isfinite().all():
        way_out = "; give another --precision" if loaded.precision == "fp16" else ""
        raise InputError(
            f"{loaded.name}: gives features that are infinite or not numbers{way_out}"
        )
    return features.float().cpu()


def identity(
    network: FeatureNetwork, preprocessing: Preprocessing, loaded: LoadedNetwork
) -> dict[str, str | int]:
    """Returns all that features depend on besides the images, as JSON values."""
    return {
        "network": network.name,
        "label": network.label,
        "dims": network.dims,
        "layer": network.layer,
        "preprocessing": preprocessing.name,
        "preprocessing_words": preprocessing.words,
        "weights_sha256": loaded.sha256,
        "computed_in": loaded.precision,
        "device": loaded.device.type,
    }


def _own(name: str, words: str, prepare: Callable[[Tensor], Tensor]) -> dict[str, Preprocessing]:
    return {name: Preprocessing(name=name, words=words, prepare=prepare)}


def _inception(dims: int, label: str) -> FeatureNetwork:
    def load(given: str | None, precision: str, device: torch.device = CPU) -> LoadedNetwork:
        path = Path(given) if given and given != DOWNLOAD else None
        network = inception.load_inception(path, download=given == DOWNLOAD)
        if dims == 2048:
            network.require_complete()
        resolved = resolve(precision, device)
        network.to(device, dtype_of(resolved))
        return LoadedNetwork(
            name="FID Inception", forward=lambda x: network.features(x, dims),
            sha256=network.sha256, precision=resolved, device=device,
        )  # fmt: skip

    return FeatureNetwork(
        name="FID Inception", label=label, dims=dims, preprocessings=PREPROCESSINGS, load=load,
        layer=f"spatial mean after {inception.DIMS[dims]}",
    )  # fmt: skip


def _efficientnet(_: str | None, precision: str, device: torch.device = CPU) -> LoadedNetwork:
    network = efficientnet_lite0.load_efficientnet_lite0()
    resolved = resolve(precision, device)
    for part in (network.stem, network.blocks, network.head):  # the classifier stays as it is
        part.to(device, dtype_of(resolved))
    return LoadedNetwork(
        name="EfficientNet-Lite0", forward=network.features, logits=network.classify,
        sha256=efficientnet_lite0.SHA256, precision=resolved, device=device,
    )  # fmt: skip


def _digits(_: str | None, __: str, device: torch.device = CPU) -> LoadedNetwork:
    network = digits.load_digits_net()
    for part in (network.conv1, network.conv2, network.conv3, network.conv4, network.conv5):
        part.to(device)  # the classifier stays where it is
    return LoadedNetwork(
        name="digits", forward=network.features, logits=network.classify, sha256=digits.SHA256,
        device=device,
    )  # fmt: skip


def _random(_: str | None, __: str, device: torch.device = CPU) -> LoadedNetwork:
    return LoadedNetwork(
        name="random", forward=weight_free.RandomConvolutions().to(device),
        sha256=weight_free.RANDOM_SHA256, device=device,
    )  # fmt: skip


def _pixels(_: str | None, __: str, ___: torch.device = CPU) -> LoadedNetwork:
    return LoadedNetwork(name="pixels", forward=lambda x: x.flatten(1), sha256="")


NETWORKS: dict[str, FeatureNetwork] = {
    "efficientnet-lite0": FeatureNetwork(
        name="EfficientNet-Lite0",
        label="FD (EfficientNet-Lite0)",
        dims=1280,
        layer="spatial mean after the head",
        preprocessings=_own(
            "efficientnet-lite0",
            "bilinear to 224 px, antialiased where it shrinks, (v - 127) / 128",
            lambda images: efficientnet_lite0.to_input(images.float() / 255),
        ),
        load=_efficientnet,
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
        preprocessings=_own(
            "digits", "luma, bilinear to 28 px, antialiased, v / 255", digits.to_input
        ),
        load=_digits,
    ),
    "random": FeatureNetwork(
        name="random",
        label="FD (random convolutions)",
        dims=weight_free.RANDOM_DIMS,
        layer="spatial means after all three convolutions",
        preprocessings=_own(
            "random", "bilinear to 64 px, antialiased, 2 (v / 255) - 1",
            weight_free.to_random_input,
        ),  # fmt: skip
        load=_random,
    ),
    "pixels": FeatureNetwork(
        name="pixels",
        label="FD (16 x 16 pixels)",
        dims=3 * weight_free.PIXELS_SIZE**2,
        layer="the pixels",
        preprocessings=_own(
            "pixels", "bilinear to 16 px, antialiased, v / 255", weight_free.pixels
        ),
        load=_pixels,
    ),
}
"""Every way to look at images, by its word on the command line."""


def network_of(
    module: nn.Module,
    name: str,
    prepare: Callable[[Tensor], Tensor],
    words: str = "its own",
    example: Tensor | None = None,
) -> FeatureNetwork:
    """Makes a way to look at images of any module; the distance is then "FD (NAME)".

    Arguments:
        module: Gives features `(B, F)` for what `prepare` returns; in evaluation mode. It stays
            on the device of its parameters, and gets its input there.
        name: What to call it; with the weights' SHA-256 it is what tells it from another.
        prepare: Images, uint8 with shape `(B, 3, H, W)`, to the module's input.
        words: One line on what `prepare` does, to stand beside a number.
        example: Two images or more to try it on; if None, noise at 64 x 64 pixels.

    Raises:
        InputError: If the module is in training mode, or its output is not `(B, F)`, finite and
            in floating point, for the example as a batch and for its first image alone.
    """
    if any(part.training for part in module.modules()):
        raise InputError(
            f"{name}: in training mode, where features depend on chance and on the batch; call "
            "eval() on it first"
        )
    loaded = LoadedNetwork(
        name=name, forward=module, sha256=_digest(module), precision="its own",
        device=next((p.device for p in module.parameters()), CPU),
    )  # fmt: skip
    preprocessings = _own(name, words, prepare)
    if example is None:
        random = torch.Generator().manual_seed(0)
        example = torch.randint(0, 256, (2, 3, 64, 64), generator=random, dtype=torch.uint8)
    several, alone = (
        extract_batch(loaded, preprocessings[name], e) for e in (example, example[:1])
    )
    if alone.shape[1] != several.shape[1]:
        raise InputError(f"{name}: gives {several.shape[1]} features, {alone.shape[1]} for one")
    return FeatureNetwork(
        name=name, label=f"FD ({name})", dims=several.shape[1], layer="its output",
        preprocessings=preprocessings, load=lambda _, __, ___=CPU: loaded,
    )  # fmt: skip


def _digest(module: nn.Module) -> str:
    """Returns the SHA-256 of the names, types, shapes and bytes of a module's state."""
    found = hashlib.sha256()
    for key, tensor in sorted(module.state_dict().items()):
        found.update(f"{key}/{tensor.dtype}/{tuple(tensor.shape)}/".encode())
        flat = tensor.detach().cpu().contiguous().flatten()
        found.update(flat.view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
