r"""Expectation-maximisation for a mixture of Gaussians: a prior fitted after training.

A VAE whose prior misses its codes can be given a better one afterwards: a mixture fitted to
draws z ~ q(z|x) of training images, with encoder and decoder as they are (Ghosh et al., 2020).

With :math:`r_{nk} = w_k \mathcal{N}(z_n; \mu_k, \Sigma_k) / p(z_n)`, one iteration is

.. math::
    w_k = \frac{1}{N} \sum_n r_{nk}, \quad
    \mu_k = \frac{\sum_n r_{nk} z_n}{\sum_n r_{nk}}, \quad
    \Sigma_k = \frac{\sum_n r_{nk} z_n z_n^T}{\sum_n r_{nk}} - \mu_k \mu_k^T

after which the eigenvalues of :math:`\Sigma_k` below the floor are raised to it (and
:math:`w_k = 1/K` where the weights have to be equal, as the VampPrior's are). Of all covariances
above the floor this is the best choice, so the likelihood never falls.

Everything is in float64. Only sums over codes are kept, so memory does not grow with N. The
products of a code with itself, D^2 numbers, are written down for a tile of codes where D is small,
so that all components share two products of matrices; above `WIDE` dimensions the sums
:math:`\sum_n r_{nk} z_n z_n^T` are a product of matrices for each component.

Shapes: N codes, K components, D latent dimensions, Q = D or D^2 products of two of them.
"""

__all__ = ["FittedMixture", "expectation_maximisation", "fit_mixture"]

import math

from dataclasses import dataclass
from typing import Literal

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.numerics.logsumexp import logsumexp, small_exp_
from genlab.priors.gaussian import LOG_STD_FLOOR

Covariance = Literal["diagonal", "full"]

VARIANCE_FLOOR = math.exp(2 * LOG_STD_FLOOR)
"""The floor of the prior `Mixture`, which can so take any fit unchanged. (It bounds the diagonal
of the Cholesky factor, whose squares are never below the least eigenvalue.)"""
TILE = 4096
"""The number of codes in memory at a time."""
WIDE = 128
"""Above so many dimensions the D^2 products of each code are not written down, nor differences of
all codes from one."""
NOTHING = 1e-12
"""The least sum of responsibilities of a component, which keeps its mean from being 0 / 0."""


@dataclass(frozen=True, eq=False)
class FittedMixture:
    """A mixture of Gaussians, in float64."""

    weights: Tensor
    """Weights, with shape `(K,)`."""
    mean: Tensor
    """Means, with shape `(K, D)`."""
    scale: Tensor
    """Standard deviations, with shape `(K, D)`, or Cholesky factors of full covariances, with
    shape `(K, D, D)`."""
    curve: tuple[float, ...] = ()
    """The mean of ln p(z) over the codes, in nats, before each iteration; the last is of this
    mixture itself."""

    @property
    def std(self) -> Tensor:
        """The standard deviations of each dimension given those before it, `(K, D)`."""
        full = self.scale.ndim == 3
        return self.scale.diagonal(dim1=-2, dim2=-1) if full else self.scale

    @property
    def tril(self) -> Tensor:
        """Cholesky factors of the covariances, with shape `(K, D, D)`."""
        return self.scale if self.scale.ndim == 3 else torch.diag_embed(self.scale)


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over the codes, weighted by their responsibilities."""

    counts: Tensor
    """sum_n r_nk, with shape `(K,)`."""
    sums: Tensor
    """sum_n r_nk z_n, with shape `(K, D)`."""
    squares: Tensor
    """sum_n r_nk z_n z_n^T, or its diagonal only, with shape `(K, Q)`."""


def products(z: Tensor, covariance: Covariance) -> Tensor:
    """Returns z z^T, or its diagonal only, with shape `(N, Q)`."""
    if covariance == "diagonal":
        return z.square()
    return (z[:, :, None] * z[:, None, :]).flatten(1)


def weighted_products(share: Tensor, z: Tensor, covariance: Covariance) -> Tensor:
    """Returns sum_n r_nk z_n z_n^T, or its diagonal only, with shape `(K, Q)`.

    Arguments:
        share: Responsibilities r, with shape `(N, K)`.
        z: A tile of codes, with shape `(N, D)`.
        covariance: Says which.
    """
    if covariance == "diagonal" or z.shape[1] <= WIDE:
        return share.T @ products(z, covariance)
    return torch.stack([((z * one[:, None]).T @ z).flatten() for one in share.T])


def bends(z: Tensor, bend: Tensor, covariance: Covariance) -> Tensor:
    r"""Returns :math:`\Lambda_k \cdot z_n z_n^T`, with shape `(N, K)`.

    Arguments:
        z: A tile of codes, with shape `(N, D)`.
        bend: Precisions, or their diagonals only, with shape `(K, Q)`.
        covariance: Says which.
    """
    if covariance == "diagonal":
        return z.square() @ bend.T.contiguous()
    if z.shape[1] <= WIDE:
        return products(z, covariance) @ bend.T
    size = z.shape[1]
    return torch.stack([((z @ one.view(size, size)) * z).sum(1) for one in bend], 1)


def expect(z: Tensor, mixture: FittedMixture, covariance: Covariance) -> tuple[float, Moments]:
    r"""Returns the mean of ln p(z) and the moments, under the responsibilities of `mixture`.

    With the precision :math:`\Lambda = \Sigma^{-1}`, and both products matrix products,
    :math:`\ln \mathcal{N}(z) = c + z \cdot \Lambda \mu - \frac{1}{2} \Lambda \cdot z z^T`.
    """
    if covariance == "diagonal":
        bend = mixture.std.reciprocal().square()
        pull = bend * mixture.mean
    else:
        precision = torch.cholesky_inverse(mixture.scale)
        bend = precision.flatten(1)
        pull = torch.einsum("kij,kj->ki", precision, mixture.mean)
    constant = (
        mixture.weights.log() - mixture.std.log().sum(-1)
        - 0.5 * (z.shape[1] * math.log(2 * math.pi) + (mixture.mean * pull).sum(-1))
    )  # fmt: skip
    total = z.new_zeros(())
    counts, sums, squares = (torch.zeros_like(t) for t in (constant, pull, bend))
    for tile in z.split(TILE):
        log_joint = constant + tile @ pull.T - 0.5 * bends(tile, bend, covariance)
        log_p = logsumexp(log_joint, -1)[:, None]
        share = small_exp_(log_joint - log_p)
        total += log_p.sum()
        counts += share.sum(0)
        sums += share.T @ tile
        squares += weighted_products(share, tile, covariance)
    return total.item() / len(z), Moments(counts, sums, squares)


def maximise(moments: Moments, covariance: Covariance, *, equal: bool = False) -> FittedMixture:
    """Returns the most likely mixture, given the moments, with no variance below the floor.

    Its weights are equal, if they have to be.
    """
    counts = moments.counts.clamp(min=NOTHING)
    mean = moments.sums / counts[:, None]
    spread = moments.squares / counts[:, None] - products(mean, covariance)
    if covariance == "diagonal":
        scale = spread.clamp(min=VARIANCE_FLOOR).sqrt()
    else:
        values, vectors = torch.linalg.eigh(spread.unflatten(-1, mean.shape[1:] * 2))
        raised = vectors * values.clamp(min=VARIANCE_FLOOR).unsqueeze(-2)
        scale = torch.linalg.cholesky(raised @ vectors.mT)
    weights = torch.full_like(counts, 1 / len(counts)) if equal else counts / counts.sum()
    return FittedMixture(weights, mean, scale)


def spread_start(
    z: Tensor, components: int, covariance: Covariance, random: torch.Generator, *,
    equal: bool = False,
) -> FittedMixture:
    """Returns a mixture around K codes far from each other, each code given to the nearest.

    Each next code is drawn in proportion to its squared distance to the nearest so far; where the
    weights are equal, in proportion to nothing: components then have to be where codes are many.

    References:
        | k-means++: The Advantages of Careful Seeding (Arthur & Vassilvitskii, 2007)
    """
    nearest = torch.zeros(len(z), dtype=torch.int64)
    distance = torch.full((len(z),), math.inf, dtype=z.dtype)
    chosen = torch.randint(len(z), (1,), generator=random)
    norms = z.square().sum(-1) if z.shape[1] > WIDE else None
    for k in range(components):
        if norms is None:
            to_chosen = (z - z[chosen]).square().sum(-1)
        else:  # without a copy of all codes, which may be a gigabyte
            to_chosen = (norms - 2 * (z @ z[chosen[0]]) + norms[chosen]).clamp(min=0)
        nearest[to_chosen < distance] = k
        distance = torch.minimum(distance, to_chosen)
        odds = torch.ones_like(distance) if equal else distance + NOTHING
        chosen = torch.multinomial(odds, 1, generator=random)
    counts = torch.bincount(nearest, minlength=components).to(z.dtype)
    sums = z.new_zeros(components, z.shape[1]).index_add_(0, nearest, z)
    squares = z.new_zeros(components, products(z[:1], covariance).shape[1])
    for label, tile in zip(nearest.split(TILE), z.split(TILE)):
        if covariance == "full" and z.shape[1] > WIDE:
            own = torch.nn.functional.one_hot(label, components).to(z.dtype)
            squares += weighted_products(own, tile, covariance)
        else:
            squares.index_add_(0, label, products(tile, covariance))
    return maximise(Moments(counts, sums, squares), covariance, equal=equal)


@torch.no_grad()
def expectation_maximisation(
    z: Tensor, start: FittedMixture, covariance: Covariance, *, equal: bool = False,
    tolerance: float = 1e-4, iterations: int = 200,
) -> FittedMixture:
    """Returns the mixture that expectation-maximisation reaches from `start`.

    References:
        | Maximum Likelihood from Incomplete Data via the EM Algorithm (Dempster, Laird & Rubin,
        | 1977)

    Arguments:
        z: Codes, with shape `(N, D)`.
        start: The mixture to start from, in float64.
        covariance: The covariances: "diagonal" or "full".
        equal: Whether the weights stay equal.
        tolerance: It has converged when the mean of ln p(z) rises by less, in nats.
        iterations: The most iterations.
    """
    z, mixture = z.double(), start
    curve: list[float] = []
    while True:
        value, moments = expect(z, mixture, covariance)
        curve.append(value)
        converged = len(curve) > 1 and curve[-1] - curve[-2] < tolerance
        if converged or len(curve) > iterations:
            return FittedMixture(mixture.weights, mixture.mean, mixture.scale, tuple(curve))
        mixture = maximise(moments, covariance, equal=equal)


def fit_mixture(
    z: Tensor, components: int, covariance: Covariance, random: torch.Generator, *,
    equal: bool = False, starts: int = 5, tolerance: float = 1e-4, iterations: int = 200,
) -> FittedMixture:
    """Fits a mixture to codes from several starts and returns the most likely.

    `genlab.priors.Mixture.set_` makes a prior of it.

    References:
        | From Variational to Deterministic Autoencoders (Ghosh et al., 2020): "ex-post density
        | estimation"
        | https://arxiv.org/abs/1903.12436

    Arguments:
        z: Codes, with shape `(N, D)`; draws of q(z|x), for means alone spread too little.
        components: The number of components K.
        covariance: The covariances: "diagonal" or "full".
        random: Draws the starts.
        equal: Whether all weights have to be 1 / K.
        starts: The number of starts; a single Gaussian needs but one.
        tolerance: A start has converged when the mean of ln p(z) rises by less, in nats.
        iterations: The most iterations of a start.

    Raises:
        InputError: If there are fewer codes than components.
    """
    if len(z) < components:
        raise InputError(f"`components` must be at most the {len(z)} codes, not {components}")
    z = z.double()
    fits = [
        expectation_maximisation(
            z, spread_start(z, components, covariance, random, equal=equal), covariance,
            equal=equal, tolerance=tolerance, iterations=iterations,
        )
        for _ in range(starts if components > 1 else 1)  # a single one is the same from any start
    ]  # fmt: skip
    return max(fits, key=lambda fit: fit.curve[-1])
