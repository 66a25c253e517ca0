r"""The mean and covariance of features that come in batches, in memory that does not grow.

Two sets of n and m samples with means a and b and scatters A and B (sums of squared deviations
from their own mean) together have, with delta = b - a,

    mean     a + delta m / (n + m)                                                        (1)
    scatter  A + B + delta delta^T n m / (n + m)                                          (2)

Nothing large is subtracted from anything large: batches of any size, in any order, give the same
covariance as all samples at once, up to rounding in float64. The same two lines add up what
several processes saw.

References:
    | Algorithms for Computing the Sample Variance (Chan, Golub & LeVeque, 1983), equation 2.1
    | https://doi.org/10.1080/00031305.1983.10483115

Shapes: B samples in a batch, F features.
"""

__all__ = ["RunningMoments"]

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.metrics.frechet import Statistics


class RunningMoments:
    """The count, mean and scatter of all features added so far.

    Arguments:
        features: The number of features F.
    """

    def __init__(self, features: int) -> None:
        self.count = 0
        self.mean = torch.zeros(features, dtype=torch.float64)
        self.scatter = torch.zeros(features, features, dtype=torch.float64)

    def add(self, batch: Tensor) -> None:
        """Adds features with shape `(B, F)`; B may be 1.

        Raises:
            InputError: If the batch is not `(B, F)`, or a value is not finite.
        """
        if batch.ndim != 2 or batch.shape[1] != len(self.mean):
            raise InputError(
                f"features with shape {tuple(batch.shape)}: need (B, {len(self.mean)})"
            )
        if not batch.isfinite().all():
            raise InputError(f"features, {tuple(batch.shape)}, contain non-finite values")
        if len(batch):
            rows = batch.detach().double()
            mean = rows.mean(0)
            centred = rows - mean
            self._join(len(rows), mean, centred.T @ centred)

    def merge(self, other: "RunningMoments") -> None:
        """Adds all that another has seen."""
        self._join(other.count, other.mean, other.scatter)

    def _join(self, count: int, mean: Tensor, scatter: Tensor) -> None:
        total = self.count + count
        if not total:
            return
        delta = mean - self.mean
        self.mean = self.mean + delta * (count / total)  # (1)
        self.scatter += scatter
        self.scatter += torch.outer(delta, delta) * (self.count * count / total)  # (2)
        self.count = total

    def statistics(self) -> Statistics:
        """Returns the mean and the covariance, which divides by N - 1.

        Raises:
            InputError: If fewer than two samples were added.
        """
        if self.count < 2:
            raise InputError(f"{self.count} images: a covariance needs at least 2")
        return Statistics(self.mean.clone(), self.scatter / (self.count - 1), self.count)
