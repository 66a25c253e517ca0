"""A GAN trained by two processes is the one that a single process trains, but for rounding.

Rounding grows where the networks have kinks and Adam makes steps of one size from gradients of
any: the residual networks agree to 1e-4 after whole runs (1e-5 measured); the projected recipe,
with its hinge and its batch-norm, is compared by the gradients and statistics of its first round.
"""

import json
import os
import subprocess
import sys

from pathlib import Path

import pytest
import torch

from cases.gan import soft_images, write_images
from cases.gan_processes import first_rounds, tiny
from safetensors.torch import load
from torch import Tensor

import genlab

from genlab.configs.gan import GanConfig
from genlab.gan.training import train as gan
from genlab.gan.training.players import Players
from genlab.gan.training.step import train_step
from genlab.gan.training.train import train_gan
from genlab.runs.run import Run

COUNT, STEPS = 25, 4
"""Batches of 8 that end with one image, so that one of the processes has none."""


PROGRAM = """
import hashlib, json, os, signal, sys
import torch
sys.path[:0] = [{tests!r}]
torch.set_num_threads(1)
from safetensors.torch import save_file
from dataclasses import replace
from cases.gan import soft_images
from cases.gan_processes import first_rounds, tiny
from genlab.gan.training import train as gan
from genlab.gan.training import monitor as gan_watch
from genlab.common.interrupt import Stopped, listen
from genlab.compute.distributed import processes, rank
orders = []
train_step = gan.train_step
def noted(players, config, images, step, labels):
    orders.append(hashlib.sha256(images.contiguous().numpy().tobytes()).hexdigest())
    if stop == step:
        raise KeyboardInterrupt
    return train_step(players, config, images, step)
gan.train_step = noted
with processes():
    save_file(first_rounds(), {out!r} + "/rounds" + str(rank()))
    stop = -1
    gan.train_gan(tiny({folder!r}), gan.Path({out!r}) / "run")
    with open({out!r} + "/orders" + str(rank()), "w") as file:
        json.dump(orders, file)
    gan.SAVE_EVERY_S, stop = 0.0, 3
    try:
        gan.train_gan(tiny({folder!r}), gan.Path({out!r}) / "stopped")
    except KeyboardInterrupt:
        pass
    stop = -1
    def signalled(players, config, images, step, labels):
        if step == 2 and rank() == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return train_step(players, config, images, step)
    listen()
    gan.SAVE_EVERY_S, gan.train_step = 60.0, signalled
    try:
        gan.train_gan(tiny({folder!r}), gan.Path({out!r}) / "signalled")
    except Stopped as stopped:
        with open({out!r} + "/signalled" + str(rank()), "w") as file:
            json.dump([stopped.step, stopped.exit_code], file)
    gan.train_step, seen = noted, []
    def drawn(network, config, n, *rest):  # by the first process, which measures
        seen.append(1)
        same = len(seen) in (2, 3)
        return soft_images(2).repeat(n // 2, 1, 1, 1) if same else soft_images(n)
    gan_watch.draw = drawn
    gan.train_gan(replace(tiny({folder!r}), epochs=3), gan.Path({out!r}) / "fallen")
    first = rank() == 0
tasks = gan.Path("/proc/self/task")
if first and tasks.exists():
    names = [(task / "comm").read_text().strip() for task in tasks.iterdir()]
    (gan.Path({out!r}) / "threads.json").write_text(json.dumps(names))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("pictures"), soft_images(COUNT))


@pytest.fixture(scope="module")
def pair(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes left."""
    out = tmp_path_factory.mktemp("pair")
    tests = str(Path(__file__).parents[1])
    program = PROGRAM.format(tests=tests, folder=str(folder), out=str(out))
    (out / "program.py").write_text(program)
    env = {
        **os.environ, "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(genlab.__file__).parents[1]),
    }
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    run = subprocess.run(
        [sys.executable, *launch, str(out / "program.py")],
        env=env, capture_output=True, text=True, timeout=300,
    )
    assert run.returncode == 0, run.stderr
    return out


@pytest.fixture(scope="module")
def alone(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process left, and the order of its images."""
    import hashlib

    out, orders = tmp_path_factory.mktemp("alone"), []

    def noted(players: Players, config: GanConfig, images: Tensor, step: int, *_: None) -> Tensor:
        orders.append(hashlib.sha256(images.contiguous().numpy().tobytes()).hexdigest())
        return train_step(players, config, images, step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gan, "train_step", noted)
        train_gan(tiny(str(folder)), out / "run")
    (out / "orders").write_text(json.dumps(orders))
    return out


def apart(one: Path, other: Path) -> float:
    """How far the weights of two runs are apart, over how far the weights are from zero."""
    a, b = (load((path / "generator.safetensors").read_bytes()) for path in (one, other))
    assert a.keys() == b.keys()
    floats = [(a[k].double(), b[k].double()) for k in a if a[k].is_floating_point()]
    return max(((x - y).norm() / x.norm().clamp(min=1e-3)).item() for x, y in floats)


def test_both_processes_see_the_images_in_the_same_order(pair: Path, alone: Path) -> None:
    expected = json.loads((alone / "orders").read_text())
    assert len(expected) == 2 * STEPS
    for rank in (0, 1):
        assert json.loads((pair / f"orders{rank}").read_text()) == expected


def test_two_processes_train_what_one_does(pair: Path, alone: Path) -> None:
    assert apart(pair / "run", alone / "run") < 1e-4
    for name in ("checkpoint-00000004.safetensors", "checkpoint-00000005.safetensors"):
        left, right = (load((path / "run" / name).read_bytes()) for path in (pair, alone))
        assert left.keys() == right.keys()
        assert all(torch.allclose(left[k], right[k], 1e-4, 1e-6) for k in left if "average" in k)
    two, one = Run(pair / "run"), Run(alone / "run")
    assert [m["step"] for m in two.metrics()] == [m["step"] for m in one.metrics()] == [4, 8]
    for left, right in zip(two.metrics(), one.metrics()):
        for key in gan.SUMS:
            assert left[key] == pytest.approx(right[key], rel=1e-5, abs=1e-6), key
    assert two.done
    assert two.results["images"] == COUNT
    assert len(two.env.sessions) == 1  # the second process opened the first's run


def test_batch_norms_and_spectral_norms_are_those_of_the_whole_batch(pair: Path) -> None:
    expected = first_rounds()
    left, right = (load((pair / f"rounds{rank}").read_bytes()) for rank in (0, 1))
    assert expected.keys() == left.keys()
    for key, tensor in expected.items():
        assert torch.equal(left[key], right[key]), key  # the processes stay one network
        apart = (left[key] - tensor).double().norm()
        assert apart <= 1e-4 * tensor.double().norm() + 1e-6, key


def test_a_run_goes_on_with_another_number_of_processes(
    pair: Path, alone: Path, folder: Path
) -> None:
    assert json.loads((pair / "stopped" / "state.json").read_text())["step"] == 3
    train_gan(tiny(str(folder)), pair / "stopped")
    assert apart(pair / "stopped", alone / "run") < 1e-4


def test_a_signal_to_one_process_stops_both_at_one_step(pair: Path) -> None:
    told = [json.loads((pair / f"signalled{rank}").read_text()) for rank in (0, 1)]
    assert told == [[3, 143], [3, 143]]
    assert json.loads((pair / "signalled" / "state.json").read_text())["step"] == 3


def test_a_collapse_takes_both_processes_back(pair: Path) -> None:
    """Only the first measures; the other follows it to the same step and rates."""
    run = Run(pair / "fallen")
    (event,) = run.results["events"]
    assert (event["kind"], event["failed"], event["step"]) == ("collapse", 3 * STEPS, STEPS)
    assert [line["step"] for line in run.metrics()] == [STEPS, 2 * STEPS, 3 * STEPS]


def test_no_thread_of_the_processes_talk_is_left(pair: Path) -> None:
    """One that is still there when Python ends aborts the process now and then."""
    if not (pair / "threads.json").exists():
        pytest.skip("this system does not tell a process's threads")
    names = json.loads((pair / "threads.json").read_text())
    assert "python" in " ".join(names)
    assert not [name for name in names if "gloo" in name]
