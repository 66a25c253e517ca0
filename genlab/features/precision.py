r"""Whether a network may look in bfloat16: asked for, or tried on this machine.

bfloat16 keeps 8 bits of a number. On processors with units for it (AMX, AVX512-BF16, most GPUs)
convolutions run several times faster; on others it is emulated and slower. Neither a processor's
name nor its list of features tells by how much, so `auto` runs one convolution of Inception's
middle both ways, in turn, and takes bfloat16 if that is at least 1.5 times as fast.

bfloat16 changes what is measured: over 768 features of FID Inception, for 20 photographs against
20 drawn dogs at 64 pixels, a feature changed by 1 % and the distance by 0.2 %. So float32 is the
default, and the precision is part of what a number is.
"""

__all__ = ["PRECISIONS", "Precision", "dtype_of", "resolve", "speedup"]

import time

from functools import cache
from statistics import median
from typing import Literal

import torch
import torch.nn.functional as F

from torch import Tensor

from genlab.errors import InputError

Precision = Literal["fp32", "bf16"]
"""How a network computes."""

PRECISIONS = ("fp32", "bf16", "auto")
"""What may be asked for."""

WORTH = 1.5
ROUNDS = 3


def resolve(asked: str) -> Precision:
    """Returns "fp32" or "bf16" for one of `PRECISIONS`.

    Raises:
        InputError: If `asked` is another word.
    """
    if asked == "auto":
        return "bf16" if speedup() >= WORTH else "fp32"
    if asked == "fp32" or asked == "bf16":
        return asked
    raise InputError(f"precision {asked!r}: give one of {', '.join(PRECISIONS)}")


def dtype_of(precision: Precision) -> torch.dtype:
    """Returns the type of a network's weights."""
    return {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]


@cache
@torch.no_grad()
def speedup() -> float:
    """Returns how many times as fast a convolution is in bfloat16 as in float32: a short trial.

    A 3 x 3 convolution of 96 channels at 35 x 35 pixels, as in `Mixed_5*`; the median of three
    alternating rounds after one that warms up. Under a second, made once in a process.
    """
    x = torch.ones(2, 96, 35, 35).contiguous(memory_format=torch.channels_last)
    kernel = torch.ones(96, 96, 3, 3).contiguous(memory_format=torch.channels_last)
    short = (x.bfloat16(), kernel.bfloat16())
    ratios = [_seconds(x, kernel) / _seconds(*short) for _ in range(1 + ROUNDS)]
    return median(ratios[1:])


def _seconds(x: Tensor, kernel: Tensor) -> float:
    began = time.perf_counter()
    F.conv2d(x, kernel, padding=1)
    return time.perf_counter() - began
