"""Whether an exact likelihood is to be trusted: no false alarm, and none missed."""

import statistics

import pytest
import torch

from cases.vae import vae_of

from genlab.compute.hardware import CPU
from genlab.vae.evidence.exact import exact_evidence
from genlab.vae.evidence.quadrature import Evidence
from genlab.vae.evidence.sampled import measure_importance
from genlab.vae.measure import is_trusted, mean_and_error
from genlab.vae.model import VAE

IMAGES = torch.tensor([[(n >> i) & 1 for i in range(9)] for n in range(0, 512, 8)]).float()
DRAWS = 200


def model_of(latent: int, seed: int) -> VAE:
    """A random model whose posteriors differ from the encoder's, so that prior draws count."""
    torch.manual_seed(seed)
    model = vae_of("standard", {}, latent=latent, pixels=9, hidden=16)
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.mul_(3.0)
    return model.eval()


def by_plain_grid(model: VAE, latent: int) -> torch.Tensor:
    """ln p(x) over a grid of equal cells, with nothing of genlab's quadrature in it."""
    line = torch.linspace(-8, 8, 20_001 if latent == 1 else 401)
    z = torch.cartesian_prod(*[line] * latent).view(-1, latent)
    with torch.no_grad():
        log_prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1).double()
        logits = model.decoder(z).double()
    log_p = IMAGES.double() @ logits.T - torch.nn.functional.softplus(logits).sum(1)
    cell = latent * (line[1] - line[0]).double().log()
    return (log_p + log_prior).logsumexp(1) + cell


def sampled(model: VAE, seed: int) -> tuple[torch.Tensor, float]:
    values: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        found = measure_importance(
            model, model.prior(), IMAGES, DRAWS, seed, values, CPU.device
        )
    return values["nll_is"], found["nll_is_draws_error"]


@pytest.mark.parametrize("latent", [1, 2])
def test_the_error_of_the_draws_is_their_scatter_though_images_share_them(latent: int) -> None:
    """Over 100 sets of draws; the scatter over images alone would say half of it."""
    model = model_of(latent, 0)
    exact = by_plain_grid(model, latent)
    means, errors, naive = [], [], []
    for seed in range(100):
        nll, error = sampled(model, seed)
        means.append(nll.mean().item())
        errors.append(error)
        naive.append(mean_and_error(nll + exact)[1])
    scatter = statistics.stdev(means)  # itself known to 7 %
    assert statistics.mean(errors) == pytest.approx(scatter, rel=0.2)
    assert statistics.mean(naive) < 0.7 * scatter


@pytest.mark.parametrize("latent", [1, 2])
def test_right_quadrature_is_trusted_with_every_seed_and_wrong_one_is_not(latent: int) -> None:
    for seed in range(20):
        model = model_of(latent, seed)
        with torch.no_grad():
            evidence = exact_evidence(model, model.prior(), IMAGES, *model.encode(IMAGES), seed)
        assert evidence.log_p == pytest.approx(by_plain_grid(model, latent), abs=1e-3)
        nll, error = sampled(model, seed)
        assert trusted(evidence, nll, error)
        lost = 0.01 + 8 * error  # nats that an integral over too small a box has missed
        assert not trusted(evidence._replace(log_p=evidence.log_p - lost), nll, error)


def trusted(evidence: Evidence, nll_is: torch.Tensor, draws_error: float) -> bool:
    return is_trusted(evidence, {"nll_exact": -evidence.log_p, "nll_is": nll_is}, draws_error)


def test_what_the_standard_error_hides_a_hundred_times_over_is_no_error() -> None:
    """An error of 0.05 nats counts at 130 nats, and not where images scatter by hundreds."""
    evidence = Evidence(torch.zeros(0), torch.full((400,), 0.05), 0.0, 0.0)
    random = torch.Generator().manual_seed(0)
    images = torch.randn(400, generator=random, dtype=torch.float64)
    for deviation, wanted in ((40.0, False), (400.0, True)):
        assert is_trusted(evidence, {"nll_exact": deviation * images}, 0.0) is wanted
    exact = evidence._replace(error=torch.zeros(400))
    assert is_trusted(exact, {"nll_exact": images}, 0.0)
