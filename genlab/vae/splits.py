"""The images, or rows of a table, of a run for training, early stopping and measurement.

Shapes: N, V, M images `(H, W)` or `(3, H, W)`, or rows `(X,)` of a table, as rows of X values.
"""

__all__ = [
    "TEST_SEED", "Data", "Splits", "grey", "observed_test_images", "observed_train_images",
    "observed_valid_images", "open_data", "open_images", "splits_of", "suited",
]  # fmt: skip

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch

from torch import Tensor

import genlab.data

from genlab.common.errors import InputError
from genlab.common.rng import generator
from genlab.configs.compare import CompareConfig
from genlab.configs.vae import TrainingConfig, VaeConfig
from genlab.data.arrays.layout import Array
from genlab.data.image_splits import ImageSplits, grey
from genlab.data.open import splits_or_table
from genlab.data.tables.table import Table
from genlab.vae.likelihoods import Likelihood

TEST_SEED = 20240115
"""Seed of what is random in test and validation images: they are the same for every model."""
HELD_OUT = 6
"""Without a validation split, the last 1/6 of the training images is used."""


Config = TypeVar("Config", VaeConfig, CompareConfig)
Data = ImageSplits | Table
"""What a VAE is trained on. Both kinds have `rows`, `shape`, `counts` and what else is asked."""


class Splits(NamedTuple):
    """The images that training uses."""

    train: Tensor
    """Values in [0, 1], or standardised rows of a table, with shape `(N, X)`: those of the mirror
    images too, if they are learned from."""
    valid: Tensor | None
    """As the likelihood observes them, for early stopping, with shape `(V, X)`."""
    test: Tensor
    """As the likelihood observes them, the same for all models, with shape `(M, X)`."""
    shape: tuple[int, ...]
    """The shape of an image, `(H, W)` or `(3, H, W)`, of X values; of a row `(X,)`."""


def observed_test_images(digits: Data, likelihood: Likelihood) -> Tensor:
    """Returns the test images as the likelihood observes them, `(M, X)`, always the same."""
    return likelihood.observe(digits.rows("test"), generator(TEST_SEED, "test digits"))


def observed_train_images(digits: Data, likelihood: Likelihood) -> Tensor:
    """Returns the training images as the likelihood observes them, `(N, X)`, always the same."""
    return likelihood.observe(digits.rows("train"), generator(TEST_SEED, "training digits"))


def observed_valid_images(digits: Data, likelihood: Likelihood) -> Tensor | None:
    """Returns the source's own validation images as the likelihood observes them, `(V, X)`."""
    if digits.valid is None:
        return None
    return likelihood.observe(digits.rows("valid"), generator(TEST_SEED, "validation digits"))


def open_images(
    config: VaeConfig | CompareConfig, source: str | Path | Array | None = None
) -> ImageSplits:
    """Opens the images of a configuration, at its size.

    Arguments:
        config: The configuration.
        source: SOURCE of them; that of the configuration if not given.

    Raises:
        InputError: As of `genlab.data.splits`.
    """
    return genlab.data.splits(config.data if source is None else source, config.size, config.crop)


def open_data(
    config: VaeConfig | CompareConfig, source: str | Path | Array | None = None
) -> Data:
    """Opens the images of a configuration as `open_images` does, or its table of numbers.

    Raises:
        InputError: As of `genlab.data.open.splits_or_table`.
    """
    return splits_or_table(config.data if source is None else source, config.size, config.crop)


def suited(config: Config, digits: Data) -> Config:
    """Returns a configuration whose Gaussian likelihood is of reals if the data is a table."""
    if not digits.reals or config.likelihood != "gaussian":
        return config
    return replace(config, likelihood_options={**config.likelihood_options, "reals": True})


def splits_of(digits: Data, config: TrainingConfig, likelihood: Likelihood) -> Splits:
    """Returns the images for training, early stopping and the test curve of a configuration.

    Raises:
        InputError: If the likelihood is not of such values.
    """
    _require_domain(digits, likelihood)
    train, valid = digits.rows("train"), None
    if config.patience is not None:
        held = digits.rows("valid") if digits.valid is not None else None
        if held is None:
            if digits.reals:  # a table may be sorted
                order = torch.randperm(len(train), generator=generator(TEST_SEED, "held out rows"))
                train = train[order]
            cut = len(train) - max(1, len(train) // HELD_OUT)
            train, held = train[:cut], train[cut:]
        valid = likelihood.observe(held, generator(TEST_SEED, "validation digits"))
    if config.mirror:
        train = torch.cat([train, train.view(-1, *digits.shape).flip(-1).flatten(1)])
    return Splits(train, valid, observed_test_images(digits, likelihood), digits.shape)


def _require_domain(digits: Data, likelihood: Likelihood) -> None:
    """Refuses a likelihood of grey values for a table, and one of reals for images."""
    if digits.reals and not likelihood.reals:
        raise InputError(
            f"{digits.identity.source}: a table of numbers, whose likelihood is one of reals; "
            "give `recipe` table, or `likelihood` gaussian"
        )
    if likelihood.reals and not digits.reals:
        raise InputError(
            f"{digits.identity.source}: images, whose values lie in [0, 1]; `likelihood.reals` is "
            "for tables of numbers"
        )
