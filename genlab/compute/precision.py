r"""What a network looks in: float32, bfloat16, float16; asked for, or tried on this machine.

bfloat16 keeps 8 bits of a number. On processors with units for it (AMX, AVX512-BF16, most GPUs)
convolutions run several times faster; on others it is emulated and slower. Neither a processor's
name nor its list of features tells by how much, so `auto` runs one convolution of Inception's
middle both ways, in turn, on the device that will look, and takes the shorter type if that is at
least 1.5 times as fast.

float16 keeps 11 bits and ends at 65504; a feature beyond that is infinite, and refused. GPUs
compute in it as fast as in bfloat16, so it is what `auto` tries there; processors refuse it.

bfloat16 changes what is measured: over 768 features of FID Inception, for 20 photographs against
20 drawn dogs at 64 pixels, a feature changed by 1 % and the distance by 0.2 %. So float32 is the
default, and the precision is part of what a number is. float32 means float32: cuDNN would round
its factors to 10 bits (TensorFloat-32), which `ieee` turns off.
"""

__all__ = [
    "CPU", "PRECISIONS", "Precision", "dtype_of", "exact", "ieee", "pays", "require_bf16",
    "resolve", "speedup",
]  # fmt: skip

import time

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from statistics import median
from typing import Literal

import torch
import torch.nn.functional as F

from torch import Tensor

from genlab.common.errors import InputError

Precision = Literal["float32", "bf16", "fp16"]
"""How a network computes."""

PRECISIONS = ("float32", "bf16", "fp16", "auto")
"""What may be asked for."""

CPU = torch.device("cpu")

WORTH = 1.5
ROUNDS = 3


def resolve(asked: str, device: torch.device = CPU) -> Precision:
    """Returns "float32", "bf16" or "fp16" for one of `PRECISIONS`.

    Raises:
        InputError: If `asked` is another word, or the device does not compute in it.
    """
    short: Precision = "fp16" if device.type == "cuda" else "bf16"
    if asked == "auto":
        return short if pays(device, dtype_of(short)) else "float32"
    if asked == "fp16" and device.type != "cuda":
        raise InputError("`precision` fp16: on GPUs only; on a processor take float32 or bf16")
    if asked == "bf16" and device.type == "cuda":
        require_bf16(device)
    if asked == "float32" or asked == "bf16" or asked == "fp16":
        return asked
    raise InputError(f"precision {asked!r}: give one of {', '.join(PRECISIONS)}")


def require_bf16(device: torch.device) -> None:
    """Raises `InputError` if a GPU has no units for bfloat16."""
    with torch.cuda.device(device):
        if not torch.cuda.is_bf16_supported(including_emulation=False):
            raise InputError(
                f"`precision` bf16: {torch.cuda.get_device_name(device)} cannot (GPUs of compute "
                "capability 8.0 and later can); take another"
            )


def dtype_of(precision: Precision) -> torch.dtype:
    """Returns the type of a network's weights."""
    return {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


@contextmanager
def ieee(device: torch.device) -> Iterator[None]:
    """Makes a GPU's products and convolutions of float32 those of IEEE 754 inside the block."""
    if device.type != "cuda":
        yield
        return
    parts = torch.backends.cuda.matmul, torch.backends.cudnn.conv  # pyright: ignore
    before = [part.fp32_precision for part in parts]  # pyright: ignore
    for part in parts:
        part.fp32_precision = "ieee"  # pyright: ignore
    try:
        yield
    finally:
        for part, setting in zip(parts, before):
            part.fp32_precision = setting  # pyright: ignore


@contextmanager
def exact(device: torch.device) -> Iterator[None]:
    """Makes a GPU's float32 that of `ieee`, and the same each time, inside the block."""
    if device.type != "cuda":
        yield
        return
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.deterministic
    cudnn.benchmark, cudnn.deterministic = False, True
    try:
        with ieee(device):
            yield
    finally:
        cudnn.benchmark, cudnn.deterministic = before


def pays(device: torch.device = CPU, dtype: torch.dtype = torch.bfloat16) -> bool:
    """Returns whether the trial finds a short type worth taking."""
    return speedup(device, dtype) >= WORTH


@cache
@torch.no_grad()
def speedup(device: torch.device = CPU, dtype: torch.dtype = torch.bfloat16) -> float:
    """Returns how many times as fast a convolution is in a short type as in float32: a trial.

    A 3 x 3 convolution of 96 channels at 35 x 35 pixels, as in `Mixed_5*`, of 2 images (on a GPU
    of 32: a batch); the median of three alternating rounds after one that warms up. Under a
    second, made once in a process.
    """
    images = 2 if device.type == "cpu" else 32
    x = torch.ones(images, 96, 35, 35, device=device)
    kernel = torch.ones(96, 96, 3, 3, device=device)
    x, kernel = (t.contiguous(memory_format=torch.channels_last) for t in (x, kernel))
    short = (x.to(dtype), kernel.to(dtype))
    with exact(device):
        ratios = [_seconds(x, kernel) / _seconds(*short) for _ in range(1 + ROUNDS)]
    return median(ratios[1:])


def _seconds(x: Tensor, kernel: Tensor) -> float:
    _finish(x.device)
    began = time.perf_counter()
    F.conv2d(x, kernel, padding=1)
    _finish(x.device)
    return time.perf_counter() - began


def _finish(device: torch.device) -> None:
    """Returns when the device has done what it was given; a processor has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
