r"""Likelihoods p(x|z) of an image given what the decoder says of it.

Shapes: X pixels; everything before them is batch.
"""

__all__ = ["bernoulli_log_prob"]

import torch.nn.functional as F

from torch import Tensor


def bernoulli_log_prob(x: Tensor, logits: Tensor) -> Tensor:
    r"""Returns :math:`\ln p(x|z) = \sum_i x_i l_i - \ln(1 + e^{l_i})` in nats.

    The Bernoulli log-likelihood with logits l, summed over pixels (Kingma & Welling, 2014,
    appendix C.1).

    Arguments:
        x: Binary images, with shape `(*, X)`.
        logits: With shape `(*, X)`; broadcasts against `x`.

    Returns:
        With shape `(*)`.
    """
    return (x * logits - F.softplus(logits)).sum(-1)
