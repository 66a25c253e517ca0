r"""The RealNVP prior: a flow of affine coupling layers.

    u_a = z_a,   u_b = z_b * e^s(z_a) + t(z_a),   ln |det du/dz| = sum_j s_j(z_a)

The halves a and b swap from layer to layer.

Shapes: D latent dimensions, M of them transformed; `*` any leading dimensions.
"""

__all__ = ["AffineCurve", "RealNVP"]

from collections.abc import Sequence

import torch

from torch import Tensor
from torch.distributions import Distribution

from genlab.common.checks import require_at_least, require_widths
from genlab.common.text import Title
from genlab.priors.base import Prior
from genlab.priors.flow import Affine, Composed, Curve, FlowDistribution, couplings
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


class RealNVP(Prior):
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

    Raises:
        InputError: If there is no layer, or a width is below 1.
    """

    title = Title("RealNVP", "RealNVP")

    def __init__(self, latent: int, blocks: int = 8, hidden: Sequence[int] = (64, 64)) -> None:
        super().__init__()
        require_at_least(1, blocks=blocks)
        require_widths(hidden=hidden)
        self.base = Standard(latent)
        self.flow = Composed([Affine(latent), *couplings(latent, blocks, hidden, AffineCurve())])

    def forward(self) -> Distribution:
        """Returns p(z), with event shape `(D,)`."""
        return FlowDistribution(self.base(), self.flow)
