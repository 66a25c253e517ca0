"""What the priors that are coupling flows share: their density, and the layers on a latent map.

Shapes: B batch, D latent dimensions; `*` any leading dimensions.
"""

__all__ = ["FlowPrior"]

import math

import torch

from torch import Tensor
from torch.distributions import Distribution

from genlab.networks.interface import Shape
from genlab.priors.base import Prior
from genlab.priors.flow import Composed, Curve, FlowDistribution
from genlab.priors.flow_maps import MapFlow
from genlab.priors.standard import Standard


class FlowPrior(Prior):
    """A prior that is N(0, I) transformed by layers that have an inverse."""

    base: Standard
    flow: Composed
    """The map from z to u ~ N(0, I)."""

    def place_couplings(self, shape: Shape, blocks: int, width: int, curve: Curve) -> None:
        """Makes coupling layers on a map in place of those on a vector.

        A map of a single place is a vector, and keeps the layers that it has.

        Arguments:
            shape: Channels, height and width of the map.
            blocks: The number of coupling layers.
            width: The channels of their networks.
            curve: The kind of curve.
        """
        if math.prod(shape[1:]) > 1:
            self.flow = MapFlow(shape, blocks, width, curve)

    def forward(self) -> Distribution:
        """Returns p(z), with event shape `(D,)`."""
        return FlowDistribution(self.base(), self.flow)

    def training_log_prob(self, z: Tensor, rows: Tensor, random: torch.Generator) -> Tensor:
        """Returns ln p(z); the first batch of codes on a map sets the layer outside."""
        if self.training and isinstance(self.flow, MapFlow):
            self.flow.affine.fit_once(z)
        return super().training_log_prob(z, rows, random)
