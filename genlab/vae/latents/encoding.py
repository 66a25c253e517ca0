"""The codes of images, or rows of a table, under a trained VAE: where its encoder puts them.

Shapes: N images of X pixels, D latent dimensions.
"""

__all__ = ["encode", "write_codes"]

import io

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

import genlab.data

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.rng import generator
from genlab.data.arrays.layout import Array
from genlab.runs.run import Run
from genlab.vae.load import load_vae, of_table, read_scale
from genlab.vae.measure import codes_of
from genlab.vae.splits import (
    Data,
    observed_test_images,
    observed_train_images,
    observed_valid_images,
    open_images,
)


def encode(path: Path, source: str | Path | Array | None = None) -> dict[str, np.ndarray]:
    """Encodes all images of a SOURCE.

    Arguments:
        path: The run directory.
        source: Images, grey if those that the VAE was trained on are, which are brought to the
            same square; of a VAE of rows a table, whose columns are standardised as those that
            it was trained on; its own if not given.

    Returns:
        Of each split "train", "valid" and "test" that the source has: "SPLIT_mean" and
        "SPLIT_std" of q(z|x), float32 with shape `(N, D)`, in the order of
        `genlab.data.splits`, of the images as the likelihood observes them (by draws, where
        the posterior is a flow); and
        "train_labels" and "test_labels" with shape `(N,)`, where there are labels.

    Raises:
        InputError: If `path` is no finished VAE run, or there are no such images.
    """
    model, config = load_vae(path)
    run = Run(path)
    shape = run.data("images").shape
    side = shape[-1] if len({*shape[-2:]}) == 1 else None
    digits: Data
    if of_table(run):
        digits = genlab.data.table(config.data if source is None else source)
        digits = digits.under(read_scale(run))
    elif source is None:
        digits = open_images(config)
    else:
        digits = genlab.data.splits(source, side, config.crop)
    _require_shape(shape, digits)
    splits = {
        "train": observed_train_images(digits, model.likelihood),
        "valid": observed_valid_images(digits, model.likelihood),
        "test": observed_test_images(digits, model.likelihood),
    }
    found: dict[str, np.ndarray] = {}
    for split, x in splits.items():
        if x is not None:
            with torch.no_grad():
                mean, log_std = codes_of(model, x).moments(generator(config.seed, "moments"))
            found[f"{split}_mean"], found[f"{split}_std"] = mean.numpy(), log_std.exp().numpy()
    for split, labels in (("train", digits.train_labels), ("test", digits.test_labels)):
        if labels is not None:
            found[f"{split}_labels"] = labels.numpy()
    return found


def write_codes(codes: Mapping[str, np.ndarray], out: Path, run: Path) -> None:
    """Writes the arrays of `encode` into an `.npz`.

    Raises:
        InputError: If `out` is none.
    """
    if out.suffix.lower() != ".npz":
        raise InputError(f"`out` {out}: codes are written as .npz; end the name so")
    buffer, arrays = io.BytesIO(), dict[str, Any](codes)
    np.savez(buffer, **arrays)
    atomic.write_output(out, buffer.getvalue(), run)


def _require_shape(shape: tuple[int, ...], digits: Data) -> None:
    if digits.shape != shape:
        raise InputError(
            f"{digits.identity.source}: images of shape {digits.shape}; this VAE was trained on "
            f"images of shape {shape}"
        )
