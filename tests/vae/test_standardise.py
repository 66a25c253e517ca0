"""Standard coordinates change no number that does not depend on the coordinates."""

import math

import numpy as np
import pytest
import torch

from cases.vae import vae_of
from torch import Tensor
from torch.distributions import MultivariateNormal

from genlab.priors.gaussian import GaussianMixture
from genlab.vae.evidence.elbo_surgery import log_aggregated_posterior
from genlab.vae.measure import measure
from genlab.vae.model import VAE
from genlab.vae.standardise import (
    AffineMap,
    Standardised,
    aggregated_moments,
    standard_coordinates,
)  # fmt: skip

OPTIONS = {"mixture": {"components": 5}, "vamp": {"components": 5}, "realnvp": {"blocks": 3}}
CASES = [(prior, latent) for prior in OPTIONS for latent in (1, 2)]


def learned(prior: str, latent: int) -> tuple[VAE, Tensor]:
    """A float64 model away from its start, its codes far from N(0, I), and images."""
    torch.manual_seed(1)
    model = vae_of(prior, OPTIONS[prior], latent=latent, pixels=9, hidden=16, examples=5)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            scale = 0.05 if name.startswith("prior.flow") else 0.3  # a smooth flow, for grids
            parameter.add_(scale * torch.randn_like(parameter))
    return model.double().eval(), torch.rand(40, 9, dtype=torch.float64).round()


def moved(model: VAE, x: Tensor) -> Standardised:
    return Standardised(model, standard_coordinates(aggregated_moments(*model.encode(x))))


@pytest.mark.parametrize(("prior", "latent"), CASES)
@torch.no_grad()
def test_the_aggregated_posterior_has_mean_zero_and_covariance_one(
    prior: str, latent: int
) -> None:
    """By draws: 40 images, 5,000 each, drawn from the posteriors in the new coordinates."""
    model, x = learned(prior, latent)
    torch.manual_seed(2)
    z = moved(model, x).posterior(x).sample(torch.Size((5000,))).flatten(0, 1)
    covariance = torch.cov(z.T).view(latent, latent)
    assert torch.allclose(z.mean(0), torch.zeros(latent).double(), atol=0.02)
    assert torch.allclose(covariance, torch.eye(latent).double(), atol=0.02)


@pytest.mark.parametrize(("prior", "latent"), CASES)
@torch.no_grad()
def test_the_terms_of_the_bound_are_unchanged(prior: str, latent: int) -> None:
    """In the new coordinates they are computed from the densities and the decoder there."""
    model, x = learned(prior, latent)
    noise = torch.randn(7, len(x), latent, dtype=torch.float64)
    before = model.terms(x, noise)
    new = moved(model, x)
    mean, log_std = model.encode(x)
    z = new.change(mean + log_std.exp() * noise)
    re = model.likelihood.log_prob(x, new.decoder(z)).mean(0)
    omega = (new.prior().log_prob(z) - new.posterior(x).log_prob(z)).mean(0)
    assert torch.allclose(re, before.re, rtol=0, atol=1e-11)
    assert torch.allclose(omega, before.omega, rtol=0, atol=1e-11)
    assert not torch.allclose(z, mean + log_std.exp() * noise, atol=0.1)  # they did change


@pytest.mark.parametrize(("prior", "latent"), CASES)
@torch.no_grad()
def test_the_posteriors_are_gaussians_with_the_covariances_of_the_map(
    prior: str, latent: int
) -> None:
    """q'(z'|x) = N(A (mu - m), A diag(sigma^2) A^T), by torch's own density."""
    model, x = learned(prior, latent)
    new = moved(model, x)
    mean, log_std = model.encode(x)
    a = new.change.matrix
    covariance = a @ torch.diag_embed((2 * log_std).exp()) @ a.T
    z = torch.randn(len(x), latent, dtype=torch.float64)
    expected = MultivariateNormal((mean - new.change.centre) @ a.T, covariance).log_prob(z)
    assert torch.allclose(new.posterior(x).log_prob(z), expected, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize(("prior", "latent"), CASES)
@torch.no_grad()
def test_the_exact_likelihood_is_unchanged(prior: str, latent: int) -> None:
    """ln p(x) by a plain grid in the old coordinates, and by another one in the new."""
    model, x = learned(prior, latent)
    new = moved(model, x)
    side = 1501 if latent == 1 else 401
    old_draws = model.prior().sample(torch.Size((20_000,)))
    answers = []
    for decoder, p, draws in (
        (model.decoder, model.prior(), old_draws),
        (new.decoder, new.prior(), new.change(old_draws)),
    ):
        low, high = draws.amin(0), draws.amax(0)
        low, high = low - 0.7 * (high - low), high + 0.7 * (high - low)
        lines = [torch.linspace(a, b, side, dtype=torch.float64) for a, b in zip(low, high)]
        z = torch.cartesian_prod(*lines).reshape(-1, latent)
        cell = sum(math.log(line[1] - line[0]) for line in lines)
        log_p = model.likelihood.log_prob(x[:2, None], decoder(z)) + p.log_prob(z)
        answers.append(torch.logsumexp(log_p, 1) + cell)
    assert torch.allclose(answers[0], answers[1], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("prior", "latent"), CASES)
@torch.no_grad()
def test_the_prior_gap_is_unchanged(prior: str, latent: int) -> None:
    """ln q(z) - ln p(z), with q'(z') the mixture of the Gaussians with A diag(sigma^2) A^T."""
    model, x = learned(prior, latent)
    new = moved(model, x)
    mean, log_std = model.encode(x)
    z = mean + log_std.exp() * torch.randn(mean.shape, dtype=torch.float64)
    before = log_aggregated_posterior(z, mean, log_std) - model.prior().log_prob(z)
    a = new.change.matrix
    factors = torch.linalg.cholesky(a @ torch.diag_embed((2 * log_std).exp()) @ a.T)
    mixture = GaussianMixture(mean.new_zeros(len(mean)), new.change(mean), factors)
    there = new.change(z)
    after = mixture.log_prob(there) - new.prior().log_prob(there)
    assert torch.allclose(before, after, rtol=0, atol=1e-9)


@pytest.mark.parametrize("latent", [1, 2, 3])
def test_results_record_the_moments_of_the_training_images(latent: int) -> None:
    """By a sum over images and dimensions; for one and two latent dimensions, which are drawn."""
    model, x = learned("mixture", latent)
    model = model.float()
    found = measure(model, x[:9].float(), x.float(), draws=1, importance=0, seed=0).aggregated
    if latent == 3:
        assert found is None
        return
    with torch.no_grad():
        mean, log_std = (t.double().numpy() for t in model.encode(x.float()))
    assert found is not None
    assert found.mean == pytest.approx(mean.mean(0))
    second = sum(np.outer(m, m) + np.diag(np.exp(2 * s)) for m, s in zip(mean, log_std)) / len(x)
    covariance = second - np.outer(mean.mean(0), mean.mean(0))
    assert np.allclose(found.covariance, covariance, rtol=1e-6)


def test_the_map_and_its_density_are_exact() -> None:
    change = AffineMap(torch.tensor([[2.0, 1.0], [0.0, 3.0]]).double(), torch.ones(2).double())
    z = torch.randn(5, 3, 2, dtype=torch.float64)
    assert torch.allclose(change.inv(change(z)), z)
    assert torch.allclose(change(z)[0, 0], torch.stack([2 * z[0, 0, 0] + z[0, 0, 1] - 3,
                                                        3 * z[0, 0, 1] - 3]))
    jacobian = torch.autograd.functional.jacobian(change, z[0, 0])
    assert isinstance(jacobian, Tensor)
    log_det = change.log_abs_det_jacobian(z, change(z))
    assert log_det.shape == (5, 3)
    assert log_det[0, 0].item() == pytest.approx(jacobian.det().abs().log().item())
