"""Priors over the latent: one a file, one row in `PRIORS`.

A prior is a module whose `forward()` returns the `torch.distributions.Distribution` over z, with
event shape `(D,)`. Whoever uses it calls `log_prob` and `sample` and never asks which it is.
"""

__all__ = ["PRIORS", "Setting"]

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn as nn

from torch import Tensor

from genlab.priors.mixture import MixturePrior
from genlab.priors.standard import StandardPrior
from genlab.priors.vamp import Encode, VampPrior


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """What a prior may be built from; each takes what it needs."""

    latent: int
    """The number of latent dimensions D."""
    components: int
    """The number of components K, for priors that are mixtures."""
    encode: Encode
    """The encoder call: images `(B, X)` to the mean and log standard deviation of q(z|x)."""
    examples: Tensor
    """Grey training images in [0, 1], at least K, with shape `(N, X)`."""


PRIORS: dict[str, Callable[[Setting], nn.Module]] = {
    "standard": lambda s: StandardPrior(s.latent),
    "mixture": lambda s: MixturePrior(s.latent, s.components),
    "vamp": lambda s: VampPrior(s.encode, s.examples[: s.components]),
}
