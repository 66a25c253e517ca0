"""The explorer's page of VAEs that it cannot decode, without a browser."""

import io
import shutil

from pathlib import Path

import numpy as np
import pytest
import torch

from cases.explorer import LABEL, Page
from PIL import Image

import genlab.data
import genlab.explorer.explore as explorer
import genlab.explorer.vae_pictures as vae_pictures

from genlab.common.errors import InputError
from genlab.explorer.explore import LIMIT, explore, lines_of
from genlab.explorer.vae_pictures import COLUMNS, LADDER, SAMPLES, STEPS, STOPS
from genlab.fid.prior_pictures import RESULTS
from genlab.vae.latents.sampling import decoded_draws
from genlab.vae.latents.walk import walk
from genlab.vae.load import load_vae
from genlab.vae.splits import observed_test_images

PRIORS = ("standard", "mixture", "diffusion")


def images_of(page: Page, name: str, side: int) -> np.ndarray:
    """The images of a sheet in the order of their places, with shape `(N, H, W, 3)`."""
    sheet = np.asarray(Image.open(io.BytesIO(page.blob(name))).convert("RGB"))
    rows, columns = sheet.shape[0] // side, sheet.shape[1] // side
    grid = sheet.reshape(rows, side, columns, side, 3).swapaxes(1, 2)
    return grid.reshape(-1, side, side, 3)


def last_channel(images: torch.Tensor) -> np.ndarray:
    return images.permute(0, 2, 3, 1).numpy()


def test_facts_name_every_prior_and_no_network(pictures_page: Page) -> None:
    facts = pictures_page.json("facts")["vae"]
    assert [model["name"] for model in facts["models"]] == list(PRIORS)
    assert facts["networks"] == {}
    assert facts["post_hoc"]
    for model in facts["models"]:
        assert {"elbo", "re", "omega"} <= set(model["numbers"])
        assert model["decoder"] is None
    assert facts["models"][1]["difference"]["of"] == "elbo"


def test_samples_are_the_runs_own(pictured: Path, pictures_page: Page) -> None:
    for model in pictures_page.json("facts")["vae"]["models"]:
        drawn = decoded_draws(pictured / "compare" / model["name"] / "0", SAMPLES, 0)
        np.testing.assert_array_equal(
            images_of(pictures_page, model["samples"], 16), last_channel(drawn)
        )


def test_guided_samples_stand_below_those_of_the_prior(
    pictured: Path, pictures_page: Page
) -> None:
    *others, diffusion = pictures_page.json("facts")["vae"]["models"]
    assert [model["guided"] for model in others] == [None, None]
    drawn = decoded_draws(pictured / "compare" / "diffusion" / "0", SAMPLES, 0, 0.5)
    found = images_of(pictures_page, diffusion["guided"]["samples"], 16)
    np.testing.assert_array_equal(found, last_channel(drawn))
    assert diffusion["measured"]["closed"] == "50 %"
    assert diffusion["guided"]["measured"]["closed"] == "75 %"
    assert diffusion["guided"]["measured"]["above"]["texts"] == ["10.0", "1.3"]


def test_walks_are_those_through_the_first_samples(pictured: Path, pictures_page: Page) -> None:
    for model in pictures_page.json("facts")["vae"]["models"]:
        path = pictured / "compare" / model["name"] / "0"
        found = images_of(pictures_page, model["walk"], 16)
        np.testing.assert_array_equal(found, last_channel(walk(path, STOPS, 0, STEPS)))
        samples = images_of(pictures_page, model["samples"], 16)
        np.testing.assert_array_equal(found[::STEPS], samples[:STOPS])


def test_reconstructions_are_of_the_test_images(pictured: Path, pictures_page: Page) -> None:
    facts = pictures_page.json("facts")["vae"]["pictures"]["reconstructions"]
    found = images_of(pictures_page, facts["sheet"], 16)
    assert facts["count"] == 6
    assert [title["en"] for title in facts["titles"]] == ["Standard Gaussian"]  # post hoc
    test, rebuilt = found[:6], found[6:]
    images = genlab.data.splits("toydogs:60", 16)
    wanted = sorted(image.tobytes() for image in last_channel(images.test))
    assert sorted(image.tobytes() for image in test) == wanted
    model, _ = load_vae(pictured / "compare" / "standard" / "0")
    x = torch.from_numpy(test.copy()).permute(0, 3, 1, 2).flatten(1).float() / 255
    with torch.no_grad():
        mean = model.decode(model.encode(x)[0]).view(6, 3, 16, 16)
    np.testing.assert_allclose(rebuilt / 255, last_channel(mean), atol=0.51 / 255)


def test_distances_stand_beside_the_samples(pictures_page: Page) -> None:
    facts = pictures_page.json("facts")["vae"]
    standard, mixture, _ = (model["measured"] for model in facts["models"])
    assert [one["number"]["value"] for one in mixture["distances"]] == [90.0]
    assert mixture["above"]["texts"] == ["30.0", "1.5"]
    assert (standard["closed"], mixture["closed"]) == (None, "25 %")
    limit = facts["pictures"]["limit"]
    assert (limit["n"], limit["n_real"], limit["by"]) == (100, 54, LABEL)
    assert limit["distances"][0]["number"]["value"] == 60.0
    assert limit["gan"][0]["number"]["value"] == 75.0
    assert len(images_of(pictures_page, limit["sheet"], 16)) == SAMPLES


def test_no_gap_is_closed_where_there_is_none(pictured: Path, tmp_path: Path) -> None:
    shutil.copytree(pictured / "compare", tmp_path / "run")
    path = tmp_path / "run" / RESULTS
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("40.0", "-1.0"), encoding="utf-8")
    assert "-1.0" in path.read_text(encoding="utf-8")
    explore(tmp_path / "run", tmp_path / "page.html")
    models = Page(tmp_path / "page.html").json("facts")["vae"]["models"]
    assert [model["measured"]["closed"] for model in models] == [None] * 3
    assert models[1]["measured"]["above"]["texts"] == ["30.0", "1.5"]


def test_a_comparison_without_distances_has_samples_alone(
    pictured: Path, tmp_path: Path
) -> None:
    shutil.copytree(pictured / "compare", tmp_path / "run")
    (tmp_path / "run" / RESULTS).unlink()
    explore(tmp_path / "run", tmp_path / "page.html")
    facts = Page(tmp_path / "page.html").json("facts")["vae"]
    assert facts["pictures"]["limit"] is None
    assert [model["measured"] for model in facts["models"]] == [None] * 3
    assert [model["guided"] for model in facts["models"]] == [None] * 3


def test_damaged_distances_are_named(pictured: Path, tmp_path: Path) -> None:
    shutil.copytree(pictured / "compare", tmp_path / "run")
    (tmp_path / "run" / RESULTS).write_text('{"n": "many"}')
    with pytest.raises(InputError, match=r"pictures\.json"):
        explore(tmp_path / "run")


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", ("Test pictures (first row)", "samples of the prior, decoded",
                "a walk through the latents", "Decoded codes of training pictures",
                "gap closed", "<td>25 %</td>", "<td>30.0 ± 1.5</td>", "Diffusion, guided",
                "<td>75 %</td>")),
        ("zh", ("测试图像（第一行）", "先验的样本解码所得", "在隐变量之间漫步",
                "解码的编码（训练图像）", "缩小的差距", "<td>25 %</td>", "<td>30.0 ± 1.5</td>",
                "扩散先验（引导）", "<td>75 %</td>")),
    ],
)
def test_a_reader_without_scripts_sees_the_same(
    lang: str, words: tuple[str, ...], pictured: Path, tmp_path: Path
) -> None:
    explore(pictured / "compare", tmp_path / "page.html", lang)
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    still = html.partition("<noscript>")[2].partition("</noscript>")[0]
    assert still.count('<img src="data:image/webp;base64,') == 9
    for text in words:
        assert text in still


def test_the_page_asks_for_nothing(pictures_page: Page) -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in pictures_page.policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    for tag, attrs in pictures_page.tags:
        for name in ("src", "href"):
            assert str(attrs.get(name) or "data:").startswith("data:"), tag


def test_grey_images_are_ink_on_paper_and_a_plane_is_a_picture(
    pictured: Path, tmp_path: Path
) -> None:
    results = explore(pictured / "plane", tmp_path / "page.html", "en")
    page = Page(tmp_path / "page.html")
    facts = page.json("facts")["vae"]
    assert not facts["plane"]
    (model,) = facts["models"]
    drawn = 255 - last_channel(decoded_draws(pictured / "plane", SAMPLES, 0))
    np.testing.assert_array_equal(images_of(page, model["samples"], 8), drawn)
    rebuilt = facts["pictures"]["reconstructions"]
    shown = images_of(page, rebuilt["sheet"], 8)[:COLUMNS, :, :, 0]
    vae, config = load_vae(pictured / "plane")
    observed = observed_test_images(genlab.data.splits(config.data), vae.likelihood)
    assert {image.tobytes() for image in shown} <= {
        (255 - 255 * x).round().byte().numpy().tobytes() for x in observed
    }
    assert model["plane"]["picture"].startswith("data:image/png;base64,")
    assert model["plane"]["codes"] == len(observed)
    assert not results["live"]
    assert results["without_decoder"] == []
    assert "1 VAE by pictures" in lines_of(results)[-1]


def test_pictures_take_the_room_that_there_is(
    pictured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def size() -> int:
        page = tmp_path / "page.html"
        return explore(pictured / "compare", page, priors=("mixture",))["bytes"]

    sizes = []
    for quality in LADDER:
        with monkeypatch.context() as patch:
            patch.setattr(vae_pictures, "LADDER", (quality,))
            sizes.append(size())
    assert sizes == sorted(set(sizes), reverse=True)
    assert size() == sizes[0]
    monkeypatch.setattr(explorer, "OTHER", LIMIT)
    assert size() == sizes[-1]
