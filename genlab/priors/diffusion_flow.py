r"""Diffusion: Gaussian noise transported to codes by an ordinary differential equation.

The variance-preserving process z_l = m x + s e, with e ~ N(0, I) and m^2 + s^2 = 1, is written
in its noise level l = ln(s / m), minus half the log signal-to-noise ratio:

    s^2 = sigmoid(2 l),    m^2 = sigmoid(-2 l)

In l the schedule cancels (Kingma et al., 2021); beta, linear in the time t from 0.1 to 20, only
determines where l starts and ends. A network predicts the velocity v = m e - s x from z
(Salimans & Ho, 2022). For standard Gaussian codes it has expectation zero at every z, so the zero
network is exactly N(0, I). The score is -(z + v m / s).

The probability-flow equation (Song et al., 2021a) and the density of its solution:

    dz / dl = s m v(z, l),    ln p(z_low) = ln N(z_high; 0, I) + int_low^high s m div v dl    (1)

With the angle s = sin(phi), m = cos(phi) that is dz / dphi = v over a quarter turn: a network that
is wrong far from all codes still moves points by a bounded factor only. (Where noise is predicted
in place of v, errors at high noise are 1 / m times larger and accumulate.)

p is the distribution of z_low: started from N(0, I) at t = 1, stopped at t = 1e-5 where s = 0.001.
Sampler and log_prob have the same density, up to the error of the Runge-Kutta steps.

Training maximises a lower bound of ln p of the *stochastic* equation with the same v, whose last
step adds noise, p(x | z_low) = N(x; z_low / m, (s / m)^2 I). With s_0, m_0 at the lowest level:

    ln p(x) >= -D/2 (ln 2 pi + s_0^2 - ln m_0^2) - m_0^2 |x|^2 / 2
               - int_low^high m^2 E_e[ |v(z, l)|^2 - 2 v(z, l) . (m e - s x) ] dl             (2)

It is the bound of Song et al. (2021b), theorem 3, or of Kingma et al. (2021): prior,
reconstruction, and int E|e - e_hat|^2 dl, where e - e_hat = m (m e - s x - v). The square of
m e - s x does not depend on v; its expectation m^2 D + s^2 |x|^2 is integrated analytically, with
ds^2 = 2 s^2 m^2 dl. The estimate of the rest has a small variance, zero at the start.

The bound weighs the errors of v at all levels from LOW to HIGH by m^2. Half of that range is noise
that no eye sees. With the weights of Karras et al. (2022), v learns most at the levels at which a
picture takes shape. In place of (2) training then maximises

    -(HIGH - LOW) E_l E_e[ |v(z, l)|^2 - 2 v(z, l) . (m e - s x) ],    l ~ N(-0.5, 1.2^2)    (3)

which is no bound of ln p; the best v is the same, for it is a conditional expectation at each l.
(Theirs is ln sigma ~ N(-1.2, 1.2^2) for data of standard deviation 0.5, and l is the logarithm of
sigma over that: -1.2 - ln 0.5 = -0.5. Their weights leave errors of v as they are.)

References:
    | Score-Based Generative Modeling through Stochastic Differential Equations
    | (Song et al., 2021a), https://arxiv.org/abs/2011.13456
    | Maximum Likelihood Training of Score-Based Diffusion Models (Song et al., 2021b)
    | https://arxiv.org/abs/2101.09258
    | Variational Diffusion Models (Kingma et al., 2021), https://arxiv.org/abs/2107.00630
    | Progressive Distillation for Fast Sampling of Diffusion Models (Salimans & Ho, 2022)
    | https://arxiv.org/abs/2202.00512
    | Elucidating the Design Space of Diffusion-Based Generative Models (Karras et al., 2022)
    | https://arxiv.org/abs/2206.00364

Shapes: B batch, D latent dimensions, H hidden units; `*` any leading dimensions.
"""

__all__ = [
    "CHUNK", "HIGH", "LOW", "DiffusionFlow", "TimeFeatures", "Velocity", "VelocityFunction",
    "VelocityNet", "bound", "edm_levels", "noise_level", "sigma", "weighted",
]  # fmt: skip

import itertools
import math

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
import torch.nn as nn
import torch.nn.functional as F

from torch import Tensor
from torch.distributions import Distribution

from genlab.priors.gaussian import StandardGaussian, standard_log_prob

BETA = (0.1, 20.0)
"""The schedule's rate at t = 0 and t = 1 (Song et al., 2021a)."""

FIRST_TIME = 1e-5
"""The time at which the process is cut off (as in Song et al., 2021a, for likelihoods)."""

CHUNK = 2**12
"""The number of vectors (a point and its D tangents) in the network at a time."""


def noise_level(t: float) -> float:
    """Returns l = ln(s / m) at time t: m^2 = exp(-B) with B the integral of beta."""
    integral = BETA[0] * t + 0.5 * (BETA[1] - BETA[0]) * t**2
    return 0.5 * math.log(math.expm1(integral))


LOW, HIGH = noise_level(FIRST_TIME), noise_level(1.0)
"""The noise levels between which the process runs, about -6.9 and 5.0."""

EDM = torch.distributions.Normal(-0.5, 1.2)
"""The distribution of levels of Karras et al. (2022)."""

EVEN = 0.2
"""The share of levels that are uniform beside it, with which the bound is estimated too."""


VelocityFunction = Callable[[Tensor, Tensor], Tensor]
"""A predicted velocity v(z, l) alone, `(*, D)` and levels `(*)` or `()` to `(*, D)`."""


class Velocity(Protocol):
    """The predicted velocity, v(z, l)."""

    def __call__(self, z: Tensor, level: Tensor) -> Tensor:
        """Returns v, `(*, D)` and levels `(*)` or `()` to `(*, D)`."""
        ...

    def with_divergence(self, z: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """Returns v and its divergence, `(B, D)` and one level `()` to `(B, D)` and `(B,)`."""
        ...


class TimeFeatures(nn.Module):
    """Sines and cosines of the noise level."""

    frequencies: Tensor

    def __init__(self) -> None:
        super().__init__()
        # The noise level runs over about 12: waves of a quarter of a turn to some six turns.
        self.register_buffer("frequencies", torch.logspace(-3, 1.5, 8, base=2), persistent=False)
        self.outputs = 2 * len(self.frequencies)

    def forward(self, level: Tensor) -> Tensor:
        """Returns the features, `(*)` to `(*, outputs)`."""
        phase = level[..., None] * self.frequencies
        return torch.cat([phase.sin(), phase.cos()], -1)


class VelocityNet(nn.Module):
    """A perceptron v(z, l) with smooth units, zero at the start.

    Arguments:
        latent: The number of latent dimensions D.
        hidden: Widths of the hidden layers.
    """

    def __init__(self, latent: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.features = TimeFeatures()
        self.enter = nn.Linear(latent, hidden[0])
        self.time = nn.Linear(self.features.outputs, hidden[0], bias=False)
        self.inner = nn.ModuleList(itertools.starmap(nn.Linear, itertools.pairwise(hidden)))
        self.leave = nn.Linear(hidden[-1], latent)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, z: Tensor, level: Tensor) -> Tensor:
        """Returns v, `(*, D)` and levels `(*)` or `()` to `(*, D)`."""
        h = F.silu(self._first(z, level))
        for layer in self.inner:
            h = F.silu(layer(h))
        return self.leave(h)

    def with_divergence(self, z: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """Returns v and its exact divergence, `(B, D)` and one level `()` to `(B, D)`, `(B,)`.

        The D unit tangents are pushed through the layers beside the point itself. (An estimate of
        the trace by random vectors would bias what is averaged after exponentiation.)
        """
        h = self._first(z, level)
        tangents = self.enter.weight.T.expand(len(z), -1, -1)  # (B, D, H)
        for layer in self.inner:
            assert isinstance(layer, nn.Linear)
            gate = h.sigmoid()
            # silu(h) = h g, silu'(h) = g (1 + h (1 - g)) with g = sigmoid(h)
            tangents = (tangents * (gate * (1 + h * (1 - gate)))[:, None]) @ layer.weight.T
            h = layer(h * gate)
        gate = h.sigmoid()
        tangents = tangents * (gate * (1 + h * (1 - gate)))[:, None]
        return self.leave(h * gate), (tangents * self.leave.weight).sum((1, 2))

    def _first(self, z: Tensor, level: Tensor) -> Tensor:
        return self.enter(z) + self.time(self.features(level))


class DiffusionFlow(Distribution):
    """The distribution of equation 1's solution, by Runge-Kutta steps of order four, equal in l.

    Arguments:
        velocity: v, with its divergence.
        steps: The number of steps.
        origin: Zeros, with shape `(D,)`; says D, dtype and device.
    """

    arg_constraints = {}  # pyright: ignore[reportAssignmentType]

    def __init__(self, velocity: Velocity, steps: int, origin: Tensor) -> None:
        self.velocity, self.steps, self.origin = velocity, steps, origin
        super().__init__(event_shape=origin.shape, validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns ln p, `(*, D)` to `(*)`."""
        flat = value.reshape(-1, len(self.origin))
        chunks = flat.split(max(1, CHUNK // (1 + len(self.origin))))
        return torch.cat([self._log_prob(z) for z in chunks]).view(value.shape[:-1])

    @torch.no_grad()
    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws N(0, I) and follows equation 1 down."""
        z = StandardGaussian(self.origin).sample((math.prod(sample_shape),))

        def slope(z: Tensor, level: Tensor) -> Tensor:
            return speed(level) * self.velocity(z, level)

        z = torch.cat([self._follow(slope, part, HIGH, LOW) for part in z.split(CHUNK)])
        return z.view(*sample_shape, -1)

    def _log_prob(self, z: Tensor) -> Tensor:
        def slope(state: Tensor, level: Tensor) -> Tensor:
            v, divergence = self.velocity.with_divergence(state[:, :-1], level)
            return speed(level) * torch.cat([v, divergence[:, None]], 1)

        state = self._follow(slope, torch.cat([z, torch.zeros_like(z[:, :1])], 1), LOW, HIGH)
        return standard_log_prob(state[:, :-1]) + state[:, -1]

    def _follow(
        self, slope: Callable[[Tensor, Tensor], Tensor], y: Tensor, start: float, end: float
    ) -> Tensor:
        step = (end - start) / self.steps
        for i in range(self.steps):
            a, b, c = (y.new_tensor(start + (i + part) * step) for part in (0, 0.5, 1))
            k1 = slope(y, a)
            k2 = slope(y + step / 2 * k1, b)
            k3 = slope(y + step / 2 * k2, b)
            k4 = slope(y + step * k3, c)
            y = y + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return y


def sigma(level: Tensor) -> Tensor:
    """Returns s at the noise level, and m for `-level`."""
    return torch.sigmoid(2 * level).sqrt()


def speed(level: Tensor) -> Tensor:
    """Returns s m = dphi / dl."""
    return sigma(level) * sigma(-level)


def bound(
    velocity: VelocityFunction, x: Tensor, level: Tensor, e: Tensor
) -> Tensor:
    """Returns one draw of the bound of equation 2, unbiased over l and e.

    Arguments:
        velocity: v(z, l).
        x: Codes, with shape `(*, D)`.
        level: Noise levels, uniform on [LOW, HIGH], with shape `(*)`.
        e: Noise, from N(0, I), with shape `(*, D)`.

    Returns:
        In nats, with shape `(*)`.
    """
    s, m = sigma(level)[..., None], sigma(-level)[..., None]
    v = velocity(m * x + s * e, level)
    integrand = (m**2 * v * (v - 2 * (m * e - s * x))).sum(-1)
    return _log_gaussian(x) - (HIGH - LOW) * integrand


def weighted(
    velocity: VelocityFunction, x: Tensor, level: Tensor, e: Tensor
) -> tuple[Tensor, Tensor]:
    """Returns one draw of the bound of equation 2 and one of equation 3, unbiased over l and e.

    Arguments:
        velocity: v(z, l).
        x: Codes, with shape `(*, D)`.
        level: Noise levels by `edm_levels`, with shape `(*)`.
        e: Noise, from N(0, I), with shape `(*, D)`.

    Returns:
        In nats, each with shape `(*)`.
    """
    s, m = sigma(level)[..., None], sigma(-level)[..., None]
    v = velocity(m * x + s * e, level)
    within, normal = (level >= LOW) & (level <= HIGH), EDM.log_prob(level).exp()
    density = EVEN / (HIGH - LOW) * within + (1 - EVEN) * normal
    error = (v * (v - 2 * (m * e - s * x))).sum(-1) / density
    return (
        _log_gaussian(x) - within * m[..., 0] ** 2 * error,
        -(HIGH - LOW) * normal * error,
    )


def _log_gaussian(x: Tensor) -> Tensor:
    """Returns the terms of equation 2 without v."""
    s0_square = 1 / (1 + math.exp(-2 * LOW))
    constant = math.log(2 * math.pi) + s0_square - math.log1p(-s0_square)
    return -0.5 * (constant + (1 - s0_square) * x**2).sum(-1)


def edm_levels(place: Tensor) -> Tensor:
    """Returns the noise levels of training with (3): a fifth of them uniform, the rest normal.

    Arguments:
        place: Uniform on [0, 1), with shape `(*)`.
    """
    tiny = torch.finfo(place.dtype).eps
    even = LOW + (HIGH - LOW) * place / EVEN
    normal = EDM.icdf(((place - EVEN) / (1 - EVEN)).clamp(tiny, 1 - tiny))
    return torch.where(place < EVEN, even, normal)
