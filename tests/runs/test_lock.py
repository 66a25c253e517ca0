"""One process at a time trains into a folder."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading

from collections.abc import Iterator
from pathlib import Path

import pytest

from cases.command import refused, run_command
from cases.gan import tiny

from genlab.common.atomic import LOCK
from genlab.common.errors import InputError
from genlab.configs.vae import VaeConfig
from genlab.gan.training.train import train_gan
from genlab.runs.lock import run_lock
from genlab.runs.run import Run
from genlab.runs.seal import digest_of
from genlab.vae.train import train_vae

fcntl = pytest.importorskip("fcntl")  # of POSIX

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


def test_one_thread_may_lock_a_folder_twice(tmp_path: Path) -> None:
    """A lab sheet draws and submits in the folder that it has locked."""
    with run_lock(tmp_path):
        with run_lock(tmp_path):
            pass
        assert (tmp_path / LOCK).exists()
    assert not (tmp_path / LOCK).exists()


def test_another_thread_is_refused(tmp_path: Path) -> None:
    found: list[Exception] = []

    def enter() -> None:
        try:
            with run_lock(tmp_path):
                pass
        except InputError as error:
            found.append(error)

    with run_lock(tmp_path):
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
    assert len(found) == 1


def test_a_lock_on_a_file_that_was_deleted_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that ends deletes the file which the next one has opened, but not locked."""
    flock, gone = fcntl.flock, []

    def deleted_first(descriptor: int, how: int) -> None:
        if how & fcntl.LOCK_EX and not gone:
            gone.append((tmp_path / LOCK).stat().st_ino)
            (tmp_path / LOCK).unlink()
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", deleted_first)
    with run_lock(tmp_path, wait=True):
        with (tmp_path / LOCK).open() as file, pytest.raises(BlockingIOError):
            flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # who opens it now finds it locked
        assert gone


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_named(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(InputError, match=f"^{tmp_path}: its file system has no locks"):
        run_lock(tmp_path).__enter__()


def test_what_writes_into_a_run_that_is_locked_says_so(
    other: subprocess.Popen, tiny_digits: Path, picture_folder: Path, tmp_path: Path
) -> None:
    """Each is one line and exit code 2, and the folder stays as it is."""
    config = b'{"kind": "vae", "config": {}}'
    (tmp_path / "run" / "config.json").write_bytes(config)
    (tmp_path / "run" / "DONE").write_text(
        json.dumps({"files": {"config.json": [digest_of(config)]}})
    )
    before = sorted(path.name for path in (tmp_path / "run").iterdir())
    for command in (
        ("vae", "train", "--data", str(tiny_digits), "--out", "run"),
        ("vae", "evaluate", "run"), ("explore", "run"), ("submit", "run"), ("report", "run"),
        ("gan", "draw", "run"), ("gan", "train", str(picture_folder), "--out", "run"),
        ("lab", "--mnist", "mnist-5k", "--dogs", "toydogs:16", "--out", "run"),
    ):
        refused(run_command(*command, cwd=tmp_path), "run: another process is at work there")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == before


@pytest.mark.parametrize("command", [
    ("data", "check", "pictures", "--out", "run"),
    ("fid", "pictures", "pictures", "--features", "pixels", "--out", "run"),
])
def test_what_writes_into_an_output_folder_that_is_locked_says_so(
    command: tuple[str, ...], other: subprocess.Popen, picture_folder: Path, tmp_path: Path
) -> None:
    ended = run_command(*command, cwd=tmp_path)
    refused(ended, "run: another process is at work there")
