"""Images compared: the numbers, what is reused and what is refused; networks of one's own."""

import json
import math
import os

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cases.features import write
from torch import Tensor

from genlab import data, fid
from genlab.cli.fid import precision_text
from genlab.common.errors import InputError
from genlab.common.quantities import Measured
from genlab.common.rng import generator
from genlab.common.typed_json import from_json, to_json
from genlab.configs.fid import FEATURE_NAMES, PREPROCESSING_NAMES
from genlab.features import Extractor, FeatureExtractors, load_extractor
from genlab.features.preprocessing import PREPROCESSINGS
from genlab.features.registry import NETWORKS
from genlab.fid import rounding
from genlab.fid.defaults import default_extractors
from genlab.fid.distance import Plan
from genlab.fid.measurement import measure_sets
from genlab.fid.ranking import rank_sets
from genlab.fid.results import (
    Distance,
    Measurement,
)
from genlab.fid.sets import ImageSets
from genlab.fid.verdict import ranking_words
from genlab.metrics.jackknife import frechet_jackknife
from genlab.networks.pretrained import efficientnet_lite0 as lite

DATA = os.environ.get("GENLAB_DATA")


needs_data = pytest.mark.skipif(
    DATA is None or not (Path(DATA) / "inception").is_dir(),
    reason="GENLAB_DATA is not set or has no inception/: no published weights",
)


@pytest.fixture
def extracted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Notes each batch that a network gets: its name, and the number of images."""
    calls: list[tuple[str, int]] = []

    call = Extractor.__call__

    def noting(extractor: Extractor, images: Tensor) -> Tensor:
        calls.append((extractor.name, len(images)))
        return call(extractor, images)

    monkeypatch.setattr(Extractor, "__call__", noting)
    return calls


def sets_of(real: Tensor, fake: Tensor, name: str = "fake") -> ImageSets:
    pictures = data.images
    return ImageSets(real=pictures(real, name="real"), fake=pictures(fake, name=name))


def by_numpy(x: Tensor, y: Tensor) -> float:
    a, b = (v.double().numpy() for v in (x, y))
    shift = a.mean(0) - b.mean(0)
    a, b = (v - v.mean(0) for v in (a, b))
    n, m = len(a) - 1, len(b) - 1
    shared = np.linalg.svd(a @ b.T, compute_uv=False).sum() / math.sqrt(n * m)
    return float(shift @ shift + (a**2).sum() / n + (b**2).sum() / m - 2 * shared)


QUICK = Plan(permutations=0)


def test_names_are_one_table_and_only_fid_is_called_fid() -> None:
    assert set(FEATURE_NAMES) == set(NETWORKS)
    assert PREPROCESSING_NAMES == tuple(PREPROCESSINGS)
    assert [k for k, n in NETWORKS.items() if n.label == "FID"] == ["inception"]
    assert NETWORKS["inception"].dims == 2048


def test_measurement_is_the_distance_of_all_rows(dogs: Tensor) -> None:
    sets, extractors = sets_of(dogs[:13], dogs[13:]), FeatureExtractors()
    chosen, note = default_extractors(extractors)
    result = measure_sets(sets, chosen, extractors, Plan(permutations=19), note)
    network = lite.load_efficientnet_lite0()
    with torch.no_grad():
        x, y = (network.features(lite.to_input(s.float() / 255)) for s in (dogs[:13], dogs[13:]))
    shares = [
        (lite.recognised_as_dogs(network, s) > 0.5).double().mean().item()
        for s in (dogs[:13], dogs[13:])
    ]
    first, second = result.distances  # without FID Inception the second is random
    assert [first.label, second.label] == ["FD (EfficientNet-Lite0)", "FD (random convolutions)"]
    assert first.distance.value == pytest.approx(by_numpy(x, y), rel=1e-4)
    assert first.mean_part is not None
    assert first.covariance_part is not None
    assert first.distance.value == pytest.approx(first.mean_part + first.covariance_part)
    assert first.extractor.sha256 == lite.SHA256
    lite0 = extractors["efficientnet-lite0"]
    features = [extractors.features(lite0, p) for p in (sets.real, sets.fake)]
    known = frechet_jackknife(*features)
    assert first.distance.error == pytest.approx(known.error, rel=1e-9)
    assert first.influence == pytest.approx(known.influence.tolist(), rel=1e-9)
    assert [result.recognised_real, result.recognised_fake] == shares
    assert [result.n_real, result.n_fake, result.size] == [13, 11, 32]
    assert result.real == sets.real.identity
    assert "pt_inception-2015-12-05-6726825d.pth" in result.note
    kept = json.loads(json.dumps(to_json(result), allow_nan=False))
    assert from_json(Measurement, kept, "results.json") == result


@pytest.mark.usefixtures("quick")
def test_the_same_images_are_at_zero_and_copied_and_blur_moves_them_away(dogs: Tensor) -> None:
    def judge(images: Tensor) -> Distance:
        return measure_sets(sets_of(dogs, images), lite0, extractors, QUICK).distances[0]

    extractors = FeatureExtractors()
    lite0 = [extractors["efficientnet-lite0"]]
    blurred = [
        F.avg_pool2d(dogs.float(), k, 1, k // 2, count_include_pad=False).to(torch.uint8)
        for k in (3, 7)
    ]
    same, little, much = judge(dogs.flip(0)), judge(blurred[0]), judge(blurred[1])
    assert 0 <= same.distance.value < 1e-4 * little.distance.value
    assert 0 < 1.5 * little.distance.value < much.distance.value
    assert same.copies is not None
    assert much.copies is not None
    assert [same.copies.duplicates, much.copies.duplicates] == [24, 0]
    assert all(same.metrics[key] == Measured(1) for key in ("coverage", "precision", "recall"))
    pairs = {(fake, real) for fake, real, _ in same.copies.closest}
    assert all(fake == 23 - real for fake, real in pairs)  # the copies themselves


@pytest.mark.usefixtures("quick")
def test_features_are_extracted_once(dogs: Tensor, extracted: list[tuple[str, int]]) -> None:
    sets, name = sets_of(dogs[:14], dogs[14:]), "EfficientNet-Lite0"
    extractors = FeatureExtractors()
    lite0 = [extractors["efficientnet-lite0"]]
    first = measure_sets(sets, lite0, extractors, QUICK)
    assert sorted(extracted) == [(name, 10), (name, 14)]
    assert measure_sets(sets, lite0, extractors, QUICK) == first
    # another process finds them in the cache
    assert measure_sets(sets, lite0, FeatureExtractors(), QUICK) == first
    assert len(extracted) == 2
    changed = dogs[:14].clone()
    changed[0, 0, 0, 0] ^= 1
    measure_sets(sets_of(changed, dogs[14:]), lite0, FeatureExtractors(), QUICK)
    assert sorted(extracted) == [(name, 10), (name, 14), (name, 14)]


@pytest.mark.usefixtures("quick")
def test_rows_follow_the_names_of_the_images(dogs: Tensor) -> None:
    extractors = FeatureExtractors()
    pixels = extractors["pixels"]
    sets = (data.images(images) for images in (dogs, dogs.flip(0)))
    rows, other = (extractors.features(pixels, pictures) for pictures in sets)
    assert torch.equal(rows, other.flip(0))


@pytest.mark.usefixtures("quick")
def test_what_a_short_precision_moves_is_measured_on_the_images_themselves(
    dogs: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, (real, fake) = ("efficientnet-lite0", "random"), dogs.split(12)
    sets = sets_of(real, fake)
    found = {}
    for p in ("float32", "bf16"):
        extractors = FeatureExtractors(precision=p)
        chosen = [extractors[name] for name in names]
        found[p] = measure_sets(sets, chosen, extractors, QUICK).distances
    assert not any(d.rounding for d in (*found["float32"], found["bf16"][1]))  # of float32
    short, exact = found["bf16"][0], found["float32"][0]
    moved = short.rounding
    assert moved is not None
    assert moved.images == [12, 12]
    assert moved.value == pytest.approx(short.distance.value, rel=1e-12)
    assert moved.value_float32 == pytest.approx(exact.distance.value, rel=1e-5)  # one at a time
    assert moved.moved == pytest.approx(short.distance.value / exact.distance.value - 1, abs=1e-5)
    assert 1e-5 < abs(moved.moved or 0) < 0.1
    assert precision_text(short) == f"bf16: {moved.moved:+.2%} for 12 to 12"
    assert precision_text(exact) == "float32"
    monkeypatch.setattr(rounding, "IMAGES", 5)
    extractors = FeatureExtractors(precision="bf16")
    some = rounding.rounding(extractors, extractors[names[0]], sets.real, sets.fake)
    assert some is not None
    assert some.images == [4, 4]  # every third


def test_networks_asked_for_but_missing_are_refused() -> None:
    for name in ("inception", "inception-768"):
        with pytest.raises(InputError, match=r"give the file as `inception`, or give"):
            FeatureExtractors()[name]


@pytest.mark.usefixtures("quick")
@needs_data
def test_partial_inception_gives_fid_768(dogs: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENLAB_DATA", str(DATA))  # found there without being named
    sets, extractors = sets_of(dogs[:10], dogs[10:20]), FeatureExtractors()
    chosen, note = default_extractors(extractors)
    result = measure_sets(sets, chosen, extractors, QUICK, note)
    assert [d.label for d in result.distances] == ["FD (EfficientNet-Lite0)", "FID-768"]
    inception = extractors["inception-768"]
    x, y = (extractors.features(inception, p) for p in (sets.real, sets.fake))
    assert x.shape == y.shape == (10, 768)
    assert result.distances[1].distance.value == pytest.approx(by_numpy(x, y), rel=1e-4)
    assert "768" in result.note
    with pytest.raises(InputError, match=r"2048.*inception-768"):
        extractors["inception"]


def test_sets_too_small_are_refused(dogs: Tensor) -> None:
    with pytest.raises(InputError, match="fake: 3 generated images.*at least 10"):
        measure_sets(sets_of(dogs, dogs[:3]), [], FeatureExtractors(), QUICK)
    with pytest.raises(InputError, match="real: 3 real images"):
        measure_sets(sets_of(dogs[:3], dogs), [], FeatureExtractors(), QUICK)


@pytest.mark.usefixtures("quick")
def test_several_generators_are_ranked_with_paired_errors(dogs: Tensor, tmp_path: Path) -> None:
    noisy = [
        (dogs + (s * torch.randn(dogs.shape, generator=generator(s, "n"))).to(torch.int16)).clamp(
            0, 255
        ).to(torch.uint8)
        for s in (60, 20)
    ]  # fmt: skip
    all_sets = [sets_of(dogs, images, f"noise {i}") for i, images in enumerate(noisy)]
    extractors = FeatureExtractors()
    chosen = [extractors["pixels"]]
    found = [measure_sets(sets, chosen, extractors, QUICK) for sets in all_sets]
    (ranking,) = rank_sets(all_sets, chosen, extractors)
    assert ranking.order == ["noise 1", "noise 0"]
    values = [one.distances[0].distance.value for one in found]
    assert ranking.values == [values[1], values[0]]
    step = ranking.differences[0]
    assert step.distance.value == pytest.approx(values[1] - values[0])
    assert step.distance.error is not None
    assert step.distance.error > 0
    kids = [one.distances[0].metrics["kid"] for one in found]
    assert step.kid.value == pytest.approx(kids[1].value - kids[0].value)  # type: ignore[union-attr]
    assert "noise 1 is nearer than noise 0" in ranking_words([ranking])


@pytest.mark.usefixtures("quick")
def test_a_module_of_ones_own_is_a_network(dogs: Tensor) -> None:
    torch.manual_seed(0)
    own = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 5)).eval()
    mine = Extractor(own, lambda x: F.adaptive_avg_pool2d(x.float() / 255, 8), "mine")
    sets = sets_of(dogs[:13], dogs[13:])
    (found,) = measure_sets(sets, [mine], FeatureExtractors(), QUICK).distances
    with torch.no_grad():
        x, y = (own(F.adaptive_avg_pool2d(d.float() / 255, 8)) for d in (dogs[:13], dogs[13:]))
    assert found.label == "FD (mine)"
    assert found.distance.value == pytest.approx(by_numpy(x, y), rel=1e-4)


def test_measure_takes_sources_arrays_tensors_and_pictures(dogs: Tensor, tmp_path: Path) -> None:
    real, fake = dogs[:13], dogs[13:]
    pixels = load_extractor("pixels")
    features = FeatureExtractors()
    expected = measure_sets(sets_of(real, fake), [pixels], features, QUICK).distances
    write(tmp_path / "real", list(real))
    for given in (
        (real, fake), (real.numpy(), fake.permute(0, 2, 3, 1).numpy()),
        (tmp_path / "real", fake), (str(tmp_path / "real"), data.images(fake)),
    ):
        found = fid.measure(*given, [pixels], permutations=0)  # type: ignore[arg-type]
        distance, (wanted,) = found.distances[0].distance, expected
        assert distance.value == pytest.approx(wanted.distance.value, rel=1e-9)
        assert [found.n_real, found.n_fake, found.size] == [13, 11, 32]
        assert f"FD (16 x 16 pixels) = {distance.text()} at 11 generated" in found.verdict
    smaller = fid.measure(real, data.images(fake, 20), [pixels], permutations=0)
    assert smaller.size == 20  # the generated images decide
    copied = fid.measure(real, real, [pixels], held_out=fake, permutations=0).distances[0].copies
    assert copied is not None
    assert (copied.reference, copied.duplicates) == ("held-out", 13)
    one, other = (fid.measure(real, fake, [pixels], permutations=19, seed=s) for s in (0, 1))
    assert one.distances[0].null != other.distances[0].null


def test_only_the_networks_asked_for_look_at_images(
    dogs: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(*_: object) -> None:
        raise AssertionError("EfficientNet-Lite0 is not needed")

    monkeypatch.setattr(lite, "load_efficientnet_lite0", loaded)
    found = fid.measure(dogs[:13], dogs[13:], [load_extractor("pixels")], permutations=0)
    assert (found.recognised_real, found.recognised_fake) == (None, None)


@pytest.mark.usefixtures("quick")
def test_measure_uses_two_networks_by_default(
    dogs: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = fid.measure(dogs[:13], dogs[13:], permutations=0)
    assert [d.extractor.network for d in found.distances] == ["EfficientNet-Lite0", "random"]
    assert found.recognised_fake is not None
    assert "FID proper" in found.note
    monkeypatch.setattr(lite, "at_hand", lambda: False)  # its weights are an extra
    without = fid.measure(dogs[:13], dogs[13:], permutations=0)
    assert [d.extractor.network for d in without.distances] == ["random"]
    assert without.recognised_fake is None
