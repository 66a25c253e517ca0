"""Findings: each sentence stands where its claim is true, on models and data made for it."""

import dataclasses

from pathlib import Path

import numpy as np
import pytest
import torch

from cases.command import run_command
from cases.report import VAES
from cases.vae import all_images, small_vae
from scipy.optimize import minimize
from torch import Tensor

import genlab.data

from genlab.common.cache import Parts
from genlab.common.quantities import Measured
from genlab.priors import Mixture
from genlab.vae.evidence import exact, sampled
from genlab.vae.evidence.elbo_surgery import unused_dimensions
from genlab.vae.findings import copies, findings
from genlab.vae.likelihoods import (
    Bernoulli,
    Binomial,
    ContinuousBernoulli,
    Gaussian,
    Likelihood,
)
from genlab.vae.measure import mean_image_log_prob, measure
from genlab.vae.model import VAE
from genlab.vae.posteriors import GaussianPosterior


def said(model: VAE, x: Tensor) -> str:
    """The findings about a model, measured."""
    found = findings(measure(model, x, x, draws=4, importance=0, seed=0))
    return "; ".join(one.en for one in found)


def test_a_good_model_has_no_findings() -> None:
    assert findings(VAES["mixture"]) == []
    assert copies(VAES["mixture"].images) == []


def test_an_encoder_that_ignores_the_image_has_collapsed() -> None:
    model, x = small_vae(3, 9), all_images(3)
    with torch.no_grad():
        model.encoder.body[-1].weight.mul_(20)
    assert "collapsed" not in said(model, x)
    with torch.no_grad():
        model.encoder.body[-1].weight.zero_()
    assert "the posterior has collapsed: the latent says next to nothing" in said(model, x)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_unused_dimensions_are_counted_on_any_scale(scale: float) -> None:
    random = torch.Generator().manual_seed(0)
    mean = torch.randn(1000, 3, generator=random) * torch.tensor([1.0, 0.0, 0.02])
    log_std = torch.full((1000, 3), -1.0)
    assert unused_dimensions(scale * mean, log_std + np.log(scale)) == 2
    assert unused_dimensions(scale * mean, torch.full((1000, 3), -9.0) + np.log(scale)) == 1


def test_one_unused_dimension_is_named() -> None:
    one = dataclasses.replace(VAES["standard"], unused_dimensions=1)
    (found,) = findings(one)
    assert found.en == "1 of 2 latent dimensions does not depend on the image"


@pytest.mark.parametrize(
    "likelihood", [Bernoulli(), Binomial(4), ContinuousBernoulli(), Gaussian(0.3)]
)
def test_the_mean_image_is_the_best_image_of_all(likelihood: Likelihood) -> None:
    """Its log-likelihood against that of the same family at other natural parameters."""
    random = torch.Generator().manual_seed(0)
    x = (torch.rand(300, 6, generator=random) * 5).floor() / 4
    if isinstance(likelihood, Bernoulli):
        x = x.round()
    found = mean_image_log_prob(likelihood, x, x)
    assert found is not None

    def loss(at: np.ndarray) -> tuple[float, np.ndarray]:
        eta = torch.tensor(at, requires_grad=True)
        value = -likelihood.log_prob(x.double(), eta).mean()
        (slope,) = torch.autograd.grad(value, eta)
        return value.item(), slope.numpy()

    best = minimize(loss, np.zeros(6), jac=True, tol=1e-12)
    assert found == pytest.approx(-best.fun, abs=1e-4)


def test_an_absurd_bound_is_said_to_be_one() -> None:
    absurd = dataclasses.replace(VAES["standard"], elbo=Measured(-1_446_477.0, 9_000.0, "nats"))
    (one,) = findings(absurd)
    assert one.en.startswith("the ELBO, −1,446,477.0 nats, is not above")
    assert "−206.6 nats" in one.en


def test_dead_components_are_counted() -> None:
    """Half of the components lie where no code is."""
    prior = Mixture(1, components=6)
    with torch.no_grad():
        prior.mean.copy_(torch.tensor([[-1.0], [0.0], [1.0], [90.0], [91.0], [92.0]]))
    z = torch.randn(2000, 1, generator=torch.Generator().manual_seed(0))
    found = prior.diagnostics(z, torch.Generator())
    assert found == {"components": 6, "dead_components": 3}
    one = dataclasses.replace(VAES["mixture"], diagnostics=found)
    assert findings(one)[0].en.startswith("3 of the prior's 6 components are unused")


def test_copies_are_counted_by_their_pixels() -> None:
    random = torch.Generator().manual_seed(0)
    shapes = torch.randint(0, 256, (30, 4, 4), generator=random, dtype=torch.uint8).numpy()
    digits = genlab.data.splits({
        "train": np.concatenate([shapes[:20], shapes[:5]]),
        "test": np.concatenate([shapes[20:], shapes[25:], shapes[:2]]),
    })
    counts = digits.counts()
    assert dataclasses.astuple(counts) == (25, 20, 17, 12, 2)
    first, second, third = (one.en for one in copies(counts))
    assert first == "25 training images, 20 different ones"
    assert second.startswith("17 test images, 12 different ones; the standard errors")
    assert third.startswith("2 of 17 test images are training images as well")


def test_a_measurement_that_is_stopped_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in its last part: begun again it computes that part alone, with the same numbers."""
    model, x = small_vae(1, 4), all_images(2)
    parts = Parts(tmp_path / "measuring", "key")
    computed = exact.exact_evidence

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(exact, "exact_evidence", stopped)
    with pytest.raises(KeyboardInterrupt):
        measure(model, x, x, draws=4, importance=200, seed=0, parts=parts)
    monkeypatch.setattr(exact, "exact_evidence", computed)
    monkeypatch.setattr(sampled, "log_weights", stopped)  # what is done is not done again
    monkeypatch.setattr(GaussianPosterior, "cross_entropy", stopped)
    found = measure(model, x, x, draws=4, importance=200, seed=0, parts=parts)
    monkeypatch.undo()
    assert found == measure(model, x, x, draws=4, importance=200, seed=0)
    parts.discard()
    assert not list(tmp_path.iterdir())


def test_a_quantity_that_is_not_finite_ends_in_one_line(
    tiny_digits: Path, tmp_path: Path
) -> None:
    """The scale of a Gaussian likelihood is so small that squares overflow."""
    ended = run_command(
        "vae", "train", "--data", str(tiny_digits), "--likelihood", "gaussian",
        "--likelihood.scale", "1e-20", "--epochs", "1", "--hidden", "8", "--importance", "0",
        "--out", "run", cwd=tmp_path,
    )
    assert ended.returncode == 3
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "run" / "DONE").exists()
