r"""The precision in which a network computes: float32, bfloat16 or float16, given or by trial.

bfloat16 keeps 8 significant bits. On processors with units for it (AMX, AVX512-BF16) and on most
GPUs convolutions run several times faster; on others it is emulated and slower. Neither a
processor's name nor its list of features tells by how much, so `auto` times one convolution of
Inception's middle in both types, alternating, on the device in question, and takes the shorter
type if that is at least 1.5 times as fast.

float16 keeps 11 bits and ends at 65504; a feature beyond that is infinite, and refused. GPUs
compute in it as fast as in bfloat16, so `auto` tries float16 there; on processors it is refused.

bfloat16 changes the result: over 768 features of FID Inception, for 20 photographs against 20
drawn dogs at 64 pixels, features changed by 1 % and the distance by 0.2 %. So float32 is the
default, and every result records its precision. float32 means float32: cuDNN would round
factors to 10 bits (TensorFloat-32), which `ieee` turns off.
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
"""The precision in which a network computes."""

PRECISIONS = ("float32", "bf16", "fp16", "auto")
"""The precisions that may be asked for."""

CPU = torch.device("cpu")

WORTH = 1.5
ROUNDS = 3


def resolve(asked: str, device: torch.device = CPU) -> Precision:
    """Returns "float32", "bf16" or "fp16" for one of `PRECISIONS`.

    Raises:
        InputError: If `asked` is none of them, or the device does not compute in it.
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
    raise InputError(f"`precision` must be one of {', '.join(PRECISIONS)}, not {asked!r}")


def require_bf16(device: torch.device) -> None:
    """Raises `InputError` if a GPU has no units for bfloat16."""
    with torch.cuda.device(device):
        if not torch.cuda.is_bf16_supported(including_emulation=False):
            raise InputError(
                f"`precision` bf16: {torch.cuda.get_device_name(device)} has no units for it "
                "(GPUs of compute capability 8.0 and later have); take another"
            )


def dtype_of(precision: Precision) -> torch.dtype:
    """Returns the type of a network's weights."""
    return {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


@contextmanager
def ieee(device: torch.device) -> Iterator[None]:
    """Makes a GPU's float32 products and convolutions those of IEEE 754 inside the block."""
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
    """Makes a GPU's float32 arithmetic that of `ieee`, and deterministic, inside the block."""
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
    """Returns whether a short type is at least 1.5 times as fast as float32 in a trial."""
    return speedup(device, dtype) >= WORTH


@cache
@torch.no_grad()
def speedup(device: torch.device = CPU, dtype: torch.dtype = torch.bfloat16) -> float:
    """Returns the speed of a convolution in a short type, in units of that in float32.

    A 3 x 3 convolution of 96 channels at 35 x 35 pixels, as in `Mixed_5*`, of 2 images (32 on a
    GPU); the median of three alternating rounds after a warm-up. It takes less than a second,
    once in a process.
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
    """Waits until a GPU has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
