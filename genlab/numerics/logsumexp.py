r"""Sums of exponentials of which most are next to nothing.

.. math:: \ln \sum_k e^{a_k} = m + \ln \sum_k e^{\max(a_k - m,\, f)}, \qquad m = \max_k a_k

with f just above the logarithm of the smallest normal number (-86.3 in float32, -707.4 in
float64): what the floor adds is less than 1e-37 of the sum a term. Without it most components of a
mixture, seen from most points, have exponentials that underflow, and vector libraries leave their
fast path for these (measured with MKL: 50 to 200 times as long, each).
"""

__all__ = ["logsumexp", "small_exp_"]

import math

import torch

from torch import Tensor


def small_exp_(a: Tensor) -> Tensor:
    """Returns max(e^a, e^f) in place of `a`."""
    return a.clamp_(min=math.log(torch.finfo(a.dtype).tiny) + 1).exp_()


def logsumexp(a: Tensor, dim: int, exponentials: torch.dtype | None = None) -> Tensor:
    r"""Returns :math:`\ln \sum_k e^{a_k}` over the dimension `dim`, which goes.

    Like `torch.logsumexp` where there are infinities and NaN.

    Arguments:
        a: The exponents.
        dim: Over which the sum goes.
        exponentials: The type of the exponentials and their sum, if another than that of `a`:
            differences of large float64 exponents are small, and float32 costs half.
    """
    top = a.detach().amax(dim)
    below = (a - top.unsqueeze(dim)).to(exponentials or a.dtype)
    total = small_exp_(below).sum(dim)
    return torch.where(top.isinf(), top, total.log() + top)
