"""VAEs of images in colour: convolutional networks, latent maps, what commands make of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cases.vae import train_with_cuts
from PIL import Image

import genlab

from genlab.common.errors import InputError
from genlab.configs.compare import CompareConfig, cells
from genlab.configs.vae import RECIPES, VaeConfig
from genlab.figures.draw import draw_vae
from genlab.figures.outputs.interpolation import interpolation
from genlab.runs.run import Run
from genlab.vae.latents.sampling import decoded_draws
from genlab.vae.likelihoods import Gaussian
from genlab.vae.load import build_vae, load_vae
from genlab.vae.results import read_results
from genlab.vae.splits import open_images, splits_of
from genlab.vae.train import evaluate_vae, train_vae

SMALL: dict[str, Any] = {
    "data": "toydogs:40", "size": 16, "net": "resnet", "latent": "4x4x2", "width": 8, "epochs": 2,
    "batch": 9, "likelihood": "gaussian", "importance": 0, "draws": 2,
}


def small(**changes: Any) -> VaeConfig:
    return VaeConfig(**(SMALL | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"net": "conv", "latent": 3}, {"net": "mlp", "latent": 3, "width": 32, "hidden": (9,)},
        {"likelihood": "logistic"}, {"prior": "vamp", "prior_options": {"components": 4}},
        {"likelihood": "logistic-mixture", "likelihood_options": {"logistics": 2, "colour": True}},
    ],
)
def test_a_run_in_colour_is_trained_measured_drawn_and_loaded(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    results = train_vae(small(**changes), run)
    assert results.data.shape == (3, 16, 16)
    assert results.identity_holds
    model, config = load_vae(run)
    assert results.latent == config.dimensions
    assert evaluate_vae(run).elbo == results.elbo
    draw_vae(run)
    with Image.open(run / "figures" / "samples.png") as picture:
        assert np.ptp(np.asarray(picture.convert("RGB")), axis=2).any()  # not grey
    images = genlab.Run(run).sample(3)
    assert images.shape == (3, 3, 16, 16)
    with torch.no_grad():
        shown = (255 * model.decode(model.encode(torch.rand(2, 768))[0])).round()
    assert shown.shape == (2, 768)
    codes = genlab.Run(run).encode("toydogs:7")
    assert codes["train_mean"].shape[1] == config.dimensions
    interpolation(run, ("0", "1"), 3, tmp_path / "way.png")
    with Image.open(tmp_path / "way.png") as picture:
        assert picture.size == (2 + 5 * 18, 2 + 18)


@pytest.mark.parametrize("net", ["conv", "resnet"])
def test_two_dimensions_are_integrated_whatever_the_network(net: str, tmp_path: Path) -> None:
    """The exact likelihood is above the ELBO, and what importance sampling finds."""
    config = small(
        net=net, latent=2, data="toydogs:30", width=4, importance=500,
        likelihood_options={"scale": 1.0, "learn_scale": False},
    )
    results = train_vae(config, tmp_path / "run")
    assert results.nll_exact is not None
    assert results.nll_is is not None
    assert results.nll_exact.value <= -results.elbo.value
    assert -0.1 < results.nll_is.value - results.nll_exact.value < 1
    assert results.nll_exact_trusted


def test_a_stopped_run_ends_with_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut at every 16th save, inside and at the ends of epochs."""
    config = small(mirror=True, prior="realnvp", prior_options={"blocks": 2, "width": 8})
    assert train_vae(config, tmp_path / "whole").train_images == 72
    train_with_cuts(config, tmp_path / "broken", 16, monkeypatch)
    whole, broken = (
        (tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "broken")
    )
    assert whole == broken


def test_mirror_images_are_learned_from() -> None:
    config = small()
    images = open_images(config)
    plain = splits_of(images, config, Gaussian()).train
    both = splits_of(images, replace(config, mirror=True), Gaussian()).train
    assert torch.equal(both[: len(plain)], plain)
    mirrored = both[len(plain) :].view(-1, 3, 16, 16)
    assert torch.equal(mirrored.flip(-1).flatten(1), plain)


def test_the_seed_decides_all_weights() -> None:
    config = small()
    first, again, other = (
        build_vae(one, (3, 16, 16)).state_dict()
        for one in (config, config, replace(config, seed=1))
    )
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"latent": "4x4"}, "`latent` '4x4': give the number of dimensions, or height, width"),
        ({"latent": "0x4x4"}, "`latent`"), ({"latent": 0}, "`latent` 0: must be at least 1"),
        ({"latent": "100x100x9"}, "`latent` 100x100x9: must be at most 10000"),
        ({"net": "mlp", "width": 32}, "`latent` 4x4x2: a map needs `net` conv or resnet"),
        ({"net": "mlp", "latent": 2}, "`width`, `depth`, `halve`: belong to `net` conv"),
        ({"net": "mlp", "latent": 2, "width": 32, "halve": True}, "`width`, `depth`, `halve`"),
        ({"hidden": (5,)}, "`hidden`, `gated`, `fourier`: belong to `net` mlp"),
        ({"size": 8}, "`size` 8: must be from 16 to 128"), ({"width": 0}, "`width` 0"),
        ({"depth": 101}, "`depth` 101: must be at most 100"),
    ],
)
def test_what_cannot_be_built_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        small(**changes)


def test_a_latent_map_that_images_do_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="`latent`: a map of 5x5 positions, and images of 16x16"):
        train_vae(small(latent="5x5x2"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_options_that_follow_from_others_do_so_on_the_command_line() -> None:
    default = RECIPES["default"]().as_defaults()
    assert (default.fourier, default.clip) == (None, None)
    assert replace(default, latent=40).fourier == 0
    assert replace(default, prior="vamp").clip == 20
    paper = RECIPES["vampprior-paper"]().as_defaults()
    assert replace(paper, prior="vamp").clip == 0  # the recipe says so


def test_a_comparison_gives_all_runs_the_same_networks_and_images() -> None:
    config = CompareConfig(
        priors=("vamp", "exemplar"), components=7, post_hoc=True, net="conv", latent="4x4x2",
        width=8, size=16, crop="subject", beta=0.5, mirror=True, likelihood="gaussian",
    )
    rows = cells(config)
    assert list(rows) == ["standard/0", "vamp/0", "exemplar/0"]
    for cell in rows.values():
        assert (cell.net, cell.latent, cell.width, cell.size) == ("conv", "4x4x2", 8, 16)
        assert (cell.crop, cell.mirror) == ("subject", True)
    assert [cell.beta for cell in rows.values()] == [0.5, 1, 1]
    assert rows["vamp/0"].prior_options["components"] == 7
    assert rows["exemplar/0"].prior_options["components"] == 1000
    rows = cells(replace(config, exemplars=50))
    assert rows["exemplar/0"].prior_options["components"] == 50
    assert rows["vamp/0"].prior_options["components"] == 7


def test_draws_do_not_depend_on_how_many_are_asked_for(tmp_path: Path) -> None:
    train_vae(small(), tmp_path / "run")
    few, many = (decoded_draws(tmp_path / "run", n, 1) for n in (5, 12))
    assert torch.equal(few, many[:5])
    assert read_results(Run(tmp_path / "run")).images.test_in_train == 0
