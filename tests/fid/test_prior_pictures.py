"""The pictures under each prior of a comparison, and the limit that no prior can pass."""

from pathlib import Path

import pytest
import torch

from cases.vae import few_draws

import genlab.data

from genlab.cli.resume import resume
from genlab.common.quantities import Measured
from genlab.common.rng import generator
from genlab.configs.compare import CompareConfig
from genlab.data.paper import as_rgb
from genlab.features.extractors import FeatureExtractors
from genlab.fid import prior_pictures
from genlab.fid.prior_pictures import measure_priors, pictures_table, read_prior_pictures
from genlab.figures.prior_pictures import show_comparison
from genlab.metrics.frechet_distance import frechet_distance
from genlab.vae.compare import compare
from genlab.vae.latents.sampling import decoded_codes, decoded_draws, rows_in_rounds
from genlab.vae.results import Comparison
from genlab.vae.splits import open_images

CONFIG = CompareConfig(
    priors=("standard", "mixture", "diffusion"), components=2, post_hoc=True,
    data="toydogs:120", size=16, net="conv", latent="4x4x3", width=8, likelihood="gaussian",
    epochs=6, batch=9, learning_rate=3e-3, importance=0, pictures=40, guidance=0.5,
)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("compared") / "run"
    with few_draws():
        assert isinstance(compare(CONFIG, out), Comparison)
    return out


@pytest.fixture(autouse=True)
def pixels_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(features: FeatureExtractors) -> tuple[list, str]:
        return [features["pixels"]], ""

    monkeypatch.setattr(prior_pictures, "default_extractors", found)


def test_what_a_prior_loses_is_its_distance_less_that_of_decoded_codes(compared: Path) -> None:
    images = open_images(CONFIG)
    results = measure_priors(compared, images)
    assert read_prior_pictures(compared) == results
    features = FeatureExtractors()
    pixels = features["pixels"]

    def distance(fake: torch.Tensor) -> float:
        real, drawn = (genlab.data.images(one.numpy()) for one in (images.train, fake))
        return frechet_distance(features.features(pixels, real), features.features(pixels, drawn))

    codes = decoded_codes(compared / "standard/0", images, 40, 0)
    limit = distance(as_rgb(codes, images.shape))
    values = {
        prior: distance(decoded_draws(compared / prior / "0", 40, 0))
        for prior in ("standard", "mixture", "diffusion")
    }
    guided = distance(decoded_draws(compared / "diffusion/0", 40, 0, 0.5))
    label = results.limit.distances[0].label
    assert results.limit.distances[0].distance.value == pytest.approx(limit, rel=1e-6)
    for prior, value in values.items():
        assert results.priors[prior].distances[0].distance.value == pytest.approx(value, rel=1e-6)
        assert results.lost[prior][label].value == pytest.approx(value - limit, rel=1e-4)
        assert results.lost[prior][label].error is not None
    assert results.guided["diffusion"].distances[0].distance.value == pytest.approx(guided)
    assert list(results.guided) == ["diffusion"]
    values["diffusion, guided"] = guided
    closed = {
        row: (values["standard"] - value) / (values["standard"] - limit)
        for row, value in values.items() if row != "standard"
    }
    assert results.closed == {
        row: {label: pytest.approx(share, rel=1e-6)} for row, share in closed.items()
    }
    assert results.lost["diffusion, guided"][label].value == pytest.approx(guided - limit)
    assert limit < values["mixture"] < values["standard"]
    assert results.limit.n_real == 108
    assert results.limit.held_out is not None
    table = pictures_table(compared, results)
    assert f"| {closed['mixture']:.0%} |" in table
    assert f"| diffusion, guided |  | {Measured(guided).text()} |" in table
    assert "*decoded codes*" in table


def test_decoded_codes_follow_from_the_seed(compared: Path) -> None:
    images = open_images(CONFIG)
    drawn = decoded_codes(compared / "standard/0", images, 130, 3)
    assert torch.equal(decoded_codes(compared / "standard/0", images, 130, 3), drawn)
    assert not torch.equal(decoded_codes(compared / "standard/0", images, 130, 4), drawn)


def test_each_image_is_coded_once_before_any_is_again() -> None:
    rows = rows_in_rounds(7, 17, generator(0, "rounds")).tolist()
    assert sorted(rows[:7]) == sorted(rows[7:14]) == list(range(7))
    assert len(set(rows[14:])) == 3


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_the_pictures_are_drawn_in_a_row_for_each_prior(compared: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:  # killed once what was measured is written
        patch.setattr("genlab.figures.prior_pictures.draw_prior_pictures", killed)
        with pytest.raises(KeyboardInterrupt):
            show_comparison(compared, open_images(CONFIG))
    assert not (compared / "comparison.png").exists()
    resume(compared)
    assert (compared / "pictures.png").exists()
    found = show_comparison(compared, open_images(CONFIG))
    assert found == measure_priors(compared, open_images(CONFIG))
    assert (compared / "pictures.png").stat().st_size > 10_000
    assert (compared / "comparison.png").exists()
