"""The Student-t prior against SciPy, its closed radial law and its Gaussian limit."""

import math

import numpy as np
import pytest
import torch

from cases.priors import build
from scipy.stats import kstest, multivariate_t

from genlab.priors.student import MultivariateT, StudentT


def student(nu: float, latent: int, dtype: torch.dtype = torch.float64) -> MultivariateT:
    """The standard one."""
    zero = torch.zeros(latent, dtype=dtype)
    return MultivariateT(torch.tensor(nu, dtype=dtype), zero, zero)


@pytest.mark.parametrize("latent", [1, 2, 3, 40])
def test_density_equals_scipy(latent: int) -> None:
    prior = build("student", latent, stirred=True, double=True)[0]
    p = prior()
    z = 3 * torch.randn(50, latent, generator=torch.Generator().manual_seed(3)).double()
    shape = np.diag(prior.log_scale.detach().exp().numpy() ** 2)
    oracle = multivariate_t(prior.location.detach().numpy(), shape, p.degrees.item())
    np.testing.assert_allclose(
        p.log_prob(z).detach().numpy(), oracle.logpdf(z.numpy()), rtol=1e-10
    )


@pytest.mark.parametrize("nu", [2.0, 10.0, 1e3, 1e6, 1e9])
@pytest.mark.parametrize("latent", [2, 40])
def test_single_precision_holds_at_any_degrees_of_freedom(nu: float, latent: int) -> None:
    """ln Gamma((nu + D) / 2) - ln Gamma(nu / 2) in float32 is off by half a nat at nu = 1e6."""
    z = torch.randn(50, latent, generator=torch.Generator().manual_seed(0))
    found = student(nu, latent, torch.float32).log_prob(z)
    assert found.dtype == torch.float32
    wanted = student(nu, latent).log_prob(z.double())
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("latent", [1, 2, 40])
def test_many_degrees_of_freedom_make_a_gaussian(latent: int) -> None:
    z = torch.randn(50, latent, generator=torch.Generator().manual_seed(0)).double()
    wanted = -0.5 * (z.square().sum(-1) + latent * math.log(2 * math.pi))
    torch.testing.assert_close(student(1e9, latent).log_prob(z), wanted, rtol=0, atol=1e-5)


def test_radius_of_the_samples_follows_its_closed_law() -> None:
    """In two dimensions P(R > r) = (1 + r^2 / nu)^(-nu / 2), with R the scaled distance."""
    prior = build("student", 2, stirred=True, double=True)[0]
    torch.manual_seed(0)
    with torch.no_grad():
        p = prior()
        z = p.sample((20_000,))
        nu = p.degrees.item()
        offset = (z - prior.location) / prior.log_scale.exp()
    law = kstest(offset.norm(dim=-1).numpy(), lambda r: 1 - (1 + r**2 / nu) ** (-nu / 2))
    assert law.pvalue > 1e-3
    angle = torch.atan2(offset[:, 1], offset[:, 0]).numpy()
    assert kstest(angle, "uniform", (-math.pi, 2 * math.pi)).pvalue > 1e-3


def test_samples_have_their_variance_in_many_dimensions() -> None:
    """s^2 nu / (nu - 2); and dimensions share their tail: squares are correlated."""
    torch.manual_seed(0)
    z = student(10.0, 40).sample((20_000,))
    assert z.var().item() == pytest.approx(10 / 8, rel=0.02)
    squares = z.square()
    # With t = nu / chi^2: cov(z1^2, z2^2) = var(t) and var(z1^2) = 3 E[t^2] - E[t]^2,
    # E[t] = nu / (nu - 2), E[t^2] = nu^2 / ((nu - 2)(nu - 4)): correlation 1/9 at nu = 10.
    found = torch.corrcoef(squares.T)
    off = found[~torch.eye(40, dtype=torch.bool)].mean().item()
    assert off == pytest.approx(1 / 9, abs=0.01)


def test_start_is_ten_degrees_at_the_origin() -> None:
    p = StudentT(3)()
    assert p.degrees.item() == pytest.approx(10, abs=1e-5)
    assert (p.location == 0).all()
    assert (p.log_scale == 0).all()


def test_gradients_equal_finite_differences() -> None:
    z = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    nu = torch.tensor(7.0, dtype=torch.float64, requires_grad=True)
    location, log_scale = torch.randn(2, 3, dtype=torch.float64)
    location.requires_grad_()
    log_scale.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda z, *parameters: MultivariateT(*parameters).log_prob(z),
        (z, nu, location, log_scale),
    )
