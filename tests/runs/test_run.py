"""Files are replaced wholly or not at all; states survive kills; progress and errors are plain."""

import errno
import json
import os
import stat
import time

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from safetensors.torch import load

from genlab.common import atomic
from genlab.common.errors import InputError, TrainingError
from genlab.common.progress import Progress
from genlab.common.rng import derive, generator, seeded
from genlab.configs.vae import VaeConfig
from genlab.data.identity import Identity
from genlab.fid.sets import open_generated
from genlab.gan.training.state import read_events
from genlab.runs.marker import LOGS
from genlab.runs.records import kind_of
from genlab.runs.run import BEGINNING, Run, open_run
from genlab.runs.seal import write_kept
from genlab.runs.state import pack, unpack

IDENTITY = Identity(
    name="x", source="x", count=1, shape=(1, 1), sha256="0" * 64, licence="none"
)
CALLS = ("mkstemp", "fsync", "chmod", "replace")


def test_written_files_can_be_read_by_others(tmp_path: Path) -> None:
    umask = os.umask(0)
    os.umask(umask)
    (tmp_path / "a").mkdir()
    atomic.write_tensors(tmp_path / "a" / "w.safetensors", {"w": torch.eye(3)})
    path = tmp_path / "a" / "w.safetensors"
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    assert torch.equal(load(path.read_bytes())["w"], torch.eye(3))


@pytest.mark.parametrize("call", CALLS)
def test_a_failing_write_leaves_the_old_file(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    atomic.write_bytes(path, b"old")

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    module = "tempfile" if call == "mkstemp" else "os"
    monkeypatch.setattr(getattr(atomic, module), call, fail)
    with pytest.raises(OSError, match="No space"):
        atomic.write_bytes(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_order_of_a_durable_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """fsync of the file, rename, fsync of the folder."""
    events: list[str] = []

    def record(name: str, real: Callable) -> Callable:
        def call(*arguments: object) -> object:
            folder = name == "fsync" and stat.S_ISDIR(os.fstat(arguments[0]).st_mode)
            events.append("fsync folder" if folder else name)
            return real(*arguments)

        return call

    monkeypatch.setattr(os, "fsync", record("fsync", os.fsync))
    monkeypatch.setattr(os, "replace", record("replace", os.replace))
    atomic.write_bytes(tmp_path / "file", b"x")
    assert events == ["fsync", "replace", "fsync folder"]


def test_json_refuses_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        atomic.write_json(tmp_path / "x.json", {"a": float("nan")})
    assert not (tmp_path / "x.json").exists()


def test_streams_are_independent_and_repeatable() -> None:
    values = {derive(s, name, t) for s in (0, 1) for name in ("a", "b") for t in range(50)}
    assert len(values) == 200
    first = torch.rand(5, generator=generator(0, "a", 3))
    assert torch.equal(first, torch.rand(5, generator=generator(0, "a", 3)))
    before = torch.get_rng_state()
    with seeded(0, "a"):
        torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)


def test_optimiser_round_trip_is_exact() -> None:
    def make() -> tuple[torch.nn.Linear, torch.optim.Adam]:
        with seeded(0, "x"):
            net = torch.nn.Linear(3, 2)
        return net, torch.optim.Adam(net.parameters(), lr=0.1)

    def step(net: torch.nn.Module, optimiser: torch.optim.Optimizer) -> None:
        optimiser.zero_grad()
        net(torch.ones(1, 3)).square().sum().backward()
        optimiser.step()

    net, optimiser = make()
    step(net, optimiser)
    saved = {k: v.clone() for k, v in pack({"n": net}, {"o": optimiser}).items()}
    step(net, optimiser)
    other, its = make()
    unpack(saved, {"n": other}, {"o": its})
    step(other, its)
    assert torch.equal(net.weight, other.weight)
    assert optimiser.state_dict()["state"][0]["step"].dtype == torch.float32


def test_state_survives_a_kill_between_its_two_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_run(tmp_path / "run", "vae", VaeConfig(), {"digits": IDENTITY})
    run.save_state({"w": torch.zeros(2)}, 1, 0.5)
    monkeypatch.setattr(atomic, "write_json", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run.save_state({"w": torch.ones(2)}, 2, 1.0)
    monkeypatch.undo()
    tensors, step, seconds = Run(run.path).load_state()
    assert (step, seconds) == (1, 0.5)
    assert torch.equal(tensors["w"], torch.zeros(2))


def test_a_good_state_stays_to_go_back_to(tmp_path: Path) -> None:
    run = open_run(tmp_path / "run", "gan", VaeConfig(), {"digits": IDENTITY})

    def saved() -> list[int]:
        return sorted(int(p.stem.removeprefix("state-")) for p in run.path.glob("state-*"))

    for step, good, there in ((1, True, [1]), (2, False, [1, 2]), (3, False, [1, 2, 3]),
                              (4, True, [3, 4]), (5, False, [4, 5])):
        run.save_state({"w": torch.full((2,), float(step))}, step, step / 2, good)
        assert saved() == there
    for _ in range(2):
        run.return_to_good()
        tensors, step, seconds = run.load_state()
        assert (step, seconds) == (4, 2.0)
        assert torch.equal(tensors["w"], torch.full((2,), 4.0))
    run.save_state({"w": torch.zeros(2)}, 5, 3.0)
    assert saved() == [4, 5]
    run.drop_state()
    assert {p.name for p in run.path.iterdir()} == {"config.json", "env.json", *LOGS}


def test_metrics_after_the_state_are_dropped(tmp_path: Path) -> None:
    run = open_run(tmp_path / "run", "vae", VaeConfig(), {"digits": IDENTITY})
    for step in (1, 2):
        run.log({"step": step})
    run.save_state({"w": torch.zeros(1)}, 2, 0.0)
    run.log({"step": 3})
    with open(run.path / "metrics.jsonl", "a") as file:
        file.write('{"step": 4, "cut sho')
    run.load_state()
    assert [m["step"] for m in run.metrics()] == [1, 2]


def test_damaged_and_non_finite_states_are_refused(tmp_path: Path) -> None:
    run = open_run(tmp_path / "run", "vae", VaeConfig(), {"digits": IDENTITY})
    run.save_state({"w": torch.zeros(2)}, 1, 0.0)
    with pytest.raises(TrainingError, match="w is not finite at step 2"):
        run.save_state({"w": torch.tensor([1.0, float("nan")])}, 2, 0.0)
    assert run.load_state()[1] == 1
    path = run.path / "state-00000001.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(InputError, match="damaged"):
        run.load_state()


def test_a_folder_with_something_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match=r"thesis\.txt"):
        open_run(tmp_path, "vae", VaeConfig(), {})
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_start_killed_between_its_files_can_start_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = atomic.write_json

    def write_one(path: Path, value: object) -> None:
        if path.name == "config.json":
            raise KeyboardInterrupt
        write(path, value)

    monkeypatch.setattr(atomic, "write_json", write_one)
    with pytest.raises(KeyboardInterrupt):
        open_run(tmp_path / "run", "vae", VaeConfig(), {"digits": IDENTITY})
    monkeypatch.undo()
    run = open_run(tmp_path / "run", "vae", VaeConfig(), {"digits": IDENTITY})
    assert run.data("digits").sha256 == IDENTITY.sha256


def test_another_kind_of_run_is_refused(tmp_path: Path) -> None:
    open_run(tmp_path / "run", "vae", VaeConfig(), {})
    with pytest.raises(InputError, match="holds a 'vae' run"):
        open_run(tmp_path / "run", "gan", VaeConfig(), {})


def test_progress_speaks_every_thirty_seconds_off_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a clock of our own: the rate is units over seconds, earlier sessions not counted."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with Progress(100, "work", "steps", done=20) as progress:
        for _ in range(40):
            now[0] += 1.0
            progress.advance(2 if progress.done < 40 else 1)
    lines = capsys.readouterr().err.strip().split("\n")
    assert lines == ["work: 60/100 steps (60 %), 1.33 steps/s, 0:30 left"]


def test_the_first_steps_are_kept_up_to_the_state(tmp_path: Path) -> None:
    """As the epochs' records: what comes after the saved state will be written again."""
    run = open_run(tmp_path, "vae", VaeConfig(), {"digits": IDENTITY})
    assert run.load_state() is None
    for step in range(1, BEGINNING + 1):
        run.log_beginning({"step": step, "bound": -step / 3})
        if step == 3:
            run.save_state({"a": torch.zeros(2)}, 3, 1.0)
    assert run.load_state() is not None
    lines = (tmp_path / "beginning.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"step": step, "bound": -step / 3} for step in (1, 2, 3)
    ]
    (tmp_path / "state.json").unlink()
    assert run.load_state() is None
    assert (tmp_path / "beginning.jsonl").read_bytes() == b""


@pytest.mark.parametrize("text", ["{}", "[]", "3", '{"model_type": "x"}', '{"kind": "vae"}', "{"])
def test_a_foreign_config_makes_no_run(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match=r"config\.json: not"):
        Run(tmp_path)
    if text != "{":
        assert kind_of(tmp_path) is None


def test_what_a_record_lacks_is_named_with_its_file(tmp_path: Path) -> None:
    run = open_run(tmp_path / "run", "vae", VaeConfig(), {"digits": IDENTITY})
    run.save_state({"w": torch.zeros(2)}, 1, 0.5)
    write_kept(run.path, {"results.json": b'{"data": {}}'})
    with pytest.raises(InputError, match=r"results\.json: 'elbo' is missing; the run is damaged"):
        run.results["elbo"]
    with pytest.raises(InputError, match=r"results\.json: 'name' is missing"):
        run.results["data"]["name"]
    (run.path / "state-00000001.safetensors").unlink()
    with pytest.raises(InputError, match=r"state-00000001\.safetensors: missing"):
        run.load_state()
    (run.path / "env.json").write_text("{}")
    with pytest.raises(InputError, match=r"env\.json: lacks `data`"):
        run.refuse_other_data({"digits": IDENTITY})
    (run.path / "state.json").write_text("{}")
    with pytest.raises(InputError, match=r"state\.json: changed or torn"):
        run.load_state()


@pytest.mark.parametrize("line", ["garbage", "[]", '{"step": 1, "bou'])
def test_a_bad_line_of_a_log_is_named(line: str, tmp_path: Path) -> None:
    run = open_run(tmp_path / "run", "vae", VaeConfig(), {"digits": IDENTITY})
    run.log({"step": 1})
    with open(run.path / "metrics.jsonl", "a", encoding="utf-8") as file:
        file.write(line + "\n")
    run.log({"step": 3})
    with pytest.raises(InputError, match=r"metrics\.jsonl, line 2: not .*it is damaged"):
        run.metrics()


def test_a_cut_list_of_events_is_named(tmp_path: Path) -> None:
    """It is written whole: a cut line is no kill's, and a failure of it would be forgotten."""
    run = open_run(tmp_path / "run", "vae", VaeConfig(), {"digits": IDENTITY})
    (run.path / "events.jsonl").write_text('{"kind": "x", "step": 1}\n{"failed": 3, "st')
    with pytest.raises(InputError, match=r"events\.jsonl, line 2: not valid JSON"):
        read_events(run)


def test_images_beside_a_foreign_config_are_images(picture_folder: Path) -> None:
    (picture_folder / "config.json").write_text('{"model_type": "x"}')
    source = str(picture_folder)
    (found,), *_ = open_generated([source], None, n=2, seed=0)
    assert len(found) == 24


def test_a_relative_source_is_found_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked for where it lay beside the run; a run that was moved alone keeps the name."""
    (tmp_path / "here" / "data").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    identity = replace(IDENTITY, source="data/x.npz")
    (tmp_path / "here" / "data" / "x.npz").touch()
    open_run(Path("runs/a"), "vae", VaeConfig(data="data/x.npz"), {"digits": identity})
    assert Run(Path("runs/a")).config_as(VaeConfig).data == "data/x.npz"
    monkeypatch.chdir(tmp_path)
    found = Run(Path("here/runs/a")).config_as(VaeConfig).data
    assert Path(found).samefile(tmp_path / "here" / "data" / "x.npz")
    named = open_run(tmp_path / "b", "vae", VaeConfig(data="mnist-5k"), {"digits": IDENTITY})
    assert named.config_as(VaeConfig).data == "mnist-5k"
