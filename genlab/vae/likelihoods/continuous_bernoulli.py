r"""The continuous Bernoulli likelihood of grey values: what a binary cross-entropy of them lacks.

.. math:: \ln p(x|z) = \sum_i x_i l_i - \ln \frac{e^{l_i} - 1}{l_i}, \qquad x_i \in [0, 1]

with the decoder's logits l. It is the exponential family on [0, 1] whose statistic is x itself: a
truncated exponential distribution. The binary cross-entropy of grey values, which many VAEs are
trained with, is the same but for the normalisation: with ln(1 + e^l) in its place it is the
logarithm of no density, and its bound is none (Loaiza-Ganem & Cunningham, 2019).

It is a density of grey values in units of [0, 1], with all that `Gaussian` says of such.

References:
    | The continuous Bernoulli: fixing a pervasive error in variational autoencoders
    | (Loaiza-Ganem & Cunningham, 2019), https://arxiv.org/abs/1907.06845

Shapes: X pixels; everything before them is batch.
"""

__all__ = ["ContinuousBernoulli"]

from typing import Any, cast

import torch

from torch import Tensor
from torch.autograd.function import once_differentiable

from genlab.common.text import Title
from genlab.vae.likelihoods.base import ExponentialFamily

BISECTIONS = 100
"""Halvings after which float64 has no number between the ends."""
FLAT = 0.2
"""Below it the mean is a series in the logit: its formula would be a difference of large terms."""


class ContinuousBernoulli(ExponentialFamily):
    """Grey values, independent given the logits, of a truncated exponential each."""

    domain = Title(
        "[0, 1]内的灰度值，取原值，不做去量化",
        "grey values in [0, 1], as they are, not dequantised",
    )
    discrete = False
    mean_function = "truncated_exponential"

    def statistic(self, x: Tensor) -> Tensor:
        """Returns T(x) = x."""
        return x

    def log_partition(self, eta: Tensor) -> Tensor:
        r"""Returns :math:`A(l) = \sum_i \ln \frac{e^{l_i} - 1}{l_i}`.

        Its derivative can itself not be derived.
        """
        return cast(Tensor, LogPartition.apply(eta))

    def log_base(self, x: Tensor) -> Tensor:
        """Returns ln h(x) = 0."""
        return x.new_zeros(x.shape[:-1])

    def mean(self, eta: Tensor) -> Tensor:
        """Returns the mean grey value of each pixel, in [0, 1]."""
        return truncated_exponential_mean(eta)

    def with_mean(self, mean: Tensor) -> Tensor:
        """Returns the logits, by bisection.

        A mean m below 1/2 has a logit between -1/m and 0, since m < 1/|l|; 1 - m has its negative.
        """
        small = torch.minimum(mean, 1 - mean)
        low, high = -1 / small, torch.zeros_like(small)
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            below = truncated_exponential_mean(middle) < small
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return torch.where(mean > 0.5, -low, low)

    def sample(self, eta: Tensor) -> Tensor:
        r"""Draws grey values: the inverse of the distribution function, of uniform u.

        .. math:: x = \frac{\ln(1 + u (e^{l} - 1))}{l}

        for negative l; 1 - x has the logit -l.
        """
        below = -eta.abs().clamp(min=1e-6)
        x = torch.log1p(torch.rand_like(eta) * torch.expm1(below)) / below
        return torch.where(eta > 0, 1 - x, x)


def truncated_exponential_mean(eta: Tensor) -> Tensor:
    r"""Returns the mean of each pixel, :math:`\frac{1}{1 - e^{-l}} - \frac{1}{l}`."""
    size = eta.abs()
    large = size.clamp(min=FLAT)
    far = -1 / torch.expm1(-large) - 1 / large
    square = eta.square()
    near = 0.5 + eta * (1 / 12 - square * (1 / 720 - square * (1 / 30240 - square / 1209600)))
    return torch.where(size < FLAT, near, torch.where(eta > 0, far, 1 - far))


class LogPartition(torch.autograd.Function):
    r"""Value and derivative by their formulas.

    .. math:: A = \max(l, 0) + \ln \frac{1 - e^{-|l|}}{|l|}, \qquad
              \frac{\partial A}{\partial l} = \frac{1}{1 - e^{-l}} - \frac{1}{l}
    """

    @staticmethod
    def forward(ctx: Any, eta: Tensor) -> Tensor:
        """Returns A(l), with shape `(*)`, of logits `(*, X)`."""
        ctx.save_for_backward(eta)
        size = eta.abs().clamp_(min=torch.finfo(eta.dtype).tiny)
        rest = torch.expm1(-size).neg_().div_(size).log_()
        return (eta.clamp(min=0) + rest).sum(-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        """Returns the gradient in the logits."""
        (eta,) = ctx.saved_tensors
        return truncated_exponential_mean(eta).mul_(upstream[..., None])
