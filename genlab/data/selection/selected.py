"""The most typical part of a set of pictures, and what leaving the rest out costs.

Pictures are ordered by the density of their features (`density.py`); where a dog's head was looked
for in each, by how sure it is as well: a picture's place is the mean of its places in both orders.
The features are EfficientNet-Lite0's, of the squares that are learned from, 96 pixels a side.

The cost is told by recall and coverage (`metrics/manifold.py`) of the pictures that are kept
against all, beside those of as many that are drawn at random.

Shapes: N images, F features.
"""

__all__ = ["Cost", "Selected", "percent", "selected"]

import math

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.progress import say_once
from genlab.common.rng import generator
from genlab.data.crops.kept import Look, kept_of_each
from genlab.data.files.pictures import FilePictures
from genlab.data.identity import Identity, digest_of_all
from genlab.data.pictures import Pictures
from genlab.data.selection.density import log_density
from genlab.metrics.manifold import density_coverage, precision_recall
from genlab.networks.pretrained.efficientnet_lite0 import (
    SHA256,
    load_efficientnet_lite0,
    normalised,
)

PIXELS = 96
"""The side of the squares whose features decide."""
VERSION = f"typical-1-{SHA256[:6]}"
"""The version of the selection: part of a set's identity."""
FEWEST = 16
"""Images that a selection must leave."""
COMPARED = 4_000
"""Images, drawn at random, of which the cost is measured, at most."""


@dataclass(frozen=True)
class Cost:
    """What the pictures that are kept still show of all."""

    recall: float
    """The share of all pictures that lie in the support of the kept ones."""
    recall_random: float
    """That of as many drawn at random."""
    coverage: float
    """The share of all pictures that have a kept one near."""
    coverage_random: float
    compared: int
    """The number of pictures that this was measured on."""


@dataclass(frozen=True, eq=False)
class Selected:
    """Some of the pictures of a set."""

    pictures: Pictures
    """All of them."""
    rows: tuple[int, ...]
    """The places of those that are kept, rising."""
    keep: float
    """The share that was to be kept."""
    cost: Cost
    names: tuple[str, ...]
    paths: tuple[str, ...]
    digests: tuple[str, ...]

    @classmethod
    def of(cls, pictures: Pictures, rows: Sequence[int], keep: float, cost: Cost) -> "Selected":
        """Takes some of the pictures."""
        names, paths, digests = (
            tuple(values[row] for row in rows) if values else ()
            for values in (pictures.names, pictures.paths, pictures.digests)
        )
        return cls(pictures, tuple(rows), keep, cost, names, paths, digests)

    @property
    def identity(self) -> Identity:
        """Their identity: that of the whole set, and which of it are kept."""
        whole = self.pictures.identity
        return replace(
            whole, name=f"{whole.name}, the {percent(self.keep)} that are most typical",
            count=len(self),
            sha256=digest_of_all(f"{VERSION} of {whole.sha256}", sorted(self.digests)),
        )

    @property
    def left_out(self) -> tuple[int, ...]:
        """The places of the others, rising."""
        return tuple(sorted(set(range(len(self.pictures))) - set(self.rows)))

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, index: int) -> Tensor:
        """Reads an image, uint8 RGB with shape `(3, H, W)`."""
        return self.pictures.read(self.rows[index])

    def shorter_side(self, index: int) -> int:
        """Returns the shorter side of an image before any crop or resizing, in pixels."""
        return self.pictures.shorter_side(self.rows[index])

    def squares(self, size: int) -> "Selected":
        """Returns the same images as squares of this side."""
        return Selected.of(self.pictures.squares(size), self.rows, self.keep, self.cost)

    def stack(self) -> Tensor:
        """Returns the images as one tensor `(N, 3, H, W)`."""
        return self.pictures.stack()[list(self.rows)]


def percent(share: float) -> str:
    """Returns a share as text: 50 %, 12.5 %."""
    return f"{100 * share:.4g} %"


def selected(pictures: Pictures, keep: float) -> Selected:
    """Selects the most typical pictures of a set.

    Arguments:
        pictures: The pictures, of one size or many.
        keep: The share that is kept, from 0.05 and below 1.

    Raises:
        InputError: If that leaves fewer than 16 images, or pictures are not readable.
    """
    source, count = pictures.identity.source, math.ceil(keep * len(pictures))
    if count < FEWEST:
        raise InputError(
            f"`keep` {keep}: leaves {count} of the {len(pictures)} images of {source}; at least "
            f"{FEWEST} are needed"
        )
    features = _features(pictures.squares(PIXELS))
    places = _places(log_density(features))
    if isinstance(pictures, FilePictures) and pictures.heads is not None:
        odds = torch.tensor([head.log_odds for head in pictures.heads], dtype=torch.float64)
        places = places + _places(odds)
    rows = places.argsort(descending=True, stable=True)[:count].sort().values
    cost = _cost(features, rows)
    say_once(
        f"note: {source}: the {count:,} most typical of {len(pictures):,} images are kept. They "
        f"show less than all do: recall {cost.recall:.2f} (as many at random "
        f"{cost.recall_random:.2f}), coverage {cost.coverage:.2f} ({cost.coverage_random:.2f})"
    )
    return Selected.of(pictures, rows.tolist(), keep, cost)


def _places(scores: Tensor) -> Tensor:
    """Returns the place of each score in rising order, from 0."""
    places = torch.empty(len(scores), dtype=torch.int64)
    places[scores.argsort(stable=True)] = torch.arange(len(scores))
    return places


def _features(squares: Pictures) -> Tensor:
    """Returns the features of squares of 96 pixels, `(N, F)`; they stay in the cache."""

    def begin() -> Look:
        network = load_efficientnet_lite0()

        @torch.no_grad()
        def look(index: int) -> dict[str, Tensor]:
            pixels = squares.read(index)[None].float()
            return {"features": network.features(normalised(pixels))[0]}

        return look

    way = squares.way if isinstance(squares, FilePictures) else ""
    name = f"typical/{'-'.join(filter(None, [VERSION, way]))}"
    label = f"looking at squares of {squares.identity.source}"
    return kept_of_each(name, squares.digests, begin, label)["features"]


def _cost(features: Tensor, rows: Tensor) -> Cost:
    """Measures the cost of keeping some rows of features, `(N, F)`."""
    random = generator(0, "cost of a selection")
    kept = torch.zeros(len(features), dtype=torch.bool)
    kept[rows] = True
    drawn = torch.zeros_like(kept)
    drawn[torch.randperm(len(features), generator=random)[: len(rows)]] = True
    some = torch.randperm(len(features), generator=random)[:COMPARED]
    real, kept, drawn = features[some], kept[some], drawn[some]
    recall, recall_random = (precision_recall(real, real[one]).recall for one in (kept, drawn))
    coverage, coverage_random = (
        density_coverage(real, real[one]).coverage for one in (kept, drawn)
    )
    return Cost(recall, recall_random, coverage, coverage_random, len(real))
