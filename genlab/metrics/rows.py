"""Features of one set, read in blocks of float64: a float32 set is never there twice.

A metric calculates in float64, and a copy of 100,000 images' features in it would be twice as
large as they are. `Rows` gives them block by block, changed on the way (centred, of unit length)
and chosen by their numbers (a permutation, a part). A set of no more than `ROWS` images is one
block.

Shapes: N rows, F features.
"""

__all__ = ["ROWS", "Rows", "mean_of"]

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from torch import Tensor

ROWS = 4000
"""Rows of a block: 65 MB of float64 at 2,048 features."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one or more sets of features."""

    sets: tuple[Tensor, ...]
    """The sets, each with shape `(*, F)`; their rows are numbered through."""
    chosen: Tensor | None = None
    """The numbers of the rows, in their order; None: all rows of all sets."""
    change: Callable[[Tensor], Tensor] | None = None
    """What is done to a block, row by row."""

    @classmethod
    def of(cls, *sets: Tensor) -> "Rows":
        """Returns all rows of some sets, one after the other."""
        return cls(sets)

    def changed(self, change: Callable[[Tensor], Tensor]) -> "Rows":
        """Returns the same rows with a change after those that they have."""
        before = self.change
        return replace(self, change=change if before is None else lambda x: change(before(x)))

    def __len__(self) -> int:
        return sum(map(len, self.sets)) if self.chosen is None else len(self.chosen)

    @property
    def width(self) -> int:
        """The number of features F."""
        return self.sets[0].shape[1]

    def part(self, start: int, stop: int) -> Tensor:
        """Returns the rows from `start` to `stop`, in float64."""
        stop = min(stop, len(self))
        only, *others = self.sets
        if self.chosen is None and not others:
            block = only[start:stop].double()
        else:
            block = self._gathered(torch.arange(start, stop) if self.chosen is None
                                   else self.chosen[start:stop])  # fmt: skip
        return block if self.change is None else self.change(block)

    def _gathered(self, numbers: Tensor) -> Tensor:
        block = torch.empty(len(numbers), self.width, dtype=torch.float64)
        first = 0
        for one in self.sets:
            here = (numbers >= first) & (numbers < first + len(one))
            block[here] = one[numbers[here] - first].double()
            first += len(one)
        return block

    def blocks(self, rows: int = ROWS) -> Iterator[Tensor]:
        """Yields the rows in blocks."""
        for start in range(0, len(self), rows):
            yield self.part(start, start + rows)

    def whole(self) -> Tensor:
        """Returns all rows as one tensor: for few of them."""
        return self.part(0, len(self))

    @cached_property
    def mean(self) -> Tensor:
        """Their mean, with shape `(F,)`."""
        return mean_of(self)


def mean_of(*several: Rows) -> Tensor:
    """Returns the mean of all rows of several sets, with shape `(F,)`."""
    total = sum(map(len, several))
    if total <= ROWS:
        return torch.cat([rows.whole() for rows in several]).mean(0)
    sums = [block.sum(0) for rows in several for block in rows.blocks()]
    return torch.stack(sums).sum(0) / total
