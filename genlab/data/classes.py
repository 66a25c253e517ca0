"""Classes of images: what a GAN may be conditioned on, by sub-folders or found by clustering.

Shapes: N images, K classes.
"""

__all__ = ["Classes", "by_folder"]

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.data.identity import Identity, digest

SPLITS = frozenset({"train", "training", "val", "valid", "validation", "test"})
"""Folders that part a data set, not its classes: looked past."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Classes:
    """The classes of N images."""

    by: str
    """Where they come from: "folders" or "clusters"."""
    names: tuple[str, ...]
    """What each of the K is called."""
    labels: Tensor
    """The class of each image, int64 with shape `(N,)`."""
    learned: Tensor | None = None
    """Which images are learned from, bool with shape `(N,)`; None for all."""

    @property
    def counts(self) -> list[int]:
        """How many of the images learned from each class has, `[K]`."""
        labels = self.labels if self.learned is None else self.labels[self.learned]
        return labels.bincount(minlength=len(self.names)).tolist()

    @property
    def frequencies(self) -> Tensor:
        """The share of the images learned from that each class has, float64 `(K,)`."""
        counts = torch.tensor(self.counts, dtype=torch.float64)
        return counts / counts.sum()

    def identity(self, images: Identity) -> Identity:
        """Returns what is recorded of labels and names beside the identity of their images."""
        names = np.frombuffer("\n".join(self.names).encode(), np.uint8)
        return Identity(
            name=f"classes by {self.by}", source=images.source, count=len(self.labels),
            shape=(), sha256=digest(self.labels.numpy(), names), licence=images.licence,
            stand_in=images.stand_in, crop=images.crop,
        )  # fmt: skip

    def index(self, name: str) -> int:
        """Returns the place of a class.

        Raises:
            InputError: If there is none of that name.
        """
        if name not in self.names:
            raise InputError(f"no class {name!r}: the classes are {', '.join(self.names)}")
        return self.names.index(name)


def by_folder(names: Sequence[str], source: str) -> Classes:
    """Takes the classes from the folders that images lie in, named `CLASS/.../FILE`.

    Folders called train, val, test and the like count as parts of the data, not as classes.

    Arguments:
        names: The images' paths within their folder, with slashes.
        source: The folder, for messages.

    Raises:
        InputError: If images lie in no sub-folder, or all in one.
    """
    if not names:
        raise InputError(f"--classes folders: {source} has no folders; use --classes clusters")
    tops = [_top(name) for name in names]
    loose = [name for name, top in zip(names, tops) if not top]
    if loose:
        raise InputError(
            f"{source}: {loose[0]}{f' and {len(loose) - 1} more' if loose[1:] else ''}: in no "
            "sub-folder; --classes folders takes an image's class from the folder it lies in"
        )
    found = sorted(set(tops))
    if len(found) == 1:
        raise InputError(
            f"{source}: every image lies in {found[0]}; --classes folders needs two sub-folders "
            "at least (does --images leave the others out?)"
        )
    places = {top: index for index, top in enumerate(found)}
    return Classes(
        by="folders", names=tuple(found), labels=torch.tensor([places[top] for top in tops])
    )


def _top(name: str) -> str:
    """Returns the first folder of a path that is no split; "" if there is none."""
    folders = PurePosixPath(name).parts[:-1]
    return next((part for part in folders if part.lower() not in SPLITS), "")
