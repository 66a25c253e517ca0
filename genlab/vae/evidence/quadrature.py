r"""The exact likelihood of a VAE with one or two latent dimensions, by quadrature.

    p(x) = int p(x|z) p(z) dz  ~  sum_g p(x|z_g) p(z_g) h^D                               (1)

over the midpoints z_g of a lattice of spacing h. For a smooth integrand that vanishes at the edge
this rule converges faster than any power of h: for a Gaussian of standard deviation s the relative
error is about 2 exp(-2 pi^2 s^2 / h^2) an axis (Trefethen & Weideman, 2014), 3e-5 at h = 4/3 s.

A likelihood of an exponential family makes (1) a product of matrices, the images' statistics times
the lattice's natural parameters:

    ln p(x|z_g) = T(x) . eta_g - A(eta_g) + ln h(x)                                       (2)

What is narrow is refined where it lies: every image has its mass in few cells of the coarse
lattice, and only those are divided, by 4 an axis and level, for only the images that need it.

Two errors are measured. That of the lattice, for every image: the lattice is the union of 2^D
lattices of twice the spacing, each an estimate of (1) of its own, and the largest deviation of
ln p(x) among them is what is called its error. It is that of spacing 2h; the error at h is far
smaller (the square of it or less, by the rule above). That of rounding, on average: at the best
lattice point of many images, ln p(x|z) is computed again in float64. The first two terms of (2)
are large where T(x) is, and nearly cancel: on MNIST in float32 their difference is off by 1e-5
nats for a Bernoulli likelihood, and by 4e-3 for a binomial one with 255 trials. Large statistics
are therefore summed in float64 (`ExponentialFamily.product_dtype`); the 8e-4 that remain come from
the decoder, which stays in float32.

References:
    | The Exponentially Convergent Trapezoidal Rule (Trefethen & Weideman, 2014), section 5,
    | https://doi.org/10.1137/130932132

Shapes: N images, X pixels, K natural parameters, D latent dimensions (1 or 2), G lattice points,
U unresolved images, P pairs of an image and a cell.
"""

__all__ = ["Evidence", "log_evidence"]

import copy
import math

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn as nn

from torch import Tensor

from genlab.numerics.linear import linear
from genlab.numerics.logsumexp import logsumexp, small_exp_
from genlab.vae.likelihoods import ExponentialFamily

CHUNK = 256
"""Images a product of matrices on the coarse lattice."""

POINTS = 4096
"""Lattice points decoded at a time."""

DIVIDE = 2
"""Parts an axis into which a level divides the cells of the one before."""

NEGLIGIBLE = math.log(1e-7)
"""Cells with less than this share of an image's mass are not divided for it."""

CHECKED = 500
"""Images at most whose ln p(x|z) is computed again in float64."""

CELLS = 2048
"""Cells that are remembered of an image. One with more has a wide posterior, which the coarse
lattice nearly always resolves. Where it does not, the image is summed again with all its cells.
All would be 20,000 and more of an image, 0.5 MB."""

WIDE = 256
"""Images that are summed again at a time."""

UNSEEN = 30.0
"""Points so many nats below an image's ln p(x) are left out of its sum: e^-30 = 1e-13 each."""


class Evidence(NamedTuple):
    """The likelihood of each image."""

    log_p: Tensor
    """ln p(x) in nats, float64, with shape `(N,)`."""
    error: Tensor
    """How far the lattices of twice the spacing are off, in nats, with shape `(N,)`."""
    prior_outside: float
    """The share of the prior's mass that the box leaves out."""
    rounding: float
    """The rounding error of ln p(x|z), in nats: its mean absolute value over many images, which
    bounds the rounding error of the mean of ln p(x)."""


class Lattice(NamedTuple):
    """Midpoints of the cells that divide a box."""

    low: Tensor
    """Lowest corner, with shape `(D,)`."""
    step: Tensor
    """Sides of a cell, with shape `(D,)`."""
    count: int
    """Cells an axis."""

    def points(self, cells: Tensor, parts: int) -> Tensor:
        """Returns the midpoints of the parts of cells `(C, D)`, with shape `(C * parts^D, D)`."""
        dim = len(self.low)
        line = (torch.arange(parts, dtype=self.low.dtype) + 0.5) / parts
        inner = torch.cartesian_prod(*[line] * dim).reshape(-1, dim)
        return (self.low + (cells[:, None] + inner) * self.step).reshape(-1, dim)

    def places(self, cells: Tensor) -> Tensor:
        """Returns the coordinates of cells given by number, with shape `(C, D)`."""
        strides = [self.count**d for d in reversed(range(len(self.low)))]
        return torch.stack([cells // stride % self.count for stride in strides], 1)

    def cells(self) -> Tensor:
        """Returns the places of all cells, with shape `(count^D, D)`."""
        dim = len(self.low)
        return torch.cartesian_prod(*[torch.arange(self.count)] * dim).reshape(-1, dim)


class Model(NamedTuple):
    """The parts of a model that quadrature needs."""

    log_prior: Callable[[Tensor], Tensor]
    """ln p(z): `(G, D)` to `(G,)`."""
    decoder: nn.Module
    """The natural parameters: `(G, D)` to `(G, K)`."""
    likelihood: ExponentialFamily
    """p(x|z)."""
    dtype: torch.dtype
    """The type of all products and sums."""

    def rows(self, z: Tensor, log_area: float) -> tuple[Tensor, Tensor, Tensor]:
        """Returns eta_g; ln m_g - A(eta_g); and ln m_g.

        With m_g = p(z_g) h^D, the prior's mass in the cell.
        """
        eta = self.decoder(z).to(self.dtype)
        log_mass = (self.log_prior(z) + log_area).to(self.dtype)
        return eta, log_mass - self.likelihood.log_partition(eta), log_mass


@torch.no_grad()
def log_evidence(
    x: Tensor,
    log_prior: Callable[[Tensor], Tensor],
    decoder: nn.Module,
    likelihood: ExponentialFamily,
    box: tuple[Tensor, Tensor],
    *,
    count: int = 256,
    tolerance: float = 5e-3,
    levels: int = 4,
    advance: Callable[[int], None] = lambda images: None,
) -> Evidence:
    """Returns ln p(x) of every image.

    Arguments:
        x: Images, with shape `(N, X)`.
        log_prior: ln p(z), `(G, D)` to `(G,)`.
        decoder: The natural parameters, `(G, D)` to `(G, K)`.
        likelihood: p(x|z), given its natural parameters.
        box: Lowest and highest corner of what is integrated over, each with shape `(D,)`. It
            should hold all but a negligible part of the prior.
        count: Cells an axis of the coarse lattice, even. A posterior narrower than a fifth of a
            cell may fall between its points.
        tolerance: Images with a larger error, in nats, are refined ...
        levels: ... at most so many times.
        advance: Told of progress, as a number of images: half of each is its coarse lattice.
    """
    low, high = box
    lattice = Lattice(low, (high - low) / count, count)
    x = x.to(torch.promote_types(x.dtype, likelihood.product_dtype))
    model = Model(log_prior, decoder, likelihood, x.dtype)
    t = likelihood.statistic(x)
    told = 0

    def reach(share: float) -> None:
        nonlocal told
        advance(int(share * len(x)) - told)
        told = int(share * len(x))

    log_p, error, outside, best, work, wide = _coarse(t, model, lattice, tolerance, CELLS, reach)
    rounding = _rounding(t, model, lattice.points(lattice.places(best), 1))

    def refine(work: Work) -> None:
        for level in range(1, levels + 1):
            if not len(work.images):
                break
            found = _refine(t, model, lattice, work, DIVIDE**level)
            log_p[work.images], error[work.images] = found
            work = work.only(error[work.images] > tolerance)
            reach(0.5 + 0.5 * level / levels)

    refine(work)
    for start in range(0, len(wide), WIDE):
        images = wide[start : start + WIDE]
        again = _coarse(t[images], model, lattice, tolerance, count**len(low), lambda share: None)
        refine(again.work._replace(images=images[again.work.images]))
    reach(1.0)
    return Evidence(log_p + likelihood.log_base(x).double(), error, outside, rounding)


class Work(NamedTuple):
    """The images still to be refined, and where each has its mass."""

    images: Tensor
    """Their places in x, with shape `(U,)`."""
    rest: Tensor
    """ln of what the cells outside the pairs contribute to each, with shape `(U,)`."""
    pairs: Tensor
    """(place in `images`, cell), sorted by cell, with shape `(P, 2)`."""

    def only(self, still: Tensor) -> "Work":
        """Returns the work on the images where `still`, with shape `(U,)`, is true."""
        kept = self.pairs[still[self.pairs[:, 0]]]
        renumbered = torch.stack([still.cumsum(0)[kept[:, 0]] - 1, kept[:, 1]], 1)
        return Work(self.images[still], self.rest[still], renumbered)


class Coarse(NamedTuple):
    """The sums over the coarse lattice, without ln h(x)."""

    log_p: Tensor
    """ln p of each image, float64, with shape `(N,)`."""
    error: Tensor
    """The error of each, with shape `(N,)`."""
    outside: float
    """The share of the prior's mass outside the box."""
    best: Tensor
    """The cell that contributes most to each image, with shape `(N,)`."""
    work: Work
    """What to refine."""
    wide: Tensor
    """The places of images to refine that have more cells than were asked for, with shape
    `(V,)`: they are not in `work`."""


def _coarse(
    t: Tensor,
    model: Model,
    lattice: Lattice,
    tolerance: float,
    most: int,
    reach: Callable[[float], None],
) -> Coarse:
    """Sums over the coarse lattice, and remembers at most so many cells of an image.

    A strip of the lattice at a time, so that a product of matrices stays in the processor's cache.
    """
    dim, count = len(lattice.low), lattice.count
    log_area = lattice.step.log().sum().item()
    least = _lower_bound(t, model, lattice, log_area)
    sums = torch.full((len(t), 2**dim), -math.inf, dtype=torch.float64)
    highest = torch.full_like(least, -math.inf)
    best, counts = torch.zeros(2, len(t), dtype=torch.int64)
    pairs, logs = torch.empty(0, 2, dtype=torch.int64), torch.empty(0, dtype=t.dtype)
    mass = 0.0
    cells = lattice.cells()
    width = count ** (dim - 1)
    height = max(2, POINTS // width // 2 * 2)
    for strip, places in enumerate(cells.split(height * width)):
        eta, offset, log_mass = model.rows(lattice.points(places, 1), log_area)
        mass += log_mass.double().exp().sum().item()
        more_pairs, more_logs = [pairs], [logs]
        for start, (batch, low) in enumerate(zip(t.split(CHUNK), least.split(CHUNK))):
            terms = linear(batch, eta, offset)
            top = terms.amax(1)
            rows = (top > low - UNSEEN).nonzero()[:, 0]
            if not len(rows):
                continue
            images, terms, top = rows + start * CHUNK, terms[rows], top[rows]
            better = top > highest[images]
            highest[images[better]] = top[better]
            best[images[better]] = terms[better].argmax(1) + strip * height * width
            bound = torch.maximum(least[images], highest[images])
            matter = terms > bound[:, None] + NEGLIGIBLE
            counts[images] += matter.sum(1)
            seen = (matter & (counts[images] <= most)[:, None]).nonzero()
            place = seen[:, 1] + strip * height * width
            more_pairs.append(torch.stack([images[seen[:, 0]], place], 1))
            more_logs.append(terms[seen[:, 0], seen[:, 1]])
            shares = _exponentiated(terms, top)
            more = _sublattice_sums(shares, top, (len(places) // width, *(count,) * (dim - 1)))
            sums[images] = torch.logaddexp(sums[images], more)
        pairs, logs = torch.cat(more_pairs), torch.cat(more_logs)
        kept = counts[pairs[:, 0]] <= most
        pairs, logs = pairs[kept], logs[kept]
        reach(0.5 * min(1.0, (strip + 1) * height * width / len(cells)))
    log_p, error = _total_and_error(sums, dim)
    few, unresolved = counts <= most, error > tolerance
    work = _work(pairs, logs.double(), log_p, unresolved & few, lattice)
    wide = (unresolved & ~few).nonzero()[:, 0]
    return Coarse(log_p, error, 1 - mass, best, work, wide)


def _rounding(t: Tensor, model: Model, z: Tensor) -> float:
    """Returns how far T(x) . eta - A(eta) is from its value in float64, on average.

    Arguments:
        t: Statistics of images, with shape `(N, K)`.
        model: The model.
        z: A point for each, with shape `(N, D)`.
    """
    some = slice(None, None, math.ceil(len(t) / CHECKED))
    t, z, likelihood = t[some], z[some], model.likelihood
    eta = model.decoder(z).to(model.dtype)
    found = linear(t, eta, -likelihood.log_partition(eta)).diagonal().double()
    exact = copy.deepcopy(model.decoder).double()(z.double())
    wanted = (t.double() * exact).sum(-1) - likelihood.log_partition(exact)
    return (found - wanted).abs().mean().item()


def _lower_bound(t: Tensor, model: Model, lattice: Lattice, log_area: float) -> Tensor:
    """Returns the sum over every fourth point an axis, less than the whole, with shape `(N,)`."""
    cells = lattice.cells()
    some = cells[(cells % 4 == 2).all(1)]
    sums = torch.full((len(t),), -math.inf, dtype=t.dtype)
    for places in some.split(POINTS):
        eta, offset, _ = model.rows(lattice.points(places, 1), log_area)
        terms = [logsumexp(linear(batch, eta, offset), 1) for batch in t.split(CHUNK)]
        sums = torch.logaddexp(sums, torch.cat(terms))
    return sums


def _work(pairs: Tensor, logs: Tensor, log_p: Tensor, open_: Tensor, lattice: Lattice) -> Work:
    """Returns what to refine: the cells that matter for an image, and their neighbours.

    Arguments:
        pairs: (image, cell) that may matter, with shape `(P, 2)`.
        logs: ln of what each contributes, with shape `(P,)`.
        log_p: ln p(x) of all images, with shape `(N,)`.
        open_: Whether an image is to be refined, with shape `(N,)`.
        lattice: The coarse lattice.
    """
    kept = open_[pairs[:, 0]] & (logs > log_p[pairs[:, 0]] + NEGLIGIBLE)
    pairs, logs = pairs[kept], logs[kept]
    images = open_.nonzero()[:, 0]
    number = open_.cumsum(0) - 1
    inside = torch.zeros(len(images), dtype=torch.float64)
    inside.index_add_(0, number[pairs[:, 0]], (logs - log_p[pairs[:, 0]]).exp())
    # Neighbours are refined too. What they contribute on the coarse lattice stays in the rest:
    # less than NEGLIGIBLE each.
    rest = log_p[images] + torch.log1p(-inside.clamp(max=1 - 1e-15))
    dim, count = len(lattice.low), lattice.count
    size = count**dim
    keys = (number[pairs[:, 0]] * size + pairs[:, 1]).unique()
    for axis in range(dim):
        stride = count**axis
        place = keys // stride % count
        keys = torch.cat(
            [keys, keys[place > 0] - stride, keys[place < count - 1] + stride]
        ).unique()
    grown = torch.stack([keys // size, keys % size], 1)
    return Work(images, rest, grown[grown[:, 1].argsort()])


def _refine(
    t: Tensor, model: Model, lattice: Lattice, work: Work, parts: int
) -> tuple[Tensor, Tensor]:
    """Divides the pairs' cells; returns ln p(x) and its error, each with shape `(U,)`."""
    dim = len(lattice.low)
    sums = torch.full((len(work.images), 2**dim), -math.inf, dtype=torch.float64)
    log_area = (lattice.step / parts).log().sum().item()
    images = t[work.images]
    for cells, slices in _groups(work.pairs, max(1, POINTS // parts**dim)):
        eta, offset, _ = model.rows(lattice.points(lattice.places(cells), parts), log_area)
        per_cell = zip(slices, eta.split(parts**dim), offset.split(parts**dim))
        for rows, cell_eta, cell_offset in per_cell:
            # Not `linear`: a cell's number of images is any, and oneDNN plans each shape anew.
            terms = images[rows] @ cell_eta.T + cell_offset
            top = terms.amax(1)
            more = _sublattice_sums(_exponentiated(terms, top), top, (parts,) * dim)
            sums[rows] = torch.logaddexp(sums[rows], more)
    return _total_and_error(sums, dim, work.rest)


def _groups(pairs: Tensor, size: int) -> Iterator[tuple[Tensor, list[Tensor]]]:
    """Yields up to `size` cells at a time, with the places of the images of each."""
    cells, counts = pairs[:, 1].unique_consecutive(return_counts=True)
    slices = pairs[:, 0].split(counts.tolist())
    for start in range(0, len(cells), size):
        yield cells[start : start + size], list(slices[start : start + size])


def _exponentiated(terms: Tensor, top: Tensor) -> Tensor:
    """Returns e^(terms - top), in place of `terms` `(B, G)`, with the largest of each row."""
    return small_exp_(terms.sub_(top[:, None]))


def _sublattice_sums(shares: Tensor, top: Tensor, counts: Sequence[int]) -> Tensor:
    """Returns ln of the sums over every second point an axis, float64, with shape `(B, 2^D)`."""
    shape = [part for count in counts for part in (count // 2, 2)]
    axes = [2 * d + 1 for d in range(len(counts))]
    return shares.view(-1, *shape).sum(axes).flatten(1).double().log() + top.double()[:, None]


def _total_and_error(sums: Tensor, dim: int, rest: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Returns ln of the whole sum, and how far each sub-lattice (times 2^D) is from it at most."""
    total, alone = sums.logsumexp(1), sums + dim * math.log(2)
    if rest is not None:
        total = torch.logaddexp(total, rest)
        alone = torch.logaddexp(alone, rest[:, None])
    return total, (alone - total[:, None]).abs().amax(1)
