"""The example notebook: it runs, at tiny sizes, and what it shows is there."""

import importlib.util
import json
import os
import subprocess
import sys

from pathlib import Path
from typing import Any

import pytest

from cases.small_data import make_tiny_digits

from genlab.common.quantities import Measured

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"

SMALL = {
    "VAE_EPOCHS": 1, "DOGS": "toydogs:16", "GAN_EPOCHS": 1, "FAKES": 12,
}  # fmt: skip

EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[1])
"""


def cells(notebook: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def test_the_notebook_is_kept_without_outputs() -> None:
    """Numbers and pictures of one machine would only grow old, and hide changes in a diff."""
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert all(c["outputs"] == [] and c["execution_count"] is None
               for c in cells(notebook, "code"))
    assert NOTEBOOK.stat().st_size < 20_000


@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("nbclient", "nbformat", "ipykernel"))),
    reason="nbclient and ipykernel are not installed (they come with the extra 'test')",
)
def test_the_notebook_runs_and_shows_its_numbers_and_pictures(tmp_path: Path) -> None:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    (parameters,) = (c for c in notebook["cells"] if "parameters" in c["metadata"].get("tags", ()))
    small = SMALL | {"DIGITS": str(make_tiny_digits(tmp_path / "digits.npz"))}
    lines = "".join(f"\n{name} = {value!r}" for name, value in small.items())
    parameters["source"] = "".join(parameters["source"]) + lines
    copy = tmp_path / "notebook.ipynb"
    copy.write_text(json.dumps(notebook))
    own = {name: str(tmp_path / name) for name in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    ran = subprocess.run(
        [sys.executable, "-c", EXECUTE, str(copy)], capture_output=True, text=True, cwd=tmp_path,
        env=os.environ | own,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    done = json.loads(copy.read_text())
    outputs = [output for cell in cells(done, "code") for output in cell["outputs"]]
    html = ["".join(o["data"]["text/html"]) for o in outputs if "text/html" in o.get("data", {})]
    assert len(html) == 3  # a VAE, the GAN, the distance
    results = json.loads((tmp_path / "notebook-runs/vamp/results.json").read_text())
    assert Measured(**results["elbo"]).text() in html[0]
    assert "data:image/jpeg;base64," in html[1]
    measured = json.loads((tmp_path / "notebook-runs/fid/results.json").read_text())
    (one,) = measured["generators"]
    assert one["distances"][0]["extractor"]["label"] in html[2]
    assert (one["n_real"], one["n_fake"]) == (16, 12)
    pictures = [o for o in outputs if {"image/png", "image/webp"} & set(o.get("data", {}))]
    assert len(pictures) == 5  # two priors' samples, the GAN's twice, the walk
    words = "".join("".join(o.get("text", "")) for o in outputs if o["output_type"] == "stream"
                    and o["name"] == "stdout")
    assert f"prior gap {Measured(**results['prior_gap']).text()} nats" in words
