"""The images of a run for training, early stopping and measurement.

Shapes: N, V, M images, H x W or X pixels.
"""

__all__ = [
    "TEST_SEED", "Splits", "grey", "observed_test_images", "observed_train_images",
    "observed_valid_images", "splits_of",
]  # fmt: skip

from typing import NamedTuple

from torch import Tensor

from genlab.common.rng import generator
from genlab.configs.vae import TrainingConfig
from genlab.data.image_splits import ImageSplits
from genlab.vae.likelihoods import Likelihood

TEST_SEED = 20240115
"""Seed of what is random in test and validation images: they are the same for every model."""
HELD_OUT = 6
"""Without a validation split, the last 1/6 of the training images is used."""


class Splits(NamedTuple):
    """The images that training uses."""

    train: Tensor
    """Grey values in [0, 1], with shape `(N, X)`."""
    valid: Tensor | None
    """As the likelihood observes them, for early stopping, with shape `(V, X)`."""
    test: Tensor
    """As the likelihood observes them, the same for all models, with shape `(M, X)`."""


def grey(images: Tensor) -> Tensor:
    """Returns uint8 images `(N, H, W)` as rows in [0, 1], with shape `(N, H W)`."""
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


def splits_of(digits: ImageSplits, config: TrainingConfig, likelihood: Likelihood) -> Splits:
    """Returns the images for training, early stopping and the test curve of a configuration."""
    train, valid = grey(digits.train), None
    if config.patience is not None:
        held = grey(digits.valid) if digits.valid is not None else None
        if held is None:
            cut = len(train) - max(1, len(train) // HELD_OUT)
            train, held = train[:cut], train[cut:]
        valid = likelihood.observe(held, generator(TEST_SEED, "validation digits"))
    return Splits(train, valid, observed_test_images(digits, likelihood))
