"""The first call of MKL's vector functions is one of one number, whatever is imported."""

import subprocess
import sys

import pytest
import torch

from genlab.numerics.mkl_warmup import FUNCTIONS

PROGRAM = """
import torch
called = set()
def noting(name, function):
    return lambda x: called.add((name, x.dtype, x.numel())) or function(x)
names = {names}
for name in names:
    setattr(torch, name, noting(name, getattr(torch, name)))
import {package}
wanted = {{(name, dtype, 1) for name in names for dtype in (torch.float32, torch.float64)}}
assert called >= wanted, wanted - called
"""


@pytest.mark.parametrize(
    "package",
    ["priors", "metrics.checks", "networks", "features", "common.rng", "vae.likelihoods"],
)
def test_importing_what_computes_settles_the_kernels(package: str) -> None:
    """Each function is called on one number of either precision, before anything else could."""
    names = [function.__name__ for function in FUNCTIONS]
    program = PROGRAM.format(names=names, package=f"genlab.{package}")
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_functions_are_defined_at_one_half() -> None:
    for function in FUNCTIONS:
        assert function(torch.tensor([0.5])).isfinite().all(), function
