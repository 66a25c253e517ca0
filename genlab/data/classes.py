"""Classes of images, by sub-folders or by clustering: a GAN can be conditioned on them.

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
from genlab.common.text import one_line
from genlab.data.identity import Identity, digest
from genlab.data.split_names import past_splits

NAMED = 20
"""Classes that a line names."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Classes:
    """The classes of N images."""

    by: str
    """Their origin: "folders" or "clusters"."""
    names: tuple[str, ...]
    """The names of the K classes."""
    labels: Tensor
    """The class of each image, int64 with shape `(N,)`."""
    learned: Tensor | None = None
    """A mask of the images that are trained on, bool with shape `(N,)`; None for all."""

    @property
    def counts(self) -> list[int]:
        """The number of training images of each class, `[K]`."""
        labels = self.labels if self.learned is None else self.labels[self.learned]
        return labels.bincount(minlength=len(self.names)).tolist()

    def text(self) -> str:
        """Returns names and counts in words, "cat 120, dog 95"; of many classes the first."""
        named = [f"{one_line(name)} {n:,}" for name, n in zip(self.names, self.counts)]
        rest = len(named) - NAMED
        return ", ".join(named[:NAMED]) + (f" and {rest} more" if rest > 0 else "")

    @property
    def frequencies(self) -> Tensor:
        """The share of each class among the training images, float64 `(K,)`."""
        counts = torch.tensor(self.counts, dtype=torch.float64)
        return counts / counts.sum()

    def identity(self, images: Identity) -> Identity:
        """Returns the identity of labels and names, recorded beside that of their images."""
        names = np.frombuffer("\n".join(self.names).encode(), np.uint8)
        return Identity(
            name=f"classes by {self.by}", source=images.source, count=len(self.labels),
            shape=(), sha256=digest(self.labels.numpy(), names), licence=images.licence,
            stand_in=images.stand_in, crop=images.crop,
        )  # fmt: skip

    def index(self, name: str) -> int:
        """Returns the index of a class.

        Raises:
            InputError: If there is none of that name.
        """
        if name not in self.names:
            raise InputError(f"no class {name!r}: the classes are {', '.join(self.names)}")
        return self.names.index(name)


def by_folder(paths: Sequence[str], source: str) -> Classes:
    """Takes the classes from the folders that images lie in, named `CLASS/.../FILE`.

    Folders that part the data are looked past (`split_names.py`).

    Arguments:
        paths: The images' paths within their folder or zip, with slashes.
        source: What messages call the folder or zip.

    Raises:
        InputError: If images lie in no sub-folder, or all in one.
    """
    if not paths:
        raise InputError(f"{source} has no folders to take `classes` from; use clusters")
    folders = past_splits(PurePosixPath(path).parts[:-1] for path in paths)
    tops = [parts[0] if parts else "" for parts in folders]
    loose = [path for path, top in zip(paths, tops) if not top]
    if loose:
        raise InputError(
            f"{source}: {loose[0]}{f' and {len(loose) - 1} more' if loose[1:] else ''}: in no "
            "sub-folder; with `classes` folders, its folder gives an image's class"
        )
    found = sorted(set(tops))
    if len(found) == 1:
        raise InputError(
            f"{source}: every image lies in {found[0]}; `classes` folders needs two sub-folders "
            "at least (does `images` leave the others out?)"
        )
    places = {top: index for index, top in enumerate(found)}
    return Classes(
        by="folders", names=tuple(found), labels=torch.tensor([places[top] for top in tops])
    )

