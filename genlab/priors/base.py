"""What every prior is: a module that returns a distribution over the latent.

Shapes: B batch, D latent dimensions; `*` any leading dimensions.
"""

__all__ = ["Encode", "Prior", "Setting"]

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn as nn

from torch import Tensor
from torch.distributions import Distribution

from genlab.configs.prior import PriorOptions

Encode = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """What a prior may be built from; each takes what it needs."""

    latent: int
    """The number of latent dimensions D."""
    options: PriorOptions
    """The prior's options, complete."""
    encode: Encode
    """The encoder call: images `(B, X)` to the mean and log standard deviation of q(z|x). A plain
    function, so that the encoder's weights stay the encoder's."""
    examples: Tensor
    """Grey training images in [0, 1], at least K, with shape `(N, X)`."""
    rows: Tensor
    """The examples' places among the training images, with shape `(N,)`, int64."""


class Prior(nn.Module, ABC):
    """A prior over the latent."""

    dear: ClassVar[bool] = False
    """Whether ln p(z) costs so much that measurement must be sparing with it."""

    @abstractmethod
    def forward(self) -> Distribution:
        """Returns p(z), with event shape `(D,)`: `log_prob` exact, in nats, and `sample`."""

    def training_log_prob(self, z: Tensor, rows: Tensor, random: torch.Generator) -> Tensor:
        """Returns what training maximises for ln p(z): just that, for most priors.

        Others have a reason: it would look at the answer (exemplars), or is dear (diffusion).

        Arguments:
            z: Codes of the batch's images, with shape `(*, B, D)`.
            rows: The images' places among the training images, with shape `(B,)`, int64.
            random: Draws whatever noise is needed.

        Returns:
            In nats, with shape `(*, B)`.
        """
        del rows, random
        return self().log_prob(z)

    def diagnostics(self, z: Tensor, random: torch.Generator) -> dict[str, float | None]:
        """Returns what tells whether the density can be trusted at codes: nothing, for most.

        Arguments:
            z: Codes, with shape `(N, D)`.
            random: Draws whatever noise is needed.
        """
        del z, random
        return {}
