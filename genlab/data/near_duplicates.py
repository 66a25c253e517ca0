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

from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

import torch
import torch.nn.functional as F

from torch import Tensor

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
    """Finds all pairs of near duplicates.

    Arguments:
        thumbs: Grey thumbnails, uint8 with shape `(N, 64, 64)`.
    """
    if len(thumbs) < 2:
        return NearDuplicates(torch.empty(0, 2, dtype=torch.int64), torch.empty(0).double())
    found = candidates(thumbs)
    values = torch.zeros(len(found.pairs), dtype=torch.float64)
    for rows in torch.arange(len(values)).split(PAIRS):
        kept, fits = _compared(thumbs, Candidates(*(part[rows] for part in found)))
        values[rows[kept]] = fits
    near = values > 0
    pairs = found.pairs[near].sort(1).values
    order = (pairs[:, 0] * len(thumbs) + pairs[:, 1]).argsort()
    return NearDuplicates(pairs[order], values[near][order])


def candidates(thumbs: Tensor) -> Candidates:
    """Returns the pairs with sketches alike, each once, with the part that is most alike."""
    n, wholes = len(thumbs), sketches(thumbs, PARTS[0])
    pairs, parts, cosines = (
        [torch.empty(0, 2, dtype=torch.int64)], [torch.empty(0, dtype=torch.int64)],
        [torch.empty(0)],
    )  # fmt: skip
    room = torch.empty(BLOCK**2), torch.empty(BLOCK**2)
    for start in range(0, n, BLOCK):
        plain = [sketches(thumbs[start : start + BLOCK], part) for part in PARTS]
        asked = torch.stack([*plain, *(_mirrored(rows) for rows in plain)])
        for i, j in _alike(asked, wholes, room):
            other = i + start != j
            for rows in torch.stack([i[other], j[other]], 1).split(PAIRS):
                every = torch.einsum("wpk,pk->wp", asked[:, rows[:, 0]], wholes[rows[:, 1]])
                best = every.max(0)
                pairs.append(rows + torch.tensor([start, 0]))
                parts.append(best.indices)
                cosines.append(best.values)
    return _once(n, torch.cat(pairs), torch.cat(parts), torch.cat(cosines))


def _alike(
    asked: Tensor, wholes: Tensor, room: tuple[Tensor, Tensor]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields the pairs (i, j) of sketches `(2 W, B, K)` and `(N, K)` whose cosine is high.

    `room` is used for the cosines: memory that is asked for again and again, with what is kept
    in between, would grow.
    """
    for start in range(0, len(wholes), BLOCK):
        others = wholes[start : start + BLOCK].T
        shape = asked.shape[1], others.shape[1]
        best, now = (one[: math.prod(shape)].view(shape) for one in room)
        torch.mm(asked[0], others, out=best)
        for rows in asked[1:]:
            torch.mm(rows, others, out=now)
            torch.maximum(best, now, out=best)
        i, j = (best > ALIKE).nonzero(as_tuple=True)
        yield i, j + start


def _once(n: int, pairs: Tensor, parts: Tensor, cosines: Tensor) -> Candidates:
    """Keeps, of (i, j) and (j, i), the one with the larger cosine."""
    ends = pairs.sort(1).values
    key = ends[:, 0] * n + ends[:, 1]
    order = cosines.argsort(descending=True, stable=True)
    order = order[key[order].argsort(stable=True)]
    first = torch.ones(len(order), dtype=torch.bool)
    first[1:] = key[order][1:] != key[order][:-1]
    kept = order[first]
    return Candidates(
        pairs[kept], PARTS[parts[kept] % len(PARTS)], parts[kept] >= len(PARTS)
    )


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


def _mirrored(rows: Tensor) -> Tensor:
    """Returns the sketches of mirrored pictures: cos(pi k (1 - t)) = (-1)^k cos(pi k t)."""
    sign = 1.0 - 2.0 * (torch.arange(FREQUENCIES) % 2)
    return rows * sign.expand(FREQUENCIES, -1).flatten()[1:]


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


def connected_groups(n: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Joins pairs into groups: the connected components of a graph.

    Arguments:
        n: The number of images.
        pairs: Indices of the images of each pair.

    Returns:
        Groups of at least two indices, rising, in the order of their first.
    """
    head = list(range(n))

    def find(i: int) -> int:
        while head[i] != i:
            head[i] = head[head[i]]
            i = head[i]
        return i

    for a, b in pairs:
        a, b = sorted((find(a), find(b)))
        head[b] = a
    members: dict[int, list[int]] = {}
    for i in range(n):
        members.setdefault(find(i), []).append(i)
    return [group for group in members.values() if len(group) > 1]
