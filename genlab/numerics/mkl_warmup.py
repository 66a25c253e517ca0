"""Settles which kernels MKL's vector functions take before any two threads ask at once.

On processors torch computes exp, log, sin and their like by MKL's vector mathematics (VML). MKL
chooses a function's kernel in its first call. Where the first call of a process is on a large
tensor, several threads make it at the same time, and now and then one of them is given a kernel
of low accuracy for its part of that one tensor: the same seed then gives other numbers in one
process out of twenty, and nothing tells (https://github.com/pytorch/pytorch/issues/188792; the
rate here: `benchmarks/first_call.py`). A first call of one number each, by one thread, is the
remedy.
"""

__all__ = ["FUNCTIONS", "settle"]

import torch

FUNCTIONS = (
    torch.acos, torch.asin, torch.atan, torch.cos, torch.erf, torch.erfc, torch.erfinv, torch.exp,
    torch.expm1, torch.log, torch.log10, torch.log1p, torch.log2, torch.sin, torch.sqrt,
    torch.tan, torch.tanh,
)  # fmt: skip
"""What torch hands to MKL (its `aten/src/ATen/cpu/vml.h`)."""


def settle() -> None:
    """Calls each function on one number, in float32 and float64: 0.2 ms.

    What computes calls it when it is imported: priors, nets, features, what all metrics ask of
    features, likelihoods, and randomness, without which nothing is trained or drawn.
    """
    for dtype in (torch.float32, torch.float64):
        half = torch.full((1,), 0.5, dtype=dtype)
        for function in FUNCTIONS:
            function(half)
