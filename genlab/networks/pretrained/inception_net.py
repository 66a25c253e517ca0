r"""FID Inception (2015-12-05) in plain torch: the network that "FID" means.

It is Inception-v3 as the TensorFlow graph of that date has it, which differs from the usual one:
average pools leave the padding out of their count (`Mixed_5*`, `Mixed_6b..e`, `Mixed_7b`), and
`Mixed_7c` pools by maximum. Every unit is relu(conv(x) + bias), its batch-norm (eps 1e-3) folded.

What pytorch-fid's `--dims` means:  64 after the first and 192 after the second max pool, 768
after `Mixed_6e`, 2048 after `Mixed_7c`; each is averaged over space. FID proper is 2048.

References:
    | Rethinking the Inception Architecture (Szegedy et al., 2016), figures 5-7, 10
    | https://arxiv.org/abs/1512.00567
    | GANs Trained by a Two Time-Scale Update Rule (Heusel et al., 2017), section 4 (FID)
    | https://arxiv.org/abs/1706.08500
    | The differences: https://github.com/mseitzer/pytorch-fid, src/pytorch_fid/inception.py

Shapes: B batch, H W pixels, F features (64, 192, 768 or 2048).
"""

__all__ = ["DIMS", "FILE", "HOW", "SHA256", "SIZE", "URL", "Inception", "to_input"]

from collections import OrderedDict

import torch
import torch.nn.functional as F

from torch import Tensor, nn

from genlab.common.errors import InputError
from genlab.networks.pretrained.weights import Weights

DIMS = {64: "max_pool_1", 192: "max_pool_2", 768: "Mixed_6e", 2048: "Mixed_7c"}
"""The stage after which each number of features is taken."""

FILE = "pt_inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{FILE}"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
"""The published weights, a state dict with batch-norm unfolded."""
HOW = f"fetch {URL} (95 MB) and give the file as `inception`, or give `inception` download"
"""The way to get them."""

SIZE = 299

AT_ONCE = 4
"""Images that a processor takes through the network together. The largest map of so many (64
channels at 147 pixels) stays below the 32 MB from which on memory is fetched from the system, and
cleared by it, anew each time; batches of 32 take a fifth longer."""


def average_pool(x: Tensor) -> Tensor:
    """Averages 3 x 3 neighbourhoods; padding does not count, so edges average fewer pixels."""
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


class Unit(nn.Module):
    """relu(conv(x) + bias), zero-padded to keep the size unless `valid`.

    If it `averages`, a 1x1 convolution of `average_pool(x)`. The two change places: both are
    linear, each over its own axes, averages leave the bias as it is, and there are fewer channels
    after the convolution than before.
    """

    def __init__(
        self, inputs: int, outputs: int, *kernel: int, stride: int = 1, valid: bool = False,
        averages: bool = False,
    ) -> None:
        super().__init__()
        self.averages = averages
        height, width = kernel if len(kernel) == 2 else kernel * 2
        shape = (outputs, inputs, height, width)
        self.stride = stride
        self.padding = (0, 0) if valid else (height // 2, width // 2)
        # channels-last throughout: the same numbers, up to twice as fast on a CPU
        self.weight = nn.Parameter(torch.empty(shape, memory_format=torch.channels_last))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv2d(x, self.weight, self.bias, self.stride, self.padding)
        return F.relu(average_pool(x) if self.averages else x, inplace=True)


class MaxPool(nn.Module):
    """The largest of every 3 x 3 pixels, at stride 2: of three rows, then of three columns.

    On a processor torch's own pool also writes where each was found: 8 bytes, for 2 or 4.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return F.max_pool2d(x, 3, stride=2)
        height, width = ((n - 3) // 2 * 2 + 1 for n in x.shape[2:])
        x = x[:, :, :height:2].maximum(x[:, :, 1 : height + 1 : 2]).maximum(
            x[:, :, 2 : height + 2 : 2]
        )
        return x[..., :width:2].maximum(x[..., 1 : width + 1 : 2]).maximum(
            x[..., 2 : width + 2 : 2]
        )


class InceptionA(nn.Module):
    """`Mixed_5b..d`: 1x1, 5x5, twice 3x3, pool (Szegedy et al., figure 5)."""

    def __init__(self, inputs: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = Unit(inputs, 64, 1)
        self.branch5x5_1, self.branch5x5_2 = Unit(inputs, 48, 1), Unit(48, 64, 5)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Unit(inputs, 64, 1), Unit(64, 96, 3)
        self.branch3x3dbl_3 = Unit(96, 96, 3)
        self.branch_pool = Unit(inputs, pooled, 1, averages=True)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        five, pool = self.branch5x5_2(self.branch5x5_1(x)), self.branch_pool(x)
        return torch.cat([self.branch1x1(x), five, double, pool], 1)


class InceptionB(nn.Module):
    """`Mixed_6a`: halves the size (Szegedy et al., figure 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3 = Unit(288, 384, 3, stride=2, valid=True)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Unit(288, 64, 1), Unit(64, 96, 3)
        self.branch3x3dbl_3 = Unit(96, 96, 3, stride=2, valid=True)
        self.pool = MaxPool()

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, self.pool(x)], 1)


class InceptionC(nn.Module):
    """`Mixed_6b..e`: 7x7 as 1x7 and 7x1, once and twice (Szegedy et al., figure 6)."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.branch1x1 = Unit(768, 192, 1)
        self.branch7x7_1, self.branch7x7_2 = Unit(768, inner, 1), Unit(inner, inner, 1, 7)
        self.branch7x7_3 = Unit(inner, 192, 7, 1)
        self.branch7x7dbl_1, self.branch7x7dbl_2 = Unit(768, inner, 1), Unit(inner, inner, 7, 1)
        self.branch7x7dbl_3, self.branch7x7dbl_4 = (
            Unit(inner, inner, 1, 7),
            Unit(inner, inner, 7, 1),
        )
        self.branch7x7dbl_5 = Unit(inner, 192, 1, 7)
        self.branch_pool = Unit(768, 192, 1, averages=True)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(x), seven, double, self.branch_pool(x)], 1)


class InceptionD(nn.Module):
    """`Mixed_7a`: halves the size again."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3_1 = Unit(768, 192, 1)
        self.branch3x3_2 = Unit(192, 320, 3, stride=2, valid=True)
        self.branch7x7x3_1, self.branch7x7x3_2 = Unit(768, 192, 1), Unit(192, 192, 1, 7)
        self.branch7x7x3_3 = Unit(192, 192, 7, 1)
        self.branch7x7x3_4 = Unit(192, 192, 3, stride=2, valid=True)
        self.pool = MaxPool()

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_2(self.branch3x3_1(x))
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        return torch.cat([three, self.branch7x7x3_4(seven), self.pool(x)], 1)


class InceptionE(nn.Module):
    """`Mixed_7b..c`: 3x3 as 1x3 beside 3x1 (Szegedy et al., figure 7)."""

    def __init__(self, inputs: int, pool_by_maximum: bool) -> None:
        super().__init__()
        self.pool_by_maximum = pool_by_maximum
        self.branch1x1 = Unit(inputs, 320, 1)
        self.branch3x3_1 = Unit(inputs, 384, 1)
        self.branch3x3_2a, self.branch3x3_2b = Unit(384, 384, 1, 3), Unit(384, 384, 3, 1)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Unit(inputs, 448, 1), Unit(448, 384, 3)
        self.branch3x3dbl_3a, self.branch3x3dbl_3b = Unit(384, 384, 1, 3), Unit(384, 384, 3, 1)
        self.branch_pool = Unit(inputs, 192, 1, averages=not pool_by_maximum)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pooled = F.max_pool2d(x, 3, stride=1, padding=1) if self.pool_by_maximum else x
        parts = [
            self.branch1x1(x),
            self.branch3x3_2a(three),
            self.branch3x3_2b(three),
            self.branch3x3dbl_3a(double),
            self.branch3x3dbl_3b(double),
            self.branch_pool(pooled),
        ]
        return torch.cat(parts, 1)


class Inception(nn.Module):
    """FID Inception, frozen, float32 unless turned into another type.

    Arguments:
        weights: `NAME.weight` and `NAME.bias` of every unit. Weights of `Mixed_7b..c` may be
            missing: then there are no 2048 features.
        sha256: The SHA-256 of the file that they come from.

    Raises:
        InputError: If another weight is missing, or one has an unknown name, a wrong shape, no
            floating-point values, or some that are not finite.
    """

    def __init__(self, weights: Weights, sha256: str) -> None:
        super().__init__()
        self.sha256 = sha256
        self.path = nn.Sequential(OrderedDict(stages()))
        expected = self.path.state_dict()
        missing = sorted(expected.keys() - weights.keys())
        wrong = [k for k, v in weights.items() if k not in expected or not _fits(v, expected[k])]
        wrong += [k for k in missing if not k.startswith(("Mixed_7b.", "Mixed_7c."))]
        if wrong:
            raise InputError(
                f"these are not FID Inception's weights: {wrong[0][:60]} is missing, unknown, of "
                f"a wrong shape or dtype, or not finite ({len(wrong)} such); {HOW}"
            )
        self.missing = tuple(missing)
        for key in missing:  # never read: `features` refuses what lies behind them
            expected[key].fill_(torch.nan)
        self.path.load_state_dict(weights, strict=False)
        self.requires_grad_(False).eval()

    @property
    def complete(self) -> bool:
        """Whether no weight is missing, so that there are 2048 features and FID proper."""
        return not self.missing

    def require_complete(self) -> None:
        """Refuses what takes 2048 features if there are none.

        Raises:
            InputError: If weights are missing, with what can be done.
        """
        if self.missing:
            raise InputError(
                f"FID at 2048 features needs the whole network, and these weights lack "
                f"{' and '.join(self.missing)}: {HOW}; 768 features (inception-768) work with them"
            )

    def features(self, x: Tensor, dims: int) -> Tensor:
        """Returns features averaged over space, float32 with shape `(B, dims)`.

        After `to(torch.bfloat16)` the network computes in that, the averages in float32.

        Arguments:
            x: What a preprocessing prepares, with shape `(B, 3, 299, 299)`.
            dims: 64, 192, 768 or 2048.

        Raises:
            ValueError: If `dims` is another number.
            InputError: If `dims` is 2048 and the weights are incomplete.
        """
        if dims not in DIMS:
            raise ValueError(f"dims={dims}: FID Inception has {', '.join(map(str, DIMS))}")
        if dims == 2048:
            self.require_complete()
        dtype = next(self.parameters()).dtype
        x = x.to(dtype).contiguous(memory_format=torch.channels_last)
        parts = x.split(AT_ONCE) if x.device.type == "cpu" else [x]
        return torch.cat([self._averages(part, DIMS[dims]) for part in parts])

    def _averages(self, x: Tensor, last: str) -> Tensor:
        for name, stage in self.path.named_children():
            x = stage(x)
            if name == last:
                break
        return x.float().mean((2, 3))


def stages() -> list[tuple[str, nn.Module]]:
    """Returns the network's stages from input to `Mixed_7c`, by their published names."""
    return [
        ("Conv2d_1a_3x3", Unit(3, 32, 3, stride=2, valid=True)),
        ("Conv2d_2a_3x3", Unit(32, 32, 3, valid=True)),
        ("Conv2d_2b_3x3", Unit(32, 64, 3)),
        ("max_pool_1", MaxPool()),
        ("Conv2d_3b_1x1", Unit(64, 80, 1)),
        ("Conv2d_4a_3x3", Unit(80, 192, 3, valid=True)),
        ("max_pool_2", MaxPool()),
        ("Mixed_5b", InceptionA(192, pooled=32)),
        ("Mixed_5c", InceptionA(256, pooled=64)),
        ("Mixed_5d", InceptionA(288, pooled=64)),
        ("Mixed_6a", InceptionB()),
        ("Mixed_6b", InceptionC(128)),
        ("Mixed_6c", InceptionC(160)),
        ("Mixed_6d", InceptionC(160)),
        ("Mixed_6e", InceptionC(192)),
        ("Mixed_7a", InceptionD()),
        ("Mixed_7b", InceptionE(1280, pool_by_maximum=False)),
        ("Mixed_7c", InceptionE(2048, pool_by_maximum=True)),
    ]


def to_input(images: Tensor) -> Tensor:
    """Brings images to what the network takes, as pytorch-fid does.

    Bilinear to 299 pixels, half-pixel centres, *not* antialiased; then 2 v - 1.

    Arguments:
        images: Images in [0, 1] (uint8 / 255), with shape `(B, 3, H, W)`.

    Returns:
        The network's input, with shape `(B, 3, 299, 299)`.
    """
    resized = F.interpolate(images, size=(SIZE, SIZE), mode="bilinear", align_corners=False)
    return resized.mul_(2).sub_(1)


def _fits(weight: Tensor, expected: Tensor) -> bool:
    return (
        weight.shape == expected.shape and weight.is_floating_point()
        and bool(weight.float().isfinite().all())
    )
