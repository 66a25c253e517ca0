"""The images of a GAN run, split into training images and images held out to measure on.

Shapes: N images learned from, H held out, S pixels a side.
"""

__all__ = ["Split", "refuse_within", "split_images"]

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.paths import require_outside
from genlab.common.progress import say_once
from genlab.configs.gan import GanConfig
from genlab.data.classes import Classes
from genlab.data.held_out import duplicate_groups, hold_out
from genlab.data.identity import digest
from genlab.data.open import folder_of

FEWEST = 16
"""The fewest images that a GAN may be trained on."""

FEWEST_HELD_OUT = 10
"""Fewer held-out images say nothing."""

SPLIT_SEED = 0
"""The same images are held out of every run on a set, so that runs compare."""


class Split(NamedTuple):
    """The images of a run; those of one side are rows of all, and not copied."""

    images: Tensor
    """All images, uint8 with shape `(N + H, 3, S, S)`."""
    learned: Tensor
    """A mask of the training images among all, bool with shape `(N + H,)`."""
    rows: Tensor
    """The places of the training images, int64 with shape `(N,)`."""
    held_out: Tensor | None = None
    """The held-out images, with shape `(H, 3, S, S)`."""
    classes: Classes | None = None
    """The classes of all images, where there are any, counted over the training images."""

    @classmethod
    def of(cls, images: Tensor, learned: Tensor, classes: Classes | None = None) -> "Split":
        """Returns the split of images by a mask of those to learn from."""
        held_out = None if learned.all() else images[~learned]
        return cls(images, learned, learned.nonzero()[:, 0], held_out, classes)

    @property
    def train(self) -> Tensor:
        """A copy of the training images, with shape `(N, 3, S, S)`."""
        return self.images[self.rows]

    @property
    def labels(self) -> Tensor | None:
        """The class of each training image, int64 with shape `(N,)`."""
        return None if self.classes is None else self.classes.labels[self.learned]


def refuse_within(source: str, out: Path) -> None:
    """Refuses a run inside the folder of its images: its own pictures would become images.

    Raises:
        InputError: If a new run directory `out` lies in the folder that SOURCE names.
    """
    folder = folder_of(source)
    if folder is not None and not (out / "config.json").exists():
        require_outside("out", out, folder)


def split_images(
    images: Tensor, config: GanConfig, classes: Classes | None = None
) -> Split:
    """Holds out a share `config.held_out` of the images; copies of an image stay together.

    Raises:
        InputError: If too few are left to train on, or none of a class.
    """
    different = len({digest(image.numpy()) for image in images})
    if different < FEWEST:
        count = f"{len(images)} images" + (
            f", {different} different" if different < len(images) else ""
        )
        raise InputError(f"{config.data}: {count}; a GAN needs at least {FEWEST}, better 300")
    if different < len(images):
        say_once(
            f"note: {config.data}: {len(images)} images, {different} different; each is learned "
            "from as often as it is there"
        )
    learned = torch.ones(len(images), dtype=torch.bool)
    if round(config.held_out * len(images)) < FEWEST_HELD_OUT:
        return Split.of(images, learned, classes)
    try:
        kept = hold_out(len(images), SPLIT_SEED, duplicate_groups(images), config.held_out)
    except InputError as error:
        raise InputError(f"{config.data}: {error}; or hold out none: `held_out` 0") from None
    if len(kept) < FEWEST_HELD_OUT:  # large groups of copies did not fit
        say_once(f"note: {config.data}: too many copies to hold images out; nothing is")
        return Split.of(images, learned, classes)
    learned[kept] = False
    if learned.sum() < FEWEST:
        raise InputError(
            f"{config.data}: {int(learned.sum())} images to learn from beside {len(kept)} held "
            f"out; a GAN needs at least {FEWEST}: give more, or `held_out` 0"
        )
    if classes is not None:
        classes = replace(classes, learned=learned)
        if 0 in classes.counts:
            raise InputError(
                f"{config.data}: class {classes.names[classes.counts.index(0)]} has no image to "
                "learn from beside those held out; give it more, or take its folder away, or "
                "`held_out` 0"
            )
    return Split.of(images, learned, classes)
