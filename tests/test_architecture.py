"""The layout is the documented one, importing changes nothing global, help needs nothing heavy.

Which folder may import which is a contract of import-linter (`pyproject.toml`, `make lint`).
"""

import re
import subprocess
import sys
import tomllib

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LARGEST_FOLDER = 17
"""Modules in a folder. A folder with one file for each entry of a table may have more."""
ONE_FILE_EACH = {"priors"}


def storeys() -> list[set[str]]:
    """The parts of the package that the contract names, from the highest storey down."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = project["tool"]["importlinter"]["contracts"]
    parts = [re.findall(r"genlab\.(\w+)", layer) for layer in contract["layers"]]
    return [set(found) for found in parts]


@pytest.mark.parametrize("document", ["README.md", "docs/design.md"])
def test_the_documented_tree_is_the_contracts(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    (tree,) = re.findall(r"```\ngenlab/\n(.*?)```", text, flags=re.S)
    named = [name for name in re.findall(r"^  (\w+)(?:/|\.py) ", tree, flags=re.M)]
    for storey in storeys():
        assert set(named[: len(storey)]) == storey
        named = named[len(storey) :]
    assert not named


def test_the_contract_names_the_whole_package() -> None:
    package = ROOT / "genlab"
    found = {path.stem for path in package.iterdir() if not path.name.startswith("_")}
    assert found - {"py"} == set().union(*storeys())


def test_no_folder_has_too_many_modules() -> None:
    for folder in (ROOT / "genlab").rglob("*"):
        if folder.is_dir() and folder.name not in ONE_FILE_EACH:
            modules = [path for path in folder.glob("*.py") if path.stem != "__init__"]
            assert len(modules) <= LARGEST_FOLDER, folder


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
        "import sys, genlab.cli.main, genlab.cli.commands; heavy = {'torch', 'numpy', "
        "'matplotlib', 'docx', 'PIL', 'pooch'} & set(sys.modules); assert not heavy, heavy"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
