"""The architecture: imports point inward, nothing happens at import, nothing unpickles."""

import ast
import subprocess
import sys

from pathlib import Path

import pytest

import genlab

ROOT = Path(genlab.__file__).parent
RING: dict[str, float] = {
    "errors": 0, "places": 0, "atomic": 0, "cache": 0, "progress": 0, "rng": 0, "prior_options": 0,
    "options": 0, "vml": 0,
    "__version__": 0,
    "priors": 1, "likelihoods": 1, "logsumexp": 1, "products": 1, "vae": 1, "nets": 1,
    "objectives": 1, "adversarial": 1, "augment": 1, "metrics": 1, "features": 1,
    "recipes": 2, "data": 2, "engine": 2.5,  # which uses both, and neither it
    "figures": 3, "report": 3, "page": 3, "verify": 3, "lab": 3, "sampling": 3, "drawing": 3,
    "show": 3,
    "inventory": 3, "cli": 3,
    "__init__": 3,  # loads `Run` when it is asked for
    "cli_base": 3, "cli_data": 3, "cli_fid": 3, "cli_gan": 3, "cli_vae": 3,
    "cli_verify": 3, "__main__": 3,
}  # fmt: skip
FILES = sorted(ROOT.rglob("*.py"))


def ring_of(module: str) -> float:
    parts = module.split(".")
    return RING[parts[1]] if len(parts) > 1 else 0


def imports(path: Path) -> set[str]:
    """The genlab modules a file imports, at any depth of its code."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "genlab":
                found |= {f"genlab.{alias.name}" for alias in node.names}
            else:
                found.add(node.module)
    return {name for name in found if name.split(".")[0] == "genlab"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_inward(path: Path) -> None:
    own = ring_of("genlab." + ".".join(path.relative_to(ROOT).with_suffix("").parts))
    outward = {name for name in imports(path) if ring_of(name) > own}
    assert not outward


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_unpickles(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
            assert any(
                k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords
            )
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("np.load"):
            assert any(
                k.arg == "allow_pickle" and ast.unparse(k.value) == "False"
                for k in node.keywords
            )
        if isinstance(node, ast.Import):
            names = {alias.name.split(".")[0] for alias in node.names}
            assert not names & {"pickle", "dill", "joblib", "shelve", "marshal"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_fit_on_screens(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno <= 70, node.name


def test_import_changes_nothing_global() -> None:
    """In a fresh process: default dtype, random state, warning filters, validation, threads."""
    program = """
import importlib, pkgutil, sys, warnings
import torch, tyro, matplotlib.figure, pooch, PIL.Image, docx, pypandoc, tqdm, safetensors.torch
from torch.distributions import Distribution
def state():
    return (torch.get_default_dtype(), torch.get_rng_state().tolist(), list(warnings.filters),
            Distribution._validate_args, torch.get_num_threads(),
            torch.get_float32_matmul_precision(), PIL.Image.MAX_IMAGE_PIXELS)
before = state()
import genlab
for module in pkgutil.walk_packages(genlab.__path__, "genlab."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
assert state() == before
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys, genlab.cli; heavy = {'torch', 'numpy', 'matplotlib', 'docx', 'PIL', "
        "'pooch'} & set(sys.modules); assert not heavy, heavy"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
