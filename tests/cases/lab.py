"""The lab sheet in small: the same steps with small networks and few digits."""

import os
import signal
import subprocess
import sys

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cases.command import run_command

import genlab

from genlab.configs.lab import PRESETS
from genlab.lab import sheet

FAKES, SNAPSHOTS = 12, (2, 4)
KILLED = """
import os, signal
import pytest, torch
from cases.lab import shrink_lab
from genlab.cli.main import main
from genlab.gan.training import train as gan
shrink_lab(pytest.MonkeyPatch())
torch.set_num_threads(1)
train_step = gan.train_step
def killed(players, config, images, step, labels):
    if step == 5:  # of eight
        os.kill(os.getpid(), signal.SIGKILL)
    return train_step(players, config, images, step, labels)
gan.train_step = killed
main()
"""


def write_digits(path: Path) -> Path:
    """Writes 160 random binary pictures of the size of digits, 40 of them for tests."""
    images = (np.random.default_rng(0).random((160, 28, 28)) < 0.2).astype(np.uint8)
    np.savez(path, train=images[:120], test=images[120:])
    return path


def lab_options(digits: Path, run: Path) -> list[str]:
    """The options of the small lab sheet."""
    return [
        "--mnist", str(digits), "--dogs", "toydogs:16", "--vae-epochs", "3",
        "--gan-epochs", "4", "--gan-images", "16", "--fakes", str(FAKES), "--name", "张三",
        "--id", "2021", "--checkpoints", "--out", str(run),
    ]  # fmt: skip


def shrink_lab(patch: pytest.MonkeyPatch) -> None:
    """Makes the networks of the lab sheet small, and its snapshots early."""
    small = replace(PRESETS["quick"], components=4, importance=200, vae_batch=60)
    patch.setitem(PRESETS, "quick", small)
    vaes, gan = sheet.vae_configs, sheet.plan_gan
    patch.setattr(sheet, "vae_configs", lambda *a: {
        prior: replace(one, hidden=(16,)) for prior, one in vaes(*a).items()
    })
    patch.setattr(sheet, "plan_gan", lambda *a: replace(
        gan(*a), learning_rate=1e-2, snapshots=SNAPSHOTS,
        design_options={"width": 8, "discriminator_width": 8, "feature_size": 32},
    ))


def run_small_lab(folder: Path) -> None:
    """Runs the small lab sheet: a process that is killed in the GAN's third epoch, then this one.

    The run is the folder `run`.
    """
    run = folder / "run"
    options = lab_options(write_digits(folder / "digits.npz"), run)
    tests, package = Path(__file__).parents[1], Path(genlab.__file__).parents[1]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, "lab", *options], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": f"{tests}:{package}", "GENLAB_DATA": ""}, check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (run / "gan" / "samples" / "epoch_002" / "09.png").exists()
    assert not (run / "DONE").exists()
    weights = run / "vae" / "vamp" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    with pytest.MonkeyPatch.context() as patch:
        shrink_lab(patch)
        ended = run_command("lab", *options, cwd=folder, GENLAB_DATA="")
    assert ended.returncode == 0, ended.stderr
    assert weights.stat().st_mtime_ns == before
