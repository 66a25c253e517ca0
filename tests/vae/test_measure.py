"""Every estimator against models whose likelihood is known, and against each other."""

import math
import re

import numpy as np
import pytest
import torch
import torch.nn as nn

from cases.vae import all_images, small_vae
from scipy.stats import genpareto

from genlab.common.quantities import QUANTITIES
from genlab.vae.evidence import bidirectional
from genlab.vae.evidence import exact as exact_module
from genlab.vae.evidence.annealing import anneal, forward_bound, reverse_bound, temperatures
from genlab.vae.evidence.bidirectional import bracket
from genlab.vae.evidence.elbo_surgery import active_units
from genlab.vae.evidence.exact import exact_evidence
from genlab.vae.evidence.importance import draw_counts, importance_estimate, log_weights, pareto_k
from genlab.vae.evidence.inference_gap import best_gaussian_elbo
from genlab.vae.evidence.quadrature import Evidence, log_evidence
from genlab.vae.evidence.tabulated import Tabulated, log_prob_on_lattice
from genlab.vae.likelihoods import Bernoulli
from genlab.vae.measure import measure
from genlab.vae.model import VAE

# Shapes: N images, X pixels, D latent dimensions.


def codes(model: VAE, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.no_grad():
        return model.encode(x)


@pytest.mark.parametrize("latent", [1, 2])
@pytest.mark.parametrize("prior", ["standard", "mixture", "vamp"])
def test_exact_likelihoods_of_all_512_images_add_up_to_one(latent: int, prior: str) -> None:
    model, x = small_vae(latent, 9, prior, scale=4.0), all_images(3)
    evidence = exact_evidence(model, model.prior(), x, *codes(model, x), 0)
    assert evidence.log_p.exp().sum().item() == pytest.approx(1, abs=1e-4)
    assert evidence.error.max() < 1e-3
    assert abs(evidence.prior_outside) < 1e-4


def test_importance_estimates_of_all_512_images_add_up_to_one() -> None:
    """In forty dimensions too: the estimate of each p(x) is unbiased, so is their sum."""
    model, x = small_vae(40, 9), all_images(3)
    prior = model.prior()
    random = torch.Generator().manual_seed(0)
    counts = draw_counts(1000, (0.8, 0.1, 0.1))
    noise = torch.randn(counts[0] + counts[1], len(x), 40, generator=random)
    torch.manual_seed(0)
    with torch.no_grad():
        log_w = log_weights(model, prior, x, counts, noise, prior.sample((counts[2],)))
    sums = log_w.exp().sum(1)  # of all images: they share the draws of the prior
    error = sums.std().item() / math.sqrt(len(sums))
    assert sums.mean().item() == pytest.approx(1, abs=4 * error)
    assert error < 0.06


def linear_model(latent: int) -> tuple[VAE, torch.Tensor]:
    """One pixel that is ink with probability sigmoid(w . z): p(1) has a known integral."""
    model = small_vae(latent, 1)
    layer = nn.Linear(latent, 1)
    model.decoder.body = nn.Sequential(layer)
    with torch.no_grad():
        layer.weight.copy_(torch.linspace(1, 3, latent)[None])
        layer.bias.fill_(0.7)
    return model, layer.weight


@pytest.mark.parametrize("latent", [1, 2])
def test_quadrature_equals_a_one_dimensional_integral(latent: int) -> None:
    """E[sigmoid(b + w . z)] over z ~ N(0, I) is an integral over w . z ~ N(0, |w|^2)."""
    model, weight = linear_model(latent)
    x = torch.tensor([[1.0], [0.0]])
    t, w = np.polynomial.hermite_e.hermegauss(200)
    ink = (w / (1 + np.exp(-(0.7 + weight.norm().item() * t)))).sum() / math.sqrt(2 * math.pi)
    box = (torch.full((latent,), -8.0), torch.full((latent,), 8.0))
    found = log_evidence(x, model.prior().log_prob, model.decoder, model.likelihood, box).log_p
    np.testing.assert_allclose(found.exp().numpy(), [ink, 1 - ink], rtol=1e-4)


class GaussianPeaks(nn.Module):
    """A decoder of one pixel whose likelihood of ink is a narrow Gaussian bump in z."""

    def __init__(self, centre: torch.Tensor, width: float) -> None:
        super().__init__()
        self.centre, self.width = centre, width

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        log_p = -0.5 * ((z - self.centre) / self.width).square().sum(-1, keepdim=True) - 1e-3
        return log_p - torch.log(-torch.expm1(log_p))


@pytest.mark.parametrize("width", [0.2, 0.03, 0.012])
@pytest.mark.parametrize("latent", [1, 2])
def test_narrow_posteriors_are_refined(latent: int, width: float) -> None:
    """p(ink) = e^-0.001 prod_d N(c_d; 0, 1 + s^2) sqrt(2 pi) s, however narrow s is."""
    centre = torch.tensor([0.613, -1.171])[:latent]
    prior = torch.distributions.Independent(
        torch.distributions.Normal(torch.zeros(latent), 1.0), 1
    )
    box = (torch.full((latent,), -6.0), torch.full((latent,), 6.0))
    found = log_evidence(
        torch.ones(1, 1), prior.log_prob, GaussianPeaks(centre, width), Bernoulli(), box,
        count=256
    )
    spread = torch.distributions.Normal(0.0, math.sqrt(1 + width**2))
    wanted = spread.log_prob(centre).sum() + latent * math.log(math.sqrt(2 * math.pi) * width)
    assert found.log_p.item() == pytest.approx(wanted.item() - 1e-3, abs=2e-3)
    assert found.error.item() < 1e-3
    coarse = log_evidence(
        torch.ones(1, 1), prior.log_prob, GaussianPeaks(centre, width), Bernoulli(), box,
        count=256, levels=0
    )
    if width < 0.02 and latent == 2:  # the coarse lattice alone is wrong, and says so
        assert coarse.error.item() > 0.05


def test_the_three_estimates_are_in_order_and_agree() -> None:
    """ELBO <= importance sampling <= exact on average; with many draws the last two agree."""
    model = small_vae(2, 9, "mixture", scale=3.0)
    x = all_images(3)[torch.randperm(512, generator=torch.Generator().manual_seed(0))[:60]]
    prior, (mean, log_std) = model.prior(), codes(model, x)
    exact = exact_evidence(model, prior, x, mean, log_std, 0).log_p
    random = torch.Generator().manual_seed(1)
    torch.manual_seed(1)  # for the prior's own draws
    found, elbo = [], exact
    for draws, shares in ((20, (1.0, 0.0, 0.0)), (20_000, (0.4, 0.1, 0.5))):
        counts = draw_counts(draws, shares)
        noise = torch.randn(counts[0] + counts[1], len(x), 2, generator=random)
        with torch.no_grad():
            common = prior.sample((counts[2],)) if counts[2] else torch.zeros(0, 2)
            log_w = log_weights(model, prior, x, counts, noise, common)
            elbo = model.terms(x, noise).elbo
        found.append(importance_estimate(log_w).log_p)
    assert elbo.mean() < found[0].mean() < exact.mean() + 1e-3
    assert (found[1] - exact).abs().mean() < 0.02
    assert abs((found[1] - exact).mean().item()) < 0.01
    assert (elbo < exact + 0.1).all()


def test_measures_hold_their_identities() -> None:
    """CE = H[q(z)] + KL, -Omega = I + KL, gap = ln p - ELBO, on one model."""
    model = small_vae(2, 9, "vamp", scale=3.0)
    x = all_images(3)
    found = measure(model, x, x, draws=64, importance=4000, seed=0)
    r = {key: one.value for key, one in found.measured().items()}
    aggregated = r["mutual_information"] + r["conditional_entropy"]
    assert r["cross_entropy"] == pytest.approx(aggregated + r["marginal_kl"], abs=0.02)
    assert -r["omega"] == pytest.approx(r["mutual_information"] + r["marginal_kl"], abs=0.02)
    assert r["inference_gap"] == pytest.approx(-r["nll_exact"] - r["elbo"], abs=1e-6)
    assert r["nll_is"] == pytest.approx(r["nll_exact"], abs=0.03)
    assert r["mutual_information"] <= found.mutual_information_cap
    tolerance = 4 * found.marginal_kl.error + 1e-3
    assert r["prior_gap"] == pytest.approx(r["marginal_kl"], abs=tolerance)
    assert found.identity_holds


def test_a_measurement_has_the_mean_of_each_image_with_its_error_and_unit() -> None:
    model, x = small_vae(2, 9), all_images(3)
    found = measure(model, x, x, draws=4, importance=200, seed=0)
    per_image = {key for key in found.measured() if QUANTITIES[key].per_image}
    assert found.values.keys() == per_image
    for key, values in found.values.items():
        one = getattr(found, key)
        assert len(values) == 512
        assert one.value == pytest.approx(values.mean().item())
        assert one.error == pytest.approx(values.numpy().std(ddof=1) / 512**0.5)
        assert one.unit == QUANTITIES[key].unit
    assert re.fullmatch(r"\d\.\d+ ± 0\.\d+ nats", str(found.nll_exact))


def test_quadrature_that_misses_what_sampling_finds_is_not_trusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, x = small_vae(2, 9), all_images(3)
    assert measure(model, x, x, draws=4, importance=1000, seed=0).nll_exact_trusted

    def missing(model: VAE, *rest: object) -> Evidence:
        evidence = exact_evidence(model, *rest)  # type: ignore[arg-type]
        return evidence._replace(log_p=evidence.log_p - 0.1)

    def coarse(model: VAE, *rest: object) -> Evidence:
        evidence = exact_evidence(model, *rest)  # type: ignore[arg-type]
        return evidence._replace(error=evidence.error + 0.1)

    for wrong in (missing, coarse):
        monkeypatch.setattr(exact_module, "exact_evidence", wrong)
        found = measure(model, x, x, draws=4, importance=1000, seed=0)
        assert found.nll_exact_trusted is False


def test_mutual_information_is_zero_or_at_its_cap() -> None:
    """Zero where the encoder ignores x; ln N where all codes lie far apart."""
    model, x = small_vae(2, 9), all_images(3)[:64]
    last = model.encoder.body[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.zero_()
    constant = measure(model, x, x, draws=4, importance=0, seed=0)
    assert constant.mutual_information.value == pytest.approx(0, abs=4 * 1.0 / math.sqrt(64))
    assert not constant.mutual_information_saturated
    assert constant.active_units == 0

    class Apart(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            place = 100 * (x @ (2.0 ** torch.arange(9)))[:, None].expand(-1, 2)
            return place, torch.zeros_like(place)

    model.encoder = Apart()
    apart = measure(model, x, x, draws=4, importance=0, seed=0)
    assert apart.mutual_information.value == pytest.approx(math.log(64), abs=0.5)
    assert apart.mutual_information_saturated
    assert apart.active_units == 2


def test_active_units_count_what_varies() -> None:
    mean = torch.zeros(100, 3)
    mean[:, 1] = torch.randn(100)
    mean[:, 2] = 0.05 * torch.randn(100)
    assert active_units(mean) == 1


def test_best_gaussian_is_no_worse_and_reaches_a_gaussian_posterior() -> None:
    """Where the decoder ignores z the posterior is the prior, a Gaussian: no gap is left."""
    model, x = small_vae(2, 9), all_images(3)[100:120]
    last = model.decoder.body[-1]
    with torch.no_grad():
        last.weight.zero_()
        truth = -nn.functional.binary_cross_entropy_with_logits(
            last.bias.expand_as(x), x, reduction="none"
        ).sum(1)
    own, best = best_gaussian_elbo(model, model.prior(), x, torch.Generator().manual_seed(0))
    assert (best >= own).all()
    assert best.mean().item() == pytest.approx(truth.mean().item(), abs=0.05)
    assert own.mean() < truth.mean() - 0.03


@pytest.mark.parametrize("shape", [-0.2, 0.3, 0.8, 1.5])
def test_pareto_shape_equals_scipy(shape: float) -> None:
    """The tail's shape of weights that are Pareto, against SciPy's maximum likelihood."""
    weights = genpareto(shape).rvs(40_000, random_state=1)
    found = pareto_k(torch.from_numpy(np.log(weights))[:, None]).item()
    ordered = np.sort(weights)
    tail = int(3 * math.sqrt(len(weights)))
    wanted = genpareto.fit(ordered[-tail:] - ordered[-tail - 1], floc=0)[0]
    assert found == pytest.approx((tail * wanted + 5) / (tail + 10), abs=0.05)


def test_effective_sample_size_of_known_weights() -> None:
    equal = torch.zeros(50, 1, dtype=torch.float64)
    assert importance_estimate(equal).ess.item() == pytest.approx(50)
    one = torch.full((50, 1), -200.0, dtype=torch.float64)
    one[3] = 0
    assert importance_estimate(one).ess.item() == pytest.approx(1)
    assert importance_estimate(one).log_p.item() == pytest.approx(-math.log(50))


def test_annealing_closes_on_a_known_likelihood_from_both_sides() -> None:
    """Probabilistic PCA: x = W z + noise; ln p(x) = ln N(x; 0, W W^T + s^2 I)."""
    random = torch.Generator().manual_seed(0)
    latent, pixels, images, chains, s = 4, 12, 20, 12, 0.5
    w = torch.randn(pixels, latent, generator=random)
    z = torch.randn(images, latent, generator=random)
    x = z @ w.T + s * torch.randn(images, pixels, generator=random)
    covariance = w @ w.T + s**2 * torch.eye(pixels)
    truth = torch.distributions.MultivariateNormal(torch.zeros(pixels), covariance).log_prob(x)
    posterior = torch.linalg.inv(torch.eye(latent) + w.T @ w / s**2)
    mean = x @ w / s**2 @ posterior + 0.1
    std = 2 * posterior.diagonal().sqrt()
    normal = torch.distributions.Normal

    def start(z: torch.Tensor) -> torch.Tensor:
        return normal(mean, std).log_prob(z).sum(-1)

    def target(z_: torch.Tensor) -> torch.Tensor:
        prior = normal(0.0, 1.0).log_prob(z_).sum(-1)
        return prior + normal(z_ @ w.T, s).log_prob(x).sum(-1)

    first = mean + std * torch.randn(chains, images, latent, generator=random)
    scale, betas = std.expand(images, latent), temperatures(100)
    up = anneal(start, target, first, scale, betas, random)
    down = anneal(
        start, target, z.expand(chains, -1, -1), scale, betas.flip(0), random
    )
    low, high = forward_bound(up.log_w) - truth, reverse_bound(down.log_w) - truth
    assert abs(low.mean().item()) < 0.15
    assert abs(high.mean().item()) < 0.15
    alone = (target(first) - start(first)).double().logsumexp(0) - math.log(chains) - truth
    assert low.abs().mean() < 0.5 * alone.abs().mean()
    assert 0.4 < up.acceptance < 0.99


def test_temperatures_rise_from_zero_to_one() -> None:
    betas = temperatures(50)
    assert betas[0] == 0
    assert betas[-1] == 1
    assert (betas.diff() > 0).all()


@pytest.mark.parametrize("latent", [1, 2])
def test_a_tabulated_density_is_the_density(latent: int) -> None:
    """Inside by interpolation, to an error that falls with the lattice's cube; outside as is."""
    model = small_vae(latent, 9, "mixture")
    with torch.no_grad():  # lumpy
        model.prior.mean.mul_(3)
        model.prior.log_std.sub_(1)
    p = model.prior()
    low, high = torch.full((latent,), -4.0), torch.full((latent,), 4.0)
    z = 2.5 * torch.randn(500, latent, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        truth = p.log_prob(z)
        errors = []
        for count in (61, 121):
            table = Tabulated(p, low, high, log_prob_on_lattice(p, low, high, count))
            errors.append((table.log_prob(z) - truth).abs().max().item())
            far = z.abs().amax(1) > 4
            assert torch.equal(table.log_prob(z)[far], truth[far])
    assert far.any()
    assert errors[1] < 5e-3
    assert errors[1] < errors[0] / 4


def test_a_dear_prior_is_tabulated_and_says_by_how_much_it_is_off() -> None:
    model, x = small_vae(2, 9, "mixture"), all_images(3)
    plain = measure(model, x, x, draws=4, importance=0, seed=0)
    model.prior.expensive = True
    table = measure(model, x, x, draws=4, importance=0, seed=0)
    assert plain.prior_table_error is None
    assert table.prior_table_error < 1e-3
    for key in ("cross_entropy", "nll_exact", "elbo", "prior_gap"):
        assert getattr(table, key).value == pytest.approx(getattr(plain, key).value, abs=1e-3), key


def test_the_bracket_holds_the_exact_likelihood(monkeypatch: pytest.MonkeyPatch) -> None:
    """In two dimensions, where quadrature knows the truth, annealing from both sides meets it."""
    monkeypatch.setattr(bidirectional, "TEMPERATURES", 40)
    model = small_vae(2, 9, "mixture", scale=3.0)
    x = all_images(3)[torch.randperm(512, generator=torch.Generator().manual_seed(0))[:60]]
    prior = model.prior()
    exact = exact_evidence(model, prior, x, *codes(model, x), 0).log_p
    log_p, low, high = bracket(model, prior, x, 0)
    assert (log_p - exact).mean().item() == pytest.approx(0, abs=0.1)
    error = ((high - low).std() / math.sqrt(60)).item()
    assert -3 * error < (high - low).mean().item() < 0.4
    found = measure(model, x, x, draws=4, importance=200, seed=0, annealed=20)
    assert found.annealed_images == 20
    assert abs(found.importance_bias.value) < 0.2
