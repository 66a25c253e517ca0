"""Every call that a run directory makes fails in turn: no state is lost."""

import shutil

from pathlib import Path

import pytest
import torch

from cases.fault_commands import SAID, target_of
from cases.faults import ERRORS, FAULTS, counted, failing

from genlab.common.atomic import TEMPORARY
from genlab.common.cache import Parts, cached, read_cached
from genlab.common.errors import InputError
from genlab.common.system_errors import told
from genlab.configs.vae import VaeConfig
from genlab.data.identity import Identity
from genlab.runs.examine import examine
from genlab.runs.lock import run_lock
from genlab.runs.run import Run, open_run
from genlab.runs.seal import write_kept

IDENTITY = Identity(
    name="x", source="x", count=1, shape=(1, 1), sha256="0" * 64, licence="none"
)
LAST = 2


def trained(path: Path, promised: list[int]) -> None:
    """A training in small: what a run writes, from where it is to its end."""
    with run_lock(path):
        run = open_run(path, "vae", VaeConfig(), {"digits": IDENTITY})
        if run.done:
            return
        state = run.load_state()
        step = state[1] if state else 0
        if state:
            assert torch.equal(state[0]["w"], torch.full((2,), float(step)))
        assert step >= max(promised, default=0)
        while step < LAST:
            step += 1
            run.log_beginning({"step": step})
            run.log({"step": step, "loss": step / 3})
            if step == 2:
                run.keep({"w": torch.ones(2)}, step)
            write_kept(path, {f"samples/epoch_{step:03d}/00.png": b"picture"})
            run.save_state({"w": torch.full((2,), float(step))}, step, 0.5, good=step == 2)
            promised.append(step)
        write_kept(path, {"model.safetensors": b"weights"})
        run.finish({"a": 1}, {"measures.safetensors": {"m": torch.zeros(3)}})


def files(path: Path) -> dict[str, bytes]:
    return {
        one.relative_to(path).as_posix(): one.read_bytes()
        for one in path.rglob("*") if one.is_file() and one.name not in ("env.json", "DONE")
    }


@pytest.mark.slow
def test_a_training_whose_k_th_call_fails_goes_on_from_its_last_state(tmp_path: Path) -> None:
    trained(tmp_path / "whole", [])
    run, at = tmp_path / "run", 0
    while True:
        at += 1
        act, number = FAULTS[at % len(FAULTS)]
        shutil.rmtree(run, ignore_errors=True)
        promised: list[int] = []
        with counted([run], at, act) as counter:
            try:
                trained(run, promised)
            except (OSError, InputError) as error:
                line = told(error) if isinstance(error, OSError) else str(error)
                assert counter.acted, line
                assert target_of(counter.acted.path) in line, (counter.acted, line)
                assert all(words in line for words in SAID[number]), (counter.acted, line)
                assert counter.acted.kind == "unlink" or not list(run.rglob(f"*{TEMPORARY}*"))
            else:
                if counter.acted is None:
                    break
        trained(run, promised)
        assert files(run) == files(tmp_path / "whole"), counter.acted
        assert all(one.found == "whole" for one in examine(run)), counter.acted
    assert at > 200


@pytest.mark.parametrize("name", ["cached", "parts"])
def test_a_cache_that_cannot_be_read_or_written_costs_no_result(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The failure is a note that names the file; the result is there, and kept the next time."""
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))
    wanted = {"x": torch.arange(3)}
    parts = Parts(tmp_path / "cache" / "deep" / "parts", "key", parents=True)

    def kept() -> dict[str, torch.Tensor]:
        if name == "cached":
            return cached("weights/a", lambda: wanted)
        return parts.keep("a", lambda: wanted)

    for first in (True, False):
        at, fired = 0, True
        while fired:
            at += 1
            if first:
                shutil.rmtree(tmp_path / "cache", ignore_errors=True)
            else:
                kept()
            with counted([tmp_path / "cache"], at, failing(ERRORS[at % 3])) as counter:
                assert torch.equal(kept()["x"], wanted["x"])
            fired = counter.acted is not None
            if fired:
                printed = capsys.readouterr().err
                assert printed.count("\n") <= 1
                kept_or_noted = list(tmp_path.rglob("*.sha256")) or "note: " in printed
                assert counter.acted.kind == "mkdir" or kept_or_noted, counter.acted
            assert torch.equal(kept()["x"], wanted["x"])
            assert not list(tmp_path.rglob(f"*{TEMPORARY}*"))
    if name == "cached":
        assert read_cached("weights/a") is not None


def test_a_run_that_was_moved_is_not_made_again(tmp_path: Path) -> None:
    run = open_run(tmp_path / "run", "vae", VaeConfig(), {"digits": IDENTITY})
    (tmp_path / "run").rename(tmp_path / "elsewhere")
    for write in (
        lambda: run.log({"step": 1}), lambda: run.save_state({"w": torch.zeros(1)}, 1, 0.0),
        lambda: run.finish({"a": 1}), lambda: write_kept(run.path, {"samples/e/00.png": b"x"}),
    ):
        with pytest.raises(OSError) as error:
            write()
        assert f"there is no folder {run.path}" in told(error.value)
    assert not (tmp_path / "run").exists()
    assert not Run(tmp_path / "elsewhere").done
