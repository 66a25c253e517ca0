"""One process at a time trains into a folder."""

import os
import signal
import subprocess
import sys

from collections.abc import Iterator
from pathlib import Path

import pytest

from cases.gan import tiny

from genlab.common.atomic import LOCK
from genlab.common.errors import InputError
from genlab.configs.vae import VaeConfig
from genlab.gan.training.train import train_gan
from genlab.runs.lock import run_lock
from genlab.runs.run import Run
from genlab.vae.train import train_vae

HOLD = """
import sys
from pathlib import Path
from genlab.runs.lock import run_lock
with run_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
print("free", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen]:
    """Another process that holds the folder "run" until it reads a line."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def vae(digits: Path, **changes: object) -> VaeConfig:
    base = {"hidden": (16,), "epochs": 2, "batch": 50, "importance": 0, "draws": 2}
    return VaeConfig(data=str(digits), **{**base, **changes})


def test_a_second_process_is_refused_and_changes_nothing(
    other: subprocess.Popen, tiny_digits: Path, picture_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    for train in (
        lambda: train_vae(vae(tiny_digits), out),
        lambda: train_gan(tiny("scratch", picture_folder), out),
    ):
        with pytest.raises(InputError, match=f"^{out}: another process is at work there"):
            train()
    assert [p.name for p in out.iterdir()] == [LOCK]
    assert other.stdin is not None
    assert other.stdout is not None
    other.stdin.write("\n")
    other.stdin.flush()
    assert other.stdout.readline() == "free\n"
    assert not out.exists()  # it takes with it what it has made
    train_vae(vae(tiny_digits), out)
    assert Run(out).done
    assert not (out / LOCK).exists()


def test_a_killed_process_holds_nothing(
    other: subprocess.Popen, tiny_digits: Path, tmp_path: Path
) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert (tmp_path / "run" / LOCK).exists()
    train_vae(vae(tiny_digits), tmp_path / "run")
    assert not (tmp_path / "run" / LOCK).exists()


def test_a_failure_lets_go(tmp_path: Path) -> None:
    def fail() -> None:
        with run_lock(tmp_path):
            raise RuntimeError("as training may")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="as training may"):
            fail()
    assert list(tmp_path.iterdir()) == []
