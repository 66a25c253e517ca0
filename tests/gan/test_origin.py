"""Runs that go on from another: the same as one long run, what they record, what is refused."""

import json
import shutil

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cases.command import run_command
from cases.gan import same, tiny
from PIL import Image
from safetensors.torch import load

from genlab.cli.resume import resume
from genlab.common.errors import InputError
from genlab.configs.gan import RECIPES, GanConfig
from genlab.gan.results import read_gan_results
from genlab.gan.training import train as gan
from genlab.gan.training.origin import ORIGIN, PLAYERS
from genlab.gan.training.train import train_gan
from genlab.runs.run import Run


def draw_pictures(folder: Path, seed: int) -> Path:
    random = np.random.default_rng(seed)
    folder.mkdir()
    for index in range(20):
        coarse = random.integers(0, 256, (4, 4, 3)).astype(np.uint8)
        Image.fromarray(coarse).resize((64, 64)).save(folder / f"{index:02d}.png")
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_pictures(tmp_path_factory.mktemp("pictures") / "all", 0)


def small(recipe: str, pictures: Path, epochs: int, start: str | None = None) -> GanConfig:
    config = tiny(recipe, pictures)
    return replace(config, epochs=epochs, start=start, checkpoints=False, measure_every=0)


@pytest.fixture(scope="module")
def base(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two epochs."""
    path = tmp_path_factory.mktemp("runs") / "base"
    train_gan(small("scratch", pictures, 2), path)
    return path


def weights(path: Path, name: str = "generator.safetensors") -> dict[str, torch.Tensor]:
    return load((path / name).read_bytes())


@pytest.mark.parametrize("recipe", RECIPES)
def test_two_parts_are_one_run(recipe: str, pictures: Path, tmp_path: Path) -> None:
    """Two epochs, and one that goes on from them: bit for bit what three end with."""
    train_gan(small(recipe, pictures, 3), tmp_path / "whole")
    train_gan(small(recipe, pictures, 2), tmp_path / "first")
    train_gan(small(recipe, pictures, 1, "../first"), tmp_path / "second")
    for name in ("generator.safetensors", PLAYERS):
        second, whole = (tmp_path / run / name for run in ("second", "whole"))
        assert second.read_bytes() == whole.read_bytes()
    first, last = (tmp_path / name / f"samples/epoch_{epoch:03d}/00.png"
                   for name, epoch in (("second", 1), ("whole", 3)))
    assert first.read_bytes() == last.read_bytes()  # the same latents
    assert not same(weights(tmp_path / "first"), weights(tmp_path / "second"))


def test_the_record_tells_all_parts(base: Path, pictures: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "base")
    train_gan(small("scratch", pictures, 1, "../base"), tmp_path / "second")
    found = train_gan(small("scratch", pictures, 4, "../second"), tmp_path / "third").origin
    assert found is not None
    assert (found.run, found.epochs, found.steps) == ("../second", 3, 9)  # of 8, 8 and 4 images
    parts = [read_gan_results(Run(tmp_path / name)) for name in ("base", "second")]
    assert found.seconds == pytest.approx(sum(part.seconds for part in parts))
    assert found.data == parts[1].data
    assert parts[0].origin is None
    record = json.loads((tmp_path / "third" / ORIGIN).read_text())
    assert record["sha256"] == json.loads(
        (tmp_path / "second" / "DONE").read_text()
    )["files"][PLAYERS][0]


def test_other_images_are_learned_with_the_same_networks(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first step begins with the networks that the run before ended with."""
    others, seen = draw_pictures(tmp_path / "others", 1), []
    train_step = gan.train_step

    def looked(players, config, images, step, labels):  # noqa: ANN001, ANN202
        if not seen:
            seen.append({k: v.clone() for k, v in players.generator.state_dict().items()})
            assert same(players.average.state_dict(), weights(base))
        return train_step(players, config, images, step, labels)

    monkeypatch.setattr(gan, "train_step", looked)
    shutil.copytree(base, tmp_path / "base")
    found = train_gan(small("scratch", others, 1, "../base"), tmp_path / "run")
    kept = {k.removeprefix("module/generator/"): v for k, v in weights(base, PLAYERS).items()}
    assert all(torch.equal(value, kept[key]) for key, value in seen[0].items())
    assert found.origin is not None
    assert found.origin.data.sha256 != found.data.sha256


def test_a_stopped_part_goes_on_without_the_run_before(
    base: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(base, tmp_path / "base")
    config = small("scratch", pictures, 2, "../base")
    train_gan(config, tmp_path / "whole")
    train_step = gan.train_step

    def stopped(players, config, images, step, labels):  # noqa: ANN001, ANN202
        if step == 6 + 4:  # of the run before, and of this one
            raise KeyboardInterrupt
        return train_step(players, config, images, step, labels)

    monkeypatch.setattr(gan, "SAVE_EVERY_S", 0.0)
    monkeypatch.setattr(gan, "train_step", stopped)
    with pytest.raises(KeyboardInterrupt):
        train_gan(config, tmp_path / "run")
    monkeypatch.setattr(gan, "train_step", train_step)
    shutil.rmtree(tmp_path / "base")
    resume(tmp_path / "run")
    for name in ("generator.safetensors", PLAYERS, ORIGIN):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


# what is refused


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"size": 128}, "its `size` is 64, not 128"),
        ({"latent": 9}, "its `latent` is 8, not 9"),
        ({"design": "dcgan", "design_options": {}}, "its `design` is scratch, not dcgan"),
        ({"design_options": {"width": 2}}, "its `design_options` is"),
        ({"classes": "clusters", "clusters": 2}, "its `classes` is none, not clusters"),
    ],
)
def test_other_networks_are_refused(
    base: Path, pictures: Path, change: dict[str, object], says: str
) -> None:
    config = replace(small("scratch", pictures, 1, f"../{base.name}"), **change)
    out = base.parent / "other"
    with pytest.raises(InputError, match=f"`from` .*{says}"):
        train_gan(config, out)
    shutil.rmtree(out)


def test_runs_without_networks_to_go_on_from_are_refused(
    base: Path, pictures: Path, tmp_path: Path
) -> None:
    config = small("scratch", pictures, 1, "../before")
    before = tmp_path / "before"

    def refused(says: str) -> None:
        with pytest.raises(InputError, match=says):
            train_gan(config, tmp_path / "run")
        shutil.rmtree(tmp_path / "run")
        shutil.rmtree(before, ignore_errors=True)

    refused("no genlab run|config.json")
    shutil.copytree(base, before)
    (before / "DONE").unlink()
    refused("`from` .*before: not finished; first: genlab resume")
    shutil.copytree(base, before)
    (before / PLAYERS).write_bytes(b"")
    refused(PLAYERS)
    shutil.copytree(base, before)
    (before / PLAYERS).unlink()
    refused(PLAYERS)


def test_a_finished_run_says_how_it_is_gone_on_from(base: Path, pictures: Path) -> None:
    before = (base / "DONE").read_bytes()
    with pytest.raises(InputError, match="a finished run of 2 epochs, .* for 3 more"):
        train_gan(small("scratch", pictures, 5), base)
    with pytest.raises(InputError, match="other options"):
        train_gan(replace(small("scratch", pictures, 5), seed=9), base)
    assert (base / "DONE").read_bytes() == before


def test_states_for_the_verifier_are_of_whole_runs_only(pictures: Path) -> None:
    with pytest.raises(InputError, match="`checkpoints`: not of a run that goes on `from`"):
        replace(small("scratch", pictures, 2, "../base"), checkpoints=True)


def test_the_command_takes_the_way_from_where_it_stands(
    base: Path, pictures: Path, tmp_path: Path
) -> None:
    shutil.copytree(base, tmp_path / "here" / "base")
    options = ["--epochs", "1", "--batch", "8", "--latent", "8", "--design.width", "1",
               "--design.discriminator-width", "1", "--design.r1-every", "2",
               "--measure-every", "0", "--seed", "3"]
    ended = run_command(
        "gan", "train", str(pictures), "--recipe", "scratch", "--from", "here/base", *options,
        "--out", "far/away/run", cwd=tmp_path,
    )
    assert ended.returncode == 0, ended.stderr
    record = json.loads((tmp_path / "far/away/run/config.json").read_text())
    assert record["config"]["start"] == "../../../here/base"
    ended = run_command(
        "gan", "train", str(pictures), "--from", "nowhere", "--out", "run", cwd=tmp_path
    )
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert "nowhere" in ended.stderr
