"""The bound's terms, their measurement, and training that resumes bit for bit."""

import json
import math
import os
import signal
import subprocess
import sys
import time

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cases.vae import vae_of
from safetensors.torch import load
from scipy.special import logsumexp
from scipy.stats import bernoulli, norm

import genlab.data

from genlab.common.errors import InputError, TrainingError
from genlab.configs.lab import LAB_PRIORS
from genlab.configs.prior import PRIOR_SIGNATURES
from genlab.configs.vae import VaeConfig
from genlab.networks.mlp import Decoder, FourierFeatures
from genlab.numerics import linear as products
from genlab.runs.run import Run, checkpoint_name
from genlab.runs.state import unpack
from genlab.vae import loop
from genlab.vae import measure as measures
from genlab.vae.checkpoints import STEPS, checkpoint_plan
from genlab.vae.evidence.elbo_surgery import cross_entropy, log_aggregated_posterior
from genlab.vae.likelihoods import Bernoulli
from genlab.vae.load import build_vae, load_vae
from genlab.vae.loop import clip_gradients, elbo_of
from genlab.vae.measure import measure
from genlab.vae.model import VAE
from genlab.vae.posteriors import gaussian as posteriors
from genlab.vae.posteriors import gaussian_entropy
from genlab.vae.results import Measurement, read_results
from genlab.vae.splits import observed_test_images, splits_of
from genlab.vae.train import evaluate_vae, train_vae


def few(prior: str, components: int) -> dict[str, int]:
    """Options with so many components, for priors that have them."""
    return {"components": components} if "components" in PRIOR_SIGNATURES.rows[prior] else {}


def metrics_of(path: Path) -> list[dict[str, Any]]:
    """The metrics but for how long they took."""
    return [{k: v for k, v in line.items() if k != "seconds"} for line in Run(path).metrics()]


def measured(model: VAE, x: torch.Tensor, draws: int) -> Measurement:
    return measure(model, x, x, draws=draws, importance=0, seed=0)


def model_of(prior: str, latent: int = 2, pixels: int = 9) -> VAE:
    torch.manual_seed(0)
    model = vae_of(prior, few(prior, 5), latent=latent, pixels=pixels, hidden=16, examples=5)
    with torch.no_grad():  # away from the symmetric start
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


def config_of(digits: Path, **changes: object) -> VaeConfig:
    prior = changes.get("prior", "standard")
    values = {
        "data": str(digits), "hidden": (32,), "epochs": 6, "batch": 50,
        "prior_options": few(str(prior), 8),
    }
    return VaeConfig(**(values | changes))


def test_bernoulli_equals_scipy() -> None:
    x = torch.tensor([[1.0, 0.0, 1.0]])
    logits = torch.tensor([[0.3, -1.2, 30.0]])
    wanted = bernoulli(torch.sigmoid(logits.double()).numpy()).logpmf(x.numpy()).sum()
    assert Bernoulli().log_prob(x, logits).item() == pytest.approx(wanted, abs=1e-6)


def test_bernoulli_has_the_derivative_of_its_value() -> None:
    """By finite differences; several draws of the logits share an image."""
    random = torch.Generator().manual_seed(0)
    x = (torch.rand(4, 5, generator=random) < 0.5).double()
    logits = 3 * torch.randn(3, 4, 5, generator=random, dtype=torch.float64)
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda value: Bernoulli().log_prob(x, value), [logits])
    assert torch.autograd.gradcheck(Bernoulli().log_partition, [logits])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_log_partition_at_any_logit(dtype: torch.dtype) -> None:
    far = torch.tensor([-1e4, -90, 0, 59, 61, 90, 1e4])
    logits = torch.cat([torch.linspace(-30, 30, 601), far]).to(dtype)
    wanted = np.logaddexp(0, logits.double().numpy())
    found = Bernoulli().log_partition(logits[:, None]).double().numpy()
    eps = torch.finfo(dtype).eps
    assert (abs(found - wanted) <= eps * (1 + 2 * wanted)).all()
    assert Bernoulli().log_partition(torch.tensor([math.nan])).isnan()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("pixels", [40, 42, 41])
@pytest.mark.parametrize("steepest", [8.0, 19.3, 30.0, 39.3, 59.0, 1e4])
def test_bernoulli_over_its_logits_equals_numpy(
    dtype: torch.dtype, pixels: int, steepest: float
) -> None:
    """With logits whose e^l, and products of four and of two 1 + e^l, fit into float32 or do not;
    draws share an image."""
    random = torch.Generator().manual_seed(0)
    x = (torch.rand(6, pixels, generator=random) < 0.4).to(dtype)
    logits = (3 * torch.randn(7, 6, pixels, generator=random)).to(dtype)
    x[0], logits[0, 0] = 0, steepest
    logits[1, 0, :2] = -steepest
    ink = -np.logaddexp(0, -logits.double().numpy())
    none = -np.logaddexp(0, logits.double().numpy())
    wanted = np.where(x.bool().numpy(), ink, none).sum(-1)
    found = Bernoulli().log_prob_(x, logits.clone()).double().numpy()
    np.testing.assert_allclose(found, wanted, rtol=20 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("fourier", [0.0, 2.0])
def test_logits_that_are_written_are_the_decoder_s(*, gated: bool, fourier: float) -> None:
    decoder = Decoder(2, (8, 6), 9, gated=gated, fourier=fourier)
    z = torch.randn(5, 4, 2)
    sheet = torch.full((7, 4, 9), math.nan)
    found = decoder.write(z, sheet[:5])
    assert (found.data_ptr() == sheet.data_ptr()) is not products.wide()
    torch.testing.assert_close(found, decoder(z).detach())


@pytest.mark.parametrize(("length", "left"), [(40.0, 20.0), (20.5, 20.0), (7.0, 7.0)])
def test_gradients_are_shortened_to_the_longest(length: float, left: float) -> None:
    """All by one factor; one without a gradient is passed over."""
    parameters = [torch.nn.Parameter(torch.zeros(n)) for n in (3, 5, 2)]
    whole = torch.randn(8, generator=torch.Generator().manual_seed(0))
    whole *= length / whole.norm()
    parameters[0].grad, parameters[1].grad = whole[:3].clone(), whole[3:].clone()
    clip_gradients(parameters, whole.norm(), 20.0)
    found = torch.cat([p.grad for p in parameters if p.grad is not None])
    torch.testing.assert_close(found, whole * (left / length))


def test_fourier_features_are_waves_of_the_stated_scale() -> None:
    features = FourierFeatures(2, 20_000, 3.0)
    z = torch.tensor([[0.3, -1.1], [0.0, 0.0]])
    found = features(z).numpy()
    b = features.frequencies.numpy()
    assert b.std() == pytest.approx(3.0, rel=0.02)
    phase = z.numpy() @ b
    wanted = np.concatenate([z.numpy(), np.sin(phase), np.cos(phase)], 1)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_decoder_of_a_plane_has_fourier_features() -> None:
    assert VaeConfig().fourier == 2
    assert VaeConfig(latent=3).fourier == 0
    assert VaeConfig(fourier=0).fourier == 0
    with pytest.raises(InputError, match="`fourier`"):
        VaeConfig(fourier=-1)


def test_gaussian_entropy_equals_scipy() -> None:
    log_std = torch.tensor([[0.1, -2.0, 0.7]], dtype=torch.float64)
    wanted = norm(scale=log_std.exp().numpy()).entropy().sum()
    assert gaussian_entropy(log_std).item() == pytest.approx(wanted)


def test_omega_of_the_standard_prior_is_minus_the_closed_form_kl() -> None:
    """KL(q||N(0,I)) = 1/2 sum(mu^2 + s^2 - 1 - ln s^2) (Kingma & Welling 2014, appendix B)."""
    model = model_of("standard")
    x = (torch.rand(6, 9) < 0.5).float()
    with torch.no_grad():
        mean, log_std = model.encode(x)
        draws = 40_000
        omega = model.terms(x, torch.randn(draws, 6, 2)).omega
    kl = 0.5 * (mean**2 + (2 * log_std).exp() - 1 - 2 * log_std).sum(-1)
    # The variance of ln p - ln q under q, per dimension, is at most of the order of 1 + mu^2.
    error = 4 * ((1 + mean**2).sum(-1) * 2 / draws).sqrt()
    assert ((omega + kl).abs() < error).all()


def test_probabilities_of_all_512_small_images_add_up_to_one() -> None:
    """Sum over every 3x3 image of p(x) = E_p(z) p(x|z), by quadrature over the plane."""
    model = model_of("mixture").double()
    images = torch.tensor(
        [[(n >> i) & 1 for i in range(9)] for n in range(512)], dtype=torch.float64
    )
    line = torch.linspace(-12, 12, 241, dtype=torch.float64)
    z = torch.cartesian_prod(line, line)
    with torch.no_grad():
        log_prior = model.prior().log_prob(z) + 2 * math.log(0.1)
        logits = model.decoder(z)
        log_joint = (
            images @ logits.T - torch.nn.functional.softplus(logits).sum(1) + log_prior
        )
        total = log_joint.logsumexp(1).exp().sum().item()
    assert total == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("prior", LAB_PRIORS)
def test_the_bound_is_below_the_exact_likelihood(prior: str) -> None:
    model = model_of(prior)
    x = (torch.rand(20, 9, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    line = torch.linspace(-15, 15, 401)
    z = torch.cartesian_prod(line, line)
    with torch.no_grad():
        log_prior = model.prior().log_prob(z) + 2 * math.log(30 / 400)
        logits = model.decoder(z)
        exact = (
            x @ logits.T - torch.nn.functional.softplus(logits).sum(1) + log_prior
        ).logsumexp(1)
        elbo = model.terms(x, torch.randn(4000, 20, 2)).elbo
    assert (elbo < exact + 0.05).all()
    assert elbo.mean() < exact.mean()


@pytest.mark.parametrize("prior", LAB_PRIORS)
@pytest.mark.parametrize("latent", [1, 2, 5])
def test_omega_is_the_sum_of_its_parts(prior: str, latent: int) -> None:
    """Equation 3 holds although its parts are computed by other ways than equation 2."""
    model = model_of(prior, latent)
    x = (torch.rand(300, 9, generator=torch.Generator().manual_seed(1)) < 0.5).float()
    results = measured(model, x, draws=64)
    assert results.identity_holds
    parts = results.conditional_entropy.value - results.cross_entropy.value
    assert results.omega.value == pytest.approx(parts, abs=results.identity_tolerance)
    assert results.elbo.value == pytest.approx(results.re.value + results.omega.value)


def test_a_wrong_density_breaks_the_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check can fail: here the entropy is taken of sigma^2 in place of sigma."""
    model = model_of("standard")
    x = (torch.rand(300, 9) < 0.5).float()
    monkeypatch.setattr(
        posteriors, "gaussian_entropy", lambda log_std: gaussian_entropy(2 * log_std)
    )
    assert not measured(model, x, draws=64).identity_holds


def test_cross_entropy_of_the_standard_prior_is_the_closed_form() -> None:
    """-E ln N(z; 0, I) = D/2 ln 2 pi + 1/2 sum(mu^2 + sigma^2)."""
    model = model_of("standard")
    mean, log_std = torch.randn(10, 2), 0.3 * torch.randn(10, 2)
    found = cross_entropy(model.prior().log_prob, mean, log_std, torch.Generator())
    wanted = math.log(2 * math.pi) + 0.5 * (mean**2 + (2 * log_std).exp()).sum(-1)
    torch.testing.assert_close(found, wanted.double(), rtol=1e-5, atol=1e-5)


def test_aggregated_posterior_is_the_explicit_mixture() -> None:
    mean, log_std, z = torch.randn(7, 2), 0.4 * torch.randn(7, 2), torch.randn(5, 2)
    parts = norm(mean.numpy()[None], log_std.exp().numpy()[None]).logpdf(z.numpy()[:, None])
    wanted = logsumexp(parts.sum(-1), axis=1) - math.log(7)
    found = log_aggregated_posterior(z, mean, log_std).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_measurement_does_not_depend_on_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deterministic parts agree exactly; a ragged last chunk weighs no more than its images."""
    model = model_of("vamp")
    x = (torch.rand(300, 9) < 0.5).float()
    whole = measured(model, x, draws=4)
    monkeypatch.setattr(measures, "CHUNK", 37)
    parts = measured(model, x, draws=4)
    for key in ("cross_entropy", "conditional_entropy"):
        assert getattr(parts, key).value == pytest.approx(getattr(whole, key).value, rel=1e-5)


@pytest.mark.parametrize("prior", LAB_PRIORS)
def test_every_parameter_learns(prior: str) -> None:
    model = model_of(prior)
    x = (torch.rand(30, 9) < 0.5).float()
    (-model.terms(x, torch.randn(1, 30, 2)).elbo.mean()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_training_improves_and_rebuilds(tiny_digits: Path, tmp_path: Path) -> None:
    config = config_of(tiny_digits, epochs=40, learning_rate=3e-3)
    results = train_vae(config, tmp_path / "run")
    run = Run(tmp_path / "run")
    metrics = run.metrics()
    assert [m["epoch"] for m in metrics] == list(range(1, 41))
    assert metrics[-1]["bound"] > metrics[0]["bound"] + 10
    assert results == read_results(run)
    assert run.done
    assert {p.name for p in run.path.iterdir()} == {
        "beginning.jsonl", "config.json", "env.json", "measures.safetensors", "metrics.jsonl",
        "model.safetensors", "results.json", "DONE",
    }
    again = evaluate_vae(run.path)
    for key in ("re", "omega", "cross_entropy", "conditional_entropy", "elbo"):
        assert getattr(again, key) == getattr(results, key), key


@pytest.mark.parametrize("patience", [None, 50])
def test_an_unfinished_run_is_measured_and_left_alone(
    patience: int | None, tiny_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What training has saved: its weights, or with early stopping the best of them."""
    config = config_of(tiny_digits, epochs=40, patience=patience, learning_rate=0.05)
    monkeypatch.setattr(loop, "SAVE_EVERY_S", -1.0)
    save = Run.save_state

    def save_and_die(run: Run, tensors: dict, step: int, seconds: float) -> None:
        save(run, tensors, step, seconds)
        waited = patience and tensors["best"][0] > -1e6 and tensors["best"][1] >= 2
        if waited or (not patience and step == 7):
            raise KeyboardInterrupt

    monkeypatch.setattr(Run, "save_state", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        train_vae(config, tmp_path / "run")
    before = {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir()}
    found = evaluate_vae(tmp_path / "run")
    assert {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir()} == before

    state = Run(tmp_path / "run").newest_state()
    assert state is not None
    digits = genlab.data.splits(config.data)
    x = observed_test_images(digits, Bernoulli())
    model = build_vae(config, x.shape[1:])
    unpack(state[0], {"best" if patience else "vae": model}, {})
    wanted = measured(model.eval(), x, config.draws)
    assert found.re.value == pytest.approx(wanted.re.value, abs=1e-9)
    which = "the best by validation ELBO" if patience else "the last saved"
    assert found.unfinished == f"not finished; weights measured: {which} until step {state[1]}"
    if patience:
        splits, lines = splits_of(digits, config, Bernoulli()), Run(tmp_path / "run").metrics()
        assert splits.valid is not None
        best = max(line["valid_elbo"] for line in lines)
        assert elbo_of(model, splits.valid) == pytest.approx(best)
        assert lines[-1]["valid_elbo"] < best


def test_a_run_that_has_saved_nothing_cannot_be_measured(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"kind": "vae", "config": {}}')
    with pytest.raises(InputError, match="no VAE run, or one that has saved nothing yet"):
        evaluate_vae(tmp_path)


@pytest.mark.parametrize("prior", LAB_PRIORS)
def test_killed_and_resumed_equals_unbroken(
    prior: str, tiny_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped at several moments, inside and at the end of epochs: same weights, same metrics."""
    config = config_of(tiny_digits, prior=prior, checkpoints=True)
    train_vae(config, tmp_path / "whole")
    monkeypatch.setattr(loop, "SAVE_EVERY_S", -1.0)
    save = Run.save_state
    for stop in (1, 3, 7, 17):

        def save_and_die(
            run: Run, tensors: dict, step: int, seconds: float, stop: int = stop
        ) -> None:
            save(run, tensors, step, seconds)
            if step == stop:
                raise KeyboardInterrupt

        monkeypatch.setattr(Run, "save_state", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            train_vae(config, tmp_path / "broken")
    monkeypatch.setattr(Run, "save_state", save)
    train_vae(config, tmp_path / "broken")
    whole = (tmp_path / "whole" / "model.safetensors").read_bytes()
    assert (tmp_path / "broken" / "model.safetensors").read_bytes() == whole
    assert metrics_of(tmp_path / "broken") == metrics_of(tmp_path / "whole")
    begun = [(tmp_path / run / "beginning.jsonl").read_bytes() for run in ("broken", "whole")]
    assert begun[0] == begun[1] != b""
    assert kept_of(tmp_path / "broken") == kept_of(tmp_path / "whole")


def kept_of(run: Path) -> dict[str, bytes]:
    """The states that a run kept."""
    return {path.name: path.read_bytes() for path in run.glob("checkpoint-*")}


def test_the_states_kept_are_those_of_their_steps(tiny_digits: Path, tmp_path: Path) -> None:
    """An epoch of which the test ELBO is recorded; later, when `fit` has gone on, the weights."""
    config = config_of(tiny_digits, epochs=41, hidden=(4,), checkpoints=True)
    images = len(genlab.data.splits(str(tiny_digits)).train)
    epoch, first, second = checkpoint_plan(config, images) or (0, 0, 0)
    assert (epoch, first, second) == (20, 20 * math.ceil(images / 50), first + STEPS)
    train_vae(config, tmp_path / "run")
    assert sorted(kept_of(tmp_path / "run")) == [checkpoint_name(n) for n in (first, second)]
    (line,) = [m for m in Run(tmp_path / "run").metrics() if m["epoch"] == epoch]
    (before, after) = [load(data) for _, data in sorted(kept_of(tmp_path / "run").items())]
    model = build_vae(config, (8, 8))
    adam = torch.optim.Adam(model.parameters())
    unpack(before, {"vae": model}, {"adam": adam})
    splits = splits_of(genlab.data.splits(str(tiny_digits)), config, Bernoulli())
    assert elbo_of(model, splits.test) == pytest.approx(line["test_elbo"], abs=1e-6)
    assert {s["step"].item() for s in adam.state_dict()["state"].values()} == {first}
    assert after.keys() == {key for key in before if key.startswith("module/")}
    assert any(not torch.equal(before[key], value) for key, value in after.items())


@pytest.mark.parametrize("changes", [{"epochs": 1}, {"patience": 3}, {"post_hoc": "run"}])
def test_states_are_kept_of_whole_planned_trainings_only(
    changes: dict, tiny_digits: Path
) -> None:
    with pytest.raises(InputError, match="`checkpoints`"):
        config_of(tiny_digits, checkpoints=True, **changes)


def test_sigkill_at_any_moment_leaves_a_run_that_goes_on(
    tiny_digits: Path, tmp_path: Path
) -> None:
    config = config_of(tiny_digits, epochs=400)
    program = (
        "import sys, genlab.vae.train as v, genlab.vae.loop as f, torch;"
        "torch.set_num_threads(1);"
        "from pathlib import Path; from genlab.configs.vae import VaeConfig;"
        "f.SAVE_EVERY_S = 0.0;"
        f"v.train_vae(VaeConfig(data={str(tiny_digits)!r}, hidden=(32,), epochs=400, batch=50),"
        f" Path({str(tmp_path / 'broken')!r}))"
    )
    for wait in (0.3, 0.7):
        child = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
        marker = tmp_path / "broken" / "state.json"
        deadline = time.monotonic() + 60
        while not marker.exists() and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(wait)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    train_vae(config, tmp_path / "broken")
    train_vae(config, tmp_path / "whole")
    whole = (tmp_path / "whole" / "model.safetensors").read_bytes()
    assert (tmp_path / "broken" / "model.safetensors").read_bytes() == whole


def test_changed_options_and_data_are_refused(tiny_digits: Path, tmp_path: Path) -> None:
    train_vae(config_of(tiny_digits, epochs=1), tmp_path / "run")
    with pytest.raises(InputError, match=r"epochs: 1 there, 2 now"):
        train_vae(config_of(tiny_digits, epochs=2), tmp_path / "run")
    with np.load(tiny_digits) as arrays:
        changed = dict(arrays)
    changed["train"][0, 0, 0] ^= 1
    np.savez(tiny_digits, **changed)
    with pytest.raises(InputError, match="other data"):
        train_vae(config_of(tiny_digits, epochs=1), tmp_path / "run")


def test_one_seed_decides_everything(tiny_digits: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        torch.manual_seed(hash(name) % 1000)  # the global generator must not matter
        train_vae(config_of(tiny_digits, prior="mixture", seed=seed), tmp_path / name)
    a, b, c = (load((tmp_path / n / "model.safetensors").read_bytes()) for n in "abc")
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert any(not torch.equal(a[k], c[k]) for k in a)


def test_divergence_is_named_and_keeps_the_last_state(
    tiny_digits: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="learning_rate"):
        train_vae(config_of(tiny_digits, learning_rate=1e30), tmp_path / "run")
    assert not Run(tmp_path / "run").done


def test_test_digits_are_the_same_for_every_run(tiny_digits: Path, tmp_path: Path) -> None:
    digits = genlab.data.splits(str(tiny_digits))
    images = observed_test_images(digits, Bernoulli())
    assert torch.equal(images, observed_test_images(digits, Bernoulli()))
    assert set(images.unique().tolist()) <= {0.0, 1.0}


def test_unfinished_run_is_refused(tiny_digits: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_vae(tmp_path)
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"kind": "gan", "config": {}}))
    with pytest.raises(InputError, match="not a finished VAE run"):
        load_vae(folder)
