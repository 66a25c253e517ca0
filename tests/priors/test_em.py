"""Expectation-maximisation against scikit-learn, and as a prior."""

import math

import numpy as np
import pytest
import torch

from sklearn.mixture import GaussianMixture

from genlab.common.errors import InputError
from genlab.priors import em
from genlab.priors.em import (
    VARIANCE_FLOOR,
    FittedMixture,
    expectation_maximisation,
    fit_mixture,
    spread_start,
)
from genlab.priors.mixture import Mixture

both = pytest.mark.parametrize("covariance", ["diagonal", "full"])
SKLEARN = {"diagonal": "diag", "full": "full"}


def codes(count: int = 3000, latent: int = 3) -> torch.Tensor:
    """Draws of four correlated Gaussians that overlap, all wider than the floor."""
    random = torch.Generator().manual_seed(0)
    tril = 0.6 * torch.randn(4, latent, latent, generator=random).tril(-1)
    tril += torch.diag_embed(0.4 + 0.4 * torch.rand(4, latent, generator=random))
    mean = 2 * torch.randn(4, latent, generator=random)
    label = torch.randint(4, (count,), generator=random)
    noise = torch.randn(count, latent, 1, generator=random)
    return mean[label] + (tril[label] @ noise).squeeze(-1)


def oracle_of(fit: FittedMixture, covariance: str) -> GaussianMixture:
    """scikit-learn's density with the parameters of the fit."""
    oracle = GaussianMixture(len(fit.weights), covariance_type=SKLEARN[covariance])
    oracle.weights_, oracle.means_ = fit.weights.numpy(), fit.mean.numpy()
    if covariance == "diagonal":
        oracle.precisions_cholesky_ = 1 / fit.tril.diagonal(dim1=-2, dim2=-1).numpy()
    else:
        inverse = np.linalg.inv(fit.tril.numpy())
        oracle.precisions_cholesky_ = inverse.swapaxes(1, 2)
    return oracle


@both
def test_likelihood_never_falls_and_is_that_of_the_result(covariance: str) -> None:
    z = codes()
    random = torch.Generator().manual_seed(1)
    start = spread_start(z.double(), 6, covariance, random)
    fit = expectation_maximisation(z, start, covariance, tolerance=1e-7, iterations=300)
    assert len(fit.curve) > 10
    assert (np.diff(fit.curve) > -1e-10).all()
    assert fit.curve[-1] > fit.curve[0] + 0.05
    scores = oracle_of(fit, covariance).score_samples(z.double().numpy())
    assert scores.mean() == pytest.approx(fit.curve[-1], abs=1e-10)


@both
def test_likelihood_never_falls_where_the_floor_holds(covariance: str) -> None:
    """Codes on a line in three dimensions, some of them many times: no covariance is regular."""
    random = torch.Generator().manual_seed(0)
    line = torch.randn(400, 1, generator=random).double() * torch.tensor([1.0, 2.0, 0.0])
    z = torch.cat([line, line[:1].expand(100, 3)])
    start = spread_start(z, 8, covariance, random)
    fit = expectation_maximisation(z, start, covariance, tolerance=0, iterations=100)
    assert (np.diff(fit.curve) > -1e-10).all()
    values = torch.linalg.eigvalsh(fit.tril @ fit.tril.mT)
    assert values.min().item() == pytest.approx(VARIANCE_FLOOR, rel=1e-6)
    assert torch.isfinite(fit.mean).all()


@both
def test_same_start_reaches_the_optimum_of_scikit_learn(covariance: str) -> None:
    z = codes()
    start = spread_start(z.double(), 4, covariance, torch.Generator().manual_seed(2))
    precisions = torch.cholesky_inverse(start.tril)
    if covariance == "diagonal":
        precisions = precisions.diagonal(dim1=-2, dim2=-1)
    oracle = GaussianMixture(
        4, covariance_type=SKLEARN[covariance], tol=1e-8, max_iter=2000, reg_covar=0,
        weights_init=start.weights.numpy(), means_init=start.mean.numpy(),
        precisions_init=precisions.numpy(),
    ).fit(z.double().numpy())  # fmt: skip
    fit = expectation_maximisation(z, start, covariance, tolerance=1e-8, iterations=2000)
    assert fit.curve[-1] == pytest.approx(oracle.score(z.double().numpy()), abs=1e-4)
    np.testing.assert_allclose(fit.mean.numpy(), oracle.means_, atol=1e-2)
    np.testing.assert_allclose(fit.weights.numpy(), oracle.weights_, atol=1e-3)


@both
def test_equal_weights_end_where_the_likelihood_has_no_slope(covariance: str) -> None:
    """The slope in means and covariances, by autograd of another implementation."""
    z = codes().double()
    random = torch.Generator().manual_seed(2)
    start = spread_start(z, 5, covariance, random, equal=True)
    fit = expectation_maximisation(
        z, start, covariance, equal=True, tolerance=1e-11, iterations=3000
    )
    assert torch.equal(fit.weights, torch.full((5,), 0.2, dtype=torch.float64))
    assert (np.diff(fit.curve) > -1e-10).all()
    assert fit.curve[-1] > fit.curve[0] + 0.02
    mean = fit.mean.clone().requires_grad_()
    tril = (torch.diag_embed(fit.tril.diagonal(dim1=-2, dim2=-1))
            if covariance == "diagonal" else fit.tril).clone().requires_grad_()
    shape = tril.diagonal(dim1=-2, dim2=-1).diag_embed() if covariance == "diagonal" else tril
    parts = torch.distributions.MultivariateNormal(mean, scale_tril=shape)
    log_p = parts.log_prob(z[:, None]).logsumexp(1).mean() - math.log(5)
    assert log_p.item() == pytest.approx(fit.curve[-1], abs=1e-10)
    slopes = torch.autograd.grad(log_p, [mean, tril])
    assert max(slope.abs().max().item() for slope in slopes) < 1e-4


@both
def test_one_component_is_the_sample_mean_and_covariance(covariance: str) -> None:
    z = codes().double()
    fit = fit_mixture(z, 1, covariance, torch.Generator().manual_seed(0), starts=1)
    wanted = np.cov(z.numpy().T, bias=True)
    found = (fit.tril @ fit.tril.mT)[0].numpy()
    np.testing.assert_allclose(fit.mean[0].numpy(), z.mean(0).numpy(), rtol=1e-9)
    if covariance == "diagonal":
        wanted = np.diag(np.diag(wanted))
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


@both
def test_a_fit_becomes_a_prior_unchanged(covariance: str) -> None:
    """Even with components at the floor, which are narrower than any trained one."""
    z = torch.cat([codes(500), torch.full((100, 3), 5.0)])
    fit = fit_mixture(z, 5, covariance, torch.Generator().manual_seed(0), starts=2)
    assert torch.linalg.eigvalsh(fit.tril @ fit.tril.mT).min() < 1.01 * VARIANCE_FLOOR
    scores = oracle_of(fit, covariance).score_samples(z.double().numpy())
    prior = Mixture(3, 5, covariance)
    prior.double().set_(fit.weights, fit.mean, fit.tril)
    with torch.no_grad():
        np.testing.assert_allclose(prior().log_prob(z.double()).numpy(), scores, atol=1e-9)
        single = Mixture(3, 5, covariance).set_(fit.weights, fit.mean, fit.tril)
        found = single().log_prob(z)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), scores, rtol=1e-3, atol=1e-3)


def test_a_full_fit_is_refused_by_a_diagonal_prior() -> None:
    fit = fit_mixture(codes(), 2, "full", torch.Generator().manual_seed(0), starts=1)
    with pytest.raises(ValueError, match="diagonal"):
        Mixture(3, 2).set_(fit.weights, fit.mean, fit.tril)


@both
def test_memory_is_in_tiles_without_changing_the_fit(
    covariance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    z = codes(1000)
    start = spread_start(z.double(), 4, covariance, torch.Generator().manual_seed(2))
    whole = expectation_maximisation(z, start, covariance, iterations=20)
    monkeypatch.setattr(em, "TILE", 37)
    again = spread_start(z.double(), 4, covariance, torch.Generator().manual_seed(2))
    torch.testing.assert_close(again.tril, start.tril)
    tiled = expectation_maximisation(z, start, covariance, iterations=20)
    assert tiled.curve == pytest.approx(whole.curve, abs=1e-10)


def test_more_starts_are_no_worse_and_a_seed_repeats() -> None:
    z = codes()
    seeded = lambda: torch.Generator().manual_seed(3)  # noqa: E731
    one, five = (fit_mixture(z, 8, "full", seeded(), starts=n, iterations=30) for n in (1, 5))
    assert five.curve[-1] >= one.curve[-1]
    again = fit_mixture(z, 8, "full", seeded(), starts=5, iterations=30)
    assert again.curve == five.curve
    assert math.isclose(five.weights.sum().item(), 1, abs_tol=1e-12)


def test_equal_codes_and_too_few_codes() -> None:
    """Forty equal codes leave two of three components with nothing: still a density, no NaN."""
    fit = fit_mixture(torch.ones(40, 2), 3, "full", torch.Generator().manual_seed(0), starts=1)
    # All mass on one component at the floor: ln p = -ln(2 pi e^-6)
    assert fit.curve[-1] == pytest.approx(6 - math.log(2 * math.pi), abs=1e-6)
    with pytest.raises(InputError, match="`components` must be at most the 8 codes, not 9"):
        fit_mixture(torch.ones(8, 2), 9, "full", torch.Generator())
