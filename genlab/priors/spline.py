r"""The neural spline prior: a flow of coupling layers whose curves are splines.

On [-B, B] a curve consists of K pieces, between the knots (x_k, y_k) with slopes d_k > 0 there.
Each piece is a quotient of two quadratics in t = (x - x_k) / (x_{k+1} - x_k):

    y = y_k + h (s t^2 + d_k t (1-t)) / (s + c t (1-t))                                 (1)
    dy/dx = s^2 (d_{k+1} t^2 + 2 s t (1-t) + d_k (1-t)^2) / (s + c t (1-t))^2           (2)

    h = y_{k+1} - y_k,   s = h / (x_{k+1} - x_k),   c = d_k + d_{k+1} - 2 s

Outside it is y = x. The slopes at -B and B are one, so that the curve has a slope everywhere. A
quadratic equation inverts (1): with v = y - y_k,

    t = 2 s v / (b + sqrt(b^2 + 4 a s v)),   a = h (s - d_k) + v c,   b = h d_k - v c     (3)

Shapes: D latent dimensions, M of them transformed, K bins; `*` any leading dimensions.
"""

__all__ = ["Spline", "SplineCurve"]

import math

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F

from torch import Tensor

from genlab.common.checks import require_at_least, require_widths
from genlab.common.errors import InputError
from genlab.common.text import Title
from genlab.networks.interface import Shape
from genlab.priors.flow import Affine, Composed, Coupling, Curve, couplings
from genlab.priors.flow_maps import MapCoupling
from genlab.priors.flow_prior import FlowPrior
from genlab.priors.standard import Standard

SMALLEST_BIN = 1e-3
"""The least width and height of a bin, as a share of [-B, B]."""
SMALLEST_SLOPE = 1e-3
"""The least slope at a knot."""
MOST_BINS = math.ceil(1 / SMALLEST_BIN) - 1
"""The most pieces of a spline."""


class Piece(NamedTuple):
    """The piece of the curve at each point: every entry has shape `(*, M)`."""

    x: Tensor
    """The left knot, x_k."""
    y: Tensor
    """The left knot, y_k."""
    width: Tensor
    height: Tensor
    left: Tensor
    """The slope at the left knot, d_k."""
    right: Tensor
    """The slope at the right knot, d_{k+1}."""


def knots(raw: Tensor, bound: float) -> Tensor:
    """Returns K + 1 increasing knots from -B to B, with shape `(*, K + 1)`, of `(*, K)`."""
    shares = SMALLEST_BIN + (1 - SMALLEST_BIN * raw.shape[-1]) * raw.softmax(-1)
    # The last knot is B itself, not a rounded sum, so that no point of [-B, B] is beyond it.
    inner = 2 * bound * shares.cumsum(-1)[..., :-1] - bound
    return F.pad(F.pad(inner, (1, 0), value=-bound), (0, 1), value=bound)


class SplineCurve(Curve):
    """A monotone rational-quadratic spline on [-B, B], the identity outside.

    Its parameters are K widths, K heights and the K - 1 slopes at the inner knots, unconstrained.

    Arguments:
        bins: The number of pieces K.
        bound: B.
    """

    def __init__(self, bins: int, bound: float) -> None:
        self.bins, self.bound = bins, bound
        self.parameters = 3 * bins - 1

    def forward(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Returns y and ln dy/dx, each with shape `(*, M)`, for parameters `(*, M, 3K - 1)`."""
        inside = x.abs() <= self.bound
        # Points outside are moved to the bound, where all is finite, and replaced below.
        piece = self._piece(x.clamp(-self.bound, self.bound), raw, vertical=False)
        t = (x.clamp(-self.bound, self.bound) - piece.x) / piece.width
        s = piece.height / piece.width
        c = piece.left + piece.right - 2 * s
        tt = t * (1 - t)
        below = s + c * tt
        y = piece.y + piece.height * (s * t**2 + piece.left * tt) / below  # (1)
        above = piece.right * t**2 + 2 * s * tt + piece.left * (1 - t) ** 2
        log_slope = 2 * s.log() + above.log() - 2 * below.log()  # (2)
        return torch.where(inside, y, x), torch.where(inside, log_slope, 0)

    def inverse(self, y: Tensor, raw: Tensor) -> Tensor:
        """Returns x, with shape `(*, M)`, for parameters with shape `(*, M, 3K - 1)`."""
        inside = y.abs() <= self.bound
        piece = self._piece(y.clamp(-self.bound, self.bound), raw, vertical=True)
        v = y.clamp(-self.bound, self.bound) - piece.y
        s = piece.height / piece.width
        c = piece.left + piece.right - 2 * s
        a = piece.height * (s - piece.left) + v * c
        b = piece.height * piece.left - v * c
        # Never negative but for rounding. This root needs no difference of close numbers.
        root = (b**2 + 4 * a * s * v).clamp(min=0).sqrt()
        t = 2 * s * v / (b + root)  # (3)
        return torch.where(inside, piece.x + t * piece.width, y)

    def _piece(self, at: Tensor, raw: Tensor, vertical: bool) -> Piece:
        """Returns the pieces that hold points of the x-axis, or of the y-axis if `vertical`."""
        widths, heights, slopes = raw.split((self.bins, self.bins, self.bins - 1), dim=-1)
        x, y = knots(widths, self.bound), knots(heights, self.bound)
        # Softplus shifted to be one at zero; the ends' slopes are one, as the lines outside.
        one = math.log(math.expm1(1 - SMALLEST_SLOPE))
        slopes = F.pad(SMALLEST_SLOPE + F.softplus(slopes + one), (1, 1), value=1.0)
        # Compared with the very knots used below, t is in [0, 1] in any precision.
        inner = (y if vertical else x)[..., 1:-1]
        k = (at[..., None] >= inner).sum(-1, keepdim=True)

        def take(values: Tensor) -> Tensor:
            return values.gather(-1, k).squeeze(-1)

        return Piece(
            x=take(x), y=take(y), width=take(x.diff()), height=take(y.diff()),
            left=take(slopes[..., :-1]), right=take(slopes[..., 1:]),
        )


class Spline(FlowPrior):
    """A flow of spline coupling layers, with a learned shift and scale outside.

    The splines act on [-B, B] *after* that shift and scale. A code further out is left to the
    tail of N(0, 1), which past B = 5 costs more than 12 nats a dimension: training widens the
    scale long before many are there. It starts as exactly N(0, I). On a latent map the layers are
    those of `genlab.priors.flow_maps`.

    References:
        | Neural Spline Flows (Durkan et al., 2019), section 3
        | https://arxiv.org/abs/1906.04032

    Arguments:
        latent: The number of latent dimensions D.
        blocks: The number of coupling layers.
        hidden: The widths of their networks' hidden layers.
        bins: The number of pieces K of a spline.
        bound: The half-width B of the interval on which the splines are not the identity.
        width: The channels of the networks where the latent is a map.

    Raises:
        InputError: If there is no layer, too few or too many bins, no interval, or a width below
            1.
    """

    title = Title("神经样条流", "neural spline flow")

    def __init__(
        self, latent: int, blocks: int = 4, hidden: Sequence[int] = (64, 64), bins: int = 16,
        bound: float = 5.0, width: int = 32,
    ) -> None:
        super().__init__()
        require_at_least(1, blocks=blocks, width=width)
        require_widths(hidden=hidden)
        # The slopes at both ends are one, so a single piece is a straight line.
        if not 2 <= bins <= MOST_BINS:
            raise InputError(f"`bins` must be between 2 and {MOST_BINS}, not {bins}")
        if not 0 < bound < math.inf:
            raise InputError(f"`bound` must be a finite number above 0, not {bound}")
        self.base = Standard(latent)
        self.bound, self.blocks, self.width = bound, blocks, width
        self.curve = SplineCurve(bins, bound)
        self.flow = Composed([Affine(latent), *couplings(latent, blocks, hidden, self.curve)])

    def place(self, shape: Shape) -> None:
        """Makes coupling layers on the map; one of a single place is a vector."""
        self.place_couplings(shape, self.blocks, self.width, self.curve)

    @torch.no_grad()
    def diagnostics(self, z: Tensor, random: torch.Generator) -> dict[str, float | None]:
        """Returns the share of codes outside [-B, B] in some layer, where that layer is linear."""
        del random
        outside = torch.zeros(len(z), dtype=torch.bool)
        for layer in self.flow.layers:
            if isinstance(layer, Coupling | MapCoupling):
                outside |= (layer.split(z)[1].abs() > self.bound).any(-1)
            z, _ = layer(z)
        return {"codes_outside_bound": outside.double().mean().item()}
