"""A measurement of generated images: its numbers, names, files; what is reused and refused."""

import json
import math
import os
import subprocess
import sys

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cases.command import run_command
from PIL import Image
from torch import Tensor

import genlab.data

from genlab.cli.fid import table
from genlab.common.errors import InputError
from genlab.common.rng import generator
from genlab.configs.fid import FEATURE_NAMES, PREPROCESSING_NAMES, FidConfig
from genlab.configs.vae import VaeConfig
from genlab.features import Extractor, FeatureExtractors
from genlab.features.preprocessing import PREPROCESSINGS
from genlab.features.registry import (
    NETWORKS,
)
from genlab.fid import rounding
from genlab.fid.measure import Sets, fid, measure, rank_generators
from genlab.fid.numbers import Plan
from genlab.fid.output import check_target, drop_figures
from genlab.fid.verdict import is_smallest, ranking_words, verdict
from genlab.metrics.jackknife import frechet_jackknife
from genlab.networks.pretrained import efficientnet_lite0 as lite
from genlab.vae.train import train_vae

DATA = os.environ.get("GENLAB_DATA")
needs_data = pytest.mark.skipif(
    DATA is None or not (Path(DATA) / "inception").is_dir(),
    reason="GENLAB_DATA is not set or has no inception/: no published weights",
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache and no data folder, so that only EfficientNet-Lite0 is at hand."""
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GENLAB_DATA", raising=False)
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def dogs(tmp_path_factory: pytest.TempPathFactory) -> Tensor:
    """Toy dogs, uint8 with shape `(24, 3, 32, 32)`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENLAB_CACHE", str(tmp_path_factory.mktemp("dogs")))
        drawn = genlab.data.images("toydogs:24", 32)
        return torch.stack([drawn.read(i) for i in range(24)])


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


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives EfficientNet-Lite0 64 px, where the claim is not about its numbers."""
    original = lite.to_input
    monkeypatch.setattr(lite, "to_input", lambda images: original(images, 64))


def sets_of(real: Tensor, fake: Tensor) -> Sets:
    pictures = genlab.data.images
    return Sets(real=pictures(real, name="real"), fake=pictures(fake, name="fake"))


def cell(row: str, distance: dict[str, Any]) -> str:
    """What the table of one distance shows in a row."""
    one = {"distances": [distance], "n_real": 0, "n_fake": 0, "fake": {"source": ""}}
    lines = table(one).splitlines()
    (found,) = [line.removeprefix(row).strip() for line in lines if line.startswith(row)]
    return found


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
    result = measure(sets, extractors, Plan(permutations=19))
    network = lite.load_efficientnet_lite0()
    with torch.no_grad():
        x, y = (network.features(lite.to_input(s.float() / 255)) for s in (dogs[:13], dogs[13:]))
    shares = [
        (lite.recognised_as_dogs(network, s) > 0.5).double().mean().item()
        for s in (dogs[:13], dogs[13:])
    ]
    first, second = result["distances"]  # without FID Inception the second is random
    assert [first["label"], second["label"]] == [
        "FD (EfficientNet-Lite0)", "FD (random convolutions)",
    ]  # fmt: skip
    assert first["value"] == pytest.approx(by_numpy(x, y), rel=1e-4)
    assert first["value"] == pytest.approx(first["mean_part"] + first["covariance_part"])
    assert first["weights_sha256"] == lite.SHA256
    lite0 = extractors["efficientnet-lite0"]
    features = [extractors.features(lite0, p) for p in (sets.real, sets.fake)]
    known = frechet_jackknife(*features)
    assert first["error"] == pytest.approx(known.error, rel=1e-9)
    assert first["influence"] == pytest.approx(known.influence.tolist(), rel=1e-9)
    assert [result["recognised_real"], result["recognised_fake"]] == shares
    assert [result["n_real"], result["n_fake"], result["size"]] == [13, 11, 32]
    assert result["real"]["sha256"] == sets.real.identity.sha256
    assert "pt_inception-2015-12-05-6726825d.pth" in result["note"]
    assert json.loads(json.dumps(result, allow_nan=False))["n_fake"] == 11


@pytest.mark.usefixtures("quick")
def test_the_same_images_are_at_zero_and_copied_and_blur_moves_them_away(dogs: Tensor) -> None:
    def judge(images: Tensor) -> dict[str, Any]:
        return measure(sets_of(dogs, images), extractors, QUICK, lite0)["distances"][0]

    extractors = FeatureExtractors()
    lite0 = [extractors["efficientnet-lite0"]]
    blurred = [
        F.avg_pool2d(dogs.float(), k, 1, k // 2, count_include_pad=False).to(torch.uint8)
        for k in (3, 7)
    ]
    same, little, much = judge(dogs.flip(0)), judge(blurred[0]), judge(blurred[1])
    assert 0 <= same["value"] < 1e-4 * little["value"]
    assert 0 < 1.5 * little["value"] < much["value"]
    assert [same["memorisation"]["duplicates"], much["memorisation"]["duplicates"]] == [24, 0]
    assert same["coverage"] == same["precision"] == same["recall"] == 1
    pairs = {(fake, real) for fake, real, _ in same["memorisation"]["closest"]}
    assert all(fake == 23 - real for fake, real in pairs)  # the copies themselves


@pytest.mark.usefixtures("quick")
def test_features_are_extracted_once(dogs: Tensor, extracted: list[tuple[str, int]]) -> None:
    sets, name = sets_of(dogs[:14], dogs[14:]), "EfficientNet-Lite0"
    extractors = FeatureExtractors()
    lite0 = [extractors["efficientnet-lite0"]]
    first = measure(sets, extractors, QUICK, lite0)
    assert sorted(extracted) == [(name, 10), (name, 14)]
    assert measure(sets, extractors, QUICK, lite0) == first
    # another process finds them in the cache
    assert measure(sets, FeatureExtractors(), QUICK, lite0) == first
    assert len(extracted) == 2
    changed = dogs[:14].clone()
    changed[0, 0, 0, 0] ^= 1
    measure(sets_of(changed, dogs[14:]), FeatureExtractors(), QUICK, lite0)
    assert sorted(extracted) == [(name, 10), (name, 14), (name, 14)]


@pytest.mark.usefixtures("quick")
def test_rows_follow_the_names_of_the_images(dogs: Tensor) -> None:
    extractors = FeatureExtractors()
    pixels = extractors["pixels"]
    sets = (genlab.data.images(images) for images in (dogs, dogs.flip(0)))
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
        found[p] = measure(sets, extractors, Plan(permutations=0), chosen)["distances"]
    assert not any("rounding" in d for d in (*found["float32"], found["bf16"][1]))  # of float32
    short, exact = found["bf16"][0], found["float32"][0]
    moved = short["rounding"]
    assert moved["images"] == [12, 12]
    assert moved["value"] == pytest.approx(short["value"], rel=1e-12)
    assert moved["value_float32"] == pytest.approx(exact["value"], rel=1e-5)  # one image at a time
    assert moved["moved"] == pytest.approx(short["value"] / exact["value"] - 1, abs=1e-5)
    assert 1e-5 < abs(moved["moved"]) < 0.1
    said = [cell("computed in", one) for one in (short, exact)]
    assert said == [f"bf16: {moved['moved']:+.2%} for 12 to 12", "float32"]
    assert 0 <= short["precision"] <= 1  # that of the manifolds is another
    monkeypatch.setattr(rounding, "IMAGES", 5)
    extractors = FeatureExtractors(precision="bf16")
    some = rounding.rounding(extractors, extractors[names[0]], sets.real, sets.fake)
    assert some is not None
    assert some["images"] == [4, 4]  # every third


def test_networks_asked_for_but_missing_are_refused() -> None:
    for name in ("inception", "inception-768"):
        with pytest.raises(InputError, match=r"give the file as `inception`, or give"):
            FeatureExtractors()[name]


@pytest.mark.usefixtures("quick")
@needs_data
def test_partial_inception_gives_fid_768(dogs: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENLAB_DATA", str(DATA))  # found there without being named
    sets, extractors = sets_of(dogs[:10], dogs[10:20]), FeatureExtractors()
    result = measure(sets, extractors, QUICK)
    assert [d["label"] for d in result["distances"]] == ["FD (EfficientNet-Lite0)", "FID-768"]
    inception = extractors["inception-768"]
    x, y = (extractors.features(inception, p) for p in (sets.real, sets.fake))
    assert x.shape == y.shape == (10, 768)
    assert result["distances"][1]["value"] == pytest.approx(by_numpy(x, y), rel=1e-4)
    assert "768" in result["note"]
    with pytest.raises(InputError, match=r"2048.*inception-768"):
        extractors["inception"]


def test_sets_too_small_are_refused(dogs: Tensor) -> None:
    with pytest.raises(InputError, match="fake: 3 generated images.*at least 10"):
        measure(sets_of(dogs, dogs[:3]), FeatureExtractors(), QUICK)
    with pytest.raises(InputError, match="real: 3 real images"):
        measure(sets_of(dogs[:3], dogs), FeatureExtractors(), QUICK)


def write(folder: Path, count: int, side: int) -> str:
    folder.mkdir(parents=True)
    random = generator(0, folder.name)
    for index in range(count):
        shape = (side, side + 4, 3)
        pixels = torch.randint(0, 256, shape, generator=random).to(torch.uint8)
        Image.fromarray(pixels.numpy()).save(folder / f"{index:02d}.png")
    return str(folder)


def run(real: str, *fakes: str, out: Path = Path(), **options: Any) -> dict[str, Any]:
    asked = {"features": ("pixels",), "permutations": 0} | options
    found = fid(FidConfig(real=real, fakes=fakes, **asked), out)
    assert found is not None
    return found.results


@pytest.mark.usefixtures("quick")
def test_folders_are_compared_at_the_generated_size(tmp_path: Path) -> None:
    real, fake = write(tmp_path / "real", 11, 48), write(tmp_path / "fake", 12, 20)
    result = run(real, fake)
    assert [result["n_real"], result["n_fake"], result["size"]] == [11, 12, 20]
    assert result["real"]["sha256"] == genlab.data.images(real, 20).identity.sha256
    assert result["recognised_fake"] == 0  # noise
    other = run(real, fake, size=24)
    assert other["size"] == 24
    values = [r["distances"][0]["value"] for r in (result, other, run(real, fake, size="native"))]
    assert len(set(values)) == 3


@pytest.mark.usefixtures("quick")
def test_several_generators_are_ranked_with_paired_errors(dogs: Tensor, tmp_path: Path) -> None:
    noisy = [
        (dogs + (s * torch.randn(dogs.shape, generator=generator(s, "n"))).to(torch.int16)).clamp(
            0, 255
        ).to(torch.uint8)
        for s in (60, 20)
    ]  # fmt: skip
    all_sets = [sets_of(dogs, images) for images in noisy]
    all_sets = [Sets(real=s.real, fake=genlab.data.images(n, name=f"noise {i}")) for i, (s, n) in
                enumerate(zip(all_sets, noisy))]  # fmt: skip
    extractors = FeatureExtractors()
    result = rank_generators(all_sets, extractors, QUICK, [extractors["pixels"]])
    (ranking,) = result["rankings"]
    assert ranking["order"] == ["noise 1", "noise 0"]
    values = [g["distances"][0]["value"] for g in result["generators"]]
    assert ranking["differences"][0]["value"] == pytest.approx(values[1] - values[0])
    assert ranking["differences"][0]["error"] > 0
    assert "noise 1 is nearer than noise 0" in result["verdict"]


@pytest.mark.usefixtures("quick")
def test_kept_statistics_stand_for_the_real_images(tmp_path: Path) -> None:
    real, fake = write(tmp_path / "real", 30, 20), write(tmp_path / "fake", 12, 20)
    result = run(real, fake, out=tmp_path, save_statistics=True)
    file = tmp_path / result["statistics"]["pixels"]
    (again,) = run(str(file), fake)["generators"]
    assert again["distances"][0]["value"] == pytest.approx(result["distances"][0]["value"], 1e-9)
    assert again["n_real"] == 30
    assert cell("computed in", again["distances"][0]) == "float32"
    with pytest.raises(InputError, match="statistics-pixels.npz.*768.*random.*448"):
        run(str(file), fake, features=("random",))
    with pytest.raises(InputError, match="statistics are of one network; name it"):
        run(str(file), fake, features=())


@pytest.mark.usefixtures("quick")
def test_kept_statistics_bring_the_generated_images_to_their_size(tmp_path: Path) -> None:
    real, fake = write(tmp_path / "real", 12, 40), write(tmp_path / "fake", 11, 20)
    small = write(tmp_path / "small", 10, 16)

    def value(result: dict[str, Any]) -> float:
        (one,) = result.get("generators", [result])
        return one["distances"][0]["value"]

    file, sizes = str(tmp_path / "statistics-pixels.npz"), (20, "native")
    for size in sizes:
        asked: dict[str, Any] = {"size": size}
        run(real, fake, out=tmp_path, save_statistics=True, **asked)
        again = run(file, small)
        assert again["size"] == size
        assert f"are taken at size {size}, as the real ones were; from" in again["note"]
        assert value(again) == pytest.approx(value(run(real, small, **asked)), rel=1e-9)
        assert value(run(file, small, **asked)) == value(again)
    with pytest.raises(InputError, match=r"`size` 20: .*of images of size native; leave it out"):
        run(file, small, size=20)
    with np.load(file) as kept:
        plain = {name: kept[name] for name in ("mu", "sigma")}
    np.savez(tmp_path / "plain.npz", **plain)  # type: ignore[arg-type]
    note = run(str(tmp_path / "plain.npz"), small, real_count=12)["note"]
    assert "size and crop; the generated images are taken at size 16; from statistics" in note


@pytest.mark.usefixtures("quick")
def test_only_real_images_are_cropped_to_their_subject_and_it_is_said(tmp_path: Path) -> None:
    real, words = write_dogs(tmp_path / "dogs"), "real images are cropped to the subject's square"
    subject = run(real, real, crop="subject", out=tmp_path, save_statistics=True)
    value = subject["distances"][0]["value"]
    assert value > 1  # one FeatureExtractors looks at both squares of the same files
    assert words in subject["note"]
    assert words not in run(real, real)["note"]
    file = str(tmp_path / "statistics-pixels.npz")
    for again in (run(file, real), run(file, real, crop="subject")):
        assert again["generators"][0]["distances"][0]["value"] == pytest.approx(value, rel=1e-9)
        assert words in again["note"]
    run(real, real, out=tmp_path, save_statistics=True)
    with pytest.raises(InputError, match="`crop` subject: .*cropped to the centre; leave it out"):
        run(file, real, crop="subject")


def write_dogs(folder: Path) -> str:
    """Toy dogs that stand at the left of wide pictures."""
    folder.mkdir()
    drawn = genlab.data.images("toydogs:10", 48)
    for index in range(10):
        wide = torch.full((3, 48, 96), 128, dtype=torch.uint8)
        wide[:, :, :48] = drawn.read(index)
        Image.fromarray(wide.permute(1, 2, 0).numpy()).save(folder / f"{index}.png")
    return str(folder)


@pytest.mark.usefixtures("quick")
def test_the_smallest_generated_image_decides_the_size_whatever_it_is_called(
    tmp_path: Path
) -> None:
    real, fake = write(tmp_path / "real", 11, 48), write(tmp_path / "fake", 12, 30)
    Image.new("RGB", (50, 20)).save(tmp_path / "fake" / "05.png")
    first = run(real, fake)
    assert first["size"] == 20
    assert "from 20 to 30 px: all images, real ones too, are brought to 20 px" in first["note"]
    (tmp_path / "fake" / "05.png").rename(tmp_path / "fake" / "0.png")
    values = [result["distances"][0]["value"] for result in (first, run(real, fake))]
    assert values[0] == pytest.approx(values[1], rel=1e-9)
    assert "brought to" not in run(real, fake, size=24)["note"]
    other = write(tmp_path / "other", 10, 25)
    for fakes in ((fake, other), (other, fake)):
        both = run(real, *fakes)
        assert [one["size"] for one in both["generators"]] == [20, 20]
        assert "from 20 to 30 px" in both["note"]


def test_options_that_cannot_apply_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", mu=np.zeros(768), sigma=np.eye(768))
    real, file = write(tmp_path / "real", 10, 16), str(tmp_path / "s.npz")
    refused: tuple[tuple[dict[str, Any], str], ...] = (
        ({"held_out": real}, "`held_out` needs the real images"),
        ({"save_statistics": True}, "`save_statistics` needs"),
        ({"compare_preprocessing": True}, "`compare_preprocessing` needs"),
        ({"permutations": 19}, "`permutations` needs"),
        ({"crop": "subject"}, "`crop` subject: .*cropped already"),
    )
    for options, words in refused:
        with pytest.raises(InputError, match=words):
            run(file, real, **options)
    with pytest.raises(InputError, match="`compare` needs the real images"):
        run(file, real, real, compare=True)
    with pytest.raises(InputError, match=r"`real_count` and `real_ddof` .*real is not"):
        run(real, real, real_count=7)
    with pytest.raises(InputError, match=r"`real_count` and `real_ddof` .*real is not"):
        run(real, real, real_ddof=0)
    with pytest.raises(InputError, match="`compare_preprocessing`: needs FID Inception"):
        run(real, str(tmp_path / "never opened"), compare_preprocessing=True)
    few = write(tmp_path / "few", 9, 16)
    with pytest.raises(InputError, match="few: 9 held-out images; the test of memorisation needs"):
        run(real, real, held_out=few)


def test_runs_are_no_real_images_and_some_draw_none(tmp_path: Path) -> None:
    images = write(tmp_path / "images", 10, 16)
    (tmp_path / "images" / "config.json").write_text('{"format": "of another program"}')
    for kind in ("gan", "lab"):
        write(tmp_path / kind, 10, 16)
        record = json.dumps({"kind": kind, "config": {}})
        (tmp_path / kind / "config.json").write_text(record)
        with pytest.raises(InputError, match=rf"REAL .*{kind}: a genlab run"):
            run(str(tmp_path / kind), images)
        with pytest.raises(InputError, match=rf"`held_out` .*{kind}: a genlab run"):
            run(images, images, held_out=str(tmp_path / kind))
    with pytest.raises(InputError, match="FAKES .*lab: a run of kind 'lab', which draws no"):
        run(images, str(tmp_path / "lab"))


@pytest.mark.usefixtures("quick")
def test_an_image_without_direction_takes_only_what_needs_one(tmp_path: Path) -> None:
    real, fake = write(tmp_path / "real", 11, 16), write(tmp_path / "fake", 10, 16)
    Image.new("RGB", (16, 16)).save(tmp_path / "fake" / "05.png")
    result = run(real, fake, features=("pixels", "random"))
    pixels, other = result["distances"]
    assert pixels["value"] > 0
    assert pixels["mmd"] is None
    assert pixels["vendi"] is None
    assert other["mmd"]
    assert other["vendi"] > 1
    assert "fake/05.png are all 0" in result["note"]
    assert result["note"].count("no Gaussian MMD") == 1


def test_a_place_that_a_measurement_cannot_go_to_is_refused_before_any_work(
    tmp_path: Path
) -> None:
    real, fake = write(tmp_path / "real", 10, 16), write(tmp_path / "fake", 10, 16)
    config, out = FidConfig(real=real, fakes=(fake,), held_out=real), tmp_path / "out"
    for place in ("fake/out", "real", "fake/../real"):
        with pytest.raises(InputError, match=r"`out` .*: lies in the folder of the images"):
            check_target(tmp_path / place, config)
    assert not (tmp_path / "fake" / "out").exists()
    out.write_text("a file")
    with pytest.raises(InputError, match=r"`out` .*out: a file is in the way"):
        check_target(out, config)
    out.unlink()
    for theirs in ("out/config.json", "out/1/notes.txt", "out/closest"):
        (tmp_path / theirs).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / theirs).touch()
        with pytest.raises(InputError, match=r"`out` .*out: the folder holds .*of no measurement"):
            check_target(out, config)
        (tmp_path / theirs).unlink()
    check_target(out, config)


def test_a_measurement_replaces_an_earlier_one_and_its_figures(tmp_path: Path) -> None:
    out, config = tmp_path / "out", FidConfig(real="toydogs:10", fakes=("toydogs:11",))
    figures = [out / name for name in ("closest.png", "1/closest.png", "2/influence.png")]
    kept = [out / name for name in ("results.json", "statistics-pixels.npz", ".x.tmp-1")]
    for path in (*figures, *kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    check_target(out, config)
    drop_figures(out)
    assert sorted(out.iterdir()) == sorted(kept)


@pytest.mark.usefixtures("quick")
@needs_data
def test_preprocessings_differ_where_images_are_resized(
    dogs: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENLAB_DATA", str(DATA))
    fake = write(tmp_path / "fake", 10, 32)
    (table,) = run("toydogs:10", fake, compare_preprocessing=True)["preprocessings"]
    assert list(table["values"]) == list(PREPROCESSINGS)
    values = table["values"]
    assert values["edm2"] == pytest.approx(values["tensorflow"], rel=1e-4)  # the same mathematics
    assert abs(values["clean"] / values["pytorch-fid"] - 1) > 1e-3


def test_bad_configurations_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        run("toydogs:10", str(tmp_path / "nowhere"))
    for options, words in (
        ({"size": 8}, "`size` 8: must be from 16 to 4096"),
        ({"size": 100_000}, "`size` 100000: must be from 16 to 4096"),
        ({"features": ("pixels", "pixels")}, "`features` pixels pixels: name each network once"),
        ({"features": ("vgg",)}, "`features` vgg.*efficientnet-lite0"),
        ({"compare": True}, "`compare`: give at least two"),
        ({"permutations": 5}, "`permutations` 5: at least 19"),
    ):
        with pytest.raises(InputError, match=words):
            FidConfig(real="a", fakes=("b",), **options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="FAKES"):
        FidConfig(real="a", fakes=())


def test_two_processes_find_what_one_does(tmp_path: Path) -> None:
    real, fake = write(tmp_path / "real", 13, 40), write(tmp_path / "fake", 11, 20)
    command = ("fid", real, fake, "--features", "random", "--permutations", "19", "--out")
    alone = run_command(*command, "one", cwd=tmp_path, GENLAB_CACHE=str(tmp_path / "cache"))
    assert alone.returncode == 0, alone.stderr
    subprocess.run(
        [sys.executable, *TORCHRUN, "genlab", *command, "two"], cwd=tmp_path, check=True,
        env=os.environ | {"GENLAB_CACHE": str(tmp_path / "caches"), "OMP_NUM_THREADS": "1"},
        timeout=300, capture_output=True,
    )
    one, two = (
        json.loads((tmp_path / name / "results.json").read_text(encoding="utf-8"))["distances"][0]
        for name in ("one", "two")
    )
    assert one["value"] == pytest.approx(two["value"], rel=1e-6)
    assert one["error"] == pytest.approx(two["error"], rel=1e-5)
    assert (tmp_path / "one" / "closest.png").stat().st_size > 1000


TORCHRUN = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "-m"]


def judged(value: float, null: float, **memory: Any) -> dict[str, Any]:
    copied = {"p": 0.5, "duplicates": 0, "reference": "leave-one-out"} | memory
    return {
        "label": "FD (net)", "network": "net", "value": value, "error": 0.0312,
        "null": {"mean": 1.0, "high": 1.2, "p": null, "permutations": 199}, "memorisation": copied,
    }  # fmt: skip


def test_the_smallest_p_that_there_can_be_is_shown_as_a_bound() -> None:
    """One of 20 deals and the sets as they are: 1 / 21, however different they be."""
    assert [is_smallest({"p": p, "permutations": 20}) for p in (1 / 21, 2 / 21)] == [True, False]
    common = {"label": "FD (net)", "value": 1.0, "device": "cpu", "computed_in": "float32",
              "preprocessing": "clean"}  # fmt: skip
    nulls = [{"mean": 0.5, "high": 0.6, "p": p, "permutations": 20} for p in (1 / 21, 2 / 21)]
    shown = [cell("p (not one law)", common | {"null": null}) for null in nulls]
    assert shown == ["<= 0.048 (20 deals)", "0.095"]


def test_verdicts_say_what_the_tests_say() -> None:
    def words(*distances: dict[str, Any]) -> str:
        return verdict({"n_fake": 300, "n_real": 400, "distances": list(distances)})

    apart, together = words(judged(1.5, 0.005)), words(judged(1.1, 0.4))
    assert "FD (net) = 1.500 ± 0.031 at 300 generated and 400 real images" in apart
    assert "it tells the generated images from the real ones (p <= 0.005)" in apart
    assert "does not tell" in together
    assert "no proof that they are alike" in together
    assert "disagree" in words(judged(1.5, 0.005), judged(1.1, 0.4))
    assert "disagree" not in words(judged(1.5, 0.005), judged(1.5, 0.01))
    assert "2 generated images have exactly" in words(judged(1.5, 0.005, duplicates=2))
    assert "1 generated image has exactly" in words(judged(1.5, 0.005, duplicates=1))
    nearer = words(judged(1.5, 0.005, p=0.01))
    assert "nearer to the real ones than the real images are to each other" in nearer
    assert "Nothing suggests" not in nearer
    assert "a weak one" in apart
    assert "a weak one" not in words(judged(1.5, 0.005, reference="held-out"))


def test_rankings_claim_only_what_is_beyond_two_errors() -> None:
    def words(value: float) -> str:
        step = {"value": value, "error": 0.1}
        return ranking_words([{"label": "FD", "order": ["a", "b"], "differences": [step]}])

    assert "a is nearer than b (difference 0.50 ± 0.10, paired)" in words(-0.5)
    assert "a is not surely nearer than b" in words(-0.15)
    equal = {"value": 0.0, "error": 1e-12}
    found = ranking_words([{"label": "FD", "order": ["a", "b"], "differences": [equal]}])
    assert "a is not surely nearer than b (difference 0, paired)" in found


def test_a_module_of_ones_own_is_a_network(dogs: Tensor) -> None:
    torch.manual_seed(0)
    own = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 5)).eval()
    mine = Extractor(own, lambda x: F.adaptive_avg_pool2d(x.float() / 255, 8), "mine")
    sets = sets_of(dogs[:13], dogs[13:])
    (found,) = measure(sets, FeatureExtractors(), QUICK, [mine])["distances"]
    with torch.no_grad():
        x, y = (own(F.adaptive_avg_pool2d(d.float() / 255, 8)) for d in (dogs[:13], dogs[13:]))
    assert found["label"] == "FD (mine)"
    assert found["value"] == pytest.approx(by_numpy(x, y), rel=1e-4)


@pytest.mark.usefixtures("quick")
def test_digits_of_a_vae_are_judged_by_the_digit_network(tmp_path: Path) -> None:
    config = VaeConfig(data="mnist-5k", hidden=(16,), epochs=1, importance=0, draws=1)
    train_vae(config, tmp_path / "vae")
    result = run("mnist-5k", str(tmp_path / "vae"), features=("digits",), n=40)
    (found,) = result["distances"]
    assert [result["n_real"], result["n_fake"], result["size"]] == [1000, 40, 28]
    assert "generated by vae" in result["fake"]["name"]
    assert 1 <= found["class_score"] <= 10
    assert 0 <= found["class_entropy"] <= math.log(10)
    again = run("mnist-5k", str(tmp_path / "vae"), features=("digits",), n=40)
    assert again["distances"] == result["distances"]
