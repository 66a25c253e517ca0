"""Heads of dogs in whole photographs: where the largest one is, and whether there is one.

Squares are proposed, and looked at one by one. The network sees the whole photograph once; the map
of log-odds of `networks/pretrained/heads.py` is averaged over squares of five sizes, and of each
size the best is proposed. The probe judges each proposal from pixels of its own, 96 a side, then
six neighbours of the best: shifted by 15 % of its side, smaller and larger by a fifth. The best of
all is the head. Where even that is no head by the probe, the photograph has none.

Shapes: W x H pixels an image, B squares, F features, h w rows and columns of a map, R x C cells of
a lattice.
"""

__all__ = ["VERSION", "Head", "HeadFinder"]

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from PIL import Image
from torch import Tensor

from genlab.data.crops.squares import Box, inside, seen_whole
from genlab.networks.pretrained.efficientnet_lite0 import (
    SHA256,
    EfficientNetLite0,
    load_efficientnet_lite0,
    normalised,
)
from genlab.networks.pretrained.heads import PIXELS, HeadProbe, load_head_probe
from genlab.networks.pretrained.heads import SHA256 as PROBE_SHA256

VERSION = f"face-1-{SHA256[:6]}-{PROBE_SHA256[:6]}"
"""The version of the path from a photograph to its head: part of cache keys."""
SIDES = (0.28, 0.38, 0.5, 0.65, 0.85)
"""Sides of the squares that are proposed, as shares of the shorter side."""
CELLS = 32
"""Cells of the lattice along the shorter side: a proposal is placed to 3 % of it."""
SHIFT, GROWTH = 0.15, 1.2
"""How neighbours differ from the best proposal."""


class Head(NamedTuple):
    """The square of an image that looks most like a dog's head."""

    box: Box
    log_odds: float
    """Of its being one."""

    @property
    def is_head(self) -> bool:
        """Whether it is taken for one."""
        return self.log_odds > 0


class HeadFinder:
    """Finds heads.

    Arguments:
        network: What sees squares; the one in the package if not given.
        probe: What judges them; likewise.
    """

    def __init__(
        self, network: EfficientNetLite0 | None = None, probe: HeadProbe | None = None
    ) -> None:
        self.network = load_efficientnet_lite0() if network is None else network
        self.probe = load_head_probe() if probe is None else probe

    def find(self, image: Image.Image) -> Head:
        """Returns the best square of an upright RGB image; it depends on the image alone."""
        found = self.judged(image, self.proposals(image))
        best = max(found, key=lambda head: head.log_odds)
        found = self.judged(image, neighbours(best.box, *image.size))
        return max([best, *found], key=lambda head: head.log_odds)

    @torch.no_grad()
    def proposals(self, image: Image.Image) -> list[Box]:
        """Returns the square of each size with the highest mean of the map of log-odds."""
        maps = self.network.maps(seen_whole(image))
        # A place that speaks strongly against a head says nothing of the place beside it.
        return best_squares(self.probe.map(maps)[0].clamp(min=0), *image.size)

    @torch.no_grad()
    def features(self, image: Image.Image, boxes: Sequence[Box]) -> Tensor:
        """Returns the features of squares, `(B, F)`."""
        squares = [
            np.asarray(image.resize(
                (PIXELS, PIXELS), Image.Resampling.BILINEAR,
                box=(left, top, left + side, top + side), reducing_gap=3,
            ))
            for left, top, side in boxes
        ]
        pixels = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).float()
        return self.network.features(normalised(pixels))

    def judged(self, image: Image.Image, boxes: Sequence[Box]) -> list[Head]:
        """Returns squares with their log-odds."""
        odds = self.probe.log_odds(self.features(image, boxes)).tolist()
        return [Head(box, value) for box, value in zip(boxes, odds)]


def best_squares(scores: Tensor, width: int, height: int) -> list[Box]:
    """Returns of each size the square with the largest mean of a map over the image, `(h, w)`."""
    short = min(width, height)
    rows, columns = round(CELLS * height / short), round(CELLS * width / short)
    cells = F.interpolate(
        scores.double()[None, None], size=(rows, columns), mode="bilinear", align_corners=False
    )[0, 0]
    # sums[i, j] is the sum above and left of the corner (i, j): any square is four look-ups
    sums = F.pad(cells.cumsum(0).cumsum(1), (1, 0, 1, 0))
    found = []
    for share in SIDES:
        k = round(share * CELLS)
        held = sums[k:, k:] - sums[:-k, k:] - sums[k:, :-k] + sums[:-k, :-k]
        row, column = divmod(int(held.argmax()), held.shape[1])
        side = share * short
        middle = (column + k / 2) * short / CELLS, (row + k / 2) * short / CELLS
        found.append(inside(*middle, side, width, height))
    return found


def neighbours(box: Box, width: int, height: int) -> list[Box]:
    """Returns squares near another, within the image."""
    left, top, side = box
    x, y, step = left + side / 2, top + side / 2, SHIFT * side
    shifts = ((step, 0.0), (-step, 0.0), (0.0, step), (0.0, -step))
    found = [inside(x + dx, y + dy, side, width, height) for dx, dy in shifts]
    return found + [inside(x, y, side * by, width, height) for by in (1 / GROWTH, GROWTH)]
