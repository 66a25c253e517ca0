"""Processes that share one extraction, started by torchrun; alone, nothing is needed."""

import json
import os
import subprocess
import sys

from pathlib import Path

import pytest
import torch

from cases.features import Small, noise, write

import genlab
import genlab.data

from genlab.common.errors import InputError
from genlab.compute.distributed import all_true, gather_rows, gather_text, processes, world_size
from genlab.features.extraction import extract


def test_alone_nothing_needs_a_group() -> None:
    with processes():
        assert world_size() == 1
        rows = torch.ones(2, 3)
        assert gather_rows(rows)[0] is rows
        assert gather_text("Möhre") == ["Möhre"]
        assert all_true(True)
        assert not all_true(False)


PROGRAM = """
import json, os, sys
import torch
sys.path[:0] = [{tests!r}]
from cases.features import Small

import genlab.data
from genlab.features.extraction import extract
from genlab.compute.distributed import (
    all_true, gather_rows, gather_text, processes, rank, world_size,
)
from genlab.common.errors import InputError
torch.set_num_threads(1)
with processes():
    r = rank()
    rows = torch.full((r + 1, 2), float(r))  # not as many in each
    heard = {{"world": world_size(), "text": gather_text("Möhre" * (r + 1)),
        "rows": [part.tolist() for part in gather_rows(rows)],
        "none": [len(part) for part in gather_rows(torch.zeros(0, 2))],
        "all": [all_true(True), all_true(r == 0)]}}
    network = Small()
    pictures = genlab.data.images({folder!r})
    features = extract(pictures, network.extractor(), batch=4, cache=True)
    heard["extracted"] = sum(shape[0] for shape in network.batches)
    if r == 1:  # one process has lost its cache: both extract again
        os.environ["GENLAB_CACHE"] += "-other"
    network = Small()
    again = extract(pictures, network.extractor(), batch=4, cache=True)
    heard["again"] = torch.equal(again, features)
    heard["extracted_again"] = sum(shape[0] for shape in network.batches)
    try:
        extract({bad!r}, network.extractor(), batch=4)
    except InputError as error:
        heard["error"] = str(error)
    heard["features"] = features.tolist()
    with open({out!r} + str(r), "w") as file:
        json.dump(heard, file)
"""


def test_two_processes_give_the_rows_of_one(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", list(noise(21)))
    bad = write(tmp_path / "bad", list(noise(8)))
    for name in ("002.png", "003.png", "006.png", "007.png"):
        (bad / name).write_bytes(f"noise {name}".encode())
    program = PROGRAM.format(
        tests=str(Path(__file__).parents[1]), folder=str(folder), bad=str(bad),
        out=str(tmp_path / "out"),
    )
    (tmp_path / "program.py").write_text(program)
    env = {
        **os.environ, "GENLAB_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(genlab.__file__).parents[1]),
    }
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    run = subprocess.run(
        [sys.executable, *launch, str(tmp_path / "program.py")],
        env=env, capture_output=True, text=True, timeout=300,
    )
    assert run.returncode == 0, run.stderr
    heard = [json.loads((tmp_path / f"out{r}").read_text()) for r in (0, 1)]
    alone = extract(folder, Small().extractor(), batch=4)
    for one in heard:
        torch.testing.assert_close(torch.tensor(one["features"]), alone, rtol=0, atol=1e-6)
        assert one["world"] == 2
        assert one["text"] == ["Möhre", "MöhreMöhre"]
        assert one["rows"] == [[[0, 0]], [[1, 1], [1, 1]]]
        assert one["none"] == [0, 0]
        assert one["all"] == [True, False]
        assert one["again"]
        assert "4 of 8 images cannot be used" in one["error"]
        assert all(name in one["error"] for name in ("002", "003", "006", "007"))
    assert [one["extracted"] for one in heard] == [11, 10]
    assert [one["extracted_again"] for one in heard] == [11, 10]


def test_fewer_images_than_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from genlab.features import extraction as module

    monkeypatch.setattr(module, "world_size", lambda: 3)
    with pytest.raises(InputError, match="array: 2 images for 3 processes"):
        extract(genlab.data.images(noise(2)), Small().extractor())


def test_only_the_first_process_speaks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from genlab.common.progress import say

    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        say(f"rank {rank}")
    assert capsys.readouterr().err == "rank 0\n"
