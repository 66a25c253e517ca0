"""A folder that is deleted while a run goes on is not made again, and the run says so."""

import shutil

from collections.abc import Callable
from pathlib import Path

import pytest

from cases.fault_commands import COMMANDS, Bench, nothing_drawn, only_data
from cases.faults import Call

TRIED = 4
"""Calls at which the folder is deleted; `benchmarks/faults.py` takes each."""


def bench(name: str, folder: Path) -> Bench:
    before = folder / "before"
    before.mkdir()
    only_data(before)
    return Bench(COMMANDS[name], before, folder / "here")


def some(calls: list[int]) -> list[int]:
    return calls[:: max(1, len(calls) // TRIED)]


def deleting(folder: Path) -> Callable[[Call], None]:
    return lambda call: shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize(
    ("name", "out"), [("vae train", "vae"), ("gan train", "gan"), ("compare", "compare")]
)
def test_a_run_that_is_deleted_between_two_calls_ends_with_one_line(
    name: str, out: str, tmp_path: Path
) -> None:
    """Nothing of it is made again; the same command then makes it all."""
    with nothing_drawn():
        trial = bench(name, tmp_path)
        run = trial.here / out
        calls = [at for at, call in enumerate(trial.calls, 1) if call.path.startswith(f"{run}")]
        for at in some(calls[2:]):
            counter, ended = trial.disturbed(at, deleting(run))
            where = counter.acted
            assert "Traceback" not in ended.stderr, (where, ended.stderr)
            if ended.returncode == 0:  # nothing was written after that
                continue
            line = ended.stderr.rstrip("\n").split("\n")[-1]
            assert ended.returncode == 2, (where, ended.stderr)
            assert line.startswith("genlab: error: "), (where, ended.stderr)
            assert out in line, (where, line)
            assert not (run / "DONE").exists(), (where, line)
            if name != "compare":  # a whole VAE may have been trained there
                assert not list(run.rglob("*.*")), (where, line)
            assert all((done.parent / "config.json").exists() for done in run.rglob("DONE"))
        again = trial.again()
        assert again.returncode == 0, again.stderr
        assert trial.files() == trial.new


@pytest.mark.parametrize("inside", ["samples", "snapshots", "progress"])
def test_a_run_of_which_a_folder_is_deleted_is_never_done(inside: str, tmp_path: Path) -> None:
    with nothing_drawn():
        trial = bench("gan train", tmp_path)
        run = trial.here / "gan"
        part = f"{run / inside}/"
        first = next(at for at, call in enumerate(trial.calls, 1) if call.path.startswith(part))
        *_, sealed, _ = (
            at for at, call in enumerate(trial.calls, 1) if call.kind == "rename"
            and call.path in (str(run / "kept.json"), str(run / "DONE"))
        )
        for at in some(list(range(first + 8, sealed))):
            counter, ended = trial.disturbed(at, deleting(run / inside))
            where = counter.acted
            assert "Traceback" not in ended.stderr, (where, ended.stderr)
            line = ended.stderr.rstrip("\n").split("\n")[-1]
            assert ended.returncode == 2, (where, ended.stderr)
            assert line.startswith("genlab: error: "), (where, ended.stderr)
            assert inside in line, (where, line)
            assert not (run / "DONE").exists(), (where, line)


def test_a_cache_that_is_deleted_is_made_again(tmp_path: Path) -> None:
    with nothing_drawn():
        trial = bench("gan train", tmp_path)
        cache = trial.here / "cache"
        calls = [at for at, call in enumerate(trial.calls, 1) if call.path.startswith(f"{cache}")]
        assert calls
        for at in some(calls):
            _, ended = trial.disturbed(at, deleting(cache))
            assert ended.returncode == 0, (trial.calls[at - 1], ended.stderr)
            now = {k: v for k, v in trial.files().items() if not k.startswith("cache/")}
            assert now == {k: v for k, v in trial.new.items() if not k.startswith("cache/")}
