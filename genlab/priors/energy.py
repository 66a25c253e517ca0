r"""The energy prior, :math:`p(z) = e^{f(z)} \mathcal{N}(z; 0, I) / Z`: a tilted Gaussian.

    f(z) = -R sigmoid(-net(z)), in (-R, 0),    Z = E_N[e^f], in (e^-R, 1)

A constant in f has no effect, so the bounds limit only the contrast, to R nats, and this gives the
three things a tilt needs. Z is finite. Draws of N(0, I) accepted with probability e^f are exact
draws of p, at most e^R proposals a draw on average. And S draws estimate Z with a relative
variance below e^R / S. Without the lower bound, training in many dimensions lowers f wherever the
draws of a step happen to be and raises it where none are: the estimate of Z falls faster than Z
does, and soon no draw is accepted.

Shapes: D latent dimensions; `*` any leading dimensions.
"""

__all__ = ["Energy", "TiltedGaussian"]

import math

from collections.abc import Sequence

import torch

from torch import Tensor
from torch.distributions import Distribution

from genlab.common.checks import require_at_least, require_widths
from genlab.common.text import Title
from genlab.priors.base import Prior
from genlab.priors.gaussian import standard_log_prob
from genlab.priors.tilt import (
    LogWeight,
    fixed_nodes,
    fresh_nodes,
    log_normaliser,
    normaliser_diagnostics,
    rejection_sample,
    tilt_net,
)

RANGE = 7.0
"""The contrast R in nats: e^7 = 1097, about as many as a training step's draws."""


class TiltedGaussian(Distribution):
    """p(z) = w(z) N(z; 0, I) / Z with w <= 1.

    Arguments:
        log_weight: ln w, `(*, D)` to `(*)`; at most 0.
        log_z: ln Z, a number.
        origin: Zeros, with shape `(D,)`; says D, dtype and device.
    """

    arg_constraints = {}  # pyright: ignore[reportAssignmentType]

    def __init__(self, log_weight: LogWeight, log_z: Tensor, origin: Tensor) -> None:
        self.log_weight, self.log_z, self.origin = log_weight, log_z, origin
        super().__init__(event_shape=origin.shape, validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns ln p, `(*, D)` to `(*)`."""
        return standard_log_prob(value) + self.log_weight(value) - self.log_z

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws exactly, by rejection."""
        z = rejection_sample(self.log_weight, math.prod(sample_shape), self.origin)
        return z.view(*sample_shape, -1)


class Energy(Prior):
    """A Gaussian tilted by a learned energy.

    The network starts at zero: f is constant, and p is N(0, I).

    In one and two dimensions Z and its gradient are exact, and no Markov chain is needed. Above, a
    training step estimates Z with fresh draws of N(0, I); the gradient of its logarithm is then
    the self-normalised importance estimate of E_p[grad f]. (Pang et al. leave f unbounded and
    sample by short runs of Langevin dynamics, which reach further but do not draw from p.)

    References:
        | Learning Latent Space Energy-Based Prior Model (Pang et al., 2020), section 2
        | https://arxiv.org/abs/2006.08205
        | A Contrastive Learning Approach for Training Variational Autoencoder Priors
        | (Aneja et al., 2021), https://arxiv.org/abs/2010.02917

    Arguments:
        latent: The number of latent dimensions D.
        hidden: The widths of the network's hidden layers.
        draws: The number of draws S a training step for Z, above two dimensions.

    Raises:
        InputError: If there is no draw, or a width is below 1.
    """

    title = Title("能量倾斜高斯", "energy-tilted Gaussian")
    origin: Tensor

    def __init__(
        self, latent: int, hidden: Sequence[int] = (100, 100), draws: int = 1024
    ) -> None:
        super().__init__()
        require_widths(hidden=hidden)
        require_at_least(1, draws=draws)
        self.draws = draws
        self.net = tilt_net(latent, hidden)
        self.register_buffer("origin", torch.zeros(latent))

    def log_weight(self, z: Tensor) -> Tensor:
        """Returns f(z), at most 0, `(*, D)` to `(*)`."""
        return -RANGE * torch.sigmoid(-self.net(z).squeeze(-1))

    def forward(self) -> Distribution:
        """Returns p(z), with event shape `(D,)`."""
        log_z = log_normaliser(self.log_weight, fixed_nodes(self.origin))
        return TiltedGaussian(self.log_weight, log_z, self.origin)

    def training_log_prob(self, z: Tensor, rows: Tensor, random: torch.Generator) -> Tensor:
        """Returns ln p(z) with Z from fresh nodes: training would overfit to fixed ones."""
        del rows
        log_z = log_normaliser(self.log_weight, fresh_nodes(self.origin, self.draws, random))
        return TiltedGaussian(self.log_weight, log_z, self.origin).log_prob(z)

    def diagnostics(self, z: Tensor, random: torch.Generator) -> dict[str, float | None]:
        """Returns bounds of ln Z above two dimensions, where Z is an estimate."""
        del z
        return normaliser_diagnostics(self.log_weight, self.origin, random)
