r"""Distances of features that come in batches: metric objects for training and sampling loops.

    distance = FrechetDistance(extractor)
    for images in real_batches:
        distance.update(images, real=True)
    for images in fake_batches:
        distance.update(images, real=False)
    distance.compute()                                       # Measured(value, error)
    distance.reset(keep_real=True)                           # the next epoch

A standard error depends on single images, so their features are kept, in memory. Without one
`FrechetDistance` needs each set's mean and covariance alone, which are accumulated. Two sets of n
and m samples with means a and b and scatters A and B (sums of squared deviations from their own
mean) together have, with delta = b - a,

    mean     a + delta m / (n + m)                                                        (1)
    scatter  A + B + delta delta^T n m / (n + m)                                          (2)

Nothing large is subtracted from anything large: batches of any size, in any order, give the same
covariance as all samples at once, up to rounding in float64. `merge` uses the same two lines to
combine what several processes saw.

References:
    | Algorithms for Computing the Sample Variance (Chan, Golub & LeVeque, 1983), equation 2.1
    | https://doi.org/10.1080/00031305.1983.10483115

Shapes: B images in a batch, F features.
"""

__all__ = ["Collected", "Extract", "FrechetDistance", "KernelDistance", "Moments"]

from collections.abc import Callable
from typing import Self

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.quantities import Measured
from genlab.metrics.checks import Features, check_features
from genlab.metrics.frechet_distance import Statistics
from genlab.metrics.jackknife import frechet
from genlab.metrics.kernel import kid

Extract = Callable[..., Features]
"""Maps a batch of images to features with shape `(B, F)`."""


class Collected:
    """The features of one set, kept as they come."""

    def __init__(self) -> None:
        self.batches: list[Tensor] = []

    @property
    def count(self) -> int:
        """The number of images."""
        return sum(map(len, self.batches))

    @property
    def width(self) -> int | None:
        """The number of features F; None as long as there is no image."""
        return self.batches[0].shape[1] if self.batches else None

    def add(self, batch: Tensor) -> None:
        """Adds features with shape `(B, F)`."""
        self.batches.append(batch)

    def merge(self, other: "Collected | Moments") -> None:
        """Adds all that others have collected."""
        assert isinstance(other, Collected)
        self.batches += other.batches

    def features(self) -> Tensor:
        """Returns all features, with shape `(N, F)`."""
        return torch.cat(self.batches)


class Moments:
    """The number, mean and scatter of the features of one set."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = torch.zeros(0, dtype=torch.float64)
        self.scatter = torch.zeros(0, 0, dtype=torch.float64)

    @property
    def width(self) -> int | None:
        """The number of features F; None as long as there is no image."""
        return len(self.mean) if self.count else None

    def add(self, batch: Tensor) -> None:
        """Adds features with shape `(B, F)`; B may be 1."""
        batch = batch.double()
        mean = batch.mean(0)
        centred = batch - mean
        self._combine(len(batch), mean, centred.T @ centred)

    def merge(self, other: "Collected | Moments") -> None:
        """Adds all that others have collected."""
        assert isinstance(other, Moments)
        if other.count:
            self._combine(other.count, other.mean, other.scatter)

    def _combine(self, count: int, mean: Tensor, scatter: Tensor) -> None:
        if not self.count:
            self.count, self.mean, self.scatter = count, mean.clone(), scatter.clone()
            return
        total, delta = self.count + count, mean - self.mean
        self.mean = self.mean + delta * (count / total)  # (1)
        self.scatter += scatter
        self.scatter += torch.outer(delta, delta) * (self.count * count / total)  # (2)
        self.count = total

    def features(self) -> Statistics:
        """Returns the mean, the covariance (divided by N - 1) and N."""
        return Statistics(self.mean.clone(), self.scatter / max(1, self.count - 1), self.count)


class _StreamingDistance:
    """Two sets of features that grow by batches."""

    METRIC: str

    def __init__(self, extractor: Extract | None, kept: type[Collected] | type[Moments]) -> None:
        self.extractor, self._kept = extractor, kept
        self._real, self._fake = kept(), kept()

    def update(self, batch: Features, real: bool) -> None:
        """Adds a batch to one of the sets.

        Arguments:
            batch: Images as the extractor takes them; without an extractor, features with shape
                `(B, F)`.
            real: Whether they belong to the real images.

        Raises:
            InputError: If features are not `(B, F)`, F is not that of earlier batches, or a
                value is not finite.
        """
        if self.extractor is not None:
            with torch.no_grad():
                batch = self.extractor(batch)
        which = "real" if real else "generated"
        features = check_features(self.METRIC, which, batch, rows=0)
        widths = {features.shape[1], self._real.width, self._fake.width} - {None}
        if len(widths) > 1:
            raise InputError(
                f"{self.METRIC}: the {which} features have shape {tuple(features.shape)}, earlier "
                f"ones have {(widths - {features.shape[1]}).pop()} columns; all need the same"
            )
        if len(features):
            (self._real if real else self._fake).add(features)

    def merge(self, other: Self) -> None:
        """Adds all that another such object has collected, say that of another process.

        Raises:
            InputError: If the other keeps something else, or its features have another F.
        """
        sets = (self._real, self._fake, other._real, other._fake)
        widths = {part.width for part in sets} - {None}
        if self._kept is not other._kept or len(widths) > 1:
            raise InputError(f"{self.METRIC}: only objects of one kind and one F can be merged")
        self._real.merge(other._real)
        self._fake.merge(other._fake)

    def reset(self, *, keep_real: bool = False) -> None:
        """Forgets both sets, or the generated one alone."""
        self._fake = self._kept()
        if not keep_real:
            self._real = self._kept()

    @property
    def counts(self) -> tuple[int, int]:
        """The numbers of real and of generated images so far."""
        return self._real.count, self._fake.count

    def _sets(self) -> tuple[Tensor | Statistics, Tensor | Statistics]:
        if min(self.counts) < 2:
            raise InputError(
                f"{self.METRIC}: {self.counts[0]} real and {self.counts[1]} generated images so "
                "far; at least 2 of each are needed"
            )
        return self._real.features(), self._fake.features()


class FrechetDistance(_StreamingDistance):
    """The Fréchet distance of two sets that come in batches.

    Arguments:
        extractor: Maps images to features, a `genlab.features.Extractor` for example; without it
            `update` takes features.
        error: Whether `compute` gives the standard error, for which all features are kept (4 F
            bytes an image, or 8 F of float64); otherwise 16 F^2 bytes hold sets of any size.
    """

    METRIC = "Fréchet distance"

    def __init__(self, extractor: Extract | None = None, *, error: bool = True) -> None:
        super().__init__(extractor, Collected if error else Moments)

    def compute(self) -> Measured:
        """Returns the distance of the sets so far, as `genlab.metrics.frechet` does.

        Raises:
            InputError: If a set has fewer than two images.
        """
        return frechet(*self._sets())


class KernelDistance(_StreamingDistance):
    """The kernel distance (KID) of two sets that come in batches; all features are kept.

    Arguments:
        extractor: Maps images to features, a `genlab.features.Extractor` for example; without it
            `update` takes features.
    """

    METRIC = "KID"

    def __init__(self, extractor: Extract | None = None) -> None:
        super().__init__(extractor, Collected)

    def compute(self) -> Measured:
        """Returns the distance of the sets so far, as `genlab.metrics.kid` does.

        Raises:
            InputError: If a set has fewer than two images.
        """
        real, fake = self._sets()
        assert isinstance(real, Tensor)
        assert isinstance(fake, Tensor)  # Collected
        return kid(real, fake)
