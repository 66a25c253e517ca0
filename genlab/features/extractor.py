"""A feature network ready to use: the network, and how images become its input.

A number from features means nothing without all of: the network, its weights (SHA-256), the
layer, the preprocessing (everything between an image and the network's input), the precision and
the kind of device. `Provenance` holds these; two sets of features compare only if they agree (in
float32 the device may differ: the difference is rounding, as between two processors).

Images are preprocessed on the processor, whatever the device: there each preprocessing is exact to
the bit, and Pillow's exists nowhere else. A GPU gets the network's input and gives features back.

A network of one's own is an object too:

    extractor = Extractor(module.eval(), lambda images: images.float() / 255, "my encoder")
    extractor(images)                                            # features (B, F)
    genlab.features.extract("photographs/", extractor)           # features (N, F)
    genlab.fid.measure("photographs/", images, [extractor])      # "FD (my encoder)" and its kin

Shapes: B images of H x W pixels in a batch, F features.
"""

__all__ = ["Extractor", "Provenance"]

import copy
import hashlib
import re

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import torch

from torch import Tensor, nn

from genlab.common.errors import InputError
from genlab.compute.precision import CPU, exact
from genlab.features.preprocessing import Preprocessing, check_images
from genlab.numerics.mkl_warmup import settle

settle()

VERSION = 2
"""Of everything between an image and its features: part of the cache's key."""
TRIED_AT = 64
"""The side of the two images of noise that a network is tried on."""


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """All that features depend on besides the images: what two sets must share to compare."""

    network: str
    """Its name."""
    sha256: str
    """The SHA-256 of its weights; empty where there are none."""
    layer: str
    """Where the features are taken, and how they are pooled."""
    preprocessing: str
    """The name of what happens between pixels and the network: range, resizing, antialiasing."""
    precision: str = "float32"
    """The precision in which the network computes."""
    device: str = "cpu"
    """The kind of device on which it computes: "cpu" or "cuda"."""
    version: int = VERSION
    """The version of the code between an image and its features."""


class Extractor:
    """A feature network with its preprocessing: maps images to features.

    Arguments:
        network: A function (a module in evaluation mode, for example) that maps what
            `preprocessing` returns, on `device`, to floating-point features `(B, F)`.
        preprocessing: Maps images, uint8 with shape `(B, 3, H, W)` on the processor, to the
            network's input.
        name: What the network is called; with the weights' SHA-256 it identifies it.
        label: What the Fréchet distance over its features is called; by default "FD (NAME)".
        layer: Where in the network the features are taken.
        dims: The number of features F; by default the network is tried on two images of noise.
        sha256: The SHA-256 of the weights; by default that of a module's state, and empty for
            another function.
        precision: How it computes: "float32", "bf16", "fp16", or "its own".
        device: Where it computes; by default where a module's parameters are.
        logits: Maps features to the logits of a classifier's classes, `(B, K)`, both in float32
            on the processor.
        cache: Whether `extract` keeps features on disk, under the images' content and the
            extractor's `provenance`.
        key: Its name in file names; by default made from `name`.

    Raises:
        InputError: If a module is in training mode, or the network gives no features `(B, F)`
            for two images, or other features for one; if features of a function without
            `sha256` are to be kept.
    """

    def __init__(
        self,
        network: Callable[[Tensor], Tensor],
        preprocessing: Preprocessing | Callable[[Tensor], Tensor],
        name: str,
        *,
        label: str | None = None,
        layer: str = "its output",
        dims: int | None = None,
        sha256: str | None = None,
        precision: str = "its own",
        device: torch.device | None = None,
        logits: Callable[[Tensor], Tensor] | None = None,
        cache: bool = False,
        key: str | None = None,
    ) -> None:
        if not isinstance(preprocessing, Preprocessing):
            preprocessing = Preprocessing(name=name, words="its own", prepare=preprocessing)
        if device is None:
            device = next((p.device for p in _parameters(network)), CPU)
        self.network, self.preprocessing, self.name = network, preprocessing, name
        self.label, self.layer, self.device = label or f"FD ({name})", layer, device
        self.precision, self.logits, self.cache = precision, logits, cache
        self.key = key or re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        self._sha256 = sha256
        if cache and sha256 is None and not isinstance(network, nn.Module):
            raise InputError(f"{name}: `cache` needs the `sha256` of what the function computes")
        self.dims = self._try() if dims is None else dims

    @torch.no_grad()
    def __call__(self, images: Tensor | np.ndarray) -> Tensor:
        """Returns the features of one batch.

        Arguments:
            images: Images with shape `(B, 3, H, W)` (or one grey channel), uint8 or floating
                point in [0, 1].

        Returns:
            Features with shape `(B, F)`, on the processor; float32, or float64 if the network's
            are. They are not checked to be finite.

        Raises:
            InputError: If the network is in training mode, or gives something else than
                floating-point features of that shape.
            ValueError: If `images` are no such images.
        """
        if any(part.training for part in _modules(self.network)):
            raise InputError(
                f"{self.name}: in training mode, where features depend on chance and on the "
                "batch; call eval() on it first"
            )
        images = (images if isinstance(images, Tensor) else torch.tensor(images)).cpu()
        if images.is_floating_point():
            images = self.preprocessing.quantise(images)
        prepared = self.preprocessing.prepare(check_images(images))
        with exact(self.device):
            features = self.network(prepared.to(self.device))
        if not isinstance(features, Tensor) or not features.is_floating_point():
            kind = features.dtype if isinstance(features, Tensor) else type(features).__name__
            raise InputError(f"{self.name}: gives {kind}; a feature network gives floating point")
        if features.ndim != 2 or len(features) != len(images):
            raise InputError(
                f"{self.name}: gives shape {tuple(features.shape)} for {len(images)} images; a "
                f"feature network gives ({len(images)}, F): average over space, keep the batch "
                "axis"
            )
        return features.detach().to("cpu", torch.promote_types(features.dtype, torch.float32))

    @property
    def sha256(self) -> str:
        """The SHA-256 of the weights as they are now; empty where there are none."""
        if self._sha256 is None:
            return _digest(self.network) if isinstance(self.network, nn.Module) else ""
        return self._sha256

    @property
    def provenance(self) -> Provenance:
        """All that the features depend on besides the images."""
        return Provenance(
            network=self.name, sha256=self.sha256, layer=self.layer,
            preprocessing=self.preprocessing.name, precision=self.precision,
            device=self.device.type,
        )  # fmt: skip

    @property
    def identity(self) -> dict[str, Any]:
        """The label, the provenance, F and a line on the preprocessing, as JSON values."""
        return {
            "label": self.label, **asdict(self.provenance), "dims": self.dims,
            "preprocessing_words": self.preprocessing.words,
        }  # fmt: skip

    def with_preprocessing(self, preprocessing: Preprocessing, label: str | None = None) -> Self:
        """Returns the same network behind another preprocessing, under another label if given."""
        other = copy.copy(self)
        other.preprocessing, other.label = preprocessing, label or self.label
        return other

    def _try(self) -> int:
        """Returns F, from two images of noise, and from the first of them alone."""
        random = torch.Generator().manual_seed(0)
        shape = (2, 3, TRIED_AT, TRIED_AT)
        noise = torch.randint(0, 256, shape, generator=random, dtype=torch.uint8)
        dims, alone = (self(images).shape[1] for images in (noise, noise[:1]))
        if alone != dims:
            raise InputError(f"{self.name}: gives {dims} features, {alone} for one image")
        return dims


def _modules(network: object) -> list[nn.Module]:
    return list(network.modules()) if isinstance(network, nn.Module) else []


def _parameters(network: object) -> list[nn.Parameter]:
    return list(network.parameters()) if isinstance(network, nn.Module) else []


def _digest(module: nn.Module) -> str:
    """Returns the SHA-256 of the names, types, shapes and bytes of a module's state."""
    found = hashlib.sha256()
    for key, tensor in sorted(module.state_dict().items()):
        found.update(f"{key}/{tensor.dtype}/{tuple(tensor.shape)}/".encode())
        flat = tensor.detach().cpu().contiguous().flatten()
        found.update(flat.view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
