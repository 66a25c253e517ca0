"""The layout is the documented one, importing changes nothing global, help needs nothing heavy.

Each format of files is read in one place (`genlab/common/formats`).

Which folder may import which is a contract of import-linter (`pyproject.toml`, `make lint`).
"""

import ast
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


READERS = {
    "json.load": set(),
    "json.loads": {
        "common/formats/json_text.py",
        # these are texts that genlab, a process of it, or pandoc has just written
        "explorer/assemble.py", "features/extraction.py", "gan/training/train.py",
        "lab/report/formats/pandoc.py", "lab/report/numbers/bound.py", "runs/run.py",
    },
    "tomllib.load": set(),
    "tomllib.loads": {"common/formats/toml_text.py"},
    "zipfile.ZipFile": {"common/formats/zip_archive.py", "lab/handin/archive.py"},  # which writes
    "safetensors.safe_open": set(),
    "safetensors.torch.load": {"common/formats/tensors.py"},
    "safetensors.torch.load_file": set(),
    "safetensors.torch.load_model": set(),
    "docx.Document": {
        "common/formats/word.py",
        "lab/report/formats/docx.py", "lab/verify/levels/rebuild.py",  # pandoc's own documents
    },
    "lxml.etree.fromstring": {"common/formats/word.py"},
    "lxml.etree.parse": set(),
    "numpy.load": set(), "numpy.loadtxt": set(), "numpy.genfromtxt": set(),
    "numpy.fromfile": set(), "numpy.memmap": {"common/formats/numpy_arrays.py"},
    "PIL.Image.open": {"common/formats/picture.py"},
    "torch.load": {"networks/pretrained/weights.py"},  # of files with published SHA-256s
    "torch.jit.load": set(), "torch.hub.load": set(), "torch.package.PackageImporter": set(),
    "eval": set(), "exec": set(), "__import__": set(),
}  # fmt: skip
"""What reads a format, or executes what it reads, and the files that may."""
MODULES = {"pickle", "cPickle", "dill", "joblib", "cloudpickle", "marshal", "shelve", "tarfile"}
METHODS = {"extractall", "unpack_archive"}


def called(tree: ast.Module) -> set[str]:
    """The whole names of what a module imports and of what it calls."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                whole = one.name if one.asname else one.name.partition(".")[0]
                names[one.asname or whole] = whole
        elif isinstance(node, ast.ImportFrom):
            names |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    found = set(names.values())
    for node in ast.walk(tree):
        # also where a function is passed on, as to `map`
        if isinstance(node, ast.Attribute | ast.Name):
            first, *rest = ast.unparse(node).split(".")
            found.add(".".join([names.get(first, first), *rest]))
    return found


def test_each_format_is_read_in_one_place_and_nothing_is_executed() -> None:
    for file in (ROOT / "genlab").rglob("*.py"):
        place = file.relative_to(ROOT / "genlab").as_posix()
        found = called(ast.parse(file.read_text(encoding="utf-8")))
        assert not {name for name in found if name.partition(".")[0] in MODULES}, place
        assert not {name for name in found if name.rpartition(".")[2] in METHODS}, place
        for name, places in READERS.items():
            assert (name in found) <= (place in places), f"{place} calls {name}"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("import json as j\nmap(j.loads, [])", "json.loads"),
        ("from safetensors.torch import load as l\nl(b'')", "safetensors.torch.load"),
        ("import numpy as np\nnp.load('a')", "numpy.load"),
        ("from PIL import Image\nImage.open('a')", "PIL.Image.open"),
        ("import torch\ntorch.load('a')", "torch.load"), ("eval('1')", "eval"),
        ("import pickle", "pickle"), ("import zipfile\nzipfile.ZipFile('a').extractall()", None),
    ],
)  # fmt: skip
def test_the_names_of_calls_are_found(line: str, name: str | None) -> None:
    found = called(ast.parse(line))
    assert name in found if name else any(one.endswith(".extractall") for one in found)
