"""The digits of a run as training, early stopping and measurement take them.

Shapes: N, V, M images, H x W or X pixels.
"""

__all__ = [
    "TEST_SEED", "Splits", "binarise", "binary_test_digits", "binary_train_digits", "grey",
    "splits_of",
]  # fmt: skip

from typing import NamedTuple

import torch

from torch import Tensor

from genlab.common.rng import generator
from genlab.configs.vae import VaeConfig
from genlab.data.mnist import DigitSet

TEST_SEED = 20240115
"""Fixes the one binary draw of test and validation digits: the same for every model."""
HELD_OUT = 6
"""Without a validation split, the last of so many parts of the training digits is one."""


class Splits(NamedTuple):
    """The digits as training sees them."""

    train: Tensor
    """Grey values in [0, 1], with shape `(N, X)`."""
    valid: Tensor | None
    """Binary, for early stopping, with shape `(V, X)`."""
    test: Tensor
    """Binary, one draw for all models, with shape `(M, X)`."""


def grey(images: Tensor) -> Tensor:
    """Returns uint8 images `(N, H, W)` as rows in [0, 1], with shape `(N, H W)`."""
    return images.flatten(1).float() / 255


def binarise(x: Tensor, random: torch.Generator) -> Tensor:
    """Draws each pixel from Bernoulli(grey value) (Salakhutdinov & Murray, 2008)."""
    u = torch.rand(x.shape, generator=random).to(x.device)
    return torch.lt(u, x, out=u)


def binary_test_digits(digits: DigitSet) -> Tensor:
    """Returns the test digits, binarised once and for all, with shape `(N, X)`."""
    return binarise(grey(digits.test), generator(TEST_SEED, "test digits"))


def binary_train_digits(digits: DigitSet) -> Tensor:
    """Returns the training digits, binarised once and for all, with shape `(N, X)`."""
    return binarise(grey(digits.train), generator(TEST_SEED, "training digits"))


def splits_of(digits: DigitSet, config: VaeConfig) -> Splits:
    """Returns the digits that a configuration trains, stops and is measured on."""
    train, valid = grey(digits.train), None
    if config.patience is not None:
        held = grey(digits.valid) if digits.valid is not None else None
        if held is None:
            cut = len(train) - max(1, len(train) // HELD_OUT)
            train, held = train[:cut], train[cut:]
        valid = binarise(held, generator(TEST_SEED, "validation digits"))
    return Splits(train, valid, binary_test_digits(digits))
