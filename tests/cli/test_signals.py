"""SIGTERM, SIGHUP and Ctrl-C: training saves its step; one line and the shell's exit code."""

import os
import signal
import subprocess
import sys
import time

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from cases.command import run_command
from cases.gan import tiny_scratch
from cases.small_data import make_pictures

from genlab.cli.resume import resume
from genlab.common import interrupt
from genlab.common.interrupt import Stopped, listen
from genlab.configs.compare import CompareConfig
from genlab.configs.gan import GanConfig
from genlab.configs.vae import VaeConfig
from genlab.gan.training import monitor
from genlab.gan.training import train as gan
from genlab.runs.marker import read_marker
from genlab.runs.run import Run
from genlab.vae import loop
from genlab.vae.compare import compare
from genlab.vae.train import train_vae

pty = pytest.importorskip("pty")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
SIGNALS = [
    (signal.SIGTERM, 143, "SIGTERM"), (signal.SIGHUP, 129, "SIGHUP"),
    (signal.SIGINT, 130, "Ctrl-C"),
]  # fmt: skip
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Handlers in this process, as the command line installs them."""
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:  # that are ignored where the tests run in the background
        signal.signal(number, signal.SIG_DFL)
    for name in ("_holds", "_waiting", "_asked"):
        monkeypatch.setattr(interrupt, name, 0)
    listen()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def at_call(
    count: int, function: Callable[..., Any], number: int = signal.SIGTERM
) -> Callable[..., Any]:
    """The function, before whose call of that number the process sends itself a signal."""
    calls = []

    def called(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == count:
            os.kill(os.getpid(), number)
        return function(*arguments, **options)

    return called


def vae(digits: Path, **changes: object) -> VaeConfig:
    options = {"hidden": (16,), "epochs": 3, "batch": 50, "importance": 0, "draws": 2}
    return VaeConfig(data=str(digits), **{**options, **changes})


def kept(run: Path) -> dict[str, bytes]:
    """The files of a run but for those with times or places."""
    timed = ("config.json", "env.json", "results.json", "metrics.jsonl", "DONE")
    return {
        path.relative_to(run).as_posix(): path.read_bytes()
        for path in sorted(run.rglob("*")) if path.is_file() and path.name not in timed
    }


@pytest.mark.parametrize("step", [1, 4, 6])
def test_a_vae_saves_the_step_that_a_signal_meets(
    step: int, tiny_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside an epoch, at its end (of two steps), and at the end of training."""
    config = vae(tiny_digits, patience=3)
    train_vae(config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", at_call(step, loop.train_step))
        with pytest.raises(Stopped) as stopped:
            train_vae(config, tmp_path / "run")
    marker = read_marker(tmp_path / "run" / "state.json")
    assert marker is not None
    assert marker["step"] == step
    assert str(stopped.value) == (
        f"stopped by SIGTERM at step {step}; to go on: genlab resume {tmp_path / 'run'}"
    )
    train_vae(config, tmp_path / "run")
    assert kept(tmp_path / "run") == kept(tmp_path / "whole")


def small_gan(pictures: Path) -> GanConfig:
    """Three epochs of two steps, each measured."""
    return tiny_scratch(
        pictures, epochs=3, snapshots=(1, 3), measure_with=("pixels",), measure_fakes=16,
        checkpoints=True,
    )


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What an unbroken run of `small_gan` keeps."""
    folder = tmp_path_factory.mktemp("unbroken")
    torch.set_num_threads(1)
    gan.train_gan(small_gan(make_pictures(folder / "pictures")), folder / "run")
    return kept(folder / "run")


@pytest.mark.parametrize("where", ["step 3", "step 4", "measurement 2", "saving 3"])
def test_a_gan_saves_the_step_that_a_signal_meets(
    where: str, unbroken: dict[str, bytes], picture_folder: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Inside an epoch, at its end, while it is measured, and while a state is saved."""
    config, (what, count) = small_gan(picture_folder), where.split()
    owner, name = {
        "step": (gan, "train_step"), "measurement": (monitor.Monitor, "measure"),
        "saving": (Run, "save_state"),
    }[what]  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, at_call(int(count), getattr(owner, name)))
        with pytest.raises(Stopped) as stopped:
            gan.train_gan(config, tmp_path / "run")
    marker = read_marker(tmp_path / "run" / "state.json")
    assert marker is not None
    assert marker["step"] == stopped.value.step
    assert what != "step" or marker["step"] == int(count)
    gan.train_gan(config, tmp_path / "run")
    assert kept(tmp_path / "run") == unbroken


@pytest.mark.parametrize(("number", "code", "name"), SIGNALS)
def test_a_command_ends_with_one_line_and_the_exit_code_of_its_signal(
    number: int, code: int, name: str, tiny_digits: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = ["--data", str(tiny_digits), "--hidden", "8", "--epochs", "3", "--batch", "50"]
    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", at_call(2, loop.train_step, number))
        ended = run_command("vae", "train", *options, "--out", "run", cwd=tmp_path)
    line = f"genlab: stopped by {name} at step 2; to go on: genlab resume run"
    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (code, line)
    assert ended.stdout == ""


def test_a_signal_outside_of_training_ends_the_command_at_once(
    tiny_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_vae(vae(tiny_digits), tmp_path / "run")
    before = kept(tmp_path / "run")
    from genlab.vae import train

    monkeypatch.setattr(train, "measure", at_call(1, train.measure))
    ended = run_command("vae", "evaluate", "run", cwd=tmp_path)
    line = "genlab: stopped by SIGTERM; give the same command again to go on"
    assert (ended.returncode, ended.stderr.splitlines()) == (143, [line])
    assert kept(tmp_path / "run") == before


def test_a_comparison_is_resumed_and_not_one_of_its_runs(
    tiny_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CompareConfig(
        data=str(tiny_digits), priors=("standard", "mixture"), seeds=1, hidden=(8,), epochs=2,
        batch=50, importance=0,
    )
    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", at_call(2, loop.train_step))
        with pytest.raises(Stopped) as stopped:
            compare(config, tmp_path / "run")
    assert stopped.value.run == tmp_path / "run"
    compare(config, tmp_path / "whole")
    resume(tmp_path / "run")
    weights = [
        (tmp_path / run / "mixture/0/model.safetensors").read_bytes() for run in ("run", "whole")
    ]
    assert weights[0] == weights[1]


def test_without_the_command_line_ctrl_c_is_what_it_was(
    tiny_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(loop, "train_step", at_call(2, loop.train_step, signal.SIGINT))
    with pytest.raises(KeyboardInterrupt) as stopped:
        train_vae(vae(tiny_digits), tmp_path / "run")
    assert type(stopped.value) is KeyboardInterrupt


def test_nothing_is_left_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal while a file is written waits until it is there."""
    from genlab.common import atomic

    monkeypatch.setattr(os, "fsync", at_call(1, os.fsync))
    with pytest.raises(Stopped):
        atomic.write_bytes(tmp_path / "file", b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"whole"


WAITING = """
import time
from genlab.common.interrupt import held, listen
listen()
with held():
    print("held", flush=True)
    time.sleep(60)
"""


def started(*command: str, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | options.pop("env", {}), **options,
    )


def test_a_second_ctrl_c_ends_at_once() -> None:
    with started("-c", WAITING) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 130


def test_a_signal_that_is_ignored_at_the_start_stays_so() -> None:
    """As by nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the process has it from this one
    with started("-c", WAITING) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 130  # of Ctrl-C alone, twice
        assert process.stderr is not None
        assert process.stderr.read().count(b"ended at once") == 1


def test_a_signal_while_torch_is_imported_ends_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
    command = ("-m", "genlab", "vae", "train", "--data", "mnist-5k", "--out", "run")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    with started(*command, cwd=tmp_path, env={"PYTHONPATH": path}) as process:
        _, told = process.communicate()
    assert process.returncode == 143
    assert told == b"genlab: stopped by SIGTERM; give the same command again to go on\n"


CLOSED = """
import sys, time
from genlab.cli.console import prepare_console
from genlab.common.interrupt import held, listen, waiting
listen()
prepare_console()
with held():
    print("held", file=sys.stderr, flush=True)
    while not waiting():
        print("working", file=sys.stderr)
        time.sleep(0.001)
    print("saved", file=open(sys.argv[1], "w"))
    print("stopped", file=sys.stderr)
"""


def test_a_terminal_that_is_closed_does_not_keep_training_from_saving(tmp_path: Path) -> None:
    """Its processes get SIGHUP, and can print nothing any more."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["PYTHONPATH"] = str(ROOT)
        os.execv(sys.executable, [sys.executable, "-c", CLOSED, str(tmp_path / "saved")])
    while b"held" not in os.read(terminal, 1000):
        pass
    os.close(terminal)
    os.waitpid(pid, 0)
    assert (tmp_path / "saved").read_text() == "saved\n"
