"""Rows drawn from a VAE of a table: x ~ p(x|z), z ~ p(z), in the table's own units.

Row i follows from the seed and i alone: the rows do not depend on how many are drawn.

Shapes: N rows of F columns.
"""

__all__ = ["drawn_rows", "write_rows"]

import csv
import io

from pathlib import Path
from typing import Any

import numpy as np
import torch

from genlab.common import atomic
from genlab.common.checks import require_count
from genlab.common.errors import InputError
from genlab.common.formats.delimited import SUFFIXES
from genlab.common.rng import seeded
from genlab.common.system_errors import read_bytes
from genlab.runs.run import Run
from genlab.vae.latents.sampling import CHUNK, prior_draws
from genlab.vae.load import load_vae, of_table, read_scale


@torch.no_grad()
def drawn_rows(path: Path, n: int, seed: int) -> np.ndarray:
    """Draws rows from the model, the likelihood's noise among them.

    Arguments:
        path: The run directory.
        n: How many rows N.
        seed: Decides the latents and the noise.

    Returns:
        The rows in the table's units, float64 with shape `(N, F)`.

    Raises:
        InputError: If `n` is under 1, or `path` is no finished VAE run of a table.
    """
    n = require_count("n", n)
    model, _ = load_vae(path)
    run = Run(path)
    if not of_table(run):
        raise InputError(f"{path}: a VAE of images, not of rows of a table")
    parts = []
    for index, start in enumerate(range(0, n, CHUNK)):
        z = prior_draws(model, seed, index)
        with seeded(seed, "rows of a VAE", index):
            parts.append(model.likelihood.sample(model.decoder(z))[: n - start])
    return read_scale(run).own_units(torch.cat(parts)).numpy()


def write_rows(path: Path, n: int, seed: int, out: Path, new: bool = False) -> dict[str, Any]:
    """Writes drawn rows as a `.csv` or `.tsv`, with the names of the columns in the first row.

    Numbers are written in the fewest digits that give back the same float64.

    Arguments:
        path: The run directory.
        n: How many rows.
        seed: As of `drawn_rows`.
        out: The file.
        new: Whether another file in its place is left alone.

    Raises:
        InputError: As of `drawn_rows`; if `out` is no such file, or is there and is to be `new`.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise InputError(f"`out` {out}: rows are written as .csv or .tsv; end the name so")
    rows = drawn_rows(path, n, seed)
    text = io.StringIO()
    delimiter = "\t" if out.suffix.lower() == ".tsv" else ","
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(read_scale(Run(path)).columns)
    writer.writerows(rows.tolist())
    data = text.getvalue().encode()
    if new and out.exists() and (out.is_dir() or read_bytes(out) != data):
        raise InputError(f"`out` {out}: another file is there; name a new one, or take it away")
    atomic.write_output(out, data, path)
    return {"vae": path.name, "seed": seed, "n": len(rows), "file": str(out)}
