"""A measurement as the command line asks for it: sources, sizes, statistics, places."""

import json
import math
import os
import subprocess
import sys

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cases.command import run_command
from PIL import Image
from torch import Tensor

from genlab import data
from genlab.cli.fid import table
from genlab.common.errors import InputError
from genlab.common.rng import generator
from genlab.common.typed_json import from_json
from genlab.configs.fid import FidConfig
from genlab.configs.vae import VaeConfig
from genlab.features.preprocessing import PREPROCESSINGS
from genlab.fid.evaluate import evaluate
from genlab.fid.output import check_target, drop_figures
from genlab.fid.results import (
    FidResults,
    Measurement,
)
from genlab.vae.train import train_vae

DATA = os.environ.get("GENLAB_DATA")


needs_data = pytest.mark.skipif(
    DATA is None or not (Path(DATA) / "inception").is_dir(),
    reason="GENLAB_DATA is not set or has no inception/: no published weights",
)


def write(folder: Path, count: int, side: int) -> str:
    folder.mkdir(parents=True)
    random = generator(0, folder.name)
    for index in range(count):
        shape = (side, side + 4, 3)
        pixels = torch.randint(0, 256, shape, generator=random).to(torch.uint8)
        Image.fromarray(pixels.numpy()).save(folder / f"{index:02d}.png")
    return str(folder)


def run(real: str, *fakes: str, out: Path = Path(), **options: Any) -> FidResults:
    asked = {"features": ("pixels",), "permutations": 0} | options
    found = evaluate(FidConfig(real=real, fakes=fakes, **asked), out)
    assert found is not None
    return found.results


def only(results: FidResults) -> Measurement:
    (one,) = results.generators
    return one


def value(results: FidResults) -> float:
    return only(results).distances[0].distance.value


@pytest.mark.usefixtures("quick")
def test_folders_are_compared_at_the_generated_size(tmp_path: Path) -> None:
    real, fake = write(tmp_path / "real", 11, 48), write(tmp_path / "fake", 12, 20)
    first, other = run(real, fake), run(real, fake, size=24)
    result = only(first)
    assert [result.n_real, result.n_fake, result.size] == [11, 12, 20]
    assert result.real == data.images(real, 20).identity
    assert result.recognised_fake is None  # no network that knows dogs looked
    assert only(other).size == 24
    assert len({value(r) for r in (first, other, run(real, fake, size="native"))}) == 3


@pytest.mark.usefixtures("quick")
def test_kept_statistics_stand_for_the_real_images(tmp_path: Path) -> None:
    real, fake = write(tmp_path / "real", 30, 20), write(tmp_path / "fake", 12, 20)
    result = run(real, fake, out=tmp_path, save_statistics=True)
    file = tmp_path / result.statistics_files["pixels"]
    again = run(str(file), fake)
    assert value(again) == pytest.approx(value(result), 1e-9)
    assert only(again).n_real == 30
    assert only(again).statistics == str(file)
    assert "precision of the network" in table(only(again))
    with pytest.raises(InputError, match="statistics-pixels.npz.*768.*random.*448"):
        run(str(file), fake, features=("random",))
    with pytest.raises(InputError, match="statistics are of one network; name it"):
        run(str(file), fake, features=())


@pytest.mark.usefixtures("quick")
def test_kept_statistics_bring_the_generated_images_to_their_size(tmp_path: Path) -> None:
    real, fake = write(tmp_path / "real", 12, 40), write(tmp_path / "fake", 11, 20)
    small = write(tmp_path / "small", 10, 16)

    file, sizes = str(tmp_path / "statistics-pixels.npz"), (20, "native")
    for size in sizes:
        asked: dict[str, Any] = {"size": size}
        run(real, fake, out=tmp_path, save_statistics=True, **asked)
        again = run(file, small)
        assert only(again).size == (None if size == "native" else size)
        assert f"are taken at size {size}, as the real ones were; from" in again.note
        assert value(again) == pytest.approx(value(run(real, small, **asked)), rel=1e-9)
        assert value(run(file, small, **asked)) == value(again)
    with pytest.raises(InputError, match=r"`size` 20: .*of images of size native; leave it out"):
        run(file, small, size=20)
    with np.load(file) as kept:
        plain = {name: kept[name] for name in ("mu", "sigma")}
    np.savez(tmp_path / "plain.npz", **plain)  # type: ignore[arg-type]
    note = run(str(tmp_path / "plain.npz"), small, real_count=12).note
    assert "size and crop; the generated images are taken at size 16; from statistics" in note


@pytest.mark.usefixtures("quick")
def test_only_real_images_are_cropped_to_their_subject_and_it_is_said(tmp_path: Path) -> None:
    real, words = write_dogs(tmp_path / "dogs"), "real images are cropped to the subject's square"
    subject = run(real, real, crop="subject", out=tmp_path, save_statistics=True)
    assert value(subject) > 1  # both squares of the same files have features of their own
    assert words in subject.note
    assert words not in run(real, real).note
    file = str(tmp_path / "statistics-pixels.npz")
    for again in (run(file, real), run(file, real, crop="subject")):
        assert value(again) == pytest.approx(value(subject), rel=1e-9)
        assert words in again.note
    run(real, real, out=tmp_path, save_statistics=True)
    with pytest.raises(InputError, match="`crop` subject: .*cropped to the centre; leave it out"):
        run(file, real, crop="subject")


def write_dogs(folder: Path) -> str:
    """Toy dogs that stand at the left of wide pictures."""
    folder.mkdir()
    drawn = data.images("toydogs:10", 48)
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
    assert only(first).size == 20
    assert "from 20 to 30 px: all images, real ones too, are brought to 20 px" in first.note
    (tmp_path / "fake" / "05.png").rename(tmp_path / "fake" / "0.png")
    assert value(run(real, fake)) == pytest.approx(value(first), rel=1e-9)
    assert "brought to" not in run(real, fake, size=24).note
    other = write(tmp_path / "other", 10, 25)
    for fakes in ((fake, other), (other, fake)):
        both = run(real, *fakes)
        assert [one.size for one in both.generators] == [20, 20]
        assert "from 20 to 30 px" in both.note


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
    result = only(run(real, fake, features=("pixels", "random")))
    pixels, other = result.distances
    assert pixels.distance.value > 0
    assert pixels.metrics["mmd"] is None
    assert pixels.metrics["vendi"] is None
    assert other.metrics["mmd"] is not None
    assert other.metrics["vendi"] is not None
    assert other.metrics["vendi"].value > 1
    assert "fake/05.png are all 0" in result.note
    assert result.note.count("no Gaussian MMD") == 1


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
    (compared,) = run("toydogs:10", fake, compare_preprocessing=True).preprocessings
    values = compared.values
    assert list(values) == list(PREPROCESSINGS)
    assert values["edm2"] == pytest.approx(values["tensorflow"], rel=1e-4)  # the same mathematics
    assert abs(values["clean"] / values["pytorch-fid"] - 1) > 1e-3


def test_one_image_again_and_again_and_compressed_files_are_told(tmp_path: Path) -> None:
    real, fake = write(tmp_path / "real", 12, 16), tmp_path / "fake"
    fake.mkdir()
    for index in range(11):
        Image.new("RGB", (16, 16), (90, 120, 200)).save(fake / f"{index}.jpg")
    done = run_command(
        "fid", real, str(fake), "--features", "pixels", "--out", "out", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "fake: 11 generated (1 different) and 12 real images" in done.stdout
    assert "All 11 generated images are one and the same." in done.stdout
    assert "the generated images are JPEG files and the real ones are not" in done.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["results.json"]


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
        from_json(
            FidResults, json.loads((tmp_path / name / "results.json").read_text("utf-8")), name
        )
        for name in ("one", "two")
    )
    assert value(one) == pytest.approx(value(two), rel=1e-6)
    errors = [only(found).distances[0].distance.error for found in (one, two)]
    assert errors[0] == pytest.approx(errors[1], rel=1e-5)
    assert (tmp_path / "one" / "closest.png").stat().st_size > 1000


TORCHRUN = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "-m"]


@pytest.mark.usefixtures("quick")
def test_digits_of_a_vae_are_judged_by_the_digit_network(tmp_path: Path) -> None:
    config = VaeConfig(data="mnist-5k", hidden=(16,), epochs=1, importance=0, draws=1)
    train_vae(config, tmp_path / "vae")
    result = only(run("mnist-5k", str(tmp_path / "vae"), features=("digits",), n=40))
    (found,) = result.distances
    assert [result.n_real, result.n_fake, result.size] == [1000, 40, 28]
    assert "generated by vae" in result.fake.name
    score, entropy = (found.metrics[key] for key in ("class_score", "class_entropy"))
    assert score is not None
    assert entropy is not None
    assert 1 <= score.value <= 10
    assert 0 <= entropy.value <= math.log(10)
    again = only(run("mnist-5k", str(tmp_path / "vae"), features=("digits",), n=40))
    assert again.distances == result.distances
