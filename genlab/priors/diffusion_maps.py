r"""The diffusion prior on a latent map `(c, h, w)`: its network, and a density that it can afford.

The velocity v(z, l) of `genlab.priors.diffusion_flow` is a convolutional network with maps of two
sides, a U-net: at the full side each place sees its neighbours, at half of it each sees nearly the
whole map. Its last convolution starts at zero, and so does a multiple of each channel, a(l) z,
that is added: a Gaussian with a variance of its own for each channel needs nothing else.

The density of the probability-flow equation needs the divergence of v, a sum of D derivatives. It
is computed for up to `EXACT` dimensions. Above, D passes through the network at each of hundreds
of points in time are out of reach, and random vectors in place of the unit vectors (Hutchinson's
estimate) would give a noisy ln p that is neither a bound nor cheap. There `log_prob` is an
estimate of the *lower bound* (2) of that module:

    ln p(x) >= E[b(x, l, e)],    log_prob(x) = 1/n sum_i b(x, l_i, e_i)                     (1)

with e_i ~ N(0, I) and noise levels l_i spread evenly, one in each n-th of their range at a common
random offset, so that each is uniform and log_prob is unbiased. Means of it over points, the ELBO
among them, are then unbiased estimates of a lower bound. Logarithms of means of exp(log_prob) are
not: their expectation is too high by about half the variance of the noise, which can be many nats.
So importance sampling and annealing are left out of measurements (`Prior.bounded`).

log_prob is a function all the same: a point's levels and noise are drawn by a generator that its
own float32 digits seed. Its value does not depend on the batch nor on what was computed before,
and the errors at different points are independent.

Draws follow the stochastic equation, whose bound that is. A step from the level l down to l - h
goes down the probability-flow equation to l' = l - 2 h, by the midpoint rule in the angle phi, and
comes up again by the noise of the process itself:

    z' = z + (phi' - phi) v at the midpoint,    z <- r z' + sqrt(1 - r^2) e,
    r = m(l - h) / m(l'),    at last  N(z / m, (s / m)^2 I)                                     (2)

N(0, I) stays what it is at every step, for v = 0. Noise that is drawn anew takes errors of v away
with it (Karras et al., 2022, have such steps).

A network that is trained for minutes draws what it is sure of too softly. A *guide*, a narrower
network that learns beside it, errs in the same way and further. Guided draws (Karras et al.,
2024) go away from it: in (2) they have

    v + w (v - v_guide),    w the guidance                                                     (3)

in place of v. They are sharper, and no draws of the p whose bound `log_prob` is, unless w is 0.

References:
    | U-Net: Convolutional Networks for Biomedical Image Segmentation (Ronneberger et al., 2015)
    | https://arxiv.org/abs/1505.04597
    | Denoising Diffusion Probabilistic Models (Ho et al., 2020), https://arxiv.org/abs/2006.11239
    | Elucidating the Design Space of Diffusion-Based Generative Models (Karras et al., 2022)
    | https://arxiv.org/abs/2206.00364
    | Guiding a Diffusion Model with a Bad Version of Itself (Karras et al., 2024)
    | https://arxiv.org/abs/2406.02507

Shapes: N points, B batch, D = c h w latent dimensions, F frequencies; `*` any leading dimensions.
"""

__all__ = [
    "EXACT", "LEVELS", "NARROW", "DiffusionBound", "Guided", "MapVelocityNet",
]  # fmt: skip

import hashlib
import math

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn as nn
import torch.nn.functional as F

from torch import Tensor
from torch.distributions import Distribution

from genlab.networks.interface import Shape
from genlab.networks.maps import GROUPS
from genlab.priors.diffusion_flow import (
    CHUNK,
    HIGH,
    LOW,
    TimeFeatures,
    VelocityFunction,
    bound,
    sigma,
)
from genlab.priors.gaussian import StandardGaussian

EXACT = 16
"""The most dimensions of a map in which the divergence is computed."""
FEWEST = 8
"""Channels that are normalised together, at least, where there are so many."""
LEVELS = 8
"""Noise levels n at a point, for the bound."""
NARROW = 4
"""The guide has so many times fewer channels."""


def norm(channels: int) -> nn.Module:
    """Returns a normalisation over groups of eight channels at least, of one map.

    Over a few values of a small map it would be nearly a step function, and the divergence of v
    would have peaks that no step of the equation resolves.
    """
    return nn.GroupNorm(math.gcd(GROUPS, channels, max(1, channels // FEWEST)), channels)


def zeroed(layer: nn.Conv2d | nn.Linear) -> nn.Conv2d | nn.Linear:
    """Returns a layer after its weights and biases are set to zero."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(cast(Tensor, layer.bias))
    return layer


class TimedResidual(nn.Module):
    """Two convolutions beside the identity, the second of which is told the noise level.

    Arguments:
        channels: The channels of the map.
        embedding: The number of values that describe the level.
    """

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = norm(channels), norm(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.time = nn.Linear(embedding, channels)
        self.conv2 = zeroed(nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Returns a map of the same shape, `(N, channels, h, w)`, with `time` `(N, embedding)`."""
        h = self.conv1(F.silu(self.norm1(x))) + self.time(time)[..., None, None]
        return x + self.conv2(F.silu(self.norm2(h)))


class MapVelocityNet(nn.Module):
    """A convolutional network v(z, l) with smooth units, zero at the start.

    Arguments:
        shape: Channels, height and width of the map.
        width: Channels at the full side; at half of it there are twice as many.
    """

    def __init__(self, shape: Shape, width: int) -> None:
        super().__init__()
        self.shape = shape
        self.features = TimeFeatures()
        self.time = nn.Linear(self.features.outputs, 2 * width)
        self.enter = nn.Conv2d(shape[0], width, 3, padding=1)
        self.before = nn.ModuleList(TimedResidual(width, 2 * width) for _ in range(2))
        self.down = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.inner = nn.ModuleList(TimedResidual(2 * width, 2 * width) for _ in range(2))
        self.up = nn.Conv2d(2 * width, width, 1)
        self.after = nn.ModuleList(TimedResidual(width, 2 * width) for _ in range(2))
        self.norm = norm(width)
        self.leave = zeroed(nn.Conv2d(width, shape[0], 3, padding=1))
        self.multiple = zeroed(nn.Linear(2 * width, shape[0]))

    def forward(self, z: Tensor, level: Tensor) -> Tensor:
        """Returns v, `(*, D)` and levels `(*)` or `()` to `(*, D)`."""
        maps = z.reshape(-1, *self.shape)
        levels = level.expand(z.shape[:-1]).reshape(-1) if level.ndim else level[None]
        time = F.silu(self.time(self.features(levels)))
        h = self.enter(maps)
        for block in self.before:
            h = block(h, time)
        low = self.down(h)
        for block in self.inner:
            low = block(low, time)
        h = h + F.interpolate(self.up(low), size=self.shape[1:])
        for block in self.after:
            h = block(h, time)
        v = self.leave(F.silu(self.norm(h))) + self.multiple(time)[..., None, None] * maps
        return v.reshape(z.shape)

    def with_divergence(self, z: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """Returns v and its exact divergence, `(B, D)` and one level `()` to `(B, D)`, `(B,)`.

        That takes D passes back through the network.
        """
        differentiable = torch.is_grad_enabled()
        with torch.enable_grad():
            if not (differentiable and z.requires_grad):
                z = z.detach().requires_grad_()
            v = self(z, level)
            divergence = torch.zeros_like(z[:, 0])
            for d in range(z.shape[1]):
                row = torch.autograd.grad(
                    v[:, d].sum(), z, retain_graph=True, create_graph=differentiable
                )[0]
                divergence = divergence + row[:, d]
        return (v, divergence) if differentiable else (v.detach(), divergence.detach())


class Guided:
    """The velocity of (3).

    Arguments:
        velocity: v(z, l).
        guide: That of the guide.
        weight: The guidance w.
    """

    def __init__(self, velocity: VelocityFunction, guide: VelocityFunction, weight: float) -> None:
        self.velocity, self.guide, self.weight = velocity, guide, weight

    def __call__(self, z: Tensor, level: Tensor) -> Tensor:
        """Returns v, `(*, D)` and levels `(*)` or `()` to `(*, D)`."""
        v = self.velocity(z, level)
        return v + self.weight * (v - self.guide(z, level))


class DiffusionBound(Distribution):
    """The distribution of (2), with (1) in place of its density: an estimate of a lower bound.

    Arguments:
        velocity: v.
        steps: The number of steps of a draw.
        origin: Zeros, with shape `(D,)`; says D, dtype and device.
    """

    arg_constraints = {}  # pyright: ignore[reportAssignmentType]

    def __init__(self, velocity: VelocityFunction, steps: int, origin: Tensor) -> None:
        self.velocity, self.steps, self.origin = velocity, steps, origin
        super().__init__(event_shape=origin.shape, validate_args=False)

    @torch.no_grad()
    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws N(0, I) and follows (2) down."""
        z = StandardGaussian(self.origin).sample((math.prod(sample_shape),))
        levels = torch.linspace(HIGH, LOW, self.steps + 1).to(z)
        for level, below in zip(levels, levels[1:]):
            z = torch.cat([self._step(part, level, below) for part in z.split(CHUNK)])
        s, m = sigma(levels[-1]), sigma(-levels[-1])
        return ((z + s * torch.randn_like(z)) / m).view(*sample_shape, -1)

    def _step(self, z: Tensor, level: Tensor, below: Tensor) -> Tensor:
        down = 2 * below - level
        phi, middle, end = (x.exp().atan() for x in (level, below, down))
        half = z + (middle - phi) * self.velocity(z, level)
        z = z + (end - phi) * self.velocity(half, below)
        r = sigma(-below) / sigma(-down)
        return r * z + (1 - r**2).sqrt() * torch.randn_like(z)

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns (1), in nats, `(*, D)` to `(*)`: a lower bound of ln p on average."""
        rows = value.reshape(-1, len(self.origin))
        parts = [self._bound(part) for part in rows.split(max(1, CHUNK // LEVELS))]
        return torch.cat(parts).view(value.shape[:-1])

    def _bound(self, x: Tensor) -> Tensor:
        offset, e = noise_of(x)
        place = (torch.arange(LEVELS).to(x)[:, None] + offset) / LEVELS
        level = LOW + (HIGH - LOW) * place
        return bound(self.velocity, x.expand(LEVELS, -1, -1), level, e).mean(0)


def noise_of(x: Tensor) -> tuple[Tensor, Tensor]:
    """Returns offsets in [0, 1), `(N,)`, and noise `(n, N, D)`, that points `(N, D)` decide."""
    offsets, noise = [], []
    for row in x.detach().float().cpu().numpy():
        digest = hashlib.blake2b(row.tobytes(), digest_size=8).digest()
        random = torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)
        offsets.append(torch.rand((), generator=random))
        noise.append(torch.randn(LEVELS, x.shape[1], generator=random))
    return torch.stack(offsets).to(x), torch.stack(noise, 1).to(x)
