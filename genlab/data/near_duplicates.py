r"""Near duplicates: the same picture again, mirrored, recoloured, compressed, or cropped a little.

There are two steps. Sketches find candidates: the 8 x 8 lowest coefficients of a thumbnail's
cosine transform, without the constant one, times their frequency sqrt(k^2 + l^2), so that all
count alike in pictures whose spectrum falls as photographs' does. The sketch of a whole picture is
compared with sketches of sixteen parts of every other, as they are and mirrored (which changes the
sign of the odd columns). A pair is a candidate if the largest cosine is above 0.75.

Then that part is aligned with the other picture (`alignment.py`), and their details are compared:

    r = <u, v> / (|u| |v|),    u, v: what is left of each without its mean over 5 x 5 pixels,

clamped to their root mean square, so that frames and letters do not outweigh the rest. Details of
different pictures do not match, however alike these are. A pair is a near duplicate if
r is at least 0.7.

Of changed copies of 500 photographs of dogs, each put beside the 500, are found, with no false
pair (`benchmarks/near_duplicates.py`): all that are mirrored, made grey or sepia, compressed, less
contrasted, of gamma 0.7 or 1.4, with up to 3 % of each side or 15 % of the width cut off; 99.6 %
or more of those of another hue, of a third of the size, or with 6 to 15 % of each side cut off; 92
% with 20 %; 98.8 % mirrored, cut by 10 %, of another hue and compressed. Of the 1,134,771 pairs of
1,507 dog faces 67 are found, of the 12,482,506 pairs of 4,997 whole photographs 16: all are right,
by eye. Of the 319,600 pairs of 800 drawn toy dogs, all of one pattern and different, none is
found.
Rotated copies are missed.

Shapes: N images, P pairs, 64 x 64 grey thumbnails, K = 63 numbers a sketch, W parts.
"""

__all__ = ["SIDE", "NearDuplicates", "connected_groups", "near_duplicates", "thumbnails"]

import math

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import NamedTuple

import torch
import torch.nn.functional as F

from torch import Tensor

from genlab.common.progress import SOON, Progress
from genlab.data.alignment import aligned, seen_through

SIDE = 64
"""The side of a thumbnail in pixels."""
WINDOWS = ((0.0, 1.0), (0.0, 0.88), (0.12, 0.88), (0.08, 0.84))
"""Where a part begins and how long it is, along an axis; the first is the whole."""
PARTS = torch.tensor([[*across, *down] for down, across in product(WINDOWS, WINDOWS)])
"""The parts: left, width, top, height, with shape `(W, 4)`."""
FREQUENCIES = 8  # an axis
ALIKE = 0.75  # of the cosine of two sketches
DETAIL = 5  # pixels: what is coarser does not count
LEVELS = ((4, 3, -1.0), (2, 3, 0.45), (1, 3, 0.7))
"""Shrinking of the side, steps of alignment there, and the correlation that a pair needs."""
BLOCK, PAIRS = 1024, 1024  # images and pairs at a time: they bound the memory
TOGETHER = 8 * BLOCK  # images whose sketches of all parts are there at once: 33 MB
MOST = 100_000
"""Pairs that are all listed."""
ODD = (torch.arange(FREQUENCIES) % 2).repeat(FREQUENCIES)
"""Whether a coefficient is of an odd column."""
MIRROR = 1.0 - 2.0 * ODD[1:]
"""What the sketch of a mirrored picture is: cos(pi k (1 - t)) = (-1)^k cos(pi k t)."""
FLATTEST = 1.0  # grey values of contrast: pictures with less are not compared


class NearDuplicates(NamedTuple):
    """Near duplicates."""

    pairs: Tensor
    """Indices of each pair, the smaller first, in rising order; int64 `(P, 2)`."""
    correlation: Tensor
    """Their correlation r, float64 `(P,)`."""


class Candidates(NamedTuple):
    """Pairs that may be near duplicates."""

    pairs: Tensor
    """The picture of which a part is compared, and the other; int64 `(P, 2)`."""
    windows: Tensor
    """That part: left, width, top, height; float32 `(P, 4)`."""
    mirrored: Tensor
    """Whether the first picture is mirrored, bool `(P,)`."""


def thumbnails(images: Tensor) -> Tensor:
    """Returns grey thumbnails of images: luma of ITU-R BT.601, averaged down.

    Arguments:
        images: Images, uint8 with shape `(N, 3, H, W)`.

    Returns:
        Thumbnails, uint8 with shape `(N, 64, 64)`.
    """
    luma = torch.tensor([0.299, 0.587, 0.114])
    parts = [
        F.interpolate(
            torch.einsum("nchw,c->nhw", part.float(), luma)[:, None], size=(SIDE, SIDE),
            mode="bilinear", align_corners=False, antialias=True,
        )[:, 0].round().to(torch.uint8)
        for part in images.split(BLOCK)
    ]
    return torch.cat(parts)


def near_duplicates(thumbs: Tensor) -> NearDuplicates:
    """Finds all pairs of near duplicates; beyond `MOST` of them, those that join groups.

    Thousands of frames of one film are near duplicates of one another: the pairs of a group grow
    with the square of its images. From so many pairs on, two images that are in one group by
    other pairs are not compared; the groups stay the same.

    Arguments:
        thumbs: Grey thumbnails, uint8 with shape `(N, 64, 64)`.
    """
    found = Found(len(thumbs))
    for some in candidates(thumbs, found.wanted):
        kept, fits = _compared(thumbs, some)
        found.add(some.pairs[kept].sort(1).values, fits)
    pairs, values = torch.cat(found.pairs), torch.cat(found.values)
    order = (pairs[:, 0] * len(thumbs) + pairs[:, 1]).argsort()
    return NearDuplicates(pairs[order], values[order])


class Found:
    """The near duplicates among n images that have been found so far."""

    def __init__(self, n: int) -> None:
        self.pairs = [torch.empty(0, 2, dtype=torch.int64)]
        self.values = [torch.empty(0, dtype=torch.float64)]
        self.groups, self.count = Groups(n), 0

    def add(self, pairs: Tensor, values: Tensor) -> None:
        """Adds pairs with their correlation."""
        self.pairs.append(pairs)
        self.values.append(values)
        self.count += len(pairs)
        for i, j in pairs.tolist():
            self.groups.join(i, j)

    def wanted(self, pairs: Tensor) -> Tensor:
        """Returns those of some pairs that are to be compared."""
        if self.count < MOST:
            return pairs
        find = self.groups.find
        apart = [find(i) != find(j) for i, j in pairs.tolist()]
        return pairs[torch.tensor(apart, dtype=torch.bool)]


class Sketched(NamedTuple):
    """Sketches of some thumbnails."""

    start: int
    """The place of the first."""
    parts: Tensor
    """The sketches of all parts, `(W, B, K)`; the first part is the whole."""

    def rows(self, start: int) -> "Sketched":
        """Returns a block of them."""
        return Sketched(self.start + start, self.parts[:, start : start + BLOCK])


def candidates(
    thumbs: Tensor, chosen: Callable[[Tensor], Tensor] = lambda pairs: pairs
) -> Iterator[Candidates]:
    """Yields the pairs with sketches alike, each once, with the part that is most alike.

    Arguments:
        thumbs: Grey thumbnails.
        chosen: Says of some pairs, just before they are looked at, which ones are wanted.
    """
    n, room = len(thumbs), tuple(torch.empty(BLOCK**2) for _ in range(3))
    label = f"comparing {n:,} images with one another"
    with Progress(n * (n + 1) // 2, label, "pairs", delay=SOON) as progress:
        for first in range(0, n, TOGETHER):
            many = _sketched(thumbs, first, first + TOGETHER)
            for start in range(first, n, BLOCK):
                right = _sketched(thumbs, start, start + BLOCK)
                for place in range(0, many.parts.shape[1], BLOCK):
                    left = many.rows(place)
                    if left.start > start:
                        continue
                    for pairs in _alike(left, right, room).split(PAIRS):
                        if len(wanted := chosen(pairs)):
                            yield _most_alike(left, right, wanted)
                    size = left.parts.shape[1]
                    both = size * right.parts.shape[1]
                    progress.advance(size * (size + 1) // 2 if left.start == start else both)


def _sketched(thumbs: Tensor, start: int, stop: int) -> Sketched:
    return Sketched(start, torch.stack([sketches(thumbs[start:stop], part) for part in PARTS]))


def _alike(left: Sketched, right: Sketched, room: tuple[Tensor, ...]) -> Tensor:
    """Returns the pairs of whose sketches the largest cosine, of a part and a whole, is high.

    With E the sum over even columns and O that over odd ones the cosine is E + O, and E - O of the
    mirrored picture; the larger is E + |O|. `room` is used for these: memory that is asked for
    again and again, with what is kept in between, would grow.
    """
    shape = left.parts.shape[1], right.parts.shape[1]
    best, even, odd = (one[: math.prod(shape)].view(shape) for one in room)
    best.fill_(-1)
    is_odd, same = ODD[1:].bool(), left.start == right.start
    ways = [(left.parts, right.parts[0], False), (right.parts, left.parts[0], True)]
    for parts, wholes, turned in ways[:1] if same else ways:
        plain, mirrored = wholes[:, ~is_odd], wholes[:, is_odd]
        for rows in parts:
            for columns, whole, out in ((rows[:, ~is_odd], plain, even),
                                        (rows[:, is_odd], mirrored, odd)):  # fmt: skip
                x, y = (whole, columns) if turned else (columns, whole)
                torch.mm(x, y.T, out=out)
            torch.maximum(best, even.add_(odd.abs_()), out=best)
    alike = best > ALIKE
    i, j = (alike | alike.T if same else alike).nonzero(as_tuple=True)
    pairs = torch.stack([i + left.start, j + right.start], 1)
    return pairs[pairs[:, 0] < pairs[:, 1]]


def _most_alike(left: Sketched, right: Sketched, pairs: Tensor) -> Candidates:
    """Returns pairs with the part of one, plain or mirrored, that is most like the other."""
    i, j = pairs[:, 0] - left.start, pairs[:, 1] - right.start
    cosines = torch.cat([
        torch.einsum("wpk,pk->wp", one.parts[:, rows], other.parts[0, columns] * sign)
        for one, rows, other, columns in ((left, i, right, j), (right, j, left, i))
        for sign in (1.0, MIRROR)
    ])
    best = cosines.max(0).indices
    turned = best >= 2 * len(PARTS)
    kind = best % (2 * len(PARTS))
    return Candidates(
        torch.where(turned[:, None], pairs.flip(1), pairs), PARTS[kind % len(PARTS)],
        kind >= len(PARTS),
    )  # fmt: skip


def sketches(thumbs: Tensor, part: Tensor) -> Tensor:
    """Returns sketches of a part of thumbnails, of length 1, with shape `(N, K)`.

    Those of pictures that are almost flat are 0.
    """
    across, down = _waves(*part[:2].tolist()), _waves(*part[2:].tolist())
    k = torch.arange(FREQUENCIES)
    weight = (k[:, None] ** 2 + k**2).sqrt().flatten()[1:]
    rows = [torch.empty(0, len(weight))]
    for some in thumbs.split(BLOCK):
        low = torch.einsum("km,nmo,lo->nkl", down, some.float(), across).flatten(1)[:, 1:] * weight
        length = low.norm(dim=1, keepdim=True)
        flat = some.flatten(1).float().std(1, keepdim=True) < FLATTEST
        rows.append(torch.where(flat, 0.0, low / length.clamp(min=1e-6)))
    return torch.cat(rows)


def _waves(start: float, width: float) -> Tensor:
    """Returns cos(pi k t), t from 0 to 1 over a part of an axis and 0 outside, `(8, 64)`."""
    place = ((torch.arange(SIDE) + 0.5) / SIDE - start) / width
    inside = (place > 0) & (place < 1)
    return (math.pi * torch.arange(FREQUENCIES)[:, None] * place).cos() * inside


def _compared(thumbs: Tensor, found: Candidates) -> tuple[Tensor, Tensor]:
    """Returns which candidates are near duplicates, as indices, and their correlation."""
    rows, windows = torch.arange(len(found.pairs)), found.windows
    a, b = (thumbs[found.pairs[:, k]].float() for k in (0, 1))
    a = torch.where(found.mirrored[:, None, None], a.flip(2), a)
    fits = torch.zeros(0, dtype=torch.float64)
    for shrink, steps, least in LEVELS:  # few pairs are left for the larger sides
        x, y = (F.avg_pool2d(image[:, None], shrink)[:, 0] for image in (a, b))
        windows = aligned(x, y, windows, steps)
        fits = correlation(seen_through(x, windows), y).double()
        kept = fits >= least
        rows, windows, a, b, fits = rows[kept], windows[kept], a[kept], b[kept], fits[kept]
    return rows, fits


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Returns the correlation r of the details of pictures `(P, S, S)`, with shape `(P,)`."""
    return (_details(a) * _details(b)).sum(1)


def _details(x: Tensor) -> Tensor:
    around = F.pad(x[:, None], [DETAIL // 2] * 4, mode="replicate")
    flat = (x - F.avg_pool2d(around, DETAIL, stride=1)[:, 0]).flatten(1)
    most = flat.square().mean(1, keepdim=True).sqrt()
    flat = flat.clamp(-most, most)
    return flat / flat.norm(dim=1, keepdim=True).clamp(min=1e-6)


class Groups:
    """Groups of images that pairs join: the connected components of a graph."""

    def __init__(self, n: int) -> None:
        self.head = list(range(n))

    def find(self, i: int) -> int:
        """Returns the first image of the group of an image."""
        head = self.head
        while head[i] != i:
            head[i] = head[head[i]]
            i = head[i]
        return i

    def join(self, i: int, j: int) -> None:
        """Makes one group of those of two images."""
        first, second = sorted((self.find(i), self.find(j)))
        self.head[second] = first


def connected_groups(n: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Joins pairs into groups.

    Arguments:
        n: The number of images.
        pairs: Indices of the images of each pair.

    Returns:
        Groups of at least two indices, rising, in the order of their first.
    """
    groups = Groups(n)
    for i, j in pairs:
        groups.join(i, j)
    members: dict[int, list[int]] = {}
    for i in range(n):
        members.setdefault(groups.find(i), []).append(i)
    return [group for group in members.values() if len(group) > 1]
