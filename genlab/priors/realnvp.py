r"""The RealNVP prior: a flow of affine coupling layers.

    u_a = z_a,   u_b = z_b * e^s(z_a) + t(z_a),   ln |det du/dz| = sum_j s_j(z_a)

The halves a and b swap from layer to layer. On a latent map the layers are those of
`genlab.priors.flow_maps`: the networks are convolutional and the masks of three kinds.

Shapes: D latent dimensions, M of them transformed; `*` any leading dimensions.
"""

__all__ = ["AffineCurve", "RealNVP"]

from collections.abc import Sequence

import torch

from torch import Tensor

from genlab.common.checks import require_at_least, require_widths
from genlab.common.text import Title
from genlab.networks.interface import Shape
from genlab.priors.flow import Affine, Composed, Curve, couplings
from genlab.priors.flow_prior import FlowPrior
from genlab.priors.standard import Standard

SCALE_BOUND = 2.0
"""A layer stretches by at most e^2; without a bound e^s overflows far from the codes."""


class AffineCurve(Curve):
    """A straight line; its parameters are log-scale and shift."""

    parameters = 2

    def forward(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Returns y and ln dy/dx, each with shape `(*, M)`, for parameters `(*, M, 2)`."""
        log_scale, shift = self._line(raw)
        return x * log_scale.exp() + shift, log_scale

    def inverse(self, y: Tensor, raw: Tensor) -> Tensor:
        """Returns x, with shape `(*, M)`, for parameters with shape `(*, M, 2)`."""
        log_scale, shift = self._line(raw)
        return (y - shift) * (-log_scale).exp()

    def _line(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        raw_log_scale, shift = raw.unbind(-1)
        return SCALE_BOUND * torch.tanh(raw_log_scale / SCALE_BOUND), shift


class RealNVP(FlowPrior):
    """A flow of affine coupling layers, with a learned shift and scale outside.

    It starts as exactly N(0, I).

    References:
        | Density estimation using Real NVP (Dinh et al., 2017), section 3
        | https://arxiv.org/abs/1605.08803
        | On the Necessity and Effectiveness of Learning the Prior of Variational Auto-Encoder
        | (Xu et al., 2019), https://arxiv.org/abs/1905.13452

    Arguments:
        latent: The number of latent dimensions D.
        blocks: The number of coupling layers.
        hidden: The widths of their networks' hidden layers.
        width: The channels of their networks where the latent is a map.

    Raises:
        InputError: If there is no layer, or a width is below 1.
    """

    title = Title("RealNVP", "RealNVP")

    def __init__(
        self, latent: int, blocks: int = 8, hidden: Sequence[int] = (64, 64), width: int = 32
    ) -> None:
        super().__init__()
        require_at_least(1, blocks=blocks, width=width)
        require_widths(hidden=hidden)
        self.blocks, self.width = blocks, width
        self.base = Standard(latent)
        self.flow = Composed([Affine(latent), *couplings(latent, blocks, hidden, AffineCurve())])

    def place(self, shape: Shape) -> None:
        """Makes coupling layers on the map; one of a single place is a vector."""
        self.place_couplings(shape, self.blocks, self.width, AffineCurve())
