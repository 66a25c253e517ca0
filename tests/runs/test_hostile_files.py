"""Files in a run's folder that no run wrote are refused before they are read."""

import os
import shutil

from pathlib import Path

import pytest
import torch

from genlab.common.errors import InputError
from genlab.configs.vae import VaeConfig
from genlab.data.identity import Identity
from genlab.runs.examine import examine
from genlab.runs.run import Run, open_run
from genlab.runs.seal import DONE, seal

IDENTITY = Identity(
    name="x", source="x", count=1, shape=(1, 1), sha256="0" * 64, licence="none"
)
READ = {
    "config.json": lambda run: Run(run), "env.json": lambda run: Run(run).env,
    "results.json": lambda run: Run(run).results, "metrics.jsonl": lambda run: Run(run).metrics(),
    "model.safetensors": lambda run: Run(run).weights("model.safetensors"),
    DONE: lambda run: Run(run).config,
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    made = open_run(tmp_path / "run", "vae", VaeConfig(), {"digits": IDENTITY})
    made.log({"step": 1})
    made.save_state({"w": torch.zeros(2)}, 1, 0.5)
    made.finish({"elbo": 1.0}, {"model.safetensors": {"w": torch.zeros(2)}})
    return made.path


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("kind", ["a terabyte", "a pipe", "a folder", "a device"])
def test_what_is_too_large_or_no_file_is_named(name: str, kind: str, run: Path) -> None:
    READ[name](run)
    (run / name).unlink()
    if kind == "a terabyte":
        with (run / name).open("wb") as file:
            file.truncate(1 << 40)
    elif kind == "a pipe":
        os.mkfifo(run / name)
    elif kind == "a folder":
        (run / name).mkdir()
    else:
        (run / name).symlink_to("/dev/zero")
    with pytest.raises(InputError, match=f"{name}: (not a plain file|1,099,511,627,776 bytes)"):
        READ[name](run)
    if name not in ("config.json", DONE):
        assert name in {one.file for one in examine(run) if one.found == "changed"}


def test_names_of_runs_are_one_line(run: Path) -> None:
    odd = run.with_name("a\nb\x1b[2J\u202e")
    shutil.move(run, odd)
    (odd / "results.json").write_text("{")
    seal(odd)
    with pytest.raises(InputError, match=r"a\\nb\\x1b\[2J\\u202e/results\.json: not valid JSON"):
        _ = Run(odd).results
