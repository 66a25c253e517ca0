"""LARS, the energy prior and their normaliser against closed forms."""

import math

from typing import TypeVar

import pytest
import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.conformance.densities import Grid
from genlab.priors import tilt as normaliser
from genlab.priors.energy import RANGE, Energy, TiltedGaussian
from genlab.priors.lars import LARS, ResampledGaussian
from genlab.priors.tilt import (
    TooFarError,
    drawn_nodes,
    fixed_nodes,
    fresh_nodes,
    log_normaliser,
    normaliser_bounds,
    rejection_sample,
)

SLOPE = 3.0
"""w = exp(-SLOPE |z|^2 / 2): then p is N(0, I / (1 + SLOPE)) and Z = (1 + SLOPE)^(-D / 2)."""


TiltedPrior = TypeVar("TiltedPrior", LARS, Energy)


def narrow(z: Tensor) -> Tensor:
    return -0.5 * SLOPE * (z**2).sum(-1)


def log_normal(z: Tensor, variance: float = 1.0) -> Tensor:
    return -0.5 * (z**2 / variance + math.log(2 * math.pi * variance)).sum(-1)


def zeros(latent: int) -> Tensor:
    return torch.zeros(latent, dtype=torch.float64)


def stirred(prior: TiltedPrior, by: float = 0.5) -> TiltedPrior:
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.add_(by * torch.randn_like(parameter))
    return prior


@pytest.mark.parametrize("latent", [1, 2])
def test_grid_gives_the_closed_forms(latent: int) -> None:
    """E_N[exp(b.z)] = exp(|b|^2 / 2), E_N[exp(-a|z|^2 / 2)] = (1 + a)^(-D/2)."""
    random = torch.Generator().manual_seed(0)
    shift = torch.tensor([0.8, -0.5], dtype=torch.float64)[:latent]
    for nodes in (fixed_nodes(zeros(latent)), fresh_nodes(zeros(latent), 0, random)):
        tilted = log_normaliser(lambda z: z @ shift, nodes).item()
        assert tilted == pytest.approx(0.5 * shift.square().sum().item(), abs=1e-6)
        wanted = -latent / 2 * math.log(1 + SLOPE)
        assert log_normaliser(narrow, nodes).item() == pytest.approx(wanted, abs=1e-6)


def test_draws_give_the_closed_forms_within_their_error() -> None:
    shift = torch.zeros(40, dtype=torch.float64)
    shift[:2] = 0.5
    nodes = fixed_nodes(zeros(40))
    # Standard error of the mean of exp(b.z): sqrt((exp(|b|^2) - 1) / G), less by the pairs.
    error = math.sqrt(math.expm1(0.5) / len(nodes.points))
    assert log_normaliser(lambda z: z @ shift, nodes).item() == pytest.approx(0.25, abs=4 * error)
    assert torch.equal(fixed_nodes(zeros(40)).points, nodes.points)
    points = drawn_nodes(zeros(3), 7, torch.Generator().manual_seed(0)).points
    assert len(points) == 8
    assert points.sum().item() == pytest.approx(0, abs=1e-12)


def test_grid_is_fine_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for a rough network, stirred by 0.5 a weight; a training step may err a little more."""
    prior = stirred(LARS(2, (100, 100), 100, 10)).double()
    with torch.no_grad():
        found = log_normaliser(prior.log_accept, fixed_nodes(prior.origin)).item()
        random = torch.Generator().manual_seed(0)
        fresh = [
            log_normaliser(prior.log_accept, fresh_nodes(prior.origin, 0, random)).item()
            for _ in range(5)
        ]
        monkeypatch.setattr(normaliser, "SIDE", {2: 500})
        monkeypatch.setattr(normaliser, "RADIUS", 7.0)
        wanted = log_normaliser(prior.log_accept, fixed_nodes(prior.origin)).item()
    assert found == pytest.approx(wanted, abs=1e-7)
    assert fresh == pytest.approx([wanted] * 5, abs=5e-4)


def test_gradient_of_the_normaliser_is_the_expectation_under_p() -> None:
    """d ln Z / db of w = exp(b.z - |z|^2 a / 2) is the mean of p, b / (1 + a)."""
    shift = torch.tensor([0.8, -0.5], dtype=torch.float64, requires_grad=True)
    log_normaliser(lambda z: narrow(z) + z @ shift, fixed_nodes(zeros(2))).backward()
    torch.testing.assert_close(shift.grad, shift.detach() / (1 + SLOPE))


@pytest.mark.parametrize("truncation", [1, 2, 10, 10**6])
@pytest.mark.parametrize("latent", [1, 2])
def test_lars_equals_the_mixture_it_is(latent: int, truncation: int) -> None:
    """For a = exp(-s|z|^2 / 2) both parts of equation 4 are Gaussian; T = 1 is N(0, I)."""
    log_z = log_normaliser(narrow, fixed_nodes(zeros(latent)))
    p = ResampledGaussian(narrow, log_z, truncation, zeros(latent))
    z = torch.randn(50, latent, dtype=torch.float64)
    alpha = (1 - (1 + SLOPE) ** (-latent / 2)) ** (truncation - 1)
    wanted = (1 - alpha) * log_normal(z, 1 / (1 + SLOPE)).exp() + alpha * log_normal(z).exp()
    torch.testing.assert_close(p.log_prob(z), wanted.log(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("truncation", [2, 5])
def test_lars_sampler_draws_as_often_as_it_should(truncation: int) -> None:
    """Acceptance is tested in (1 - (1 - Z)^(T-1)) / Z draws on average; the T-th goes untested."""
    seen = 0

    def counting(z: Tensor) -> Tensor:
        nonlocal seen
        seen += len(z)
        return narrow(z)

    z, count = 1 / (1 + SLOPE), 40_000
    torch.manual_seed(0)
    samples = ResampledGaussian(counting, torch.tensor(z).log(), truncation, zeros(2)).sample(
        (count,)
    )
    wanted = (1 - (1 - z) ** (truncation - 1)) / z
    assert seen / count == pytest.approx(wanted, abs=4 * truncation / math.sqrt(count))
    alpha = (1 - z) ** (truncation - 1)
    variance = (1 - alpha) / (1 + SLOPE) + alpha
    assert samples.var().item() == pytest.approx(variance, rel=0.03)


def test_lars_normalises_with_any_acceptance_and_truncation() -> None:
    grid = Grid(7.0, 280)
    points, area = grid.midpoints(), grid.step**2
    for truncation in (2, 3, 50):
        prior = stirred(LARS(2, (16,), truncation, 10), by=2.0).double()
        with torch.no_grad():
            total = prior().log_prob(points).exp().sum().item() * area
        assert total == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("bias", [-60.0, -20.0, 0.0, 20.0, 60.0])
def test_lars_with_a_constant_acceptance_is_the_gaussian(bias: float) -> None:
    """In float32, too, where Z is 1e-26 or 1 to the last digit; with a finite gradient."""
    prior = LARS(2, (4,), 100, 10)
    with torch.no_grad():
        list(prior.parameters())[-1].fill_(bias)  # the last layer's bias
    z = torch.randn(20, 2)
    values = prior().log_prob(z)
    values.sum().backward()
    torch.testing.assert_close(values, log_normal(z), rtol=1e-5, atol=1e-5)
    for key, parameter in prior.named_parameters():
        assert parameter.grad is not None, key
        assert torch.isfinite(parameter.grad).all(), key


@pytest.mark.parametrize("latent", [1, 2, 3, 40])
def test_both_start_as_the_standard_gaussian(latent: int) -> None:
    z = torch.randn(30, latent)
    for prior in (LARS(latent, (8,), 100, 64), Energy(latent, (8,), 64)):
        with torch.no_grad():
            torch.testing.assert_close(prior().log_prob(z), log_normal(z), rtol=1e-5, atol=1e-5)


def test_energy_equals_a_gaussian_where_the_energy_is_quadratic() -> None:
    log_z = log_normaliser(narrow, fixed_nodes(zeros(2)))
    p = TiltedGaussian(narrow, log_z, zeros(2))
    z = torch.randn(50, 2, dtype=torch.float64)
    torch.testing.assert_close(p.log_prob(z), log_normal(z, 1 / (1 + SLOPE)), rtol=0, atol=1e-6)
    torch.manual_seed(0)
    samples = p.sample((40_000,))
    assert samples.var().item() == pytest.approx(1 / (1 + SLOPE), rel=0.03)


@pytest.mark.parametrize("latent", [2, 40])
def test_energy_keeps_its_normaliser_within_reach(latent: int) -> None:
    """However large the weights, R >= -ln Z >= 0, and sampling ends."""
    prior = stirred(Energy(latent, (16,), 10), by=5.0)
    with torch.no_grad():
        f = prior.log_weight(3 * torch.randn(1000, latent))
        assert f.max().item() <= 0
        assert f.min().item() >= -RANGE
        assert f.max().item() - f.min().item() > 0.9 * RANGE
        assert -RANGE <= log_normaliser(prior.log_weight, fixed_nodes(prior.origin)).item() <= 0
        assert prior().sample((50,)).shape == (50, latent)


def test_training_follows_the_density() -> None:
    """With many fresh draws, or a grid in any place, ln p in training is ln p in evaluation."""
    rows = torch.arange(20)
    for latent, near in ((1, 1e-3), (2, 1e-3), (5, 0.05)):
        lars, energy = LARS(latent, (16,), 20, 40_000), Energy(latent, (16,), 40_000)
        for prior in (stirred(lars), stirred(energy)):
            z = torch.randn(20, latent)
            with torch.no_grad():
                found = prior.training_log_prob(z, rows, torch.Generator().manual_seed(5))
                torch.testing.assert_close(found, prior().log_prob(z), rtol=0, atol=near)


def test_bounds_enclose_the_normaliser() -> None:
    """Few draws leave the mean low estimate below ln Z, and the mean high one above."""
    wanted = -1.5 * math.log(1 + SLOPE)
    random = torch.Generator().manual_seed(0)
    close = normaliser_bounds(narrow, zeros(3), 100_000, random)
    assert close.low == pytest.approx(wanted, abs=4 * close.low_error)
    assert close.low_error < 0.02
    # E_p[1/w^2] is infinite here: the high estimate converges, but slower than any error says.
    assert close.high == pytest.approx(wanted, abs=0.3)
    rough = [normaliser_bounds(narrow, zeros(3), 5, random) for _ in range(300)]
    assert sum(r.low for r in rough) / 300 < wanted - 0.1
    assert sum(r.high or 0.0 for r in rough) / 300 > wanted + 0.1


def test_bounds_of_a_network_are_tight() -> None:
    prior = stirred(Energy(2, (16,), 10), by=0.3)
    random = torch.Generator().manual_seed(0)
    found = normaliser_bounds(prior.log_weight, prior.origin, 50_000, random)
    with torch.no_grad():
        wanted = log_normaliser(prior.log_weight, fixed_nodes(prior.origin)).item()
    assert found.low == pytest.approx(wanted, abs=4 * found.low_error)
    assert found.high == pytest.approx(wanted, abs=4 * found.high_error)
    assert max(found.low_error, found.high_error) < 0.02


def test_hopeless_rejection_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normaliser, "MOST_DRAWS", 10**5)

    def hopeless(z: Tensor) -> Tensor:
        return z.new_full((len(z),), -60.0)

    with pytest.raises(TooFarError, match="too far from"):
        rejection_sample(hopeless, 10, zeros(2))
    # What stands beside a trained prior's result is then one side, not the end of the run.
    found = normaliser_bounds(hopeless, zeros(3), 1000, torch.Generator().manual_seed(0))
    assert found.low == pytest.approx(-60, abs=1e-6)
    assert (found.high, found.high_error) == (None, None)


def test_lars_refuses_a_truncation_of_one() -> None:
    with pytest.raises(InputError, match="`truncation` must be at least 2, not 1"):
        LARS(2, (4,), 1, 10)


@pytest.mark.parametrize("kind", ["lars", "energy"])
def test_diagnostics_bound_the_normaliser_above_two_dimensions(kind: str) -> None:
    options = {"lars": (3, (16,), 20, 64), "energy": (3, (16,), 64)}[kind]
    prior = stirred({"lars": LARS, "energy": Energy}[kind](*options), by=0.3)
    found = prior.diagnostics(torch.zeros(1, 3), torch.Generator().manual_seed(0))
    log_weight = prior.log_accept if kind == "lars" else prior.log_weight
    with torch.no_grad():
        wanted = log_normaliser(log_weight, fixed_nodes(prior.origin)).item()
    assert found["log_z_low"] == pytest.approx(wanted, abs=4 * found["log_z_low_error"] + 0.01)
    assert found["log_z_high"] == pytest.approx(wanted, abs=4 * found["log_z_high_error"] + 0.01)
    assert Energy(2, (16,), 64).diagnostics(torch.zeros(1, 2), torch.Generator()) == {}
