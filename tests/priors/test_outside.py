"""Priors from outside: one as an object, and one added to the package by a file and a row."""

import ast
import json
import shutil

from pathlib import Path

import pytest
import torch
import torch.nn as nn

from cases.command import commands_of_a_copy
from torch.distributions import Distribution, Independent, StudentT

import genlab

from genlab.configs.lab import LAB_PRIORS
from genlab.configs.vae import TrainingConfig
from genlab.conformance.densities import check_prior
from genlab.priors import PRIORS, Prior

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


def vae() -> genlab.VAE:
    torch.manual_seed(0)
    return genlab.VAE.perceptron(16, 2, Heavy(2), genlab.Bernoulli(), hidden=(32,))


@pytest.mark.slow
def test_a_prior_from_outside_conforms_trains_is_measured_saved_and_loaded(tmp_path: Path) -> None:
    check_prior(Heavy)
    random = torch.Generator().manual_seed(0)
    shapes = torch.rand(3, 4, 4, generator=random)  # three grey images, drawn binary in training
    digits = genlab.data.splits(shapes[torch.randint(3, (300,), generator=random)])
    model, config = vae(), TrainingConfig(epochs=10, batch=50, learning_rate=1e-2)
    results = genlab.vae.fit(model, digits, tmp_path / "run", config, importance=0)
    assert results.identity_holds
    assert results.nll_exact is not None
    assert results.nll_exact.value < -results.elbo.value
    assert model.prior.log_scale.abs().max() > 0.01  # learned
    assert model.prior.title.en == "Heavy"  # for none is given
    loaded = genlab.vae.load_weights(vae(), tmp_path / "run")
    z = torch.randn(5, 2)
    assert torch.equal(loaded.prior().log_prob(z), model.prior().log_prob(z))


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


@pytest.mark.slow
def test_a_file_and_a_row_make_a_prior_of_the_command_line(copy: Path, tiny_digits: Path) -> None:
    """It is offered, trained, measured, drawn and explored."""
    shown, trained, explored = commands_of_a_copy(
        copy,
        ("vae", "train", "--help"),
        ("vae", "train", "--data", str(tiny_digits), "--prior", "heavy", "--prior.degrees", "9",
         "--epochs", "1", "--hidden", "16", "--importance", "0", "--out", "run"),
        ("explore", "run", "--no-open", "--data", str(tiny_digits)),
    )
    for done in (shown, trained, explored):
        assert done.returncode == 0, done.stderr
    assert "--prior.degrees FLOAT" in shown.stdout
    config = json.loads((copy / "run" / "config.json").read_text())["config"]
    assert (config["prior"], config["prior_options"]) == ("heavy", {"degrees": 9.0})
    assert (copy / "run" / "figures" / "prior.png").exists()
    page = (copy / "run" / "explorer.html").read_text(encoding="utf-8")
    assert '"en":"Heavy"' in page.replace(" ", "")


def test_no_module_but_the_table_names_a_prior() -> None:
    """By its key or its class. (The lab sheet has three priors, and the first is the baseline
    everywhere; zuko is also a package, gaussian also a likelihood and a posterior; a recipe of
    comparisons may name some, and the report has words for these.)
    """
    others = set(PRIORS) - set(LAB_PRIORS) - {"zuko", "gaussian"}
    for path in PACKAGE.rglob("*.py"):
        named = {PACKAGE / "configs/compare.py", PACKAGE / "lab/report/text/prior_words.py"}
        if path.parent.name == "priors" or path in named:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        assert not words & others, path
        imported = {
            alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
            for alias in node.names if (node.module or "").startswith("genlab.priors")
        }
        assert not imported & {prior.__name__ for prior in PRIORS.values()}, path
