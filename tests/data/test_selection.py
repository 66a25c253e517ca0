"""The most typical part of a set: the density, the order, the cost, the identity."""

import json

from pathlib import Path

import numpy as np
import pytest
import torch

from cases.command import run_command
from PIL import Image
from scipy.stats import multivariate_normal
from sklearn.covariance import LedoitWolf
from sklearn.neighbors import NearestNeighbors

import genlab.data

from genlab.common.errors import InputError
from genlab.configs.gan import GanConfig
from genlab.data.crops.heads import Head, HeadFinder
from genlab.data.crops.squares import Box
from genlab.data.image_set import load_images
from genlab.data.prepare.page import prepared_page
from genlab.data.prepare.prepare import prepared, write_prepared
from genlab.data.selection import selected as selection
from genlab.data.selection.density import log_density, shrunk_covariance
from genlab.data.selection.selected import Selected
from genlab.data.toydogs.draw import draw_dog
from genlab.gan.images import training_images
from genlab.networks.pretrained.efficientnet_lite0 import load_efficientnet_lite0

# the density


@pytest.mark.parametrize(("n", "f"), [(50, 80), (300, 20)])
def test_the_covariance_is_that_of_ledoit_and_wolf(n: int, f: int) -> None:
    """Against scikit-learn's, and the density against SciPy's Gaussian."""
    random = torch.Generator().manual_seed(n)
    x = torch.randn(n, f, generator=random).double() @ torch.randn(f, f, generator=random).double()
    known = LedoitWolf().fit(x.numpy())
    found = shrunk_covariance(x - x.mean(0)).numpy()
    np.testing.assert_allclose(found, known.covariance_, rtol=1e-10, atol=1e-10)
    normal = multivariate_normal(known.location_, known.covariance_)
    expected = normal.logpdf(x.numpy()) - normal.logpdf(known.location_)
    np.testing.assert_allclose(log_density(x).numpy(), expected, rtol=1e-7)


def test_features_without_a_spread_have_a_density() -> None:
    assert log_density(torch.ones(4, 3)).tolist() == [0, 0, 0, 0]
    two = torch.tensor([[0.0, 0, 0], [1, 1, 1]]).repeat(4, 1)  # the estimate's noise is 0
    assert log_density(two).tolist() == pytest.approx([-0.5] * 8, rel=1e-5)


# the order


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """40 drawn dogs."""
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "photos"
    path.mkdir()
    for index in range(40):
        Image.fromarray(draw_dog(index, 64)).save(path / f"{index:02d}.png")
    return path


def features_of(folder: Path) -> torch.Tensor:
    return selection._features(genlab.data.images(folder, selection.PIXELS))


def least_dense(folder: Path, count: int) -> list[int]:
    return sorted(log_density(features_of(folder)).argsort()[:count].tolist())


def test_features_are_those_of_the_network(folder: Path) -> None:
    """Of 96 pixels, all together, without the cache."""
    pixels = genlab.data.images(folder, 96).stack().float()
    with torch.no_grad():
        maps = load_efficientnet_lite0().maps((pixels - 127) / 128)
    torch.testing.assert_close(features_of(folder), maps.mean((2, 3)), rtol=1e-4, atol=1e-4)


def test_the_least_dense_are_left_out(folder: Path) -> None:
    found = genlab.data.images(folder, 32, keep=0.9)
    assert isinstance(found, Selected)
    left = least_dense(folder, 4)
    assert list(found.left_out) == left
    assert len(found) == len(found.names) == len(found.paths) == len(found.digests) == 36
    whole = genlab.data.images(folder, 32)
    kept = [index for index in range(40) if index not in left]
    for place, index in enumerate(kept):
        assert found.paths[place] == f"{index:02d}.png"
        assert found.digests[place] == whole.digests[index]
        assert torch.equal(found.read(place), whole.read(index))
        assert found.shorter_side(place) == 64
    assert torch.equal(found.stack(), whole.stack()[kept])
    assert [found.squares(20).read(3).shape, len(found.squares(20))] == [(3, 20, 20), 36]


def test_of_drawn_dogs_those_of_the_other_size_are_drawn_anew() -> None:
    found = genlab.data.images("toydogs:20", 32, keep=0.8)
    larger = found.squares(48)
    assert larger.names == found.names
    assert larger.digests != found.digests
    assert torch.equal(larger.read(0), genlab.data.images("toydogs:20", 48).stack()[found.rows[0]])


def test_sure_heads_count_as_much_as_the_density(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture's place is the mean of both: here the log-odds fall with its number."""
    odds = iter(range(1000, 0, -1))
    monkeypatch.setattr(HeadFinder, "find", lambda *_: Head(Box(0, 0, 64), float(next(odds))))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)  # one thread: in their order
    found = genlab.data.images(folder, 32, "face", keep=0.5)
    features = features_of(folder)
    density = log_density(features).argsort().argsort()
    place = density + torch.arange(39, -1, -1)
    assert isinstance(found, Selected)
    assert place[list(found.rows)].min() >= place[list(found.left_out)].max()
    assert found.rows != genlab.data.images(folder, 32, keep=0.5).rows


# the cost


def test_the_cost_is_recall_and_coverage_of_the_kept_among_all(folder: Path) -> None:
    """Against scikit-learn's neighbours."""
    found = genlab.data.images(folder, 32, keep=0.5)
    features = features_of(folder).double().numpy()
    kept = features[list(found.rows)]
    among_kept = NearestNeighbors(n_neighbors=4).fit(kept)  # itself and three others
    radii = among_kept.kneighbors(kept)[0][:, -1]
    distance = np.linalg.norm(features[:, None] - kept[None], axis=2)
    assert found.cost.recall == pytest.approx((distance <= radii + 1e-9).any(1).mean())
    own = NearestNeighbors(n_neighbors=6).fit(features).kneighbors(features)[0][:, -1]
    assert found.cost.coverage == pytest.approx((distance < own[:, None] - 1e-9).any(1).mean())
    assert found.cost.compared == 40
    assert found.cost.recall < found.cost.recall_random <= 1
    assert found.cost.coverage < found.cost.coverage_random <= 1


def test_keeping_nearly_all_costs_nearly_nothing(folder: Path) -> None:
    assert genlab.data.images(folder, 32, keep=0.975).cost.coverage > 0.95


# the identity


def test_a_selection_is_part_of_the_identity(folder: Path, tmp_path: Path) -> None:
    whole = genlab.data.images(folder, 32).identity
    half, most = (genlab.data.images(folder, 32, keep=keep).identity for keep in (0.5, 0.9))
    assert len({whole.sha256, half.sha256, most.sha256}) == 3
    assert half.name == f"{whole.name}, the 50 % that are most typical"
    assert half.count == 20
    renamed = tmp_path / "renamed"
    renamed.mkdir()
    for index, path in enumerate(sorted(folder.iterdir(), reverse=True)):
        (renamed / f"{index:02d}.png").write_bytes(path.read_bytes())
    assert genlab.data.images(renamed, 32, keep=0.5).identity.sha256 == half.sha256


def test_what_was_seen_is_not_looked_at_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = genlab.data.images(folder, 32, keep=0.5)
    monkeypatch.setattr(selection, "load_efficientnet_lite0", None)
    assert genlab.data.images(folder, 64, keep=0.5).rows == first.rows


def test_a_gan_learns_from_the_selection(folder: Path) -> None:
    config = GanConfig(data=str(folder), keep=0.9)
    found = training_images(config)
    assert torch.equal(found.images, load_images(str(folder), 64, keep=0.9).images)
    assert found.identity.count == 36


# what is refused


@pytest.mark.parametrize("keep", [0.0, 0.04, 1.01, float("nan"), -1.0])
def test_shares_that_are_none_are_refused(keep: float) -> None:
    with pytest.raises(InputError, match="`keep`"):
        genlab.data.images("toydogs:20", 32, keep=keep)
    with pytest.raises(InputError, match="keep"):
        GanConfig(data="toydogs", keep=keep)


def test_too_few_are_refused() -> None:
    with pytest.raises(InputError, match="`keep` 0.5: leaves 10 of the 20 images of toydogs:20"):
        genlab.data.images("toydogs:20", 32, keep=0.5)


# prepared folders


def test_a_prepared_folder_tells_what_was_kept(folder: Path, tmp_path: Path) -> None:
    ended = run_command(
        "data", "prepare", str(folder), "made", "--size", "20", "--keep", "0.9", cwd=tmp_path
    )
    assert ended.returncode == 0, ended.stderr
    assert "36 of 40 images taken" in ended.stdout
    assert "the 36 most typical of 40 images are kept" in ended.stderr
    record = json.loads((tmp_path / "made" / "results.json").read_text())
    assert (record["keep"], record["untypical"], record["n"]) == (0.9, 4, 36)
    made = {path.name for path in (tmp_path / "made").glob("*.png")}
    left = {f"{index:02d}.png" for index in range(40)} - made
    assert left == {f"{index:02d}.png" for index in least_dense(folder, 4)}


def test_the_page_shows_what_is_less_typical(folder: Path, tmp_path: Path) -> None:
    found = prepared(str(folder), 24, keep=0.9)
    page = prepared_page(found, write_prepared(found, tmp_path / "squares"))
    taken, left = page.split("<h2>Left out: less typical")
    assert left.count("<figure>") == 4
    for index in least_dense(folder, 4):
        assert f"alt='{index:02d}.png'" in left
        assert f"alt='{index:02d}.png'" not in taken
    assert f"recall {found.record['cost']['recall']:.2f} (as many at random" in page
