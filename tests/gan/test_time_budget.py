"""A GAN's run before it begins: options, recipes' defaults, a run that fits into minutes."""

import dataclasses
import json
import math
import re

from pathlib import Path
from typing import get_args

import pytest

from cases.command import Ended, run_command

from genlab.common.errors import InputError
from genlab.configs.gan import RECIPES, GanConfig, RecipeName, scratch
from genlab.gan.training import time_budget as gan_plan
from genlab.gan.training.monitor import epochs_to_measure
from genlab.gan.training.time_budget import TimePlan, plan_minutes
from genlab.gan.training.train import images_of
from genlab.runs.records import read_json

SMALL = (
    "--recipe", "scratch", "--design.width", "1", "--design.discriminator-width", "1",
    "--latent", "8", "--batch", "8", "--measure-with", "pixels", "--measure-fakes", "16",
    "--out", "run",
)  # fmt: skip


def gan_train(*arguments: str, cwd: Path) -> Ended:
    return run_command("gan", "train", *arguments, cwd=cwd, COLUMNS="200")


def planned(config: GanConfig, minutes: float) -> TimePlan:
    out = Path("none")
    return plan_minutes(images_of(config, out), config, minutes, out)


@pytest.mark.parametrize("minutes", [1.0, 2.5])
def test_as_many_epochs_as_fit(
    minutes: float, picture_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """24 images in batches of 16: two steps an epoch, of 0.05 s; 2 s a measurement."""
    monkeypatch.setattr(gan_plan, "trial", lambda *_: (0.05, 2.0))
    plan = planned(scratch(str(picture_folder)), minutes)
    epochs = plan.config.epochs

    def seconds(count: int) -> float:
        config = dataclasses.replace(plan.config, epochs=count)
        return count * 2 * 0.05 + (len(epochs_to_measure(config, 24)) + 1) * 2.0

    assert plan.seconds == pytest.approx(seconds(epochs))
    assert seconds(epochs) <= 60 * minutes
    assert seconds(round(epochs * 1.02)) > 60 * minutes - 2  # loading took up to 2 s
    assert plan.config.snapshot_epochs == (round(0.2 * epochs), round(0.6 * epochs), epochs)
    default = scratch(str(picture_folder)).epochs
    own = dataclasses.replace(
        scratch(str(picture_folder)), snapshots=(4, default, epochs - 1, 10 * epochs)
    )
    kept = planned(own, minutes).config
    assert kept.snapshot_epochs == (4, default, epochs - 1, kept.epochs)


def test_at_least_one_epoch(
    picture_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gan_plan, "trial", lambda *_: (600.0, 2.0))
    plan = planned(scratch(str(picture_folder)), 1.0)
    assert plan.config.snapshot_epochs == (plan.config.epochs,) == (1,)
    assert "one epoch takes 20 minutes" in capsys.readouterr().err
    for wrong in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(InputError, match="`minutes`"):
            planned(scratch(str(picture_folder)), wrong)


def test_every_field_is_an_option_with_the_recipes_value(tmp_path: Path) -> None:
    assert set(get_args(RecipeName)) == set(RECIPES)
    shown = " ".join(gan_train("--recipe", "scratch", "--help", cwd=tmp_path).stdout.split())
    for field in dataclasses.fields(GanConfig):
        if field.name not in ("data", "design", "design_options"):
            name = "from" if field.name == "start" else field.name.replace("_", "-")
            assert re.search(f"--{name}[ ,]", shown), field.name
    assert "--design.r1-gamma FLOAT" in shown
    assert "grows with the number of pixels (scratch: 0.5)" in shown


def test_a_dry_run_shows_what_would_be_and_writes_nothing(
    picture_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    shown = gan_train(str(picture_folder), *SMALL, "--epochs", "7", "--dry-run", cwd=folder)
    assert shown.returncode == 0, shown.stderr
    found = json.loads(shown.stdout)
    assert found["config"]["epochs"] == 7
    assert found["config"]["learning_rate"] == scratch("x").learning_rate
    assert found["config"]["design"] == "scratch"
    assert found["config"]["design_options"]["r1_every"] == 4
    assert (found["images"], found["held_out"], found["steps"]) == (24, 0, 21)
    assert found["measured_epochs"] == [3, 6, 7]
    assert found["snapshot_epochs"] == [7]
    assert list(folder.iterdir()) == []


def test_a_planned_run_keeps_its_plan(picture_folder: Path, tmp_path: Path) -> None:
    first = gan_train(str(picture_folder), *SMALL, "--minutes", "0.05", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    config = read_json(tmp_path / "run" / "config.json")["config"]
    assert "minutes" not in config
    epochs = config["epochs"]
    assert epochs == read_json(tmp_path / "run" / "results.json")["epochs"]
    assert config["snapshots"][-1] == epochs
    weights = (tmp_path / "run" / "generator.safetensors").stat().st_mtime_ns
    again = gan_train(str(picture_folder), *SMALL, "--minutes", "0.05", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    wrong = gan_train(str(picture_folder), *SMALL, "--minutes", "-5", cwd=tmp_path)
    assert (wrong.returncode, "--minutes must be above 0, not -5" in wrong.stderr) == (2, True)
    assert "trying out" not in again.stderr
    assert (tmp_path / "run" / "generator.safetensors").stat().st_mtime_ns == weights


def test_options_that_are_given_count_whatever_their_values(
    picture_folder: Path, tmp_path: Path
) -> None:
    """Those of the recipe, too."""
    own = (str(picture_folder), *SMALL, "--minutes")
    for epochs in ("--epochs=3", "--epochs=50"):
        both = gan_train(*own, "1", epochs, cwd=tmp_path)
        assert both.returncode == 2
        assert "--minutes and --epochs are not allowed together" in both.stderr
    kept = gan_train(*own, "0.05", "--snapshots", "10", "30", "50", "--dry-run", cwd=tmp_path)
    assert kept.returncode == 0, kept.stderr
    assert json.loads(kept.stdout)["config"]["snapshots"] == [10, 30, 50]
