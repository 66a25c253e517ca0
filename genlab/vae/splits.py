"""The images of a run for training, early stopping and measurement.

Shapes: N, V, M images `(H, W)` or `(3, H, W)`, as rows of X values.
"""

__all__ = [
    "TEST_SEED", "Splits", "grey", "observed_test_images", "observed_train_images",
    "observed_valid_images", "open_images", "splits_of",
]  # fmt: skip

from pathlib import Path
from typing import NamedTuple

import torch

from torch import Tensor

import genlab.data

from genlab.common.rng import generator
from genlab.configs.compare import CompareConfig
from genlab.configs.vae import TrainingConfig, VaeConfig
from genlab.data.arrays.layout import Array
from genlab.data.image_splits import ImageSplits
from genlab.vae.likelihoods import Likelihood

TEST_SEED = 20240115
"""Seed of what is random in test and validation images: they are the same for every model."""
HELD_OUT = 6
"""Without a validation split, the last 1/6 of the training images is used."""


class Splits(NamedTuple):
    """The images that training uses."""

    train: Tensor
    """Values in [0, 1], with shape `(N, X)`: those of the mirror images too, if they are learned
    from."""
    valid: Tensor | None
    """As the likelihood observes them, for early stopping, with shape `(V, X)`."""
    test: Tensor
    """As the likelihood observes them, the same for all models, with shape `(M, X)`."""
    shape: tuple[int, ...]
    """The shape of an image, `(H, W)` or `(3, H, W)`, of X values."""


def grey(images: Tensor) -> Tensor:
    """Returns uint8 images as rows of numbers in [0, 1], with shape `(N, X)`."""
    return images.flatten(1).float() / 255


def observed_test_images(digits: ImageSplits, likelihood: Likelihood) -> Tensor:
    """Returns the test images as the likelihood observes them, `(M, X)`, always the same."""
    return likelihood.observe(grey(digits.test), generator(TEST_SEED, "test digits"))


def observed_train_images(digits: ImageSplits, likelihood: Likelihood) -> Tensor:
    """Returns the training images as the likelihood observes them, `(N, X)`, always the same."""
    return likelihood.observe(grey(digits.train), generator(TEST_SEED, "training digits"))


def observed_valid_images(digits: ImageSplits, likelihood: Likelihood) -> Tensor | None:
    """Returns the source's own validation images as the likelihood observes them, `(V, X)`."""
    if digits.valid is None:
        return None
    return likelihood.observe(grey(digits.valid), generator(TEST_SEED, "validation digits"))


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


def splits_of(digits: ImageSplits, config: TrainingConfig, likelihood: Likelihood) -> Splits:
    """Returns the images for training, early stopping and the test curve of a configuration."""
    train, valid = grey(digits.train), None
    if config.patience is not None:
        held = grey(digits.valid) if digits.valid is not None else None
        if held is None:
            cut = len(train) - max(1, len(train) // HELD_OUT)
            train, held = train[:cut], train[cut:]
        valid = likelihood.observe(held, generator(TEST_SEED, "validation digits"))
    if config.mirror:
        train = torch.cat([train, train.view(-1, *digits.shape).flip(-1).flatten(1)])
    return Splits(train, valid, observed_test_images(digits, likelihood), digits.shape)
