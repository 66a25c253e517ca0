r"""Maximum mean discrepancies (KID, CMMD) of sets of features, on all the data, with errors.

For samples x_1..x_n and y_1..y_m, and a kernel k, the unbiased estimate of the squared distance
MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y) is (Gretton et al., equation 3)

    M = A_x + A_y - 2 C,    A_x = mean over i /= j of k(x_i, x_j),    C = mean of k(x_i, y_j).  (1)

    KID           k(x, y) = (x.y / F + 1)^3                                                     (2)
    Gaussian      k(x, y) = exp(-|x - y|^2 / (2 sigma^2))                                       (3)

CMMD is (3) with sigma = 10 over CLIP features of unit length, times 1000. Its published code
averages over i = j as well, which adds about (1/n + 1/m)(1 - E k) for any images: both forms are
given.

The standard error. M is a sum of block means B_g with weights w_g (1, 1 and -2), so

    Var M = sum_{g,h} w_g w_h Cov(B_g, B_h),
    Cov(B_g, B_h) = E[B_g B_h] - (E B_g)(E B_h).                                                (4)

B_g B_h estimates the first term without bias, and the mean of k k' over pairs that share no
sample the second. Inclusion and exclusion gives that mean from sums: with r_i = sum_{j/=i} k_ij,
S = sum r_i, Q = sum_{i/=j} k_ij^2 in a block of one set, u_i and v_j the row and column sums, T
their sum and Q the sum of squares in a block of two,

    A_x, A_x    (S^2 - 4 sum r_i^2 + 2 Q) / (n (n-1) (n-2) (n-3))                               (5)
    C, C        (T^2 - sum u_i^2 - sum v_j^2 + Q) / (n (n-1) m (m-1))                           (6)
    A_x, C      (S T - 2 sum r_i u_i) / (n (n-1) (n-2) m)                                       (7)
    C, C'       (T T' - sum u_i u'_i) / (n (n-1) m m'),  blocks that share the set of x         (8)

so (4) is unbiased for all n, m >= 4, including the terms of order 1/n^2, the only ones where the
distributions are equal. (For n = m this is the estimator of Sutherland et al., which Binkowski et
al. use for KID.) An unbiased variance may come out negative. By Hoeffding's decomposition the part
of (4) from single samples is never negative, so the variance is at least that of the doubly
centred kernels,

    2/(n (n-1)) V_x + 2/(m (m-1)) V_y + 4/(n m) V_xy,                                           (9)

whose unbiased estimates are sums of squares. The larger of (4) and (9) is reported: where the
distributions are equal the error is then too large by some 5 to 25 %, and otherwise its square is
unbiased.

A kernel k(x, y) - k(x, c) - k(c, y) + k(c, c) gives the same M, V-statistic and (4) to (9). With c
the mean of all samples its values are small, and the differences above do not cancel.

References:
    | A Kernel Two-Sample Test (Gretton et al., 2012), JMLR 13
    | Demystifying MMD GANs (Binkowski et al., 2018): KID, https://arxiv.org/abs/1801.01401
    | Unbiased estimators for the variance of MMD estimators (Sutherland & Deka, 2019)
    | https://arxiv.org/abs/1906.02104
    | A test of relative similarity for model selection in generative models (Bounliphone et al.,
    | 2016): the paired difference, https://arxiv.org/abs/1511.04581
    | Rethinking FID (Jayasumana et al., 2024): CMMD, https://arxiv.org/abs/2401.09603

Shapes: N and M samples, F features; all in float64, never more than `PAIRS` pairs at once.
"""

__all__ = ["GaussianMmd", "gaussian_mmd", "kid", "kid_difference"]

import math

from collections.abc import Callable
from typing import NamedTuple

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.progress import SOON, Progress
from genlab.common.quantities import Measured
from genlab.metrics.checks import Features, check_sets, kinds_of_rows
from genlab.metrics.rows import ROWS, Rows, mean_of

PAIRS = 2**20
"""Kernel values held at once: 8 MB, and a few times that with what they are made from."""

Kernel = Callable[[Tensor, Tensor], Tensor]
"""Maps `(N, F)` and `(M, F)` to `(N, M)`."""


class GaussianMmd(NamedTuple):
    """A squared MMD with the Gaussian kernel (3), in both forms."""

    unbiased: Measured
    """The estimate (1), which may be negative, and its error as of `kid`."""
    biased: float
    """The mean over all pairs, those with i = j included: what CMMD's published code reports."""


class _Block(NamedTuple):
    """The sums over one block of the kernel matrix, between two sets or within one."""

    left: str
    right: str
    rows: Tensor
    columns: Tensor
    squares: float
    diagonal: float
    """Sum of k(x_i, x_i) within a set; it is left out of all other sums."""

    @property
    def within(self) -> bool:
        return self.left == self.right

    @property
    def total(self) -> float:
        return self.rows.sum().item()

    @property
    def mean(self) -> float:
        n, m = len(self.rows), len(self.columns)
        return self.total / (n * (n - 1) if self.within else n * m)

    @property
    def mean_with_diagonal(self) -> float:
        return (self.total + self.diagonal) / (len(self.rows) * len(self.columns))

    def sums_over(self, name: str) -> Tensor:
        """For each sample of the named set, its sum over the other side."""
        return self.rows if name == self.left else self.columns


def kid(real: Features, fake: Features) -> Measured:
    """Returns KID (2) on all the data with its standard error; papers often print 1000 times it.

    Arguments:
        real: Features of the real images, with shape `(N, F)`.
        fake: Features of the generated images, with shape `(M, F)`.

    Returns:
        The estimate (1), unbiased where rows are independent; it may be negative. The error is
        None where a set has fewer than four images, or equal rows: repeated images are not
        independent, and (1) is then too large.

    Raises:
        InputError: If a set is not `(N, F)` with N >= 2, F differs, or a value is not finite.
    """
    real, fake = check_sets("KID", real=real, fake=fake)
    x, y = Rows.of(real), Rows.of(fake)
    blocks = mmd_blocks({"x": x, "y": y}, cubic)
    return Measured(_sum(blocks), None if _repeated(x, y) else _error(blocks))


def kid_difference(real: Features, first: Features, second: Features) -> Measured:
    """Returns KID(real, first) - KID(real, second); negative: the first model is nearer.

    Both share the real images, so the error is smaller than that of two separate KIDs: the block
    of the real images with themselves cancels, and (8) takes the covariance of the two cross
    blocks into account.

    Arguments:
        real: Features of the real images, with shape `(N, F)`.
        first: Features of one model's images, with shape `(M, F)`.
        second: Features of the other's, with shape `(L, F)`.

    Raises:
        InputError: As `kid`.
    """
    real, first, second = check_sets("KID difference", real=real, first=first, second=second)
    sets = {name: Rows.of(one) for name, one in
            (("real", real), ("first", first), ("second", second))}  # fmt: skip
    kernel = _centred(cubic, mean_of(*sets.values()))
    pairs = {
        ("first", "first"): 1.0,
        ("second", "second"): -1.0,
        ("real", "first"): -2.0,
        ("real", "second"): 2.0,
    }
    blocks = [(weight, _block(sets, *names, kernel)) for names, weight in pairs.items()]
    return Measured(_sum(blocks), None if _repeated(*sets.values()) else _error(blocks))


def gaussian_mmd(
    real: Features, fake: Features, *, sigma: float = 10.0, scale: float = 1000.0,
    unit: bool = True,
) -> GaussianMmd:
    """Returns the squared MMD with the Gaussian kernel (3): CMMD, where features are CLIP's.

    Arguments:
        real: Features of the real images, with shape `(N, F)`.
        fake: Features of the generated images, with shape `(M, F)`.
        sigma: The kernel's width, in units of the features.
        scale: What the result is multiplied by.
        unit: Whether each row is scaled to length 1 first, as CMMD does.

    Raises:
        InputError: As `kid`; if `sigma` is not positive; if a row to be normalised is all 0.
    """
    name = "Gaussian MMD"
    real, fake = check_sets(name, real=real, fake=fake)
    if not sigma > 0:
        raise InputError(f"{name}: `sigma` must be positive, not {sigma}")
    units = [_unit_rows(name, x) if unit else Rows.of(x) for x in (real, fake)]

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        squares = x.square().sum(1)[:, None] + y.square().sum(1) - 2 * x @ y.T
        return (squares.clamp(min=0) / (-2 * sigma**2)).exp()

    centre = mean_of(*units)  # the kernel depends on differences only
    x, y = (rows.changed(lambda block: block - centre) for rows in units)
    blocks = mmd_blocks({"x": x, "y": y}, kernel)
    biased = sum(weight * block.mean_with_diagonal for weight, block in blocks)
    error = None if _repeated(*units) else _error(blocks)
    unbiased = Measured(scale * _sum(blocks), None if error is None else scale * error)
    return GaussianMmd(unbiased, scale * biased)


def cubic(x: Tensor, y: Tensor) -> Tensor:
    """Returns KID's kernel, (x . y / F + 1)^3."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def _unit_rows(name: str, x: Tensor) -> Rows:
    """Returns the rows scaled to length 1."""
    rows = Rows.of(x)
    lengths = torch.cat([block.norm(dim=1) for block in rows.blocks()])
    if not lengths.all():
        row = int((lengths == 0).nonzero()[0])
        raise InputError(
            f"{name}: row {row} of features {tuple(x.shape)} is 0 and has no direction"
        )
    return rows.changed(lambda block: block / block.norm(dim=1, keepdim=True))


def _centred(kernel: Kernel, centre: Tensor) -> Kernel:
    point = centre[None]

    def centred(x: Tensor, y: Tensor) -> Tensor:
        return kernel(x, y) - kernel(x, point) - kernel(point, y) + kernel(point, point)

    return centred


def mmd_blocks(sets: dict[str, Rows], kernel: Kernel) -> list[tuple[float, _Block]]:
    """Returns the weighted blocks whose sum is the squared MMD of the sets x and y."""
    kernel = _centred(kernel, mean_of(*sets.values()))
    pairs = {("x", "x"): 1.0, ("y", "y"): 1.0, ("x", "y"): -2.0}
    return [(weight, _block(sets, *names, kernel)) for names, weight in pairs.items()]


def _block(sets: dict[str, Rows], left: str, right: str, kernel: Kernel) -> _Block:
    x, y = sets[left], sets[right]
    rows, columns = (torch.zeros(len(one), dtype=torch.float64) for one in (x, y))
    squares = diagonal = 0.0
    with Progress(len(x) * len(y), "kernel distances", "pairs", delay=SOON) as progress:
        for above in range(0, len(y), ROWS):
            others = y.part(above, above + ROWS)
            step = max(1, PAIRS // len(others))
            for start in range(0, len(x), step):
                values = kernel(x.part(start, start + step), others)
                if left == right:
                    own = values.diagonal(start - above)
                    diagonal += own.sum().item()
                    own.zero_()
                rows[start : start + step] += values.sum(1)
                columns[above : above + ROWS] += values.sum(0)
                squares += values.square().sum().item()
                progress.advance(values.numel())
    return _Block(left, right, rows, columns, squares, diagonal)


def _repeated(*sets: Rows) -> bool:
    """Returns whether a set has equal rows."""
    return any(int(kinds_of_rows(x).max()) < len(x) - 1 for x in sets)


def _sum(blocks: list[tuple[float, _Block]]) -> float:
    return sum(weight * block.mean for weight, block in blocks)


def _error(blocks: list[tuple[float, _Block]]) -> float | None:
    if min(len(sums) for _, block in blocks for sums in (block.rows, block.columns)) < 4:
        return None
    least = sum(weight**2 * _interaction(block) for weight, block in blocks)
    return math.sqrt(max(variance(blocks), least))


def variance(blocks: list[tuple[float, _Block]]) -> float:
    """Returns the unbiased estimate of the variance of a weighted sum of blocks, equation 4."""
    return sum(v * w * _covariance(g, h) for v, g in blocks for w, h in blocks)


def _covariance(g: _Block, h: _Block) -> float:
    """Returns the unbiased estimate of Cov(B_g, B_h), equation 4."""
    if h.within and not g.within:
        g, h = h, g
    shared = {g.left, g.right} & {h.left, h.right}
    n, m = len(g.rows), len(g.columns)
    total, product = g.total, g.total * h.total
    if not shared:
        return 0.0
    if g.within and h.within:
        apart = total**2 - 4 * g.rows.square().sum().item() + 2 * g.squares  # (5)
        return g.mean**2 - apart / (n * (n - 1) * (n - 2) * (n - 3))
    if len(shared) == 2:
        sums = g.rows.square().sum() + g.columns.square().sum()
        apart = total**2 - sums.item() + g.squares  # (6)
        return g.mean**2 - apart / (n * (n - 1) * m * (m - 1))
    (name,) = shared
    ours, theirs = g.sums_over(name), h.sums_over(name)
    others = len(h.rows) * len(h.columns) // len(theirs)
    if g.within:
        apart = product - 2 * (ours @ theirs).item()  # (7)
        return g.mean * h.mean - apart / (n * (n - 1) * (n - 2) * others)
    size = len(ours)
    apart = product - (ours @ theirs).item()  # (8)
    return g.mean * h.mean - apart / (size * (size - 1) * (n * m // size) * others)


def _interaction(block: _Block) -> float:
    """Returns the variance of a block's mean that (9) gives it, unbiased.

    Within a set the sum of squares of the doubly centred kernel over n (n - 3), between two sets
    over (n - 1) (m - 1), as in an analysis of variance.
    """
    n, m = len(block.rows), len(block.columns)
    rows, columns = block.rows.square().sum().item(), block.columns.square().sum().item()
    if block.within:
        left = block.squares - 2 * rows / (n - 2) + block.total**2 / ((n - 1) * (n - 2))
        return 2 / (n * (n - 1)) * max(left, 0.0) / (n * (n - 3))
    left = block.squares - rows / m - columns / n + block.total**2 / (n * m)
    return max(left, 0.0) / ((n - 1) * (m - 1)) / (n * m)
