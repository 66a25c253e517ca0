"""Likelihoods from outside: one as an object, and one added to the package by a file and a row."""

import ast
import json
import shutil

from pathlib import Path

import pytest
import torch

from cases.command import commands_of_a_copy
from safetensors.torch import load_file, save_file
from torch import Tensor

import genlab

from genlab.configs.vae import VaeConfig
from genlab.networks.mlp import Decoder, Encoder
from genlab.priors import Standard
from genlab.runs.run import open_run
from genlab.vae.evidence.quadrature import log_evidence
from genlab.vae.likelihoods import LIKELIHOODS, ExponentialFamily
from genlab.vae.loop import train_loop
from genlab.vae.measure import measure
from genlab.vae.model import VAE
from genlab.vae.splits import Splits

PACKAGE = Path(genlab.__file__).parent


class Poisson(ExponentialFamily):
    """Counts of up to about `most` photons a pixel, in ten lines."""

    def __init__(self, most: int = 8) -> None:
        super().__init__()
        self.most = most

    def statistic(self, x: Tensor) -> Tensor:
        return x

    def log_partition(self, eta: Tensor) -> Tensor:
        return eta.exp().sum(-1)

    def log_base(self, x: Tensor) -> Tensor:
        return -torch.lgamma(x + 1).sum(-1)

    def mean(self, eta: Tensor) -> Tensor:
        return eta.exp()

    def sample(self, eta: Tensor) -> Tensor:
        return torch.poisson(eta.exp())

    def observe(self, grey: Tensor, random: torch.Generator) -> Tensor:
        return (self.most * grey).round()

    def to_grey(self, x: Tensor) -> Tensor:
        return (x / self.most).clamp(0, 1)


def vae() -> VAE:
    torch.manual_seed(0)
    return VAE(Encoder(16, (32,), 2), Decoder(2, (32,), 16), Standard(2), Poisson())


def test_a_likelihood_from_outside_trains_is_measured_saved_and_loaded(tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(0)
    shapes = torch.rand(3, 16, generator=random)  # three images
    grey = shapes[torch.randint(3, (300,), generator=random)]
    model = vae()
    test = torch.poisson(8 * grey, generator=random)
    config = VaeConfig(hidden=(32,), epochs=30, batch=50, learning_rate=1e-2)
    before = measure(model.eval(), test, test, draws=4, importance=200, seed=0, annealed=4)
    run = open_run(tmp_path / "run", "vae", config, {})
    train_loop(config, run, model, Splits(grey, None, test, (4, 4)))
    after = measure(model.eval(), test, test, draws=4, importance=200, seed=0, annealed=4)
    assert after.nll_exact.value < before.nll_exact.value - 2
    assert after.identity_holds
    assert after.nll_exact_trusted
    assert abs(after.nll_is.value - after.nll_exact.value) < 0.1
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    loaded = vae()
    loaded.load_state_dict(load_file(tmp_path / "model.safetensors"))
    again = measure(loaded.eval(), test, test, draws=4, importance=200, seed=0, annealed=4)
    assert again == after


def test_its_evidence_equals_an_explicit_sum() -> None:
    model = vae().double()
    x = model.likelihood.observe(torch.rand(5, 16, dtype=torch.float64), torch.Generator())
    low = torch.full((2,), -6.0, dtype=torch.float64)
    found = log_evidence(x, model.prior().log_prob, model.decoder, model.likelihood, (low, -low))
    line = torch.linspace(-6, 6, 301, dtype=torch.float64)
    z = torch.cartesian_prod(line, line)
    with torch.no_grad():
        rate = torch.distributions.Poisson(model.decoder(z).exp())
        log_mass = model.prior().log_prob(z) + 2 * torch.log(line[1] - line[0])
        wanted = [(rate.log_prob(one).sum(1) + log_mass).logsumexp(0).item() for one in x]
    assert found.log_p.tolist() == pytest.approx(wanted, abs=1e-6)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package, with one more likelihood: a file and a row."""
    shutil.copytree(PACKAGE, tmp_path / "genlab", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "genlab" / "vae" / "likelihoods"
    tree = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    source = next(
        ast.unparse(node) for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == "Poisson"
    )
    (folder / "poisson.py").write_text(
        "import torch\n\nfrom torch import Tensor\n\n"
        f"from genlab.vae.likelihoods.base import ExponentialFamily\n\n\n{source}\n"
    )
    table = (folder / "__init__.py").read_text(encoding="utf-8")
    first = "LIKELIHOODS: dict[str, type[Likelihood]] = {\n"
    assert first in table
    table = table.replace(first, first + '    "poisson": Poisson,\n')
    last = "from genlab.vae.likelihoods.gaussian import Gaussian as Gaussian\n"
    assert last in table
    table = table.replace(
        last, last + "from genlab.vae.likelihoods.poisson import Poisson as Poisson\n"
    )
    (folder / "__init__.py").write_text(table, encoding="utf-8")
    return tmp_path


def test_a_file_and_a_row_make_a_likelihood_of_the_command_line(
    copy: Path, tiny_digits: Path
) -> None:
    """It is offered, trained, measured, drawn, measured again, refitted and explored."""
    shown, trained, evaluated, refitted, explored = commands_of_a_copy(
        copy,
        ("vae", "train", "--help"),
        ("vae", "train", "--data", str(tiny_digits), "--likelihood", "poisson",
         "--likelihood.most", "5", "--epochs", "1", "--hidden", "16", "--importance", "0",
         "--out", "run"),
        ("vae", "evaluate", "run"),
        ("vae", "refit", "run", "--prior", "mixture", "--prior.components", "2"),
        ("explore", "run", "--no-open"),
    )
    assert "--likelihood.most INT" in shown.stdout
    for done in (shown, trained, evaluated, refitted, explored):
        assert done.returncode == 0, done.stderr
    config = json.loads((copy / "run" / "config.json").read_text())["config"]
    assert (config["likelihood"], config["likelihood_options"]) == ("poisson", {"most": 5})
    assert "1 VAE by pictures" in explored.stdout  # no script has its mean


def test_no_module_but_the_table_names_a_likelihood() -> None:
    """By its key or its class. Bernoulli is the configurations' default; the two packages that
    have public names may name some, and so may recipes and the report's words. A prior and a
    posterior are called gaussian, too.
    """
    public = {PACKAGE / "__init__.py", PACKAGE / "vae" / "__init__.py"}
    others = {PACKAGE / "configs" / f"{name}.py" for name in ("vae", "compare")}
    others |= {PACKAGE / "priors/__init__.py", PACKAGE / "lab/report/text/dogs_part.py"}
    for path in PACKAGE.rglob("*.py"):
        if path.parent.name == "likelihoods" or path in public | others:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        assert not words & (set(LIKELIHOODS) - {"bernoulli", "gaussian"}), path
        imported = {
            alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
            for alias in node.names if (node.module or "").startswith("genlab.vae.likelihoods")
        }
        assert not imported & {kind.__name__ for kind in LIKELIHOODS.values()}, path
