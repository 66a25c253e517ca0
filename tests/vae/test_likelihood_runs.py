"""Every likelihood through a run: objectives, estimators, resumption, refitting, images, page."""

import math

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from cases.command import run_command
from cases.explorer import Page
from safetensors.torch import load_file

import genlab.data

from genlab.common.errors import InputError
from genlab.configs.vae import VaeConfig
from genlab.explorer.explore import explore
from genlab.figures.draw import draw_vae
from genlab.runs.run import Run
from genlab.vae import objectives
from genlab.vae.evidence.bidirectional import bracket
from genlab.vae.evidence.exact import exact_evidence
from genlab.vae.evidence.importance import draw_counts, importance_estimate, log_weights
from genlab.vae.evidence.inference_gap import best_gaussian_elbo
from genlab.vae.latents.sampling import decoded_draws
from genlab.vae.likelihoods import LIKELIHOODS, ExponentialFamily
from genlab.vae.likelihoods.continuous_bernoulli import truncated_exponential_mean
from genlab.vae.load import load_vae
from genlab.vae.model import VAE
from genlab.vae.results import read_results
from genlab.vae.splits import observed_test_images
from genlab.vae.train import refit_config, train_vae

# Shapes: B images, S draws, D latent dimensions.

OPTIONS = {"binomial": {"trials": 15}, "logistic-mixture": {"logistics": 3}}
"""Fewer grey levels, so that posteriors are not too narrow for the estimators compared here."""
FAMILIES = [name for name, kind in LIKELIHOODS.items() if issubclass(kind, ExponentialFamily)]
OTHERS = [name for name in LIKELIHOODS if name not in FAMILIES]


def config_of(data: Path, likelihood: str, **changes: object) -> VaeConfig:
    values = {
        "data": str(data), "likelihood": likelihood, "hidden": (24,), "epochs": 4, "batch": 40,
        "likelihood_options": OPTIONS.get(likelihood, {}), "draws": 2, "importance": 0,
    }
    return VaeConfig(**(values | changes))


@pytest.fixture(scope="module")
def grey_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """160 images of 8 x 8 pixels, soft bars, with labels."""
    random = np.random.default_rng(0)
    centre, label = random.uniform(1, 6, 160), random.integers(2, size=160)
    line = np.exp(-0.5 * (np.arange(8) - centre[:, None]) ** 2)
    images = np.where(label[:, None, None], line[:, None], line[:, :, None]) * np.ones((8, 8))
    images = (255 * images * random.uniform(0.7, 1, (160, 8, 8))).astype(np.uint8)
    path = tmp_path_factory.mktemp("grey") / "grey.npz"
    np.savez(
        path, train=images[:120], test=images[120:], train_labels=label[:120],
        test_labels=label[120:],
    )
    return path


@pytest.fixture(scope="module")
def run_of(
    grey_digits: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """A trained run of every likelihood, made when first asked for."""
    root = tmp_path_factory.mktemp("runs")

    def run(likelihood: str) -> Path:
        if not (root / likelihood).exists():
            train_vae(config_of(grey_digits, likelihood, epochs=40), root / likelihood)
        return root / likelihood

    return run


@pytest.fixture
def loaded(run_of: Callable[[str], Path], grey_digits: Path, request: pytest.FixtureRequest) -> (
    tuple[VAE, torch.Tensor, torch.Tensor]
):
    """A trained model, ten test images, and ln p(x) of each."""
    model, _ = load_vae(run_of(request.param))
    x = observed_test_images(genlab.data.splits(str(grey_digits)), model.likelihood)[:10]
    with torch.no_grad():
        evidence = exact_evidence(model, model.prior(), x, *model.encode(x), 0)
    assert evidence.error.max() + evidence.rounding < 0.01
    return model, x, evidence.log_p


each = pytest.mark.parametrize("likelihood", LIKELIHOODS)
each_family = pytest.mark.parametrize("likelihood", FAMILIES)
each_other = pytest.mark.parametrize("likelihood", OTHERS)
each_loaded = pytest.mark.parametrize("loaded", FAMILIES, indirect=True)


@each_loaded
def test_the_exact_objective_is_the_evidence(
    loaded: tuple[VAE, torch.Tensor, torch.Tensor]
) -> None:
    model, x, log_p = loaded
    line = torch.linspace(-6, 6, 1001)
    z, log_area = torch.cartesian_prod(line, line), 2 * torch.log(line[1] - line[0]).item()
    parts = []
    with torch.no_grad():
        for part in z.split(100_000):
            parts.append(objectives.exact(model, x, part, log_area, model.prior().log_prob))
    found = torch.stack(parts).logsumexp(0)
    torch.testing.assert_close(found.double(), log_p, atol=5e-3, rtol=0)


@each_loaded
def test_bounds_of_many_draws_and_importance_sampling_come_near_the_evidence(
    loaded: tuple[VAE, torch.Tensor, torch.Tensor]
) -> None:
    model, x, log_p = loaded
    torch.manual_seed(0)
    prior = model.prior()
    with torch.no_grad():
        pooled = objectives.pooled(model, x, torch.randn(300, 10, 2), prior.log_prob)
        many = objectives.iwae(model, x, torch.randn(3000, 10, 2), prior.log_prob, "plain")
        few = model.terms(x, torch.randn(300, 10, 2)).elbo
    counts = draw_counts(3000, (0.4, 0.1, 0.5))
    noise, common = torch.randn(3000 - counts[2], 10, 2), prior.sample((counts[2],))
    weights = log_weights(model, prior, x, counts, noise, common)
    off = [
        (estimate.double() - log_p)
        for estimate in (pooled, many, importance_estimate(weights).log_p)
    ]
    for difference in off:
        assert difference.median().abs() < 0.2
    assert (few.double() - log_p).mean() < -0.05
    own, best = best_gaussian_elbo(model, prior, x, torch.Generator().manual_seed(0))
    assert (best >= own).all()
    assert (best - log_p).mean() < 0.05


@each_loaded
def test_annealing_comes_near_the_evidence(
    loaded: tuple[VAE, torch.Tensor, torch.Tensor]
) -> None:
    model, x, log_p = loaded
    found, low, high = bracket(model, model.prior(), x, 0)
    assert (found - log_p).mean().abs() < 0.2
    assert (high - low).mean() > -0.1


@pytest.mark.parametrize(
    ("likelihood", "objective"),
    [
        *((name, "iwae") for name in LIKELIHOODS),
        *((name, objective) for name in FAMILIES for objective in ("pooled", "exact")),
    ],
)
def test_every_objective_trains_it(
    likelihood: str, objective: str, grey_digits: Path, tmp_path: Path
) -> None:
    config = config_of(
        grey_digits, likelihood, objective=objective, samples=2 if objective != "exact" else 1,
        **({"lattice": 24} if objective == "exact" else {}), epochs=20,
    )
    train_vae(config, tmp_path / "run")
    bounds = [line["bound"] for line in Run(tmp_path / "run").metrics() if "bound" in line]
    assert bounds[-1] > bounds[0] + 5


@each_other
@pytest.mark.parametrize("objective", ["pooled", "exact"])
def test_objectives_of_exponential_families_are_refused_to_others(
    likelihood: str, objective: str, grey_digits: Path, tmp_path: Path
) -> None:
    config = config_of(grey_digits, likelihood, objective=objective)
    words = f"`objective` {objective} needs .* exponential family, which {likelihood} is not"
    with pytest.raises(InputError, match=words):
        train_vae(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@each_other
def test_one_that_is_no_exponential_family_is_trained_measured_and_loaded(
    likelihood: str, grey_digits: Path, tmp_path: Path
) -> None:
    """ln p(x) by importance sampling against a plain sum over a lattice of the latent plane."""
    config = config_of(grey_digits, likelihood, epochs=2, importance=1000, annealed=2)
    train_vae(config, tmp_path / "run")
    results = read_results(Run(tmp_path / "run"))
    bounds = [line["bound"] for line in Run(tmp_path / "run").metrics() if "bound" in line]
    assert bounds[-1] > bounds[0]
    assert results.identity_holds
    assert results.nll_exact is None
    assert results.nll_is is not None
    model, _ = load_vae(tmp_path / "run")
    x = observed_test_images(genlab.data.splits(str(grey_digits)), model.likelihood)
    line = torch.linspace(-6, 6, 81)
    z, log_area = torch.cartesian_prod(line, line), 2 * torch.log(line[1] - line[0]).item()
    with torch.no_grad():
        log_p = model.likelihood.of_each(x)(model.decoder(z)) + model.prior().log_prob(z)[:, None]
    exact = -(log_p.double().logsumexp(0) + log_area).mean().item()
    assert results.nll_is.value == pytest.approx(exact, abs=0.2)
    assert results.elbo.value < -exact
    assert results.nll_annealed is not None
    bits = results.bits_per_pixel
    assert bits is not None
    assert bits.value == pytest.approx(results.nll_is.value / (64 * math.log(2)))


@each_other
def test_it_is_better_than_the_mean_image(
    likelihood: str, run_of: Callable[[str], Path]
) -> None:
    results = read_results(Run(run_of(likelihood)))
    assert results.mean_image is not None
    assert results.elbo.value > results.mean_image


@each
def test_killed_and_resumed_equals_unbroken(
    likelihood: str, grey_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(grey_digits, likelihood)
    train_vae(config, tmp_path / "whole")
    monkeypatch.setattr("genlab.vae.loop.SAVE_EVERY_S", -1.0)
    save = Run.save_state

    def save_and_die(run: Run, tensors: dict, step: int, seconds: float) -> None:
        save(run, tensors, step, seconds)
        if step == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(Run, "save_state", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        train_vae(config, tmp_path / "broken")
    monkeypatch.setattr(Run, "save_state", save)
    train_vae(config, tmp_path / "broken")
    weights = [(tmp_path / run / "model.safetensors").read_bytes() for run in ("whole", "broken")]
    assert weights[0] == weights[1]


def test_a_scale_is_learned_kept_in_the_run_and_left_alone_by_a_new_prior(
    run_of: Callable[[str], Path], grey_digits: Path, tmp_path: Path
) -> None:
    run = run_of("gaussian")
    scale = load_file(run / "model.safetensors")["likelihood.log_scale"].exp().item()
    assert abs(scale - 0.2) > 0.02
    again = refit_config(
        run, tmp_path / "new", "mixture", {"components": 3}, epochs=2, learning_rate=3e-3, em=False
    )
    train_vae(again, tmp_path / "new")
    kept = load_file(tmp_path / "new" / "model.safetensors")["likelihood.log_scale"]
    assert kept.exp().item() == scale
    other = config_of(grey_digits, "bernoulli", post_hoc=str(run), prior="mixture")
    with pytest.raises(InputError, match="its `likelihood` is gaussian, not bernoulli"):
        train_vae(other, tmp_path / "other")


@each_family
def test_results_are_in_nats_and_bits_and_name_the_images(
    likelihood: str, run_of: Callable[[str], Path]
) -> None:
    run = run_of(likelihood)
    results = read_results(Run(run))
    assert results.likelihood == likelihood
    assert results.domain == LIKELIHOODS[likelihood].domain.en
    assert results.density == (not LIKELIHOODS[likelihood].discrete)
    assert results.bits_per_pixel is not None
    assert results.nll_exact is not None
    for bits, nats in zip(
        (results.bits_per_pixel.value, results.bits_per_pixel.error),
        (results.nll_exact.value, results.nll_exact.error),
    ):
        assert bits == pytest.approx(nats / (64 * math.log(2)))
    assert results.nll_exact_rounding is not None
    assert 0 < results.nll_exact_rounding < 1e-3
    line = run_command("vae", "evaluate", str(run), cwd=run).stdout
    assert f"({results.bits_per_pixel.text()} bits per pixel)" in line
    assert ("of a density of grey values" in line) == results.density


@each
def test_images_are_drawn_and_shown(
    likelihood: str, run_of: Callable[[str], Path], grey_digits: Path
) -> None:
    run = run_of(likelihood)
    images = decoded_draws(run, 20, 0)
    assert images.dtype == torch.uint8
    assert images.float().std(0).max() > 10  # they differ
    draw_vae(run, genlab.data.splits(str(grey_digits)))
    assert (run / "figures" / "samples.png").exists()


@each_other
def test_a_page_shows_pictures_where_no_function_makes_mean_images(
    likelihood: str, run_of: Callable[[str], Path], tmp_path: Path
) -> None:
    explore(run_of(likelihood), tmp_path / "page.html", "en")
    facts = Page(tmp_path / "page.html").json("facts")["vae"]
    assert facts["pictures"] is not None
    assert not facts["networks"]


@each_family
def test_a_page_holds_the_images_as_the_encoder_sees_them(
    likelihood: str, run_of: Callable[[str], Path], grey_digits: Path, tmp_path: Path
) -> None:
    run = run_of(likelihood)
    explore(run, tmp_path / "page.html", "en")
    page = Page(tmp_path / "page.html")
    facts = page.json("facts")["vae"]
    model, _ = load_vae(run)
    (row,) = facts["models"]
    check = facts["networks"][row["decoder"]]["check"]
    expected = np.frombuffer(page.blob(check["expected"]), "<f4").reshape(6, 64)
    network = {
        "sigmoid": torch.sigmoid, "truncated_exponential": truncated_exponential_mean,
        "identity": partial(torch.clamp, min=0, max=1),
    }
    with torch.no_grad():
        means = network[facts["mean"]](model.decoder(torch.tensor(check["z"])))
    np.testing.assert_array_equal(expected, means.numpy())
    digits = facts["digits"]
    assert digits["grey"] == (likelihood != "bernoulli")
    packed = np.frombuffer(page.blob(digits["images"]), np.uint8).reshape(digits["count"], -1)
    shown = packed / np.float32(255) if digits["grey"] else np.unpackbits(
        packed, axis=1, bitorder="little"
    )
    x = observed_test_images(genlab.data.splits(str(grey_digits)), model.likelihood).numpy()
    ours, theirs = (sorted(map(tuple, np.round(a, 6).tolist())) for a in (shown, x))
    np.testing.assert_allclose(ours, theirs, atol=2e-6)
