"""Priors from outside: one as an object, and one added to the package by a file and a row."""

import ast
import json
import os
import shutil
import subprocess
import sys

from pathlib import Path

import pytest
import torch
import torch.nn as nn

from safetensors.torch import load_file, save_file
from torch.distributions import Distribution, Independent, StudentT

import genlab

from genlab.configs.lab import LAB_PRIORS
from genlab.configs.vae import VaeConfig
from genlab.conformance.densities import check_prior
from genlab.networks.mlp import Decoder, Encoder
from genlab.priors import PRIORS, Prior
from genlab.runs.run import open_run
from genlab.vae.likelihoods import Bernoulli
from genlab.vae.loop import train_loop
from genlab.vae.measure import measure
from genlab.vae.model import VAE
from genlab.vae.splits import Splits

PACKAGE = Path(genlab.__file__).parent


class Heavy(Prior):
    """Independent Student-t, in ten lines."""

    def __init__(self, latent: int, degrees: float = 10.0) -> None:
        super().__init__()
        self.degrees = degrees
        self.mean = nn.Parameter(torch.zeros(latent))
        self.log_scale = nn.Parameter(torch.zeros(latent))

    def forward(self) -> Distribution:
        return Independent(StudentT(self.degrees, self.mean, self.log_scale.exp()), 1)


def vae(prior: Prior, pixels: int = 16) -> VAE:
    torch.manual_seed(0)
    return VAE(Encoder(pixels, (32,), 2), Decoder(2, (32,), pixels), prior, Bernoulli())


def test_a_prior_from_outside_conforms_trains_is_measured_saved_and_loaded(tmp_path: Path) -> None:
    check_prior(Heavy)
    random = torch.Generator().manual_seed(0)
    shapes = torch.rand(3, 16, generator=random)  # three grey images, drawn binary in training
    grey = shapes[torch.randint(3, (300,), generator=random)]
    test = torch.bernoulli(grey, generator=random)
    config = VaeConfig(hidden=(32,), epochs=30, batch=50, learning_rate=1e-2)
    model = vae(Heavy(2))
    before = measure(model.eval(), test, test, draws=4, importance=0, seed=0)
    run = open_run(tmp_path / "run", "vae", config, {})
    train_loop(config, run, model, Splits(grey, None, test))
    after = measure(model.eval(), test, test, draws=4, importance=0, seed=0)
    assert after.nll_exact.value < before.nll_exact.value - 0.5
    assert after.identity_holds
    assert model.prior.log_scale.abs().max() > 0.01  # learned
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    loaded = vae(Heavy(2))
    loaded.load_state_dict(load_file(tmp_path / "model.safetensors"))
    again = measure(loaded.eval(), test, test, draws=4, importance=0, seed=0)
    assert again == after


def test_a_title_is_the_classs_name_if_none_is_given() -> None:
    assert Heavy.title == ("Heavy", "Heavy")
    assert vae(Heavy(2)).prior.title.en == "Heavy"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package, with one more prior: a file and a row."""
    shutil.copytree(PACKAGE, tmp_path / "genlab", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "genlab" / "priors"
    source = ast.unparse(
        next(
            node for node in ast.parse(Path(__file__).read_text(encoding="utf-8")).body
            if isinstance(node, ast.ClassDef) and node.name == "Heavy"
        )
    )
    (folder / "heavy.py").write_text(
        "import torch\nimport torch.nn as nn\n\n"
        "from torch.distributions import Distribution, Independent, StudentT\n\n"
        f"from genlab.priors.base import Prior\n\n\n{source}\n"
    )
    table = (folder / "__init__.py").read_text(encoding="utf-8")
    lars, zuko = "from genlab.priors.lars import LARS as LARS\n", '    "zuko": Zuko,\n'
    assert lars in table
    assert zuko in table
    table = table.replace(lars, "from genlab.priors.heavy import Heavy as Heavy\n" + lars)
    table = table.replace(zuko, zuko + '    "heavy": Heavy,\n')
    (folder / "__init__.py").write_text(table, encoding="utf-8")
    return tmp_path


def test_a_file_and_a_row_make_a_prior_of_the_command_line(copy: Path, tiny_digits: Path) -> None:
    """It is offered, trained, measured, drawn and explored."""

    def genlab_says(*arguments: str) -> str:
        environment = os.environ | {"PYTHONPATH": str(copy), "GENLAB_CACHE": str(copy / "cache")}
        done = subprocess.run(
            [sys.executable, "-m", "genlab", *arguments], capture_output=True, text=True,
            env=environment, cwd=copy,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "--prior.degrees FLOAT" in genlab_says("vae", "train", "--help")
    genlab_says(
        "vae", "train", "--data", str(tiny_digits), "--prior", "heavy", "--prior.degrees", "9",
        "--epochs", "1", "--hidden", "16", "--importance", "0", "--out", "run",
    )
    config = json.loads((copy / "run" / "config.json").read_text())["config"]
    assert (config["prior"], config["prior_options"]) == ("heavy", {"degrees": 9.0})
    assert (copy / "run" / "figures" / "prior.png").exists()
    genlab_says("explore", "run", "--no-open", "--data", str(tiny_digits))
    page = (copy / "run" / "explorer.html").read_text(encoding="utf-8")
    assert '"en":"Heavy"' in page.replace(" ", "")


def test_no_module_but_the_table_names_a_prior() -> None:
    """By its key or its class. (The lab sheet has three priors, and the first is the baseline
    everywhere; zuko is also a package.)
    """
    others = set(PRIORS) - set(LAB_PRIORS) - {"zuko"}
    for path in PACKAGE.rglob("*.py"):
        if path.parent.name == "priors":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        assert not words & others, path
        imported = {
            alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
            for alias in node.names if (node.module or "").startswith("genlab.priors")
        }
        assert not imported & {prior.__name__ for prior in PRIORS.values()}, path
