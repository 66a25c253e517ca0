"""Images as one network sees them, and which of them are different.

What rests on independent images (standard errors, floors, tests, kernel distances, neighbours)
takes one image of each kind, a kind being images of equal pixels: an image that is given three
times is one draw, not three. What describes a generator takes all of its images: the distance
itself, the Vendi score, the classes.

A test of whether two sets are of one distribution moreover leaves out the kinds that both sets
hold. Given which images the two have in common, the others are exchangeable if the distributions
are equal; the common ones are not, for they are in both whatever the distributions are.

Shapes: N images of K kinds, F features.
"""

__all__ = ["Sample"]

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from torch import Tensor

from genlab.features.extraction import Extracted
from genlab.features.pixels import kinds


@dataclass(frozen=True, eq=False)
class Sample:
    """The features of a set of images, and the kind of each."""

    features: Tensor
    """With shape `(N, F)`."""
    kind: Tensor
    """Numbers with shape `(N,)`, equal for equal images in all sets that are compared."""

    def __len__(self) -> int:
        return len(self.features)

    @classmethod
    def of(cls, *several: Extracted) -> "list[Sample]":
        """Returns sets that are to be compared, with kinds that all of them share."""
        numbers = kinds(*(one.pixels for one in several))
        return [cls(one.features, kind) for one, kind in zip(several, numbers)]

    @cached_property
    def first(self) -> Tensor:
        """The place of the first image of each kind, in the order of the images, `(K,)`."""
        seen: dict[int, int] = {}
        for place, kind in enumerate(self.kind.tolist()):
            seen.setdefault(kind, place)
        return torch.tensor(list(seen.values()))

    @cached_property
    def different(self) -> Tensor:
        """The features of one image of each kind, with shape `(K, F)`; no copy if all are."""
        return self.features if len(self.first) == len(self) else self.features[self.first]

    @cached_property
    def repeated(self) -> Tensor:
        """How many images each kind has, in the order of `first`, with shape `(K,)`."""
        _, number, counts = self.kind.unique(return_inverse=True, return_counts=True)
        return counts[number[self.first]]

    def is_in(self, others: "Sequence[Sample]") -> Tensor:
        """Returns of which images there is an equal one in other sets, with shape `(N,)`."""
        return torch.isin(self.kind, torch.cat([other.kind for other in others]))

    def apart_from(self, *others: "Sample") -> "Sample":
        """Returns one image of each kind that none of the other sets has."""
        chosen = self.first[~self.is_in(others)[self.first]]
        if len(chosen) == len(self):
            return self
        return Sample(self.features[chosen], self.kind[chosen])
