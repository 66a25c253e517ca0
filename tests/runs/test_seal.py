"""A finished run is read as it was written, or the file that was changed is named."""

import json
import shutil

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cases.command import run_command
from cases.small_data import make_tiny_digits
from safetensors.torch import load, save

import genlab

from genlab.common.errors import InputError
from genlab.configs.vae import VaeConfig
from genlab.data.identity import Identity
from genlab.runs import seal as seals
from genlab.runs.examine import examine
from genlab.runs.records import kind_of
from genlab.runs.run import Run, open_run
from genlab.runs.seal import RECORD, read_kept, read_seal, seal, write_kept
from genlab.vae.load import load_vae, measured_values
from genlab.vae.results import read_results
from genlab.vae.train import evaluate_vae, train_vae

IDENTITY = Identity(
    name="x", source="x", count=1, shape=(1, 1), sha256="0" * 64, licence="none"
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished VAE run."""
    folder = tmp_path_factory.mktemp("sealed")
    digits = make_tiny_digits(folder / "digits.npz")
    train_vae(VaeConfig(data=str(digits), hidden=(8,), epochs=1, importance=0), folder / "run")
    return folder / "run"


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_finished_run_names_all_that_it_keeps(run: Path) -> None:
    sealed = read_seal(run)
    assert sealed is not None
    assert set(sealed) | {"DONE"} == {p.name for p in run.iterdir() if p.is_file()}
    assert {one.found for one in examine(run)} == {"whole"}


@pytest.mark.parametrize(
    "name",
    ["config.json", "env.json", "results.json", "metrics.jsonl", "model.safetensors",
     "measures.safetensors"],
)
def test_a_flipped_bit_is_named_where_the_file_is_read(name: str, run: Path) -> None:
    readers = {
        "config.json": lambda: Run(run), "env.json": lambda: Run(run).env,
        "results.json": lambda: genlab.Run(run).results,
        "metrics.jsonl": lambda: genlab.Run(run).metrics(),
        "model.safetensors": lambda: load_vae(run),
        "measures.safetensors": lambda: measured_values(run),
    }
    readers[name]()
    flip(run / name)
    with pytest.raises(InputError, match=rf"{name}: changed since the run wrote it"):
        readers[name]()
    ended = run_command("doctor", str(run), cwd=run.parent)
    if name != "config.json":  # without it there is no run to examine
        assert ended.returncode == 1
        assert f"changed  {name}: " in ended.stdout


def test_a_missing_and_a_foreign_file_are_named(run: Path) -> None:
    (run / "model.safetensors").rename(run / "best.safetensors")
    with pytest.raises(InputError, match=r"lacks model\.safetensors"):
        load_vae(run)
    with pytest.raises(InputError, match=r"best\.safetensors: not a file of the run"):
        read_kept(run / "best.safetensors")
    found = {one.file: one.found for one in examine(run) if one.found != "whole"}
    assert found == {"model.safetensors": "missing", "best.safetensors": "foreign"}


def test_what_is_missing_is_not_taken_for_never_written(run: Path) -> None:
    for name in ("results.json", "metrics.jsonl", "measures.safetensors", "config.json"):
        (run / name).unlink()
        assert seals.has(run / name)
        assert run / name in seals.files_in(run, f"*{Path(name).suffix}")
        with pytest.raises(InputError, match=rf"{name}: missing, though the run wrote it"):
            read_kept(run / name)
    assert not seals.has(run / "generator.safetensors")
    with pytest.raises(InputError, match=r"config\.json: missing, though"):
        kind_of(run)
    assert {one.file for one in examine(run) if one.found == "missing"} == {
        "results.json", "metrics.jsonl", "measures.safetensors", "config.json"
    }


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": 3}', '{"files": {"a": 3}}'])
def test_a_torn_seal_is_named(text: str, run: Path) -> None:
    (run / "DONE").write_text(text)
    with pytest.raises(InputError, match="DONE: damaged"):
        Run(run)


def test_measures_that_were_lost_are_had_again(run: Path) -> None:
    before = (run / "measures.safetensors").read_bytes()
    flip(run / "measures.safetensors")
    evaluate_vae(run)
    assert (run / "measures.safetensors").read_bytes() == before
    assert {one.found for one in examine(run)} == {"whole"}


@pytest.mark.parametrize("after", range(4))
def test_a_kill_while_results_are_replaced_leaves_a_whole_run(
    after: int, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New numbers are four writes: the seal, two files, the seal."""
    write, calls = seals.atomic.write_bytes, []

    def killed(path: Path, data: bytes) -> None:
        if len(calls) == after:
            raise KeyboardInterrupt
        calls.append(path)
        write(path, data)

    results = read_results(Run(run))
    changed = {key: value + 1 for key, value in measured_values(run).items()}
    monkeypatch.setattr(seals.atomic, "write_bytes", killed)
    with pytest.raises(KeyboardInterrupt):
        Run(run).finish(
            genlab.common.typed_json.to_json(replace(results, seconds=1234.5)),
            {"measures.safetensors": changed},
        )
    monkeypatch.undo()
    assert {one.found for one in examine(run)} == {"whole"}


def test_weights_that_are_not_finite_are_refused(run: Path) -> None:
    tensors = load((run / "model.safetensors").read_bytes())
    tensors["decoder.body.0.bias"][0] = float("nan")
    (run / "model.safetensors").write_bytes(save(tensors))
    seal(run)
    with pytest.raises(InputError, match=r"decoder\.body\.0\.bias is not finite"):
        load_vae(run)


def two_states(folder: Path) -> Run:
    """A run on its way, with two saved states."""
    run = open_run(folder, "vae", VaeConfig(), {"digits": IDENTITY})
    for step in (1, 2):
        run.log({"step": step})
        run.save_state({"w": torch.full((2,), float(step))}, step, step / 2)
    return run


@pytest.mark.parametrize("broken", ["state-00000002.safetensors", "state.json"])
def test_a_torn_state_falls_back_to_the_one_before_it(
    broken: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = two_states(tmp_path / "run")
    flip(run.path / broken)
    state = run.load_state()
    assert state is not None
    assert (state[1], state[0]["w"].tolist()) == (1, [1.0, 1.0])
    assert [line["step"] for line in run.metrics()] == [1]
    assert "going on from the state before it, step 1" in capsys.readouterr().err
    run.log({"step": 2})
    run.save_state({"w": torch.full((2,), 2.0)}, 2, 1.0)
    assert run.load_state()[1] == 2


def test_a_step_that_was_changed_is_not_believed(tmp_path: Path) -> None:
    run = two_states(tmp_path / "run")
    for name in ("state.json", "previous.json"):
        marker = json.loads((run.path / name).read_text())
        (run.path / name).write_text(json.dumps(marker | {"step": 63}))
    with pytest.raises(InputError, match=r"state\.json: changed or torn"):
        run.load_state()


@pytest.mark.parametrize("name", ["config.json", "env.json", "metrics.jsonl"])
def test_a_record_changed_in_the_middle_of_a_run_is_named(name: str, tmp_path: Path) -> None:
    run = two_states(tmp_path / "run")
    file = run.path / name
    old, new = {
        "config.json": ('"seed": 0', '"seed": 1'), "env.json": ("0" * 64, "1" * 64),
        "metrics.jsonl": ('"step": 1', '"step": 7'),
    }[name]
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(InputError, match=rf"{name}: .*changed"):
        Run(run.path).load_state()


def test_a_state_torn_anywhere_falls_back_to_the_one_before_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = open_run(tmp_path / "run", "vae", VaeConfig(), {"digits": IDENTITY})
    for step in (1, 2):
        run.save_state({"w": torch.full((2048,), float(step))}, step, step / 2)
    file = run.path / "state-00000002.safetensors"
    whole = file.read_bytes()
    for offset in range(0, len(whole), 1024):
        garbled = bytearray(whole)
        garbled[offset] ^= 0x10
        for torn in (whole[:offset], bytes(garbled), whole + b"x" * (offset + 1)):
            file.write_bytes(torn)
            state = run.newest_state()
            assert state is not None
            assert (state[1], float(state[0]["w"][0])) == (1, 1.0)
            line = f"note: {file}: changed or torn"
            assert line in capsys.readouterr().err
    file.write_bytes(whole)
    assert run.newest_state()[1] == 2


def test_what_an_unfinished_run_has_written_is_named(tmp_path: Path) -> None:
    run = two_states(tmp_path / "run")
    write_kept(run.path, {"snapshots/a.safetensors": b"weights", "progress/a.png": b"picture"})
    (run.path / "snapshots/b.safetensors").write_bytes(b"foreign")
    flip(run.path / "snapshots/a.safetensors")
    (run.path / "progress/a.png").rename(run.path / "progress/b.png")
    assert {one.file: one.found for one in examine(run.path)} == {
        "state.json": "whole", "snapshots/a.safetensors": "changed",
        "snapshots/b.safetensors": "foreign", "progress/a.png": "missing",
        "progress/b.png": "foreign",
    }
    with pytest.raises(InputError, match=r"a\.safetensors: changed since the run wrote it"):
        read_kept(run.path / "snapshots/a.safetensors")
    with pytest.raises(InputError, match=r"b\.safetensors: the run is not finished and has no"):
        read_kept(run.path / "snapshots/b.safetensors")
    (run.path / RECORD).write_text("{")
    with pytest.raises(InputError, match=r"kept\.json: damaged"):
        read_kept(run.path / "snapshots/a.safetensors")


def test_a_file_changed_before_the_end_is_not_sealed_as_it_is_then(tmp_path: Path) -> None:
    run = two_states(tmp_path / "run")
    run.keep({"w": torch.ones(3)}, 2)
    flip(run.path / "checkpoint-00000002.safetensors")
    run.finish({})
    found = {one.file: one.found for one in examine(run.path)}
    assert found.pop("checkpoint-00000002.safetensors") == "changed"
    assert set(found.values()) == {"whole"}
    assert not (run.path / RECORD).exists()


def test_a_run_whose_seal_is_gone_is_unfinished_and_is_made_again(
    run: Path,
) -> None:
    names = ("model.safetensors", "measures.safetensors")
    before = {name: (run / name).read_bytes() for name in names}
    (run / "DONE").unlink()
    with pytest.raises(InputError, match=r"model\.safetensors: the run is not finished"):
        load_vae(run)
    with pytest.raises(InputError, match=r"results\.json: the run is not finished"):
        _ = genlab.Run(run).results
    assert [one.file for one in examine(run) if one.found == "missing"] == ["DONE"]
    config = Run(run).config_as(VaeConfig)
    train_vae(config, run)
    assert {name: (run / name).read_bytes() for name in names} == before
    assert {one.found for one in examine(run)} == {"whole"}


def test_what_a_killed_end_left_is_cleaned(run: Path) -> None:
    (run / "state-00000001.safetensors").write_bytes(b"")
    (run / RECORD).write_bytes(b"")
    train_vae(Run(run).config_as(VaeConfig), run)
    assert {p.name for p in run.iterdir() if p.is_file()} == {"DONE", *read_seal(run)}
