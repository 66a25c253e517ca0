"""Priors over latent maps: the convolutional ones against what is known, and all in a VAE."""

import math

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from cases.priors import CASES, SMALL
from safetensors.torch import load_file, save_file
from torch import Tensor

from genlab.common.errors import InputError
from genlab.networks.interface import Shape
from genlab.networks.maps import MapDecoder, MapEncoder
from genlab.priors import PRIORS, Prior, em
from genlab.priors.diffusion import Diffusion
from genlab.priors.diffusion_flow import HIGH, LOW, DiffusionFlow, bound, sigma
from genlab.priors.diffusion_maps import EXACT, DiffusionBound, MapVelocityNet
from genlab.priors.flow import FlowDistribution
from genlab.priors.flow_maps import ChannelAffine, MapFlow, map_masks
from genlab.priors.gaussian import GaussianMixture, standard_log_prob
from genlab.priors.mixture import Mixture
from genlab.priors.realnvp import RealNVP
from genlab.priors.spline import Spline
from genlab.vae.findings import findings
from genlab.vae.likelihoods import Bernoulli
from genlab.vae.measure import measure
from genlab.vae.model import VAE

FLOWS = ("realnvp", "spline")
SHAPES = [(2, 2, 2), (1, 3, 3), (3, 2, 3)]
every_flow = pytest.mark.parametrize("name", FLOWS)
every_shape = pytest.mark.parametrize("shape", SHAPES)


def placed(
    name: str, shape: Shape, *, stir: float = 0.0, double: bool = False, **options: Any
) -> Any:
    """A prior on a map, small, with its parameters moved at random by `stir`."""
    small = {"width": 8, **SMALL.get(name, {}), **options}
    torch.manual_seed(0)
    prior = PRIORS[name](math.prod(shape), **small)
    prior.place(shape)
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.add_(stir * torch.randn_like(parameter))
    return prior.double().eval() if double else prior.eval()


def noise(*size: int, seed: int = 0, double: bool = True) -> Tensor:
    values = torch.randn(*size, generator=torch.Generator().manual_seed(seed))
    return values.double() if double else values


def correlated(count: int, shape: Shape, seed: int) -> Tensor:
    """Codes whose neighbouring places are correlated, and whose channels differ in scale."""
    c, h, w = shape
    white = noise(count * c, 1, h + 2, w + 2, seed=seed, double=False)
    smooth = F.conv2d(white, torch.ones(1, 1, 3, 3) / 3).view(count, c, h, w)
    scale = torch.linspace(0.5, 4, c)[:, None, None]
    own = noise(count, c, h, w, seed=seed + 1, double=False)
    return (2 + scale * (smooth + 0.3 * own)).flatten(1)


def train(prior: Prior, z: Tensor, steps: int, rate: float) -> None:
    prior.train()
    adam = torch.optim.Adam(prior.parameters(), lr=rate)
    random = torch.Generator().manual_seed(0)
    for step in range(steps):
        adam.param_groups[0]["lr"] = rate * 0.5 * (1 + math.cos(math.pi * step / steps))
        rows = torch.randint(len(z), (64,), generator=random)
        loss = -prior.training_log_prob(z[rows], rows, random).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    prior.eval()


@pytest.mark.parametrize("shape", [*SHAPES, (4, 1, 2), (2, 3, 1), (16, 8, 8)])
def test_masks_come_with_their_complements(shape: Shape) -> None:
    masks = map_masks(shape)
    assert all(mask.shape == shape and mask.any() and not mask.all() for mask in masks)
    for one, other in zip(masks[::2], masks[1::2]):
        assert torch.equal(one, ~other)


@every_flow
@every_shape
@torch.no_grad()
def test_inverse_undoes_the_flow(name: str, shape: Shape) -> None:
    flow = placed(name, shape, stir=0.3, double=True, blocks=8).flow
    assert isinstance(flow, MapFlow)
    z = 2 * noise(3, 5, math.prod(shape))
    torch.testing.assert_close(flow.inverse(flow(z)[0]), z, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(flow(flow.inverse(z))[0], z, rtol=1e-8, atol=1e-8)


@every_flow
@every_shape
def test_log_determinant_is_that_of_the_jacobian(name: str, shape: Shape) -> None:
    flow = placed(name, shape, stir=0.3, double=True, blocks=8).flow
    z = noise(4, math.prod(shape))
    found = flow(z)[1]
    assert found.shape == (4,)
    for point, value in zip(z, found):
        jacobian = torch.autograd.functional.jacobian(lambda p: flow(p)[0], point)
        assert isinstance(jacobian, Tensor)
        # Every dimension depends on every other: no part of the map is left to itself.
        assert (jacobian != 0).all()
        assert value.item() == pytest.approx(torch.linalg.slogdet(jacobian)[1].item(), abs=1e-8)


@pytest.mark.parametrize("name", [*FLOWS, "diffusion"])
@pytest.mark.parametrize("shape", [(2, 2, 2), (1, 3, 3), (4, 5, 5)])
@torch.no_grad()
def test_it_starts_as_the_standard_gaussian(name: str, shape: Shape) -> None:
    """The diffusion's bound has no noise then, and loses nothing but its cut-offs."""
    prior = placed(name, shape, double=True)
    z = noise(20, math.prod(shape))
    torch.testing.assert_close(prior().log_prob(z), standard_log_prob(z), rtol=1e-5, atol=1e-5)
    assert prior.bounded == (name == "diffusion" and math.prod(shape) > EXACT)


@pytest.mark.parametrize("name", [*FLOWS, "diffusion"])
@torch.no_grad()
def test_density_integrates_to_one_and_its_sampler_draws_from_it(name: str) -> None:
    """By importance sampling: E_q[p / q] = 1, q wider than p; E_p[q / p] = 1, q narrower."""
    flow = name in FLOWS
    prior = placed(name, (2, 2, 2) if flow else (1, 2, 2), stir=0.15 if flow else 0.06)
    p, count = prior(), (50_000 if flow else 800)
    torch.manual_seed(0)
    drawn = p.sample((count,))
    mean, tril = drawn.mean(0), torch.linalg.cholesky(drawn.T.cov())
    for from_p, width in ((False, 1.2), (True, 0.8)):
        q = GaussianMixture(torch.zeros(1), mean[None], width * tril[None])
        z = drawn if from_p else q.sample((count,))
        log_ratio = (p.log_prob(z) - q.log_prob(z)).double()
        ratio = (-log_ratio if from_p else log_ratio).exp()
        error = ratio.std().item() / math.sqrt(count)
        assert error < 0.1
        assert ratio.mean().item() == pytest.approx(1, abs=4 * error)


@pytest.mark.parametrize("shape", [(2, 2, 2), (1, 3, 3), (3, 1, 2)])
def test_divergence_is_the_trace_of_the_jacobian(shape: Shape) -> None:
    net = placed("diffusion", shape, stir=0.2, double=True).net
    assert isinstance(net, MapVelocityNet)
    z, level = noise(4, math.prod(shape)), torch.tensor(-1.3).double()
    v, divergence = net.with_divergence(z, level)
    torch.testing.assert_close(v, net(z, level))
    torch.testing.assert_close(net(z, level.expand(4)), net(z, level))
    jacobian = torch.autograd.functional.jacobian(lambda z: net(z, level).sum(0), z)
    assert isinstance(jacobian, Tensor)
    torch.testing.assert_close(divergence, torch.einsum("dbd->b", jacobian))
    assert (jacobian != 0).all()  # every place sees every other
    with torch.no_grad():
        torch.testing.assert_close(net.with_divergence(z, level)[1], divergence.detach())


def test_density_is_differentiable() -> None:
    p = placed("diffusion", (1, 1, 2), stir=0.2, double=True, steps=2)()
    assert torch.autograd.gradcheck(p.log_prob, noise(2, 2).requires_grad_())


@pytest.mark.parametrize("name", [*FLOWS, "diffusion"])
@torch.no_grad()
def test_first_batch_sets_shift_and_scale_of_each_channel(name: str) -> None:
    """What is trained is then a Gaussian of these moments, its log-determinant included."""
    shape, random = (3, 4, 4), torch.Generator().manual_seed(0)
    prior = placed(name, shape)
    centre, scale = torch.tensor([0.0, -7.0, 30.0]), torch.tensor([1.0, 0.02, 25.0])
    z = noise(2, 200, 3, 16, double=False) * scale[:, None] + centre[:, None]
    rows, codes = torch.arange(200), z.flatten(2)
    before = prior.training_log_prob(codes, rows, random)
    torch.testing.assert_close(before, standard_log_prob(codes), rtol=1e-5, atol=1e-3)
    prior.train()
    found = prior.training_log_prob(codes, rows, random)
    wanted = torch.distributions.Normal(
        z.mean((0, 1, 3))[:, None], z.std((0, 1, 3), correction=0)[:, None]
    ).log_prob(z).sum((-1, -2))
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=2e-3)
    state = {key: value.clone() for key, value in prior.state_dict().items()}
    prior.training_log_prob(0.1 * codes, rows, random)
    assert all(torch.equal(state[key], value) for key, value in prior.state_dict().items())
    drawn = prior.eval()().sample((500,)).view(500, 3, 16)
    torch.testing.assert_close(drawn.std((0, 2)), scale, rtol=0.1, atol=0)


def test_constant_channels_give_finite_scales() -> None:
    layer = ChannelAffine((2, 2, 2))
    layer.fit_once(torch.zeros(5, 8))
    u, log_det = layer(torch.zeros(5, 8))
    assert u.isfinite().all()
    assert log_det.isfinite().all()


@torch.no_grad()
def test_bound_is_a_function_of_the_point_alone() -> None:
    prior = placed("diffusion", (2, 6, 6), stir=0.1)
    p, z = prior(), noise(700, 72, double=False)
    assert prior.bounded
    assert isinstance(p, FlowDistribution)
    assert isinstance(p.base, DiffusionBound)
    together = p.log_prob(z)
    assert torch.equal(together, p.log_prob(z))
    torch.testing.assert_close(p.log_prob(z[300:310]), together[300:310], rtol=1e-5, atol=1e-3)
    assert p.log_prob(z.view(7, 100, 72)).shape == (7, 100)
    alone = p.base.log_prob(z[:9])
    found = DiffusionBound(prior.net.double(), 4, prior.origin.double()).log_prob(z[:9].double())
    torch.testing.assert_close(found, alone.double(), rtol=1e-5, atol=1e-3)


@torch.no_grad()
def test_bound_has_the_expectation_of_what_is_trained() -> None:
    """Over the noise, which near-identical points have independently; twelve dimensions."""
    prior = placed("diffusion", (3, 2, 2), stir=0.2)
    assert not prior.bounded
    count, random = 4000, torch.Generator().manual_seed(0)
    z = noise(1, 12, double=False) + 1e-6 * noise(count, 12, seed=1, double=False)
    few = DiffusionBound(prior.net, 4, prior.origin).log_prob(z).double()
    level = LOW + (HIGH - LOW) * torch.rand(count, generator=random)
    many = bound(prior.net, z, level, noise(count, 12, seed=2, double=False)).double()
    error = math.hypot(few.std().item(), many.std().item()) / math.sqrt(count)
    assert few.mean().item() == pytest.approx(many.mean().item(), abs=4 * error)
    # Levels that are spread evenly: less noise than as many independent ones would leave.
    assert few.std() < many.std() / math.sqrt(8)


def test_diffusion_learns_correlated_maps_and_its_bound_is_one() -> None:
    """Better than a Gaussian of independent dimensions, and than on vectors; bound below ODE."""
    shape, steps = (2, 4, 4), 200
    z, held_out = correlated(300, shape, 0), correlated(60, shape, 10)
    prior, vector = placed("diffusion", shape, width=16), Diffusion(32, steps=12)
    train(prior, z, steps, 4e-3)
    mean, std = z.mean(0), z.std(0)
    train(vector, (z - mean) / std, steps, 4e-3)
    with torch.no_grad():
        low, exact = (
            FlowDistribution(kind(prior.net, 8, prior.origin), prior.affine).log_prob(held_out)
            for kind in (DiffusionBound, DiffusionFlow)
        )
        other = vector().log_prob((held_out - mean) / std) - std.log().sum()
    independent = standard_log_prob((held_out - mean) / std) - std.log().sum()
    difference = (exact - low).double()
    error = difference.std().item() / math.sqrt(len(difference))
    assert difference.mean().item() > -4 * error
    assert low.mean() > independent.mean() + 3
    assert exact.mean() > other.mean() + 1


def test_draws_of_many_dimensions_have_the_deviations_of_an_exact_velocity() -> None:
    """Of independent Gaussians: no step changes N(0, I), the others are 1 % off at most."""
    std = torch.tensor([1.5, 1.0, 0.6, 0.3, 0.1, 0.03], dtype=torch.float64)

    def exact(z: Tensor, level: Tensor) -> Tensor:
        s, m = sigma(level), sigma(-level)
        return z * (m - std**2 * m / (m**2 * std**2 + s**2)) / s

    torch.manual_seed(0)
    z = DiffusionBound(exact, 64, torch.zeros(6, dtype=torch.float64)).sample((20_000,))
    ratio = z.std(0) / std
    assert (ratio - 1).abs().max() < 0.01 + 4 / math.sqrt(2 * len(z))
    assert ratio[1].item() == pytest.approx(1, abs=4 / math.sqrt(2 * len(z)))
    assert (z.mean(0) / std).abs().max() < 4 / math.sqrt(len(z))
    correlation = torch.corrcoef(z.T).fill_diagonal_(0)
    assert correlation.abs().max() < 5 / math.sqrt(len(z))


def test_guided_draws_go_away_from_the_guide_and_those_of_the_prior_do_not() -> None:
    prior = placed("diffusion", (3, 4, 4), stir=0.1, width=32)
    p, guided = prior(), prior.guided(1.5)
    z, level = noise(5, 48, double=False), torch.tensor(-0.3)
    with torch.no_grad():
        v, of_guide = prior.net(z, level), prior.guide(z, level)
        torch.testing.assert_close(guided.base.velocity(z, level), v + 1.5 * (v - of_guide))
    drawn = []
    for law in (p, prior.guided(0), guided):
        torch.manual_seed(3)
        drawn.append(law.sample((4,)))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.allclose(drawn[0], drawn[2])
    for weight in (-1, math.inf, math.nan):
        with pytest.raises(InputError, match=f"a number of 0 or above, not {weight}"):
            prior.guided(weight)
    for other in (placed("diffusion", (2, 2, 2)), placed("realnvp", (3, 4, 4))):
        assert not other.has_guide
        other.guided(0).sample((1,))
        with pytest.raises(InputError, match="`guidance` 1: needs a prior that has learned with"):
            other.guided(1)


def test_a_guide_learns_what_its_network_alone_would_learn() -> None:
    """Beside the network it has the gradient of its own draws, and leaves the value alone."""
    prior = placed("diffusion", (2, 4, 4), stir=0.1, width=32).train()
    z, rows = noise(40, 32, double=False), torch.arange(40)

    def value(one: Diffusion) -> Tensor:
        return one.training_log_prob(z, rows, torch.Generator().manual_seed(0)).mean()

    both = value(prior)
    found = torch.autograd.grad(both, list(prior.guide.parameters()))
    guide, prior.guide = prior.guide, None
    torch.testing.assert_close(value(prior), both)
    prior.net = guide
    wanted = torch.autograd.grad(value(prior), list(guide.parameters()))
    for one, other in zip(found, wanted):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("weighting", [None, "edm", "likelihood"])
def test_many_dimensions_are_trained_by_the_weights_of_the_eye(weighting: str | None) -> None:
    for shape, many in (((2, 2, 2), False), ((2, 4, 4), True)):
        prior = placed("diffusion", shape, weighting=weighting)
        assert prior.edm == (weighting == "edm" or (many and weighting is None))
        assert prior.has_guide == prior.bounded == many
        assert all(p.requires_grad != prior.edm for p in prior.affine.parameters())


@every_flow
def test_flow_learns_correlated_maps(name: str) -> None:
    shape, steps = (2, 6, 6), 100
    z, held_out = correlated(300, shape, 0), correlated(200, shape, 10)
    mean, std = z.mean(0), z.std(0)
    vector = {"realnvp": RealNVP, "spline": partial(Spline, bins=4)}[name](72)
    prior = placed(name, shape, width=16)
    train(prior, z, steps, 4e-3)
    train(vector, (z - mean) / std, steps, 4e-3)
    with torch.no_grad():
        found = prior().log_prob(held_out).mean()
        other = (vector().log_prob((held_out - mean) / std) - std.log().sum()).mean()
    independent = (standard_log_prob((held_out - mean) / std) - std.log().sum()).mean()
    assert found > independent + 3
    assert found > other + 1


@pytest.mark.parametrize("name", [*FLOWS, "diffusion"])
def test_map_of_one_place_is_a_vector(name: str) -> None:
    torch.manual_seed(0)
    plain = PRIORS[name](3)
    torch.manual_seed(0)
    prior = PRIORS[name](3)
    prior.place((3, 1, 1))
    ours, theirs = prior.state_dict(), plain.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


# All priors, in a VAE of maps and in many dimensions


def vae_of(name: str, image: Shape, latent: Shape, seed: int = 0) -> VAE:
    row = "mixture" if name == "mixture-full" else name
    narrow = {"width": 8} if name in (*FLOWS, "diffusion") else {}
    torch.manual_seed(seed)
    encoder = MapEncoder(image, latent, 8, residual=True)
    decoder = MapDecoder(latent, image, image[0], 8, residual=True)
    prior = PRIORS[row](math.prod(latent), **SMALL.get(name, {}), **narrow)
    vae = VAE(encoder, decoder, prior, Bernoulli())
    count = prior.examples
    prior.initialise(torch.rand(count, encoder.pixels), torch.arange(count))
    return vae


@pytest.mark.parametrize("name", CASES)
def test_prior_in_a_vae_of_maps(name: str, tmp_path: Path) -> None:
    """Two steps of training, evaluation, draws, and the same numbers after saving and loading."""
    image, latent = (1, 16, 16), (4, 4, 4)
    vae = vae_of(name, image, latent).train()
    random = torch.Generator().manual_seed(0)
    x = (torch.rand(6, 256, generator=random) > 0.5).float()
    adam = torch.optim.Adam(vae.parameters(), lr=1e-3)
    rows = torch.arange(100, 106)
    for _ in range(2):
        log_prior = partial(vae.prior.training_log_prob, rows=rows, random=random)
        loss = -vae.terms(x, noise(2, 6, 64, double=False), log_prior).elbo.mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        assert loss.isfinite()
    vae.eval()
    save_file(vae.state_dict(), tmp_path / "model.safetensors")
    again = vae_of(name, image, latent, seed=1).eval()
    again.load_state_dict(load_file(tmp_path / "model.safetensors"))
    with torch.no_grad():
        elbos = [one.terms(x, noise(2, 6, 64, double=False)).elbo for one in (vae, again)]
        assert elbos[0].shape == (6,)
        assert torch.equal(*elbos)
        drawn = vae.prior().sample(torch.Size((2, 3)))
        assert drawn.shape == (2, 3, 64)
        assert vae.decode(drawn).shape == (2, 3, 256)


WIDE_OPTIONS: dict[str, dict[str, Any]] = {
    "mixture-full": {"components": 1}, "zuko": {"blocks": 1, "hidden": (16,)},
    "spline": {"blocks": 2, "bins": 4}, "realnvp": {"blocks": 2},
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_prior_in_a_thousand_dimensions(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One fit or step to 150 codes of 16 x 8 x 8 with finite results, and draws of their scale."""
    monkeypatch.setattr("genlab.priors.vamp.STEPS", 2)
    monkeypatch.setattr("genlab.priors.tilt.FIXED_DRAWS", 512)
    monkeypatch.setitem(SMALL, name, {**SMALL.get(name, {}), **WIDE_OPTIONS.get(name, {})})
    vae = vae_of(name, (1, 32, 32), (16, 8, 8))
    prior, random = vae.prior.train(), torch.Generator().manual_seed(0)
    x = torch.rand(150, 1024, generator=random)
    z = correlated(150, (16, 8, 8), 0)
    if prior.fitted_by_em:
        prior.fit_em(z, z, x, random)
    value = prior.training_log_prob(z[:20], torch.arange(20), random)
    assert value.shape == (20,)
    if parameters := list(prior.parameters()):
        value.mean().backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in parameters)
    prior.eval()
    with torch.no_grad():
        p = prior()
        values = p.log_prob(z[:20])
        drawn = p.sample(torch.Size((3,)))
    assert values.isfinite().all()
    assert drawn.shape == (3, 1024)
    assert 0.05 < drawn.std() < 20
    if name == "mixture-full":  # the Gaussian fitted to the codes
        torch.testing.assert_close(p.means[0], z.mean(0))
        assert values.mean() > standard_log_prob((z - z.mean(0)) / z.std(0)).mean()


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_wide_codes_are_fitted_as_narrow_ones(
    covariance: em.Covariance, monkeypatch: pytest.MonkeyPatch
) -> None:
    z = noise(500, 6) @ noise(6, 6, seed=1)
    z[:200] += 3
    fit = partial(em.fit_mixture, z, 3, covariance, starts=1, iterations=20)
    narrow = fit(random=torch.Generator().manual_seed(0))
    monkeypatch.setattr(em, "WIDE", 2)
    wide = fit(random=torch.Generator().manual_seed(0))
    torch.testing.assert_close(wide.mean, narrow.mean, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(wide.tril, narrow.tril, rtol=1e-8, atol=1e-8)
    assert wide.curve == pytest.approx(narrow.curve)


def test_full_covariances_too_many_to_hold_are_refused() -> None:
    with pytest.raises(InputError, match="^`components` must be at most 32, not 100, for full"):
        Mixture(1024, covariance="full")


@torch.no_grad()
def test_draws_of_full_covariances_by_component(monkeypatch: pytest.MonkeyPatch) -> None:
    tril = torch.eye(5) + 0.3 * noise(3, 5, 5, double=False).tril(-1)
    p = GaussianMixture(torch.zeros(3), noise(3, 5, seed=1, double=False), tril)
    torch.manual_seed(0)
    together = p.sample((40,))
    monkeypatch.setattr("genlab.priors.gaussian.FACTORS", 10)
    torch.manual_seed(0)
    torch.testing.assert_close(p.sample((40,)), together)


@every_flow
@torch.no_grad()
def test_parts_of_many_points_are_as_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    p, z = placed(name, (2, 3, 3), stir=0.2)(), noise(4, 25, 18, double=False)
    torch.manual_seed(0)
    together, drawn = p.log_prob(z), p.sample((30,))
    monkeypatch.setattr("genlab.priors.flow.WIDE", 10)
    monkeypatch.setattr("genlab.priors.flow.NUMBERS", 180)
    torch.manual_seed(0)
    torch.testing.assert_close(p.log_prob(z), together, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(p.sample((30,)), drawn, rtol=1e-4, atol=1e-4)


def test_measurement_with_a_bound_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No likelihood by importance sampling, nor by annealing; Omega = -CE + H all the same."""
    monkeypatch.setattr("genlab.vae.measure.GAP_DRAWS", 300)
    vae = vae_of("diffusion", (1, 12, 12), (2, 6, 6)).eval()
    with torch.no_grad():
        vae.prior.get_parameter("net.multiple.bias").fill_(0.2)
    x = (torch.rand(30, 144, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    found = measure(vae, x, x, draws=2, importance=100, annealed=2, seed=0)
    assert found.prior_bounded
    assert found.nll_is is None
    assert found.nll_annealed is None
    assert found.bits_per_pixel is None
    assert found.identity_holds
    assert "only a bound of the density of the prior 'diffusion'" in capsys.readouterr().err
    assert any("estimate of a lower bound" in one.en for one in findings(found))
    plain = measure(vae_of("realnvp", (1, 12, 12), (2, 6, 6)).eval(), x, x, draws=2, importance=0,
                    seed=0)
    assert not plain.prior_bounded
    assert not any("estimate of a lower bound" in one.en for one in findings(plain))
