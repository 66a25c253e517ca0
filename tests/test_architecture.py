"""Importing genlab changes nothing global, and its help needs nothing heavy.

Which folder may import which is a contract of import-linter (`pyproject.toml`, `make lint`).
"""

import subprocess
import sys


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
        "import sys, genlab.cli.main; heavy = {'torch', 'numpy', 'matplotlib', 'docx', 'PIL', "
        "'pooch'} & set(sys.modules); assert not heavy, heavy"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
