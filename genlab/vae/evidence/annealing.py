r"""Annealed importance sampling: ln p(x) from both sides, for any number of dimensions.

Between a start f_0(z) that can be drawn from and the target f_1(z) = p(x|z) p(z) stand

    ln f_b(z) = (1 - b) ln f_0(z) + b ln f_1(z),      0 = b_0 < b_1 < ... < b_T = 1        (1)

A chain starts at z_0 ~ f_0, gathers ln w = sum_t (b_t - b_{t-1}) [ln f_1 - ln f_0](z_{t-1}) and
moves by Hamiltonian Monte Carlo that leaves f_{b_t} as it is. Then E[w] = p(x) (Neal, 2001), so

    forward    ln 1/C sum_c w_c       is below ln p(x) on average                         (2)
    reverse    from an exact posterior draw at b = 1 down to b = 0: E[1/w] = 1/p(x), so
               -ln 1/C sum_c 1/w_c    is above ln p(x) on average                         (3)

An exact posterior draw is known only for an image that the model itself made: z ~ p(z),
x ~ p(x|z) (bidirectional Monte Carlo; Grosse et al., 2015). On such images (3) - (2) bounds the
error of (2); real images are assumed to be alike. The start is the encoder's posterior, which
needs ten times fewer steps than the prior (Wu et al., 2017).

References:
    | Annealed importance sampling (Neal, 2001), https://arxiv.org/abs/physics/9803008
    | Sandwiching the marginal likelihood using bidirectional Monte Carlo (Grosse et al., 2015),
    | https://arxiv.org/abs/1511.02543
    | On the Quantitative Analysis of Decoder-Based Generative Models (Wu et al., 2017),
    | https://arxiv.org/abs/1611.04273

Shapes: C chains, B images, D latent dimensions, T temperatures.
"""

__all__ = ["Annealed", "anneal", "forward_bound", "reverse_bound", "temperatures"]

import math

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch

from torch import Tensor

LEAPFROGS = 10
TARGET = 0.65
"""The acceptance rate that the step sizes are steered to (Neal, 2011)."""

LogDensity = Callable[[Tensor], Tensor]


class Annealed(NamedTuple):
    """What the chains ended with."""

    z: Tensor
    """Their last places, with shape `(C, B, D)`."""
    log_w: Tensor
    """ln w of each, float64, with shape `(C, B)`."""
    acceptance: float
    """The mean acceptance rate of the moves."""


def temperatures(count: int) -> Tensor:
    """Returns b_0 ... b_T, denser at both ends: a sigmoid on [-4, 4] (Wu et al., 2017)."""
    steps = torch.sigmoid(torch.linspace(-4, 4, count + 1, dtype=torch.float64))
    return (steps - steps[0]) / (steps[-1] - steps[0])


def anneal(
    log_start: LogDensity, log_target: LogDensity, z: Tensor, scale: Tensor, betas: Tensor,
    random: torch.Generator, advance: Callable[[], None] = lambda: None,
) -> Annealed:
    """Runs the chains along `betas`, upwards or downwards.

    Arguments:
        log_start: ln f_0: `(C, B, D)` to `(C, B)`.
        log_target: ln f_1, likewise.
        z: Where the chains start: exact draws at `betas[0]`, with shape `(C, B, D)`.
        scale: The widths of f_0, to which steps are proportional, with shape `(B, D)`.
        betas: b_0 ... b_T, with shape `(T + 1,)`.
        random: Draws momenta and acceptances.
        advance: Called after each temperature.
    """
    log_w = torch.zeros(z.shape[:-1], dtype=torch.float64)
    step = torch.full((z.shape[1],), 0.3)  # one for each image, steered to TARGET
    accepted = 0.0
    for before, beta in zip(betas[:-1].tolist(), betas[1:].tolist()):
        with torch.no_grad():
            log_w += (beta - before) * (log_target(z).double() - log_start(z).double())

        between = partial(_between, log_start, log_target, beta)
        z, rate = _hamiltonian(between, z, step[:, None] * scale, scale, random)
        step = (step * torch.where(rate > TARGET, 1.02, 0.98)).clamp(1e-4, 2.0)
        accepted += rate.mean().item()
        advance()
    return Annealed(z, log_w, accepted / (len(betas) - 1))


def _between(log_start: LogDensity, log_target: LogDensity, beta: float, z: Tensor) -> Tensor:
    """Returns equation 1."""
    return (1 - beta) * log_start(z) + beta * log_target(z)


def _hamiltonian(
    log_density: LogDensity, z: Tensor, step: Tensor, scale: Tensor, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """One move; returns the new places and the acceptance rate of each image, `(B,)`.

    With mass 1 / scale^2 the step is in units of the scale (Neal, 2011, section 5.4.1).
    """
    start = z
    unit = step / scale
    momentum = torch.randn(z.shape, generator=random, dtype=z.dtype)
    energy = 0.5 * momentum.square().sum(-1)
    value, gradient = _value_and_gradient(log_density, z)
    first = value
    for _ in range(LEAPFROGS):
        momentum = momentum + 0.5 * unit * scale * gradient
        z = z + unit * scale * momentum
        value, gradient = _value_and_gradient(log_density, z)
        momentum = momentum + 0.5 * unit * scale * gradient
    change = value - first + energy - 0.5 * momentum.square().sum(-1)
    rate = change.nan_to_num(-math.inf).clamp(max=0).exp()
    taken = torch.rand(rate.shape, generator=random) < rate
    return torch.where(taken[..., None], z, start), rate.mean(0)


def _value_and_gradient(log_density: LogDensity, z: Tensor) -> tuple[Tensor, Tensor]:
    z = z.detach().requires_grad_()
    with torch.enable_grad():
        value = log_density(z)
        (gradient,) = torch.autograd.grad(value.sum(), z)
    return value.detach(), gradient


def forward_bound(log_w: Tensor) -> Tensor:
    """Returns estimate 2, with shape `(B,)`."""
    return log_w.logsumexp(0) - math.log(len(log_w))


def reverse_bound(log_w: Tensor) -> Tensor:
    """Returns estimate 3 of chains that ran from b = 1 to b = 0, with shape `(B,)`.

    Running down, `anneal` gathers the negative of what the same way up would: ln 1/w.
    """
    return -(log_w.logsumexp(0) - math.log(len(log_w)))
