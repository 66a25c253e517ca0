"""The shares of a way that slows down at its ends."""

__all__ = ["eased"]

import math

import torch

from torch import Tensor


def eased(steps: int) -> Tensor:
    """Returns t = (1 - cos(pi s)) / 2 for s = 0, 1/F, ..., (F - 1)/F, float64 `(F,)`.

    On a closed walk of such ways the velocity has no jumps: it is 0 at each end.
    """
    s = torch.arange(steps, dtype=torch.float64) / steps
    return (1 - (math.pi * s).cos()) / 2
