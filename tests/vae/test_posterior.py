"""Posteriors that are flows: densities against lattices, draws, Jacobians and quadrature; runs."""

import math

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.rng import generator
from genlab.configs.compare import CompareConfig, cells
from genlab.configs.vae import TrainingConfig, VaeConfig
from genlab.figures.draw import posterior_dots
from genlab.networks.interface import ImageDecoder, ImageEncoder
from genlab.networks.maps import MapDecoder, MapEncoder
from genlab.priors import PRIORS, Standard
from genlab.runs.run import Run
from genlab.vae import loop, objectives
from genlab.vae.evidence.exact import exact_evidence
from genlab.vae.evidence.importance import importance_estimate, log_weights
from genlab.vae.evidence.inference_gap import best_gaussian_elbo
from genlab.vae.latents.encoding import encode
from genlab.vae.likelihoods import Bernoulli
from genlab.vae.load import build_vae, load_vae
from genlab.vae.measure import codes_of, measure
from genlab.vae.model import VAE
from genlab.vae.posteriors import BOUND, FlowPosterior, GaussianPosterior
from genlab.vae.results import read_results
from genlab.vae.step import step_bound
from genlab.vae.train import evaluate_vae, refit_config, train_vae

# Shapes: N images, S draws, G lattice points, D latent dimensions.

PIXELS = 9


def bent(latent: int, strength: float = 0.15, seed: int = 0) -> VAE:
    """Returns a VAE in float64 whose flow is far from the identity."""
    torch.manual_seed(seed)
    model = VAE.perceptron(
        PIXELS, latent, Standard(latent), Bernoulli(), hidden=(12,), fourier=0, posterior="flow"
    )
    assert model.flow is not None
    with torch.no_grad():
        for name, parameter in model.flow.named_parameters():
            if "leave" in name:
                parameter.add_(strength * torch.randn_like(parameter))
    return model.double().eval()


def images(count: int) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return (torch.rand(count, PIXELS, generator=random) < 0.5).double()


def lattice(low: Tensor, high: Tensor, count: int) -> tuple[Tensor, float]:
    """Returns the midpoints of a box's cells, with shape `(G, D)`, and ln of a cell's area."""
    step = (high - low) / count
    lines = low[:, None] + step[:, None] * (torch.arange(count) + 0.5).to(low)
    return torch.cartesian_prod(*lines).reshape(-1, len(low)), step.log().sum().item()


def around(q: FlowPosterior, count: int) -> tuple[Tensor, float]:
    """Returns a lattice over the box that holds all of one image's posterior but 1e-6 of it."""
    reach = (BOUND + 1) * q.log_std[0].exp()
    return lattice(q.mean[0] - reach, q.mean[0] + reach, count)


def flow_of(model: VAE, x: Tensor) -> FlowPosterior:
    with torch.no_grad():
        q = model.posterior(x)
    assert isinstance(q, FlowPosterior)
    return q


@pytest.mark.parametrize(("latent", "count"), [(1, 5000), (2, 160)])
def test_the_density_integrates_to_one_given_each_image(latent: int, count: int) -> None:
    q = flow_of(bent(latent), images(3))
    for index in range(3):
        one = q[index : index + 1]
        z, log_area = around(one, count)
        with torch.no_grad():
            total = (one.log_prob(z[:, None])[:, 0] + log_area).exp().sum().item()
        assert total == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("latent", [1, 2, 5])
@torch.no_grad()
def test_the_density_of_a_draw_is_that_of_its_place(latent: int) -> None:
    q = flow_of(bent(latent), images(6))
    noise = 2 * torch.randn(50, 6, latent, dtype=torch.float64)  # some beyond the splines
    z, log_q = q.draw(noise)
    torch.testing.assert_close(q.log_prob(z), log_q)
    back, log_det = q.noise_of(z)
    torch.testing.assert_close(back, noise)
    torch.testing.assert_close(log_det, q.place(noise)[1])


@pytest.mark.parametrize("latent", [1, 2, 5])
def test_the_log_determinant_is_that_of_autograd_s_jacobian(latent: int) -> None:
    q = flow_of(bent(latent), images(1))
    for noise in torch.randn(5, 1, latent, dtype=torch.float64):
        jacobian: Any = torch.autograd.functional.jacobian(q.sample, noise)
        wanted = torch.linalg.slogdet(jacobian[0, :, 0]).logabsdet
        found = q.log_std.sum() + q.place(noise)[1][0]
        torch.testing.assert_close(found, wanted)


@torch.no_grad()
def test_draws_follow_the_density() -> None:
    """E_q[N(z) / q(z)] = 1 for a Gaussian inside q, and a histogram of draws in one dimension."""
    for latent in (1, 2):
        q = flow_of(bent(latent), images(4))
        noise = torch.randn(10_000, 4, latent, dtype=torch.float64)
        z, log_q = q.draw(noise)
        inner = GaussianPosterior(z.mean(0), z.std(0).log() - 1)
        ratio = (inner.log_prob(z) - log_q).exp()
        error = ratio.std(0) / len(z) ** 0.5
        assert ((ratio.mean(0) - 1).abs() < 4 * error).all()
        assert (error < 0.1).all()
    q = flow_of(bent(1), images(1))
    z = q.sample(torch.randn(50_000, 1, 1, dtype=torch.float64)).flatten()
    points, log_area = around(q, 5000)
    mass = (q.log_prob(points[:, None])[:, 0] + log_area).exp().view(50, -1).sum(1)
    low, high = points[0].item(), points[-1].item()
    counts = torch.histc(z, 50, low, high)
    error = (len(z) * mass * (1 - mass)).sqrt() + 3
    assert ((counts - len(z) * mass).abs() < 5 * error).all()


def test_the_identity_at_the_start_is_the_gaussian() -> None:
    """Encoder, decoder and prior begin with the weights that they have without a flow."""
    config = VaeConfig(hidden=(16,))
    plain = build_vae(config, (3, 3))
    flow = build_vae(replace(config, posterior="flow"), (3, 3))
    assert all(key.startswith("flow.") for key in flow.state_dict().keys() - plain.state_dict())
    for key, value in plain.state_dict().items():
        assert torch.equal(flow.state_dict()[key], value)
    x, noise = images(5).float(), torch.randn(7, 5, 2)
    for found, wanted in zip(flow.posterior(x).draw(noise), plain.posterior(x).draw(noise)):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    z = torch.randn(4, 5, 2)
    found, wanted = (m.posterior(x).log_prob(z) for m in (flow, plain))
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


def test_the_gaussian_s_state_has_no_flow() -> None:
    model = VAE.perceptron(PIXELS, 2, Standard(2), Bernoulli(), hidden=(12,))
    assert not any("flow" in key for key in model.state_dict())
    assert isinstance(model.posterior(images(2).float()), GaussianPosterior)


@pytest.mark.parametrize("latent", [1, 2])
@torch.no_grad()
def test_the_bound_and_its_gap_add_up_to_the_likelihood(latent: int) -> None:
    """ELBO + KL(q || p(z|x)) = ln p(x), both integrals over one lattice; and by draws."""
    model, x = bent(latent), images(3)
    q, prior = flow_of(model, x), model.prior()
    evidence = exact_evidence(model, prior, x, q.mean, q.log_std, 0)
    elbo = model.terms(x, torch.randn(4000, 3, latent, dtype=torch.float64)).elbo
    for index in range(3):
        one, image = q[index : index + 1], x[index : index + 1]
        z, log_area = around(one, 5000 if latent == 1 else 160)
        log_q = one.log_prob(z[:, None])[:, 0]
        log_joint = model.likelihood.log_prob(image, model.decoder(z)) + prior.log_prob(z)
        share = (log_q + log_area).exp()
        bound = (share * (log_joint - log_q)).sum()
        kl = (share * (log_q - (log_joint - evidence.log_p[index]))).sum()
        assert kl > 0
        assert (bound + kl).item() == pytest.approx(evidence.log_p[index].item(), rel=2e-3)
        assert elbo[index].item() == pytest.approx(bound.item(), abs=0.15)
        assert bound < evidence.log_p[index]


@pytest.mark.parametrize("latent", [1, 2])
@torch.no_grad()
def test_importance_sampling_from_the_flow_agrees_with_quadrature(latent: int) -> None:
    model, x = bent(latent), images(5)
    q, prior, counts = flow_of(model, x), model.prior(), (1600, 400, 2000)
    noise = torch.randn(2000, 5, latent, dtype=torch.float64)
    drawn = torch.randn(2000, latent, dtype=torch.float64)
    wanted = exact_evidence(model, prior, x, q.mean, q.log_std, 0).log_p
    weights = log_weights(model, prior, x, counts, noise, drawn)
    torch.testing.assert_close(importance_estimate(weights).log_p, wanted, atol=0.08, rtol=0)
    for alone in ((4000, 0, 0), (0, 4000, 0)):  # each proposal is a density of its own
        noise = torch.randn(4000, 5, latent, dtype=torch.float64)
        weights = log_weights(model, prior, x, alone, noise, drawn[:0])
        assert (importance_estimate(weights).log_p < wanted + 0.2).all()


@torch.no_grad()
def test_entropy_cross_entropy_and_moments_are_those_of_many_draws() -> None:
    model, random = bent(2), generator(0, "test")
    q, prior = flow_of(model, images(100)), model.prior()
    z, log_q = q.draw(torch.randn(400, 100, 2, generator=random, dtype=torch.float64))
    for found, values in (
        (q.entropy(random), -log_q), (q.cross_entropy(prior.log_prob, random), -prior.log_prob(z))
    ):
        error = (values.var(0) * (1 / 64 + 1 / len(z))).sqrt()  # antithetic draws have less
        off = (found - values.mean(0)) / error
        assert off.mean().abs() < 4 / len(q) ** 0.5
        assert off.abs().max() < 5
    mean, log_std = q.moments(random)
    error = z.std(0) * (1 / 64 + 1 / len(z)) ** 0.5
    assert ((mean - z.mean(0)) / error).mean().abs() < 4 / (2 * len(q)) ** 0.5
    assert ((log_std.exp() / z.std(0)).mean() - 1).abs() < 0.05


@torch.no_grad()
def test_the_aggregated_posterior_is_the_explicit_mixture() -> None:
    q = flow_of(bent(2), images(60))
    z = q.sample(torch.randn(60, 2, dtype=torch.float64))
    each = torch.stack([q[n : n + 1].log_prob(z[:, None])[:, 0] for n in range(60)])
    wanted = each.logsumexp(0) - math.log(60)
    torch.testing.assert_close(q.log_aggregated(z), wanted, atol=1e-4, rtol=1e-4)
    far = torch.full((1, 2), 50.0, dtype=torch.float64)  # within reach of no image
    each = torch.stack([q[n : n + 1].log_prob(far[:, None])[:, 0] for n in range(60)])
    torch.testing.assert_close(q.log_aggregated(far), each.logsumexp(0) - math.log(60))


class Parabola(ImageDecoder):
    """Pixels tell z1^2 + z2, so posteriors are parabolas."""

    def forward(self, z: Tensor) -> Tensor:
        value = z[..., :1].square() + z[..., 1:] - 1
        return 3 * (value + torch.linspace(-2, 2, PIXELS).to(z))


def trained(posterior: Any, steps: int = 600) -> VAE:
    """Trains the encoder alone, on images that the parabola makes."""
    decoder = Parabola()
    torch.manual_seed(0)
    model = VAE.perceptron(
        PIXELS, 2, Standard(2), Bernoulli(), hidden=(32,), fourier=0, posterior=posterior
    )
    model.decoder = decoder
    optimiser = torch.optim.Adam(model.parameters(), 5e-3)
    random = generator(0, "images")
    for _ in range(steps):
        z = torch.randn(128, 2, generator=random)
        x = (torch.rand(128, PIXELS, generator=random) < decoder(z).sigmoid()).float()
        loss = -model.terms(x, torch.randn(2, 128, 2, generator=random)).elbo.mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


@pytest.mark.slow
def test_a_flow_wins_what_the_gaussian_family_loses() -> None:
    """On posteriors that are parabolas it is better than the best Gaussian of each image."""
    decoder = Parabola()
    random = generator(1, "images")
    z = torch.randn(300, 2, generator=random)
    x = (torch.rand(300, PIXELS, generator=random) < decoder(z).sigmoid()).float()
    bounds, exact = {}, None
    for kind in ("gaussian", "flow"):
        model = trained(kind)
        with torch.no_grad():
            bounds[kind] = model.terms(x, torch.randn(200, 300, 2)).elbo
            q = codes_of(model, x)
            exact = exact_evidence(model, model.prior(), x, *q.moments(random), 0).log_p
        assert (exact.mean() - bounds[kind].mean()) > 0
        if kind == "flow":
            own, best = best_gaussian_elbo(model, model.prior(), x[:40], random)
            assert (own - best).mean() > 0.1
    assert exact is not None
    gaps = {kind: (exact - bound).mean().item() for kind, bound in bounds.items()}
    assert gaps["flow"] < 0.6 * gaps["gaussian"]


@pytest.mark.slow
def test_every_measured_quantity_of_a_flow_holds() -> None:
    model = bent(2).float()
    with torch.no_grad():
        x = images(150).float()
        found = measure(model, x, x, draws=32, importance=400, seed=0, annealed=3)
    assert found.identity_holds
    assert found.nll_exact_trusted
    assert found.inference_gap is not None
    assert found.nll_exact is not None
    assert found.inference_gap.value > 0
    assert found.elbo.value + found.inference_gap.value == pytest.approx(-found.nll_exact.value)
    assert found.nll_is is not None
    assert found.nll_is.value == pytest.approx(found.nll_exact.value, abs=0.05)


@pytest.mark.parametrize("latent", [1, 2])
def test_objectives_of_a_flow(latent: int) -> None:
    model, x = bent(latent), images(8)
    noise, prior = torch.randn(300, 8, latent, dtype=torch.float64), model.prior()
    with torch.no_grad():
        elbo = model.terms(x, noise).elbo
        bound = objectives.iwae(model, x, noise, prior.log_prob, "plain")
        single = torch.stack([model.terms(x, noise[s : s + 1]).elbo for s in range(300)])
    torch.testing.assert_close(bound, single.exp().mean(0).log())
    assert (bound > elbo).all()
    config = TrainingConfig(objective="exact", lattice=400 if latent == 2 else 4000)
    value, _ = step_bound(config, model, x, torch.arange(8), generator(0, "step"), 0)
    with torch.no_grad():
        wanted = exact_evidence(model, prior, x, model.encode(x)[0], model.encode(x)[1], 0).log_p
    assert (value < wanted + 1e-3).all()  # over the batch's codes alone
    gradients = torch.autograd.grad(value.mean(), list(model.flow.parameters()))  # pyright: ignore
    assert all(g.isfinite().all() for g in gradients)
    assert any(g.abs().max() > 0 for g in gradients)


@pytest.mark.parametrize("gradient", ["stl", "dreg"])
def test_estimators_that_need_a_gaussian_are_refused(gradient: Any) -> None:
    model, x, noise = bent(2), images(3), torch.randn(4, 3, 2, dtype=torch.float64)
    with pytest.raises(InputError, match="`posterior` flow there is plain only"):
        objectives.iwae(model, x, noise, model.prior().log_prob, gradient)
    with pytest.raises(InputError, match="`posterior` must be gaussian"):
        objectives.pooled(model, x, noise, model.prior().log_prob)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"objective": "pooled"}, "`objective` pooled: needs `posterior` gaussian"),
        ({"objective": "iwae", "samples": 2}, "`gradient` dreg: for `posterior` flow give plain"),
        ({"objective": "iwae", "samples": 2, "gradient": "stl"}, "give plain"),
    ],
)
def test_configurations_that_need_a_gaussian_are_refused(changes: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        VaeConfig(posterior="flow", **changes)
    VaeConfig(**changes)


@pytest.mark.parametrize("prior", ["vamp", "gtm-vamp", "vamp-mixture", "exemplar"])
def test_priors_of_the_encoder_s_gaussians_are_refused(prior: str) -> None:
    kind = PRIORS[prior]
    with pytest.raises(InputError, match="`posterior` flow: the prior .* Gaussian posteriors"):
        VAE.perceptron(PIXELS, 2, kind(2), Bernoulli(), hidden=(8,), posterior="flow")


def test_an_encoder_without_features_is_refused() -> None:
    class Own(ImageEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.pixels, self.latent = PIXELS, 2
            self.net = torch.nn.Linear(PIXELS, 4)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            mean, log_std = self.net(x).chunk(2, -1)
            return mean, log_std

    decoder = VAE.perceptron(PIXELS, 2, Standard(2), Bernoulli(), hidden=(8,)).decoder
    VAE(Own(), decoder, Standard(2), Bernoulli())
    with pytest.raises(InputError, match="Own does not show its last hidden layer"):
        VAE(Own(), decoder, Standard(2), Bernoulli(), "flow")


def test_encoders_describe_what_they_encode() -> None:
    torch.manual_seed(0)
    maps = MapEncoder((1, 8, 8), 3, 4, residual=True)
    latent_map = MapEncoder((3, 16, 16), (2, 4, 4), 4, residual=False)
    plain = VAE.perceptron(64, 2, Standard(2), Bernoulli(), hidden=(16, 12)).encoder
    for encoder, pixels in ((maps, 64), (latent_map, 768), (plain, 64)):
        x = torch.rand(3, pixels)
        *codes, hidden = encoder.describe(x)
        for found, wanted in zip(codes, encoder(x)):
            assert torch.equal(found, wanted)
        assert hidden.shape == (3, encoder.hidden)
    decoder = MapDecoder((2, 4, 4), (3, 16, 16), 3, 4, residual=False)
    model = VAE(latent_map, decoder, Standard(32), Bernoulli(), "flow")
    terms = model.terms(torch.rand(3, 768), torch.randn(2, 3, 32))
    assert terms.elbo.shape == (3,)


def config_of(data: Path, **changes: Any) -> VaeConfig:
    values = {"data": str(data), "hidden": (16,), "epochs": 4, "batch": 50, "importance": 0,
              "draws": 2, "posterior": "flow"}  # fmt: skip
    return VaeConfig(**(values | changes))


@pytest.mark.slow
def test_a_run_is_loaded_measured_and_resumed_bit_for_bit(
    tiny_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(tiny_digits)
    whole = train_vae(config, tmp_path / "whole")
    model, again = load_vae(tmp_path / "whole")
    assert again == config
    assert isinstance(model.posterior(torch.rand(2, 64)), FlowPosterior)
    assert evaluate_vae(tmp_path / "whole").elbo == whole.elbo

    tested = iter([loop.elbo_of])

    def stops(*arguments: Any) -> float:
        for first in tested:
            return first(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:  # stopped in its second epoch, its state kept
        patch.setattr(loop, "SAVE_EVERY_S", 0.0)
        patch.setattr(loop, "elbo_of", stops)
        with pytest.raises(KeyboardInterrupt):
            train_vae(config, tmp_path / "parts")
    train_vae(config, tmp_path / "parts")
    for name in ("model.safetensors", "measures.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    assert "flow.layers.0.net.leave.weight" in Run(tmp_path / "whole").weights("model.safetensors")


@pytest.mark.slow
def test_a_prior_learned_post_hoc_keeps_the_flow(tiny_digits: Path, tmp_path: Path) -> None:
    train_vae(config_of(tiny_digits), tmp_path / "base")
    config = refit_config(
        tmp_path / "base", tmp_path / "em", "mixture", {"components": 3}, epochs=2,
        learning_rate=1e-3, em=True,
    )
    assert config.posterior == "flow"
    results = train_vae(config, tmp_path / "em")
    before, after = (load_vae(tmp_path / name)[0].state_dict() for name in ("base", "em"))
    for key, value in before.items():
        if not key.startswith("prior."):
            assert torch.equal(after[key], value), key
    old = read_results(Run(tmp_path / "base"))
    assert results.re == old.re
    assert results.conditional_entropy == old.conditional_entropy
    assert results.prior_gap.value < old.prior_gap.value
    gaussian = config_of(tiny_digits, posterior="gaussian", post_hoc="../base", prior="student")
    with pytest.raises(InputError, match="its `posterior` is flow, not gaussian"):
        train_vae(gaussian, tmp_path / "other")
    with pytest.raises(InputError, match="Gaussian posteriors of the encoder"):
        train_vae(config_of(tiny_digits, prior="vamp"), tmp_path / "vamp")
    assert not (tmp_path / "vamp").exists()
    codes = encode(tmp_path / "base")
    assert codes["test_mean"].shape == codes["test_std"].shape == (40, 2)


def test_a_comparison_hands_the_posterior_on() -> None:
    config = CompareConfig(priors=("standard", "mixture"), post_hoc=True, posterior="flow")
    assert {cell.posterior for cell in cells(config).values()} == {"flow"}


@torch.no_grad()
def test_dots_are_draws_of_the_flow() -> None:
    model, x = bent(2).float(), images(20).float()
    noise = torch.randn(20, 2, generator=generator(5, "dots"))
    np.testing.assert_array_equal(posterior_dots(model, x, 5), model.posterior(x).sample(noise))
