"""The first call of MKL's vector functions is one of one number, whatever is imported."""

import json
import os
import subprocess
import sys

import pytest
import torch

from genlab.numerics.mkl_warmup import FUNCTIONS

PACKAGES = (
    "priors", "metrics.checks", "networks", "features.extractor", "common.rng", "vae.likelihoods",
)  # fmt: skip
PROGRAM = """
import importlib, json, os, sys
import torch
called = set()
def noting(name, function):
    return lambda x: called.add((name, x.dtype, x.numel())) or function(x)
names = json.loads(sys.argv[1])
for name in names:
    setattr(torch, name, noting(name, getattr(torch, name)))
wanted = {(name, dtype, 1) for name in names for dtype in (torch.float32, torch.float64)}
for package in sys.argv[2:]:
    child = os.fork()
    if not child:
        importlib.import_module(f"genlab.{package}")
        os._exit(not called >= wanted)
    if os.waitpid(child, 0)[1]:
        sys.exit(package)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_importing_what_computes_settles_the_kernels() -> None:
    """Each function is called on one number of either precision, before anything else could.

    Each package is imported by a process that has torch and nothing of genlab.
    """
    names = json.dumps([function.__name__ for function in FUNCTIONS])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, names, *PACKAGES], capture_output=True, text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_functions_are_defined_at_one_half() -> None:
    for function in FUNCTIONS:
        assert function(torch.tensor([0.5])).isfinite().all(), function
