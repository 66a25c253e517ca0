"""The lab sheet in small: the same steps with small networks and few digits."""

import os
import signal
import subprocess
import sys

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import genlab

from genlab.configs.lab import PRESETS
from genlab.lab import sheet

KILLED = """
import os, signal, sys
import pytest, torch
from cases.lab import shrink_lab
from genlab.cli.main import main
from genlab.gan.training import train as gan
shrink_lab(pytest.MonkeyPatch())
torch.set_num_threads(1)
last, train_step = int(sys.argv.pop(1)), gan.train_step
def killed(players, config, images, step, labels):
    if step == last:
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


def shrink_lab(patch: pytest.MonkeyPatch, **gan_changes: Any) -> None:
    """Makes the networks of the lab sheet small."""
    small = replace(PRESETS["quick"], components=4, importance=200, vae_batch=60)
    patch.setitem(PRESETS, "quick", small)
    vaes, gan = sheet.vae_configs, sheet.plan_gan
    patch.setattr(sheet, "vae_configs", lambda *a: {
        prior: replace(one, hidden=(16,)) for prior, one in vaes(*a).items()
    })
    patch.setattr(sheet, "plan_gan", lambda *a: replace(
        gan(*a), learning_rate=1e-2, **gan_changes,
        design_options={"width": 8, "discriminator_width": 8, "feature_size": 32},
    ))


def run_lab_until_killed(step: int, *arguments: str) -> None:
    """Runs the small lab sheet in another process that kills itself at a step of the GAN."""
    tests, package = Path(__file__).parents[1], Path(genlab.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(step), "lab", *arguments], capture_output=True,
        text=True, env=os.environ | {"PYTHONPATH": f"{tests}:{package}", "GENLAB_DATA": ""},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
