"""The diffusion prior against solved cases: affine velocities and mixtures of Gaussians."""

import math

from collections.abc import Callable

import numpy as np
import pytest
import torch

from cases.priors import SMALL, build
from scipy.integrate import solve_ivp
from torch import Tensor

from genlab.conformance.densities import Grid
from genlab.priors.diffusion import Diffusion
from genlab.priors.diffusion_flow import (
    HIGH,
    LOW,
    DiffusionFlow,
    VelocityNet,
    bound,
    noise_level,
    sigma,
)
from genlab.priors.gaussian import GaussianMixture

EDM = SMALL["diffusion"] | {"weighting": "edm"}
LogDensity = Callable[[Tensor, Tensor], Tensor]


class ExactVelocity:
    """v = -(z + score) s / m from the log-density of z at a level, by autograd."""

    def __init__(self, log_density: LogDensity) -> None:
        self.log_density = log_density

    def __call__(self, z: Tensor, level: Tensor) -> Tensor:
        return self.with_divergence(z, level)[0].detach()

    def with_divergence(self, z: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            score = torch.autograd.grad(
                self.log_density(z, level).sum(), z, create_graph=True
            )[0]
            v = -(z + score) * (sigma(level) / sigma(-level))[..., None]
            columns = [
                torch.autograd.grad(v[:, d].sum(), z, retain_graph=True)[0][:, d]
                for d in range(z.shape[1])
            ]
        return v.detach(), torch.stack(columns, 1).sum(1)


def mixture_at(level: Tensor) -> torch.distributions.Distribution:
    """A mixture of three narrow Gaussians with mean zero, after noise."""
    mean = torch.tensor([[1.2, 0.9], [-1.2, 0.9], [0.0, -1.8]], dtype=torch.float64)
    std = torch.tensor([[0.1, 0.4], [0.3, 0.15], [0.6, 0.2]], dtype=torch.float64)
    s, m = sigma(level), sigma(-level)
    return GaussianMixture(mean.new_zeros(3), m * mean, (m**2 * std**2 + s**2).sqrt())


def mixture_flow(steps: int) -> DiffusionFlow:
    exact = ExactVelocity(lambda z, level: mixture_at(level).log_prob(z))
    return DiffusionFlow(exact, steps, torch.zeros(2, dtype=torch.float64))


def clean(z: Tensor) -> Tensor:
    return mixture_at(torch.tensor(LOW, dtype=torch.float64)).log_prob(z)


class Affine:
    """v = a z + b: as dz / dphi = v, z + b / a grows by exp(a phi) over nearly a quarter turn."""

    def __init__(self, a: float, b: float) -> None:
        self.a, self.b = a, b

    def __call__(self, z: Tensor, level: Tensor) -> Tensor:
        return self.a * z + self.b

    def with_divergence(self, z: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        return self(z, level), torch.full_like(z[:, 0], self.a * z.shape[1])

    def log_prob(self, z: Tensor) -> Tensor:
        turn = math.atan(math.exp(HIGH)) - math.atan(math.exp(LOW))
        ratio = self.b / self.a
        top = (z + ratio) * math.exp(self.a * turn) - ratio
        return log_normal(top) + self.a * z.shape[1] * turn


def quadrature() -> tuple[Tensor, Tensor, Tensor]:
    """Levels (uniform on [LOW, HIGH]), noise (Gaussian), and their joint weights."""
    place, share = np.polynomial.legendre.leggauss(300)
    level = torch.from_numpy(LOW + (HIGH - LOW) * (place + 1) / 2)
    e, weight = np.polynomial.hermite_e.hermegauss(24)
    joint = torch.from_numpy(np.outer(share / 2, weight / weight.sum()))
    return level, torch.from_numpy(e), joint


def mean_bound(velocity: Callable[[Tensor, Tensor], Tensor], x: Tensor) -> Tensor:
    """The expectation of the bound at each of the one-dimensional codes `x`, shape `(N,)`."""
    level, e, weight = quadrature()
    shape = (len(x), len(level), len(e))
    values = bound(
        velocity, x[:, None, None, None].expand(*shape, 1), level[:, None].expand(shape),
        e.expand(shape)[..., None],
    )
    return (values * weight).sum((1, 2))


def log_normal(z: Tensor, mean: float = 0.0, variance: float = 1.0) -> Tensor:
    return -0.5 * ((z - mean) ** 2 / variance + math.log(2 * math.pi * variance)).sum(-1)


def test_levels_are_those_of_the_schedule() -> None:
    """m^2 = exp(-B), B(t) = int beta; at t = 1, B = 10.05."""
    level = torch.tensor([noise_level(t) for t in (1e-5, 0.5, 1.0)], dtype=torch.float64)
    wanted = torch.tensor([1.000995e-6, 0.05 + 0.5 * 19.9 * 0.25, 10.05], dtype=torch.float64)
    torch.testing.assert_close(-2 * sigma(-level).log(), wanted, rtol=1e-5, atol=1e-11)


@pytest.mark.parametrize("latent", [1, 2, 5])
def test_affine_flow_equals_its_closed_form(latent: int) -> None:
    affine, origin = Affine(0.7, -0.4), torch.zeros(latent, dtype=torch.float64)
    z = torch.randn(20, latent, dtype=torch.float64)
    wanted = affine.log_prob(z)
    torch.testing.assert_close(
        DiffusionFlow(affine, 64, origin).log_prob(z), wanted, rtol=0, atol=1e-4
    )
    # Runge-Kutta's fourth order: half the step, a sixteenth of the error.
    coarse, fine = (
        (DiffusionFlow(affine, n, origin).log_prob(z) - wanted).abs().mean() for n in (24, 48)
    )
    assert math.log2((coarse / fine).item()) == pytest.approx(4, abs=0.5)


def test_exact_velocity_of_a_correlated_gaussian_gives_its_density() -> None:
    covariance = torch.tensor([[0.5, 0.3], [0.3, 0.4]], dtype=torch.float64)
    mean, eye = torch.tensor([0.5, -1.0], dtype=torch.float64), torch.eye(2, dtype=torch.float64)

    def density(level: Tensor) -> torch.distributions.MultivariateNormal:
        s, m = sigma(level), sigma(-level)
        return torch.distributions.MultivariateNormal(m * mean, m**2 * covariance + s**2 * eye)

    exact = ExactVelocity(lambda z, level: density(level).log_prob(z))
    torch.manual_seed(0)
    z = density(torch.tensor(-20.0, dtype=torch.float64)).sample((200,))
    found = DiffusionFlow(exact, 40, torch.zeros(2, dtype=torch.float64)).log_prob(z)
    # The flow starts at N(0, I) instead of N(m mean, .) with m = 0.0066: ln p is off by m mean.z.
    wanted = density(torch.tensor(LOW, dtype=torch.float64)).log_prob(z)
    start = math.exp(-0.5 * 10.05) * mean.norm().item()
    assert (found - wanted).abs().max().item() < 4 * start
    assert (found - wanted).mean().item() == pytest.approx(0, abs=1e-3)


def test_exact_velocity_of_a_mixture_gives_its_density() -> None:
    torch.manual_seed(0)
    z = mixture_at(torch.tensor(LOW, dtype=torch.float64)).sample((200,))
    torch.testing.assert_close(mixture_flow(128).log_prob(z), clean(z), rtol=0, atol=1e-3)
    grid = Grid(4.5, 72)
    points, area = grid.midpoints(), grid.step**2
    log_p = clean(points)
    assert (log_p.exp().sum() * area).item() == pytest.approx(1, abs=1e-4)
    # The default's 64 steps, on a mixture harder than codes are: 1e-4 is the solver's.
    total = mixture_flow(64).log_prob(points).exp().sum().item() * area
    assert total == pytest.approx(1, abs=3e-4)
    # The sampler's mean log-density is minus the entropy.
    values = clean(mixture_flow(32).sample((2000,)))
    error = values.std().item() / math.sqrt(len(values))
    wanted = (log_p.exp() * log_p).sum().item() * area
    assert values.mean().item() == pytest.approx(wanted, abs=4 * error)


@pytest.mark.parametrize("latent", [1, 2, 3, 40])
def test_divergence_is_the_trace_of_the_jacobian(latent: int) -> None:
    net = build("diffusion", latent, stirred=True, double=True)[0].net
    assert isinstance(net, VelocityNet)
    z, level = torch.randn(4, latent, dtype=torch.float64), torch.tensor(-1.3).double()
    v, divergence = net.with_divergence(z, level)
    torch.testing.assert_close(v, net(z, level))
    jacobian = torch.autograd.functional.jacobian(lambda z: net(z, level).sum(0), z)
    assert isinstance(jacobian, Tensor)
    torch.testing.assert_close(divergence, torch.einsum("dbd->b", jacobian))


def test_density_is_differentiable() -> None:
    prior, _ = build("diffusion", 2, stirred=True, double=True)
    p = prior()
    z = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(p.log_prob, z)


def test_it_starts_as_the_standard_gaussian() -> None:
    """The density, and the bound without any noise."""
    prior, z = Diffusion(3, (8, 8), 10), torch.randn(50, 3)
    with torch.no_grad():
        torch.testing.assert_close(prior().log_prob(z), log_normal(z))
        found = prior.training_log_prob(z, torch.arange(50), torch.Generator().manual_seed(0))
    torch.testing.assert_close(found, log_normal(z), rtol=1e-5, atol=1e-5)


def test_bound_of_the_exact_velocity_is_minus_the_entropy() -> None:
    """Of Gaussian codes: there the bound is tight on average, up to the cut-offs at both ends."""
    mean, variance = 0.6, 0.3**2

    def exact(z: Tensor, level: Tensor) -> Tensor:
        s, m = sigma(level)[..., None], sigma(-level)[..., None]
        return -(z - (z - m * mean) / (m**2 * variance + s**2)) * s / m

    nodes, weight = np.polynomial.hermite_e.hermegauss(24)
    x = mean + math.sqrt(variance) * torch.from_numpy(nodes)
    share = torch.from_numpy(weight / weight.sum())
    entropy = 0.5 * (1 + math.log(2 * math.pi * variance))
    average = (share * mean_bound(exact, x)).sum().item()
    assert average == pytest.approx(-entropy, abs=1e-4)
    # Off by a constant d, it loses int m^2 d^2 dl, and nothing to first order.
    level, _, joint = quadrature()
    lost = 0.2**2 * (HIGH - LOW) * (joint.sum(1) * sigma(-level) ** 2).sum().item()
    worse = (share * mean_bound(lambda z, level: exact(z, level) + 0.2, x)).sum().item()
    assert average - worse == pytest.approx(lost, abs=1e-6)


@pytest.mark.parametrize(
    ("a", "b"), [(0.0, 0.0), (0.5, 0.3), (-0.4, 0.0), (0.0, -0.6), (1.0, 1.0)]
)
def test_bound_is_below_the_stochastic_density(a: float, b: float) -> None:
    """For v = a z + b the reverse stochastic equation stays Gaussian; solve its moments.

    Down in l, with tau = -l:  dz = -(s^2 z + 2 s m v) dtau + sqrt(2) s dW.
    """

    def slope(tau: float, state: np.ndarray) -> list[float]:
        s = math.sqrt(1 / (1 + math.exp(2 * tau)))
        m = math.sqrt(1 - s**2)
        mean, variance = state
        rate = s**2 + 2 * s * m * a
        return [-rate * mean - 2 * s * m * b, -2 * rate * variance + 2 * s**2]

    solution = solve_ivp(slope, (-HIGH, -LOW), [0.0, 1.0], rtol=1e-10, atol=1e-12)
    mean, variance = solution.y[:, -1]
    m = math.sqrt(1 / (1 + math.exp(2 * LOW)))
    x = torch.linspace(-4, 4, 41, dtype=torch.float64)
    law = log_normal(x[:, None], mean / m, variance / m**2 + math.exp(2 * LOW))
    gap = law - mean_bound(Affine(a, b), x)
    assert gap.min().item() > -1e-6
    if a == b == 0:
        assert gap.max().item() < 2e-5


@pytest.mark.parametrize("weighting", ["likelihood", "edm"])
def test_training_draws_the_bound_without_bias(weighting: str) -> None:
    """Levels spread evenly over a batch have their distribution each: the mean is right."""
    options = EDM | {"weighting": weighting}
    prior, _ = build("diffusion", 1, stirred=True, double=True, options=options)
    assert isinstance(prior, Diffusion)
    x = torch.tensor([0.8], dtype=torch.float64)
    with torch.no_grad():
        wanted = mean_bound(prior.net, x).item()
        values = prior.training_log_prob(
            x.expand(2, 50_000, 1), torch.arange(50_000), torch.Generator().manual_seed(0)
        )
    assert values.shape == (2, 50_000)
    error = values.std().item() / math.sqrt(values.numel())
    assert values.mean().item() == pytest.approx(wanted, abs=4 * error)


def test_edm_gives_the_network_gradients_of_its_weights_and_codes_those_of_the_bound() -> None:
    """Both against quadrature; the gradients of forty batches tell their errors."""
    prior, _ = build("diffusion", 1, stirred=True, double=True, options=EDM)
    assert isinstance(prior, Diffusion)
    parameters, x = list(prior.net.parameters()), torch.tensor([0.8], dtype=torch.float64)
    level, e, joint = quadrature()
    normal = torch.exp(-0.5 * ((level + 0.5) / 1.2) ** 2) / (1.2 * math.sqrt(2 * math.pi))
    s, m = sigma(level)[:, None], sigma(-level)[:, None]
    v = prior.net((m * x + s * e)[..., None], level[:, None].expand(joint.shape))[..., 0]
    squares = (HIGH - LOW) * (joint * normal[:, None] * (v - (m * e - s * x)) ** 2).sum()
    of_squares = torch.autograd.grad(-(HIGH - LOW) * squares, parameters)
    code = x.clone().requires_grad_()
    wanted = [*of_squares, *torch.autograd.grad(mean_bound(prior.net, code).sum(), code)]
    found = []
    for seed in range(40):
        z = x.expand(500, 1).clone().requires_grad_()
        random = torch.Generator().manual_seed(seed)
        mean = prior.training_log_prob(z, torch.arange(500), random).mean()
        *network, codes = torch.autograd.grad(mean, [*parameters, z])
        found.append([*network, codes.sum(0)])
    assert all(p.requires_grad for p in parameters)
    for expected, draws in zip(wanted, zip(*found)):
        each = torch.stack(draws)
        error = each.std(0) / math.sqrt(len(each))
        assert (each.mean(0) - expected).abs().le(5 * error + 1e-9).all()
