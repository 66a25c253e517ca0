"""VAEs of rows of numbers: densities in closed form, runs, drawn rows, refusals."""

import csv
import json
import math
import shutil

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cases.command import run_command
from safetensors.torch import load_file
from scipy.stats import multivariate_normal

import genlab

from genlab.common.errors import InputError
from genlab.common.quantities import Measured
from genlab.configs.compare import CompareConfig
from genlab.configs.vae import RECIPES, TrainingConfig, VaeConfig
from genlab.data.identity import ImageCounts
from genlab.explorer.explore import explore
from genlab.fid.generated import of_run
from genlab.figures.draw import draw_vae
from genlab.figures.outputs.interpolation import interpolation
from genlab.runs.examine import examine
from genlab.runs.run import Run
from genlab.vae import loop
from genlab.vae.compare import compare
from genlab.vae.findings import copies
from genlab.vae.latents.encoding import encode
from genlab.vae.latents.rows import drawn_rows, write_rows
from genlab.vae.latents.sampling import decoded_draws
from genlab.vae.latents.walk import walk
from genlab.vae.likelihoods import Gaussian
from genlab.vae.load import load_vae, read_scale
from genlab.vae.measure import codes_of, mean_image_log_prob
from genlab.vae.results import Comparison, VaeResults, read_results
from genlab.vae.splits import observed_test_images, open_data, splits_of
from genlab.vae.train import evaluate_vae, refit_config, train_vae

# Shapes: N rows of F columns.

MEAN, STD = np.array([5.0, -200.0, 0.03, 8.0]), np.array([0.5, 40.0, 0.002, 1.0])
NAMES = ("a", "b", "$c", "d, e")


def drawn(count: int, seed: int = 0) -> np.ndarray:
    """Rows of a Gaussian with two factors, each column of another mean and spread."""
    random = np.random.default_rng(seed)
    loadings = np.array([[0.9, 0.0], [0.6, 0.6], [0.0, -0.9], [-0.5, 0.7]])
    rows = random.normal(size=(count, 2)) @ loadings.T + 0.4 * random.normal(size=(count, 4))
    return MEAN + STD * rows


def config_of(data: Path, **changes: object) -> VaeConfig:
    values = {
        "data": str(data), "likelihood": "gaussian", "hidden": (16,), "fourier": 0.0, "epochs": 3,
        "batch": 50, "draws": 2, "importance": 100,
    }
    return VaeConfig(**(values | changes))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "rows.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([NAMES, *drawn(200).tolist()])
    return path


@pytest.fixture(scope="module")
def trained(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "table"
    train_vae(config_of(source, epochs=40, batch=20, learning_rate=1e-2), out)
    draw_vae(out)
    return out


@pytest.fixture(scope="module")
def linear(
    tmp_path_factory: pytest.TempPathFactory
) -> tuple[VaeResults, genlab.VAE, genlab.data.Table]:
    """A linear VAE, which is probabilistic principal component analysis, and its table."""
    rows = genlab.data.table({"train": drawn(1500), "test": drawn(300, seed=1)})
    torch.manual_seed(0)
    likelihood = Gaussian(reals=True)
    vae = genlab.VAE.perceptron(
        4, 2, genlab.priors.Standard(2), likelihood, hidden=(), fourier=0.0
    )
    config = TrainingConfig(epochs=40, batch=100, learning_rate=2e-2)
    out = tmp_path_factory.mktemp("linear") / "run"
    return genlab.vae.fit(vae, rows, out, config, importance=200), vae, rows


def marginal(vae: genlab.VAE) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of p(x) of a linear decoder: N(b, W W^T + sigma^2 I)."""
    with torch.no_grad():
        bias = vae.decoder(torch.zeros(2)).double()
        weights = torch.stack([vae.decoder(one).double() - bias for one in torch.eye(2)], 1)
        variance = (2 * vae.likelihood.log_scale.double()).exp()
    covariance = weights @ weights.T + variance * torch.eye(4, dtype=torch.float64)
    return bias.numpy(), covariance.numpy()


def test_the_likelihood_of_a_linear_vae_is_its_gaussian(
    linear: tuple[VaeResults, genlab.VAE, genlab.data.Table]
) -> None:
    results, vae, rows = linear
    mean, covariance = marginal(vae)
    x = rows.rows("test").double().numpy()
    closed = -multivariate_normal(mean, covariance).logpdf(x)
    assert results.nll_exact is not None
    assert results.nll_exact_trusted
    assert results.nll_exact.value == pytest.approx(closed.mean(), abs=1e-3)
    np.testing.assert_allclose(results.values["nll_exact"], closed, atol=5e-3)
    assert results.nll_is is not None
    assert results.nll_is.value == pytest.approx(closed.mean(), abs=0.05)
    assert results.bits_per_pixel is None
    assert results.density
    assert results.reals


def test_in_the_tables_own_units_it_is_the_gaussian_of_these_units(
    linear: tuple[VaeResults, genlab.VAE, genlab.data.Table]
) -> None:
    results, vae, rows = linear
    mean, covariance = marginal(vae)
    m, s = (np.array(one) for one in (rows.scale.mean, rows.scale.std))
    own = multivariate_normal(m + s * mean, s[:, None] * covariance * s)
    closed = -own.logpdf(rows.test.numpy()).mean()
    assert results.nll_own_units is not None
    assert results.nll_own_units.value == pytest.approx(closed, abs=1e-3)
    assert results.log_volume == pytest.approx(np.log(s).sum(), rel=1e-14)


def test_a_trained_linear_vae_comes_near_the_best_of_its_family(
    linear: tuple[VaeResults, genlab.VAE, genlab.data.Table]
) -> None:
    """The maximum likelihood of such a model: Tipping & Bishop (1999), equations 7 and 8."""
    results, _, rows = linear
    train, x = (rows.rows(one).double().numpy() for one in ("train", "test"))
    values, vectors = np.linalg.eigh(np.cov(train.T, bias=True))
    variance = values[:2].mean()
    kept = vectors[:, 2:] * (values[2:] - variance)
    best = kept @ vectors[:, 2:].T + variance * np.eye(4)
    wanted = -multivariate_normal(train.mean(0), best).logpdf(x).mean()
    assert results.nll_exact is not None
    assert results.nll_exact.value == pytest.approx(wanted, abs=0.03)


def test_the_baseline_of_reals_is_their_mean() -> None:
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) + 4
    likelihood = Gaussian(scale=0.7, reals=True)
    found = mean_image_log_prob(likelihood, x, x)
    density = torch.distributions.Normal(x.double().mean(0), 0.7).log_prob(x.double())
    assert found == pytest.approx(density.sum(1).mean().item(), rel=1e-6)
    assert torch.equal(likelihood.to_grey(x), x)
    assert Gaussian().to_grey(x).max() == 1
    assert Gaussian().log_scale.exp().item() == pytest.approx(0.2)
    assert Gaussian(reals=True).log_scale.exp().item() == pytest.approx(0.5)


def test_a_run_keeps_what_standardises_it(trained: Path, source: Path) -> None:
    results, scale = read_results(Run(trained)), read_scale(Run(trained))
    rows = genlab.data.table(source)
    assert scale == rows.scale
    assert scale.columns == NAMES
    assert results.log_volume == scale.log_volume
    assert results.likelihood_options == {"scale": None, "learn_scale": True, "reals": True}
    assert results.domain == "rows of a table, its columns standardised"
    assert Run(trained).data("images").shape == (4,)
    assert results.bits_per_pixel is None
    assert {one.found for one in examine(trained)} == {"whole"}
    assert "table.json" in {one.file for one in examine(trained)}


def test_a_changed_scale_is_refused(trained: Path, source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    record = json.loads((copy / "table.json").read_text())
    record["std"][0] *= 2
    (copy / "table.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"table\.json: changed since the run wrote it"):
        drawn_rows(copy, 3, 0)
    (copy / "table.json").unlink()
    with pytest.raises(InputError, match=r"table\.json: missing"):
        encode(copy)


def test_training_goes_on_bit_for_bit_and_loads(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(source, patience=2, epochs=4)
    train_vae(config, tmp_path / "whole")
    steps, real = 0, loop.train_step

    def killed(*arguments: object, **more: object) -> torch.Tensor:
        nonlocal steps
        steps += 1
        if steps == 6:
            raise KeyboardInterrupt
        return real(*arguments, **more)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(loop, "train_step", killed)
    monkeypatch.setattr(loop, "SAVE_EVERY_S", 0.0)
    with pytest.raises(KeyboardInterrupt):
        train_vae(config, tmp_path / "parts")
    monkeypatch.setattr(loop, "train_step", real)
    train_vae(config, tmp_path / "parts")
    first, second = (
        load_file(tmp_path / one / "model.safetensors") for one in ("whole", "parts")
    )
    assert all(torch.equal(first[name], second[name]) for name in first)
    model, _ = load_vae(tmp_path / "parts")
    assert all(torch.equal(first[name], value) for name, value in model.state_dict().items())
    values = [load_file(tmp_path / one / "measures.safetensors") for one in ("whole", "parts")]
    assert torch.equal(values[0]["nll_exact"], values[1]["nll_exact"])


def test_the_rows_that_stop_training_are_drawn_from_all(tmp_path: Path) -> None:
    """A table may be sorted: the last sixth of its rows is not like the others."""
    rows = np.sort(drawn(300), axis=0)
    found = genlab.data.table(rows)
    splits = splits_of(found, config_of(tmp_path, patience=3), Gaussian(reals=True))
    assert splits.valid is not None
    assert len(splits.train) + len(splits.valid) == len(found.train)
    assert splits.valid.mean(0).abs().max() < 0.5
    both = torch.cat([splits.train, splits.valid])
    assert torch.equal(both.sort(0).values, found.rows("train").sort(0).values)


def test_measured_again_it_has_the_same_numbers(trained: Path, source: Path) -> None:
    before = read_results(Run(trained))
    after = evaluate_vae(trained, str(source))
    assert isinstance(after, VaeResults)
    assert (after.nll_exact, after.log_volume) == (before.nll_exact, before.log_volume)


def test_a_prior_is_learned_post_hoc(trained: Path, tmp_path: Path) -> None:
    config = refit_config(
        trained, tmp_path / "mixture", "mixture", {"components": 3}, epochs=1, learning_rate=1e-3,
        em=True,
    )
    results = train_vae(config, tmp_path / "mixture")
    assert results.log_volume == read_results(Run(trained)).log_volume
    assert read_scale(Run(tmp_path / "mixture")) == read_scale(Run(trained))


def test_priors_are_compared(source: Path, tmp_path: Path) -> None:
    config = CompareConfig(
        priors=("standard", "mixture"), components=3, likelihood="gaussian", data=str(source),
        hidden=(8,), epochs=2, batch=50, importance=0,
    )
    results = compare(config, tmp_path / "compare")
    assert isinstance(results, Comparison)
    assert results.domain == "rows of a table, its columns standardised"
    with pytest.raises(InputError, match="`pictures`: .* is a table of numbers"):
        compare(replace(config, pictures=100), tmp_path / "pictures")


def test_drawn_rows_are_those_of_the_model(
    trained: Path, source: Path
) -> None:
    rows, table = drawn_rows(trained, 4000, 0), genlab.data.table(source).train.numpy()
    assert rows.shape == (4000, 4)
    np.testing.assert_allclose(rows.mean(0), table.mean(0), atol=0.25 * STD.min(), rtol=0.15)
    np.testing.assert_allclose(rows.std(0) / table.std(0), 1, atol=0.25)
    np.testing.assert_array_equal(drawn_rows(trained, 130, 0), rows[:130])
    assert not np.array_equal(drawn_rows(trained, 5, 1), rows[:5])
    # The noise of p(x|z) is among them: means alone would lie in a plane of less spread.
    model, _ = load_vae(trained)
    scale, noise = read_scale(Run(trained)), model.likelihood.log_scale.exp().item()
    with torch.no_grad():
        means = model.decode(model.prior().sample(torch.Size((4000,))))
    ratio = (rows / np.array(scale.std)).var(0) - means.var(0).numpy()
    np.testing.assert_allclose(ratio, noise**2, atol=0.15)


def test_drawn_rows_are_written_and_read_back(trained: Path, tmp_path: Path) -> None:
    for name in ("rows.csv", "rows.tsv"):
        record = write_rows(trained, 120, 3, tmp_path / name, new=True)
        assert record["n"] == 120
        found = genlab.data.table(tmp_path / name)
        assert found.scale.columns == NAMES
        both = np.concatenate([found.train.numpy(), found.test.numpy()])
        np.testing.assert_array_equal(
            np.sort(both, axis=0), np.sort(drawn_rows(trained, 120, 3), axis=0)
        )
    write_rows(trained, 120, 3, tmp_path / "rows.csv", new=True)
    with pytest.raises(InputError, match="another file is there"):
        write_rows(trained, 7, 3, tmp_path / "rows.csv", new=True)
    with pytest.raises(InputError, match=r"written as \.csv or \.tsv"):
        write_rows(trained, 7, 3, tmp_path / "rows.png")


def test_codes_are_those_of_the_rows(trained: Path, source: Path, tmp_path: Path) -> None:
    codes, (model, config) = encode(trained), load_vae(trained)
    x = observed_test_images(open_data(config), model.likelihood)
    with torch.no_grad():
        np.testing.assert_array_equal(codes["test_mean"], codes_of(model, x).mean.numpy())
    moved = drawn(60, seed=5) + 10 * STD
    np.save(tmp_path / "moved.npy", moved)
    other = encode(trained, tmp_path / "moved.npy")
    scale, test = read_scale(Run(trained)), genlab.data.table(moved).test.numpy()
    standardised = ((test - np.array(scale.mean)) / np.array(scale.std)).astype(np.float32)
    with torch.no_grad():
        wanted = model.encode(torch.from_numpy(standardised))[0]
    np.testing.assert_allclose(other["test_mean"], wanted, atol=1e-5)
    with pytest.raises(InputError, match="its columns are x1, x2, x3; this VAE was trained on"):
        encode(trained, drawn(60)[:, :3])


def test_figures_of_rows(trained: Path) -> None:
    names = {path.name for path in (trained / "figures").iterdir()}
    assert names == {"curve.png", "aggregated.png", "prior.png", "samples.png"}


@pytest.mark.parametrize("columns", [1, 2])
def test_figures_of_few_columns(columns: int, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", drawn(80)[:, :columns])
    config = config_of(tmp_path / "rows.npy", latent=1, epochs=1, importance=0)
    train_vae(config, tmp_path / "run")
    draw_vae(tmp_path / "run")
    assert (tmp_path / "run" / "figures" / "samples.png").exists()


def test_what_needs_images_refuses_a_table(trained: Path, tmp_path: Path) -> None:
    uses = (
        lambda: decoded_draws(trained, 3, 0), lambda: walk(trained, 3, 0),
        lambda: of_run(trained, 3, 0), lambda: explore(trained, tmp_path / "a.html"),
        lambda: interpolation(trained, ("0", "1"), 3, tmp_path / "a.png"),
    )
    for use in uses:
        with pytest.raises(InputError, match="a VAE of rows of a table; .* needs one of images"):
            use()


def test_options_that_do_not_fit_a_table_are_refused(
    source: Path, tiny_digits: Path, tmp_path: Path
) -> None:
    for changes, words in (
        ({"likelihood": "bernoulli"}, "a table of numbers.* give `recipe` table, or `likelihood`"),
        ({"net": "conv", "hidden": VaeConfig.hidden}, "`net` conv: is for images"),
        ({"size": 32}, "`size` and `crop` are for images"),
    ):
        with pytest.raises(InputError, match=words):
            train_vae(config_of(source, **changes), tmp_path / "run")
    config = config_of(tiny_digits, likelihood_options={"reals": True})
    with pytest.raises(InputError, match=r"`likelihood\.reals` is for tables of numbers"):
        train_vae(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_findings_speak_of_rows() -> None:
    counts = ImageCounts(
        train=10, train_different=9, test=5, test_different=4, test_in_train=1
    )
    for zh, en in copies(counts, reals=True):
        assert "row" in en
        assert not {"image", "picture"} & set(en.replace("s", "").split())
        assert "图" not in zh


def test_the_commands_of_a_table(source: Path, tmp_path: Path) -> None:
    options = ("--epochs", "2", "--importance", "0", "--hidden", "8", "--out", "run")
    ended = run_command("vae", "train", "--data", str(source), *options, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "test rows; for the table's own units add " in ended.stdout
    assert "bits per pixel" not in ended.stdout
    config = load_vae(tmp_path / "run")[1]
    assert (config.likelihood, config.batch) == ("gaussian", RECIPES["table"]().batch)
    ended = run_command("resume", "run", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    ended = run_command("vae", "sample", "run", "--n", "7", cwd=tmp_path)
    assert ended.stdout == "7 rows in run/generated.csv\n", ended.stderr
    assert len((tmp_path / "run" / "generated.csv").read_text().splitlines()) == 8
    ended = run_command("vae", "encode", "run", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    for arguments in (("vae", "sample", "run", "--grid"), ("vae", "sample", "run", "--walk")):
        ended = run_command(*arguments, cwd=tmp_path)
        assert ended.returncode == 2
        assert "a VAE of rows of a table" in ended.stderr
        assert arguments[-1] in ended.stderr
    assert math.isfinite(Measured(**json.loads(
        (tmp_path / "run" / "results.json").read_text())["nll_exact"], unit="nats").value)
