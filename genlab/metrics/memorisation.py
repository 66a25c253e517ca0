r"""A test of memorisation: are generated images nearer to the training images than real ones are?

With d(x) the distance from x to the nearest training image, the fakes' d(y_j) are ranked against
d(r_i) of held-out reals, which the model never saw:

    U = sum_{i,j} [d(y_j) < d(r_i)] + 1/2 [d(y_j) = d(r_i)],      share = U / (N M),            (1)
    z = (U - N M / 2 - 1/2) / s,                                                                (2)
    s^2 = N M / 12 (N + M + 1 - sum_t (t^3 - t) / ((N + M) (N + M - 1))),                       (3)

t being the sizes of groups of equal distances (Mann & Whitney; the normal approximation with
ties and the correction for continuity, good from some 10 on either side). A share of 1/2 means
that fakes are as near as new reals are, more that they are nearer: p = P(Z >= z). Up to the
1/2 in (2), -z is C_T (Meehan et al.) with a single cell. The test assumes that, given the training
images, held-out reals are independent draws from the training distribution, and that fakes are
independent of one another.

Without held-out reals each of the T training images takes its distance to the nearest *other* one.
These distances have one candidate fewer, and two images that are each other's nearest share one.
If the number of images in a ball around a point is taken as Poisson's, and each distance that w
images share as one observation of weight w, then instead of (2) and (3), with N = T,

    z = (U - N M T / (2 T - 1) - 1/2) / s',     s'^2 = s^2 (1 / M + w / N) / (1 / M + 1 / N),   (4)

w being the mean over the images. Under equality p <= 0.05 then occurs in 3 to 6 % of cases (with
(2) and (3) in up to 11 %). Still, near duplicates within the training set (frames, re-posts) make
its own distances small, which hides copying. Repeated images are to be left out of all sets.

A fake is *authentic* (Alaa et al., section 4) if it is farther from its nearest training image
than that is from its own nearest other one. Under equality a fake is not when the two are each
other's nearest: the share of authentic ones is then 1/3 in one dimension, 0.38 in two, and tends
to 1/2 in many.

Small distances mean "nearly the same" only to the features. Such metrics were found to miss many
images that people call copies (Stein et al., 2023): inspect the closest pairs.

References:
    | On a Test of Whether one of Two Random Variables is Stochastically Larger than the Other
    | (Mann & Whitney, 1947)
    | A Non-Parametric Test to Detect Data-Copying in Generative Models (Meehan et al., 2020)
    | https://arxiv.org/abs/2004.05675
    | How Faithful is your Synthetic Data? (Alaa et al., 2022), https://arxiv.org/abs/2102.08921
    | Exposing flaws of generative model evaluation metrics (Stein et al., 2023)
    | https://arxiv.org/abs/2306.04675

Shapes: T training images, N held-out reals, M fakes, F features; distances in float64 and exact
(`neighbours`).
"""

__all__ = ["Memorisation", "Pairs", "RankTest", "memorisation_test", "rank_test"]

import math

from typing import NamedTuple

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.metrics.checks import Features, check_features, check_sets
from genlab.metrics.neighbours import kth_neighbour, nearest


class RankTest(NamedTuple):
    """The one-sided test "the first sample is smaller than the second"."""

    u: float
    """U of (1): pairs in which the first is smaller, ties as halves."""
    share: float
    """U over the number of pairs: 1/2 under equality, T / (2 T - 1) without held-out reals."""
    z: float
    """The standardised U, (2) or (4)."""
    p: float
    """P(Z >= z): small when the first sample is smaller."""


class Pairs(NamedTuple):
    """Fakes beside their nearest training images, the closest pair first."""

    fake: Tensor
    """Rows of the fakes, with shape `(P,)`."""
    train: Tensor
    """Rows of the training images, with shape `(P,)`."""
    distance: Tensor
    """Their distances, with shape `(P,)`, in units of the features."""


class Memorisation(NamedTuple):
    """The fakes' distances to the training set against those of real images."""

    test: RankTest
    """The test of "fakes are nearer to the training images than the reference is"."""
    reference: str
    """"held-out", or "leave-one-out": the other training images, see above."""
    distance: Tensor
    """Of each fake to its nearest training image, with shape `(M,)`."""
    threshold: float
    """The `quantile` of the reference's distances."""
    authentic: float
    """The share of authentic fakes (AuthPct / 100): 0 for copies, 1/3 to 1/2 under equality."""
    pairs: Pairs
    """The closest pairs."""

    @property
    def near(self) -> int:
        """How many fakes are nearer than `threshold`."""
        return int((self.distance < self.threshold).sum())


def memorisation_test(
    train: Features,
    fake: Features,
    held_out: Features | None = None,
    *,
    quantile: float = 0.05,
    closest: int = 16,
) -> Memorisation:
    """Compares the fakes' distances to the training images with those of held-out reals.

    Arguments:
        train: Features of the training images, with shape `(T, F)`.
        fake: Features of the generated images, with shape `(M, F)`.
        held_out: Features of real images not trained on, with shape `(N, F)`. Without them each
            training image is compared with the others (4).
        quantile: The share of the reference's distances that counts as near.
        closest: How many pairs to return, at most; each fake is in one.

    Raises:
        InputError: If a set is not `(N, F)` with N >= 2, F differs, a value is not finite, or
            `quantile` is not between 0 and 1.
    """
    name = "memorisation"
    sets = {"train": train, "fake": fake} | ({} if held_out is None else {"held_out": held_out})
    train, fake, *new = check_sets(name, **sets)
    if not 0 < quantile < 1:
        raise InputError(f"{name}: `quantile` must be between 0 and 1, not {quantile}")
    squared, index = nearest(fake, train)
    distance, own = squared.sqrt(), kth_neighbour(train).squared.sqrt()
    reference = nearest(new[0], train).squared.sqrt() if new else own
    threshold = reference.quantile(quantile)
    order = distance.argsort(stable=True)[:closest]
    return Memorisation(
        test=rank_test(distance, reference) if new else _leave_one_out_test(distance, own),
        reference="held-out" if new else "leave-one-out",
        distance=distance,
        threshold=threshold.item(),
        authentic=(distance > own[index]).double().mean().item(),
        pairs=Pairs(order, index[order], distance[order]),
    )


def rank_test(smaller: Tensor, larger: Tensor) -> RankTest:
    """Returns the Mann-Whitney test (1) to (3) of "`smaller` is the smaller one".

    Where all values are equal nothing is ranked: z is 0 and p is 1.

    Arguments:
        smaller: One sample, with shape `(M,)`.
        larger: The other, with shape `(N,)`.

    Raises:
        InputError: If a sample is not a row of at least 1 finite value.
    """
    return _rank_test(smaller, larger, 0.5, 1.0)


def _leave_one_out_test(fakes: Tensor, own: Tensor) -> RankTest:
    """Returns the test (4) of the fakes' distances, `(M,)`, and the training images', `(T,)`."""
    m, t = len(fakes), len(own)
    _, sharing = own.unique(return_counts=True)
    weight = sharing.square().sum().item() / t
    return _rank_test(fakes, own, t / (2 * t - 1), (1 / m + weight / t) / (1 / m + 1 / t))


def _rank_test(smaller: Tensor, larger: Tensor, share: float, inflation: float) -> RankTest:
    """The test with another expected share than 1/2, and a variance that is larger than (3)."""
    for which, values in (("first", smaller), ("second", larger)):
        if values.ndim != 1:
            raise InputError(f"rank test: the {which} sample has shape {tuple(values.shape)}")
        check_features("rank test", which, values[:, None], rows=1)
    m, n = len(smaller), len(larger)
    pooled = torch.cat([smaller, larger])
    _, group, sizes = pooled.unique(return_inverse=True, return_counts=True)
    ranks = (sizes.cumsum(0) - (sizes - 1) / 2.0).double()[group]  # the mean rank of each group
    u = n * m + m * (m + 1) / 2 - ranks[:m].sum().item()
    ties = (sizes.double() ** 3 - sizes).sum().item() / ((n + m) * (n + m - 1))
    variance = n * m / 12 * (n + m + 1 - ties) * inflation
    if len(sizes) == 1:
        return RankTest(u, u / (n * m), 0.0, 1.0)
    z = (u - share * n * m - 0.5) / math.sqrt(variance)
    return RankTest(u, u / (n * m), z, math.erfc(z / math.sqrt(2)) / 2)
