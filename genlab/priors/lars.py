r"""The resampled prior (LARS): draws of N(0, I) that a network accepts or rejects.

    p(z)   = (1 - alpha) a(z) N(z; 0, I) / Z + alpha N(z; 0, I)     (4)
    alpha  = (1 - Z)^(T - 1),    Z = E_N[a]

with an acceptance probability a(z) in (0, 1). The sampler proposes draws of N(0, I) until one is
accepted and takes the T-th in any case: alpha is the probability of getting that far. For
T = 1 that is N(0, I), for T to infinity a(z) N(z; 0, I) / Z.

Shapes: D latent dimensions, T draws; `*` any leading dimensions.
"""

__all__ = ["LARS", "ResampledGaussian"]

import math

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from torch import Tensor
from torch.distributions import Distribution

from genlab.common.checks import require_at_least, require_widths
from genlab.common.text import Title
from genlab.priors.base import Prior
from genlab.priors.gaussian import StandardGaussian, standard_log_prob
from genlab.priors.tilt import (
    LogWeight,
    fixed_nodes,
    fresh_nodes,
    log_normaliser,
    normaliser_diagnostics,
    tilt_net,
)


class ResampledGaussian(Distribution):
    """N(0, I) after truncated rejection, equation 4.

    Arguments:
        log_accept: ln a, `(*, D)` to `(*)`; at most 0.
        log_z: ln Z, a number.
        truncation: The number of draws T.
        origin: Zeros, with shape `(D,)`; says D, dtype and device.
    """

    arg_constraints = {}  # pyright: ignore[reportAssignmentType]

    def __init__(
        self, log_accept: LogWeight, log_z: Tensor, truncation: int, origin: Tensor
    ) -> None:
        self.log_accept, self.log_z = log_accept, log_z
        self.truncation, self.origin = truncation, origin
        super().__init__(event_shape=origin.shape, validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns ln p, `(*, D)` to `(*)`."""
        # Z = 1 to the last digit means a = 1: alpha is 0, but its logarithm must stay finite.
        z = self.log_z.exp().clamp(max=1 - torch.finfo(value.dtype).eps)
        log_alpha = (self.truncation - 1) * torch.log1p(-z)
        log_rest = torch.log(-torch.expm1(log_alpha))
        log_tilt = log_rest + self.log_accept(value) - self.log_z
        return standard_log_prob(value) + torch.logaddexp(log_tilt, log_alpha)

    @torch.no_grad()
    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws by truncated rejection, of which equation 4 is the density."""
        base = StandardGaussian(self.origin)
        z = base.sample((math.prod(sample_shape),))
        pending = torch.arange(len(z), device=z.device)
        for _ in range(self.truncation - 1):
            # An exponential variable exceeds -ln a with probability a.
            level = torch.empty_like(z[pending, 0]).exponential_()
            pending = pending[level < -self.log_accept(z[pending])]
            if not len(pending):
                break
            z[pending] = base.sample((len(pending),))
        return z.view(*sample_shape, -1)


class LARS(Prior):
    """A resampled Gaussian whose acceptance is learned: a(z) = sigmoid(net(z)).

    The network starts at zero: a = 1/2 everywhere, and p is N(0, I).

    In one and two dimensions Z is exact. Above, a training step estimates Z with fresh draws and
    differentiates that estimate. The paper's estimator (appendix) does more, left out here: a
    running mean of Z in the forward pass, and one reweighted sample of the posterior among the
    draws. Without them ln Z is low by about (1 - Z) / (2 Z S) for S draws: 0.03 nats at Z = 0.015
    and S = 1024.

    References:
        | Resampled Priors for Variational Autoencoders (Bauer & Mnih, 2019), equation 4
        | https://arxiv.org/abs/1810.11428

    Arguments:
        latent: The number of latent dimensions D.
        hidden: The widths of the network's hidden layers.
        truncation: The number of draws T, of which the last is always accepted.
        draws: The number of draws S a training step for Z, above two dimensions.

    Raises:
        InputError: If T is below 2 (with one draw p is N(0, I)), there is no draw for Z, or a
            width is below 1.
    """

    title = Title("LARS", "LARS")
    origin: Tensor

    def __init__(
        self, latent: int, hidden: Sequence[int] = (100, 100), truncation: int = 100,
        draws: int = 1024,
    ) -> None:
        super().__init__()
        require_widths(hidden=hidden)
        require_at_least(2, truncation=truncation)
        require_at_least(1, draws=draws)
        self.truncation, self.draws = truncation, draws
        self.net = tilt_net(latent, hidden)
        self.register_buffer("origin", torch.zeros(latent))

    def log_accept(self, z: Tensor) -> Tensor:
        """Returns ln a(z), `(*, D)` to `(*)`."""
        return F.logsigmoid(self.net(z).squeeze(-1))

    def forward(self) -> Distribution:
        """Returns p(z), with event shape `(D,)`."""
        log_z = log_normaliser(self.log_accept, fixed_nodes(self.origin))
        return ResampledGaussian(self.log_accept, log_z, self.truncation, self.origin)

    def training_log_prob(self, z: Tensor, rows: Tensor, random: torch.Generator) -> Tensor:
        """Returns ln p(z) with Z from fresh nodes: training would overfit to fixed ones."""
        del rows
        log_z = log_normaliser(self.log_accept, fresh_nodes(self.origin, self.draws, random))
        return ResampledGaussian(self.log_accept, log_z, self.truncation, self.origin).log_prob(z)

    def diagnostics(self, z: Tensor, random: torch.Generator) -> dict[str, float | None]:
        """Returns bounds of ln Z above two dimensions, where Z is an estimate."""
        del z
        return normaliser_diagnostics(self.log_accept, self.origin, random)
