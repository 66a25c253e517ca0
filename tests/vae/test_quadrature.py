"""ln p(x) of every likelihood against an explicit float64 sum over a lattice."""

import copy
import math

import pytest
import torch
import torch.nn as nn

from torch import Tensor
from torch.distributions import Independent, Normal

from genlab.networks.mlp import Decoder
from genlab.vae.evidence import quadrature
from genlab.vae.evidence.quadrature import log_evidence
from genlab.vae.likelihoods import (
    Bernoulli,
    Binomial,
    ContinuousBernoulli,
    ExponentialFamily,
    Gaussian,
)

# Shapes: N images, G lattice points, X pixels, D latent dimensions.

PIXELS = 9
REACH = 7.0
POINTS = {1: 40_001, 2: 1_200}
"""Points an axis of the explicit sum."""


class SinglePrecision(Binomial):
    """A binomial likelihood summed in float32."""

    product_dtype = torch.float32


def steep_decoder(latent: int) -> nn.Module:
    """A decoder whose outputs vary several times over the latent space."""
    torch.manual_seed(latent)
    decoder = Decoder(latent, (16,), PIXELS)
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.mul_(2.0)
    return decoder


def images(likelihood: ExponentialFamily, decoder: nn.Module, latent: int) -> Tensor:
    """Images drawn from the model, as the likelihood observes their grey values."""
    z = torch.randn(20, latent)
    with torch.no_grad():
        grey = likelihood.to_grey(likelihood.sample(decoder(z)))
    return likelihood.observe(grey, torch.Generator().manual_seed(0))


@torch.no_grad()
def explicit(x: Tensor, likelihood: ExponentialFamily, decoder: nn.Module, latent: int) -> Tensor:
    """Returns ln sum_g h^D p(z_g) p(x|z_g), all in float64, one image after another."""
    decoder, likelihood = copy.deepcopy(decoder).double(), copy.deepcopy(likelihood).double()
    if isinstance(likelihood, Binomial):
        x = (255 * x.double()).round() / 255  # the levels' fractions in float64
    line = torch.linspace(-REACH, REACH, POINTS[latent], dtype=torch.float64)
    z = torch.cartesian_prod(*[line] * latent).view(-1, latent)
    log_mass = -0.5 * z.square().sum(1) - 0.5 * latent * math.log(2 * math.pi)
    log_mass += latent * math.log(2 * REACH / (POINTS[latent] - 1))
    eta = torch.cat([decoder(part) for part in z.split(100_000)])
    return torch.stack([
        (likelihood.log_prob(one, eta) + log_mass).logsumexp(0) for one in x.double()
    ])


@pytest.mark.parametrize("latent", [1, 2])
@pytest.mark.parametrize(
    "likelihood",
    [Bernoulli(), Binomial(), SinglePrecision(), ContinuousBernoulli(), Gaussian(scale=0.2),
     Gaussian(0.05, False)],
    ids=lambda likelihood: type(likelihood).__name__,
)
def test_log_evidence_equals_an_explicit_sum(likelihood: ExponentialFamily, latent: int) -> None:
    decoder = steep_decoder(latent)
    x = images(likelihood, decoder, latent)
    prior = Independent(Normal(torch.zeros(latent), 1.0), 1)
    box = (torch.full((latent,), -REACH), torch.full((latent,), REACH))
    found = log_evidence(x, prior.log_prob, decoder, likelihood, box)
    off = (found.log_p - explicit(x, likelihood, decoder, latent)).abs()
    assert (off <= found.error + 4 * found.rounding + 2e-6).all()
    assert off.mean() <= found.error.mean() + found.rounding + 1e-6
    assert found.error.max() < 5e-3
    assert found.rounding < (5e-3 if isinstance(likelihood, SinglePrecision) else 2e-4)
    if isinstance(likelihood, SinglePrecision):  # the error of the lattice alone does not see it
        assert (off > found.error + 1e-6).any()


@pytest.mark.parametrize("latent", [1, 2])
def test_images_with_many_cells_are_summed_again_to_the_same_result(
    latent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no cell remembered, every image that needs refining is summed again."""
    likelihood, decoder = Gaussian(0.05, False), steep_decoder(latent)
    x = images(likelihood, decoder, latent)
    prior = Independent(Normal(torch.zeros(latent), 1.0), 1)
    box = (torch.full((latent,), -REACH), torch.full((latent,), REACH))

    def evidence(levels: int = 4) -> quadrature.Evidence:
        return log_evidence(
            x, prior.log_prob, decoder, likelihood, box, count=64, tolerance=1e-4, levels=levels
        )

    wanted, coarse = evidence(), evidence(levels=0)
    assert (coarse.error > 1e-4).sum() > 5  # many need it
    monkeypatch.setattr(quadrature, "CELLS", 0)
    monkeypatch.setattr(quadrature, "WIDE", 4)
    sets, whole = [], quadrature._coarse
    monkeypatch.setattr(
        quadrature, "_coarse", lambda t, *rest: sets.append(len(t)) or whole(t, *rest)
    )
    found = evidence()
    assert sets[0] == 20
    assert sum(sets[1:]) > 5
    torch.testing.assert_close(found.log_p, wanted.log_p, rtol=0, atol=2e-5)
    torch.testing.assert_close(found.error, wanted.error, rtol=0, atol=2e-5)
    assert found.rounding == wanted.rounding
