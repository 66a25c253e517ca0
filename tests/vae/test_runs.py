"""Runs beyond the plain one: priors learned post hoc, other objectives, early stopping."""

import math
import re
import time

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cases.vae import train_with_cuts
from safetensors.torch import load

import genlab.data

from genlab.cli.resume import resume
from genlab.common import atomic
from genlab.common.cache import Parts
from genlab.common.errors import InputError, TrainingError
from genlab.common.quantities import QUANTITIES, Measured
from genlab.compute.hardware import CPU
from genlab.configs.compare import CompareConfig
from genlab.configs.vae import RECIPES, VaeConfig
from genlab.figures.draw import draw_comparison
from genlab.lab.refresh import refresh
from genlab.priors import PRIORS
from genlab.runs.lock import run_lock
from genlab.runs.run import Run, open_run
from genlab.runs.seal import seal
from genlab.vae.compare import compare
from genlab.vae.evidence.importance import pareto_k
from genlab.vae.likelihoods import Bernoulli
from genlab.vae.load import load_vae, measured_values
from genlab.vae.results import read_comparison, read_results
from genlab.vae.splits import splits_of
from genlab.vae.train import evaluate_vae, refit_config, train_vae

SMALL = {
    "mixture": {"components": 6}, "vamp": {"components": 6}, "vamp-mixture": {"components": 6},
    "gtm": {"grid": 3}, "gtm-vamp": {"grid": 3, "hidden": (8,)},
    "realnvp": {"blocks": 2, "hidden": (8,)}, "spline": {"blocks": 2, "hidden": (8,)},
    "exemplar": {"components": 6}, "lars": {"hidden": (8,)}, "energy": {"hidden": (8,)},
    "diffusion": {"hidden": (8,), "steps": 8}, "zuko": {"blocks": 2, "hidden": (8,)},
}


def config_of(digits: Path, **changes: object) -> VaeConfig:
    base = VaeConfig(data=str(digits), hidden=(32,), epochs=4, batch=50, importance=0, draws=4)
    return replace(base, **changes)


@pytest.fixture
def base(tiny_digits: Path, tmp_path: Path) -> Path:
    train_vae(config_of(tiny_digits, epochs=30, learning_rate=3e-3), tmp_path / "base")
    return tmp_path / "base"


@pytest.mark.parametrize("prior", PRIORS)
def test_every_prior_trains_measures_and_rebuilds(
    prior: str, tiny_digits: Path, tmp_path: Path
) -> None:
    options = SMALL.get(prior, {})
    config = config_of(tiny_digits, epochs=1, prior=prior, prior_options=options)
    results = train_vae(config, tmp_path / "run")
    assert results.identity_holds
    assert results.nll_exact.value <= -results.elbo.value + 4 * results.inference_gap.error
    assert abs(results.prior_outside_box) < 0.02
    model, again = load_vae(tmp_path / "run")
    assert again == config
    stored = load((tmp_path / "run" / "model.safetensors").read_bytes())
    assert stored.keys() == model.state_dict().keys()


def test_a_refitted_prior_leaves_the_networks_and_closes_the_gap(
    base: Path, tmp_path: Path
) -> None:
    config = refit_config(
        base, tmp_path / "refit", "mixture", {"components": 8}, epochs=60,
        learning_rate=0.02, em=False,
    )
    results = train_vae(config, tmp_path / "refit")
    before, after = load_vae(base)[0], load_vae(tmp_path / "refit")[0]
    for part in ("encoder", "decoder"):
        for a, b in zip(getattr(before, part).parameters(), getattr(after, part).parameters()):
            assert torch.equal(a, b)
    old = read_results(Run(base))
    assert results.re.value == pytest.approx(old.re.value)  # the same noise, the same networks
    entropy = results.conditional_entropy.value
    assert entropy == pytest.approx(old.conditional_entropy.value)
    assert results.prior_gap.value < old.prior_gap.value
    assert results.elbo.value > old.elbo.value


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_the_ex_post_mixture_by_em_closes_the_gap(
    covariance: str, base: Path, tmp_path: Path
) -> None:
    options = {"components": 8, "covariance": covariance}
    out = tmp_path / "em"
    config = refit_config(base, out, "mixture", options, epochs=1, learning_rate=1e-3, em=True)
    results = train_vae(config, out)
    assert results.prior_gap.value < read_results(Run(base)).prior_gap.value
    assert results.epochs == 0


@pytest.mark.parametrize("prior", ["vamp", "vamp-mixture"])
def test_pseudo_inputs_begun_by_em_go_where_gradients_alone_do_not(
    prior: str, base: Path, tmp_path: Path
) -> None:
    """With posteriors e^-2 as wide as they were learned, in the plane's scale, as MNIST's are."""
    model, _ = load_vae(base)
    with torch.no_grad():
        model.encoder.body[-1].bias[2:] -= 2
    atomic.write_tensors(base / "model.safetensors", model.state_dict())
    seal(base)
    evaluate_vae(base)
    gaps = {}
    for em in (True, False):
        options, out = {"components": 8}, tmp_path / str(em)
        config = refit_config(base, out, prior, options, epochs=3, learning_rate=3e-3, em=em)
        gaps[em] = train_vae(config, out).prior_gap.value
    assert gaps[True] < 0.5 * gaps[False]
    assert gaps[True] < read_results(Run(base)).prior_gap.value


def test_refitting_the_standard_gaussian_changes_nothing(base: Path, tmp_path: Path) -> None:
    config = refit_config(
        base, tmp_path / "same", "standard", {}, epochs=3, learning_rate=1e-3, em=False
    )
    results, old = train_vae(config, tmp_path / "same"), read_results(Run(base))
    for key in ("re", "omega", "cross_entropy", "nll_exact", "prior_gap"):
        assert getattr(results, key) == getattr(old, key), key


def test_a_finished_run_that_lacks_its_weights_is_damaged(base: Path) -> None:
    (base / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"done, yet it lacks model\.safetensors"):
        load_vae(base)


def test_a_run_by_quadrature_is_refitted(tiny_digits: Path, tmp_path: Path) -> None:
    """Its own lattice is none of the new prior's options."""
    config = config_of(tiny_digits, epochs=1, objective="exact", lattice=10)
    train_vae(config, tmp_path / "base")
    options = {"epochs": 1, "learning_rate": 1e-3, "em": False}
    refit = refit_config(tmp_path / "base", tmp_path / "new", "mixture", {}, **options)
    assert (refit.objective, refit.lattice) == ("elbo", VaeConfig.lattice)


def test_refit_refuses_other_digits_and_stray_options(
    base: Path, tmp_path: Path, tiny_digits: Path
) -> None:
    def of(run: Path, prior: str, em: bool = False) -> VaeConfig:
        return refit_config(
            run, tmp_path / "other", prior, {}, epochs=1, learning_rate=1e-3, em=em
        )

    student = of(base, "student", em=True)
    assert not student.em  # which it is not fitted by
    with pytest.raises(InputError, match="`em` is for the priors gaussian, mixture, vamp, vamp"):
        train_vae(replace(student, em=True), tmp_path / "other")
    with pytest.raises(InputError, match="not a finished VAE run|no such file"):
        of(tmp_path / "none", "vamp")
    config = of(base, "standard")
    with pytest.raises(InputError, match="its `hidden` is"):
        train_vae(replace(config, hidden=(8,)), tmp_path / "other")
    digits = np.load(tiny_digits)
    changed = {**digits, "train": 255 - digits["train"]}
    np.savez(tmp_path / "changed.npz", **changed)
    with pytest.raises(InputError, match="other data for 'images'"):
        train_vae(replace(config, data=str(tmp_path / "changed.npz")), tmp_path / "other")
    assert not (tmp_path / "other").exists()  # nothing was written for what was refused


@pytest.mark.parametrize(
    "changes",
    [
        {"objective": "iwae", "samples": 4},
        {"objective": "iwae", "samples": 4, "gradient": "stl"},
        {"objective": "pooled", "samples": 2, "clip": 50.0},
        {"objective": "exact", "lattice": 40},
        {"beta": 0.5, "warmup": 4, "free_bits": 0.2, "samples": 2},
        {"gated": True, "schedule": "constant"},
    ],
)
def test_objectives_lower_the_exact_likelihood(
    changes: dict[str, object], tiny_digits: Path, tmp_path: Path
) -> None:
    common = {"learning_rate": 3e-3, "prior": "mixture", "prior_options": SMALL["mixture"]}
    one = train_vae(config_of(tiny_digits, epochs=1, **common, **changes), tmp_path / "one")
    many = train_vae(config_of(tiny_digits, epochs=40, **common, **changes), tmp_path / "many")
    assert many.nll_exact.value < one.nll_exact.value - 3
    assert many.elbo.value > one.elbo.value + 3


def test_exact_training_has_no_worse_a_likelihood_than_its_bound(
    tiny_digits: Path, tmp_path: Path
) -> None:
    """The bound that is logged is ln p(x) itself: above the ELBO of the same model."""
    config = config_of(tiny_digits, objective="exact", lattice=64, epochs=40, learning_rate=3e-3)
    results = train_vae(config, tmp_path / "run")
    bounds = [m["bound"] for m in Run(tmp_path / "run").metrics()]
    assert bounds[-1] > results.elbo.value
    assert bounds[-1] > bounds[0] + 3


def test_early_stopping_keeps_the_best_and_resumes(
    tiny_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rate that overfits: training stops; the model kept is the best epoch's."""
    config = config_of(tiny_digits, epochs=500, patience=4, learning_rate=0.02,
                       schedule="constant")
    results = train_vae(config, tmp_path / "whole")
    metrics = Run(tmp_path / "whole").metrics()
    values = [m["valid_elbo"] for m in metrics]
    best = values.index(max(values))
    assert results.epochs == len(values) == best + 1 + 4 < 500
    # Cut at every save, inside and at the ends of epochs: the same weights.
    train_with_cuts(config, tmp_path / "broken", 7, monkeypatch)
    whole = (tmp_path / "whole" / "model.safetensors").read_bytes()
    assert (tmp_path / "broken" / "model.safetensors").read_bytes() == whole


def test_validation_digits_are_held_out_of_training(tiny_digits: Path) -> None:
    digits = genlab.data.splits(str(tiny_digits))
    all_, part = (
        splits_of(digits, config_of(tiny_digits, patience=p), Bernoulli()) for p in (None, 3)
    )
    assert all_.valid is None
    assert part.valid is not None
    assert len(part.train) + len(part.valid) == len(all_.train) == len(digits.train)
    assert torch.equal(part.train, all_.train[: len(part.train)])


def test_values_of_each_image_are_kept(base: Path) -> None:
    values, results = measured_values(base), read_results(Run(base))
    for key in ("re", "omega", "elbo", "nll_exact"):
        assert values[key].mean().item() == pytest.approx(getattr(results, key).value)
        assert len(values[key]) == results.test_images


def test_a_comparison_pairs_and_resumes(tiny_digits: Path, tmp_path: Path) -> None:
    """Cells by themselves and the whole give the same table; differences are image by image."""
    config = CompareConfig(
        priors=("mixture",), seeds=2, data=str(tiny_digits), components=6, hidden=(16,),
        epochs=2, batch=50, importance=0,
    )
    assert config.priors == ("standard", "mixture")
    whole = compare(config, tmp_path / "whole")
    parts = tmp_path / "parts"
    assert compare(config, parts, "mixture/1").lacking == [
        "standard/0", "mixture/0", "standard/1",
    ]
    for row in ("standard/0", "standard/1"):
        compare(config, parts, row)
    again = compare(config, parts, "mixture/0")
    for prior in config.priors:
        assert again.priors[prior].quantities == whole.priors[prior].quantities
        assert again.priors[prior].differences == whole.priors[prior].differences
    assert read_comparison(Run(parts)) == again
    found = whole.priors["mixture"].differences["nll_exact"]
    rows = [
        measured_values(tmp_path / "whole" / "mixture" / s)["nll_exact"]
        - measured_values(tmp_path / "whole" / "standard" / s)["nll_exact"]
        for s in ("0", "1")
    ]
    both = (rows[0] + rows[1]) / 2
    assert found.value == pytest.approx(both.mean().item())
    assert found.error == pytest.approx(both.std().item() / len(both) ** 0.5)
    assert found.seeds_error == pytest.approx((rows[0].mean() - rows[1].mean()).abs().item() / 2)
    assert found.over_seeds == Measured(found.value, found.seeds_error, "nats")
    (line,) = re.findall(r"^\| mixture .*", (tmp_path / "whole" / "table.md").read_text(), re.M)
    assert line.endswith(f"| {found.as_difference()} |")
    assert whole.priors["mixture"].quantities["elbo"].over_seeds.text() in line
    draw_comparison(tmp_path / "whole")
    assert (tmp_path / "whole" / "comparison.png").stat().st_size > 10_000
    with pytest.raises(InputError, match="`only` vamp/0: the rows are standard/0"):
        compare(config, tmp_path / "whole", "vamp/0")


def test_a_post_hoc_comparison_shares_its_networks(tiny_digits: Path, tmp_path: Path) -> None:
    config = CompareConfig(
        priors=("mixture", "student"), data=str(tiny_digits), components=6, hidden=(16,),
        epochs=3, refit_epochs=2, batch=50, importance=0, post_hoc=True,
    )
    assert compare(config, tmp_path / "run", "student/0").lacking == ["mixture/0"]
    rows = compare(config, tmp_path / "run").priors
    assert len({row.quantities["re"] for row in rows.values()}) == 1  # one VAE, one noise


def post_hoc_students(digits: Path) -> CompareConfig:
    return CompareConfig(
        priors=("student", "mixture"), data=str(digits), components=4, hidden=(16,), epochs=2,
        refit_epochs=1, batch=50, importance=0, post_hoc=True,
    )


def test_a_comparison_goes_on_wherever_its_folder_is(
    tiny_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = post_hoc_students(tiny_digits)
    monkeypatch.chdir(tmp_path)
    compare(config, Path("there"), "student/0")
    (tmp_path / "there").rename(tmp_path / "here")
    assert compare(config, tmp_path / "here").priors.keys() == {"standard", "student", "mixture"}


def test_a_row_waits_for_the_vae_that_another_process_trains(
    tiny_digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, out = post_hoc_students(tiny_digits), tmp_path / "run"
    identity = genlab.data.splits(config.data).identity
    open_run(out, "compare", config, {"digits": identity}, CPU.facts)
    with ThreadPoolExecutor() as pool:
        with run_lock(out / "standard" / "0"):
            row = pool.submit(compare, config, out, "student/0")
            while "waiting for its end" not in (said := capsys.readouterr().err):
                assert not row.done(), said
                time.sleep(0.01)
        assert row.result().lacking == ["mixture/0"]


def test_a_comparison_is_refused_before_any_of_it_is_trained(
    tiny_digits: Path, tmp_path: Path
) -> None:
    config = replace(post_hoc_students(tiny_digits), priors=("exemplar",), exemplars=1)
    with pytest.raises(InputError, match="components"):
        compare(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_is_measured_no_more_is_not_kept(tiny_digits: Path, tmp_path: Path) -> None:
    """And a comparison of such runs is of what they share."""
    config = replace(post_hoc_students(tiny_digits), priors=("student",), importance=100)
    compare(config, tmp_path / "run", "standard/0")
    out = tmp_path / "run" / "standard" / "0"
    before = Run(out).results
    evaluate_vae(out, importance=0)
    after = Run(out).results
    assert {k for k in before if before[k] != after[k]} == {
        "nll_is", "ess", "pareto_k", "importance_draws", "importance_parts",
        "ess_lowest_percent", "pareto_k_doubtful", "nll_is_trusted", "nll_is_draws_error",
    }
    assert {after[k] for k in before if before[k] != after[k]} == {None}
    rows = compare(config, tmp_path / "run").priors
    assert "nll_is" not in rows["standard"].quantities
    assert rows["student"].differences.keys() == {"nll_exact", "elbo"}


def test_a_finished_comparison_follows_its_rows(tiny_digits: Path, tmp_path: Path) -> None:
    """Rows that are measured again: its table, its file and its picture are made anew."""
    config, out = replace(post_hoc_students(tiny_digits), priors=("student",)), tmp_path / "run"
    compare(config, out)
    assert "nll_is" not in read_comparison(Run(out)).priors["student"].quantities
    moved = tiny_digits.rename(tmp_path / "moved.npz")
    for prior in ("standard", "student"):
        evaluate_vae(out / prior / "0", str(moved), importance=100)
        refresh(out / prior / "0", str(moved))
    rows = read_comparison(Run(out)).priors
    for prior in ("standard", "student"):
        own = read_results(Run(out / prior / "0")).nll_is
        assert rows[prior].quantities["nll_is"].over_seeds == own
    kept = [out / prior / "0" for prior in ("student", "standard")]
    ours, theirs = (measured_values(path)["nll_is"].double() for path in kept)
    draws = [read_results(Run(path)).nll_is_draws_error for path in kept]
    over_images = ((ours - theirs).std() / math.sqrt(len(ours))).item()
    error = rows["student"].differences["nll_is"].error
    assert error == pytest.approx(math.hypot(over_images, *draws))
    assert QUANTITIES["nll_is"].label() in (out / "table.md").read_text(encoding="utf-8")
    assert (out / "comparison.png").exists()


def test_parts_that_could_not_be_deleted_go_when_a_comparison_is_given_again(
    tiny_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deletion that fails costs no result, and is made up for."""
    config, out = replace(post_hoc_students(tiny_digits), priors=("student",)), tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(Parts, "discard", lambda parts: None)
        compare(config, out)
    assert sorted(out.rglob("measuring/*"))
    table = (out / "table.md").read_bytes()
    compare(config, out)
    assert not sorted(out.rglob("measuring"))
    assert (out / "table.md").read_bytes() == table


def test_gradients_are_clipped_where_a_prior_is_learned_with_the_networks(base: Path) -> None:
    assert VaeConfig(prior="vamp").clip == 20
    assert VaeConfig(prior="vamp", clip=0.0).clip == 0
    assert VaeConfig().clip == 0
    post_hoc = refit_config(
        base, base / "vamp", "vamp", {}, epochs=1, learning_rate=1e-3, em=False
    )
    assert post_hoc.clip == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "exact", "latent": 3}, "`objective` exact"),
        ({"objective": "iwae"}, "`samples`"),
        ({"clip": -1.0}, "`clip`"),
        ({"objective": "iwae", "samples": 4, "beta": 2.0}, "`beta`"),
        ({"gradient": "stl"}, "`gradient`"),
        ({"em": True}, "`em`"),
        ({"patience": 0}, "`patience` 0"),
        ({"patience": 5, "warmup": 4, "epochs": 3}, "`epochs` 3: early stopping"),
        ({"annealed": 1}, "`annealed` 1"),
        ({"learning_rate": math.nan}, "`learning_rate` nan: give a finite number"),
        ({"clip": math.inf}, "`clip` inf"),
        ({"prior": "spline", "prior_options": {"bound": math.nan}}, "`prior.bound` .* not nan"),
        ({"prior": "vamp", "prior_options": {"bins": 3}}, "`prior.bins`"),
        ({"prior": "spline", "prior_options": {"bound": 1e10}}, "`prior.bound` .* most 1000"),
        ({"prior": "gtm", "prior_options": {"hidden": (10**9,)}}, "`prior.hidden`"),
        ({"batch": 10**20}, "`batch` 100000000000000000000: must be at most"),
        ({"hidden": (99999999999,)}, "`hidden`"),
        ({"post_hoc": "base", "beta": 5.0}, "`beta`.* not to `post_hoc`"),
        ({"post_hoc": "base", "warmup": 1}, "`warmup`.* not to `post_hoc`"),
        ({"post_hoc": "base", "free_bits": 1.0}, "`free_bits`.* not to `post_hoc`"),
        ({"lattice": 10}, "`lattice`: belongs to `objective` exact"),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        VaeConfig(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "pooled", "prior": "exemplar"}, "`objective` pooled cannot train"),
        ({"objective": "exact", "prior": "exemplar"}, "`objective` exact cannot train"),
        ({"objective": "pooled", "prior": "diffusion"}, "`objective` pooled cannot train"),
        ({"objective": "iwae", "samples": 4, "prior": "diffusion"}, "`objective` iwae cannot"),
        ({"prior": "lars", "prior_options": {"truncation": 1}}, "`prior.truncation` must be at"),
        ({"prior": "vamp", "prior_options": {"components": 900}}, "`prior.components` must be at"),
        ({"prior": "exemplar", "prior_options": {"components": 900}}, "`prior.components` must"),
    ],
)
def test_a_prior_that_cannot_be_trained_is_refused_before_anything_is_written(
    changes: dict[str, object], message: str, tiny_digits: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        train_vae(config_of(tiny_digits, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_divergence_in_the_last_step_is_named(tiny_digits: Path, tmp_path: Path) -> None:
    config = config_of(
        tiny_digits, epochs=1, batch=500, schedule="constant", learning_rate=1e30
    )
    with pytest.raises(TrainingError, match="test_elbo is .* after epoch 1"):
        train_vae(config, tmp_path / "run")


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_resolve(name: str) -> None:
    assert RECIPES[name]().epochs > 0


def test_too_few_draws_to_know_their_error_are_refused_before_training() -> None:
    """Pareto's k of fewer than 100 draws is no number, and results hold numbers only."""
    weights = torch.zeros(100, 2, dtype=torch.float64).normal_(generator=torch.Generator())
    assert pareto_k(weights).isfinite().all()
    assert pareto_k(weights[:99]).isnan().all()
    assert VaeConfig(importance=100).importance == 100
    with pytest.raises(InputError, match="`importance` 99: at least 100"):
        VaeConfig(importance=99)


def test_a_run_goes_on_where_its_digits_have_moved_to(
    tiny_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What counts is their content; a run that is done needs none."""
    monkeypatch.chdir(tmp_path)
    config, out = config_of(Path(tiny_digits.name), epochs=1), tmp_path / "run"
    open_run(out, "vae", config, {"images": genlab.data.splits(config.data).identity})
    before = (out / "config.json").read_bytes()
    moved = tiny_digits.rename(tmp_path / "moved.npz")
    with pytest.raises(InputError, match="tiny.npz: no such file"):
        resume(out)
    np.savez(tmp_path / "others.npz", train=np.ones((99, 8, 8)), test=np.ones((40, 8, 8)))
    with pytest.raises(InputError, match="used other data"):
        resume(out, str(tmp_path / "others.npz"))
    capsys.readouterr()
    results = resume(out, str(moved))
    assert "data was 'tiny.npz'" in capsys.readouterr().err
    assert (out / "config.json").read_bytes() == before
    assert (out / "figures" / "manifold.png").exists()
    assert train_vae(replace(config, data=str(moved)), out) == results
    moved.unlink()
    assert resume(out) == results


def test_a_comparison_goes_on_where_its_digits_have_moved_to(
    tiny_digits: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    compare(post_hoc_students(tiny_digits), out, "student/0")
    moved = tiny_digits.rename(tmp_path / "moved.npz")
    results = resume(out, str(moved))
    moved.unlink()
    assert resume(out) == results
