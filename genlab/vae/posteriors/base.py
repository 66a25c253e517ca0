"""The interface of posteriors.

Shapes: N images, M points, D latent dimensions; `*` any leading dimensions.
"""

__all__ = ["Posterior"]

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import torch

from torch import Tensor

from genlab.priors.gaussian import standard_log_prob


class Posterior(ABC):
    """The posteriors q(z|x_n) of N images.

    Arguments:
        mean: mu, the means of the Gaussians that the encoder gives, with shape `(N, D)`.
        log_std: ln sigma, their log standard deviations, likewise.
    """

    reach: float
    """The objective `exact` integrates over so many sigma on each side of every mu."""

    def __init__(self, mean: Tensor, log_std: Tensor) -> None:
        self.mean, self.log_std = mean, log_std

    def __len__(self) -> int:
        return len(self.mean)

    @abstractmethod
    def __getitem__(self, rows: Tensor | slice) -> "Posterior":
        """Returns the posteriors of some of the images."""

    def split(self, size: int) -> "Iterator[Posterior]":
        """Yields the posteriors of so many images at a time."""
        for start in range(0, len(self), size):
            yield self[start : start + size]

    @abstractmethod
    def bend(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Returns v = g(e), with shape `(*, N, D)`, and ln |det dg/de|, with shape `(*, N)`."""

    @abstractmethod
    def straighten(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """Returns e = g^-1(v), with shape `(*, N, D)`, and ln |det dg/de| there, `(*, N)`."""

    def place(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Returns z of noise `(*, N, D)`, with the same shape, and ln |det dg/de|, `(*, N)`."""
        v, log_det = self.bend(noise)
        return self.mean + self.log_std.exp() * v, log_det

    def noise_of(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the noise e of points z `(*, N, D)`, and ln |det dg/de| there, `(*, N)`.

        The Gaussians are divided out in float64: z may lie hundreds of sigma away.
        """
        return self.straighten((z.double() - self.mean.double()) / self.log_std.double().exp())

    def sample(self, noise: Tensor) -> Tensor:
        """Returns the draws z that noise e `(*, N, D)` becomes, with the same shape."""
        return self.place(noise)[0]

    def draw(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the draws z of `sample`, and ln q(z|x), with shape `(*, N)`, by equation 3."""
        z, log_det = self.place(noise)
        return z, standard_log_prob(noise) - self.log_std.sum(-1) - log_det

    @abstractmethod
    def log_prob(self, z: Tensor) -> Tensor:
        """Returns ln q(z|x) of points `(*, N, D)`, each under its own image, `(*, N)`."""

    @abstractmethod
    def log_aggregated(self, z: Tensor) -> Tensor:
        """Returns ln q(z) of points `(M, D)`, of the mixture of the N posteriors, `(M,)`."""

    @abstractmethod
    def entropy(self, random: torch.Generator) -> Tensor:
        """Returns H[q(z|x)], with shape `(N,)`."""

    @abstractmethod
    def cross_entropy(
        self, log_prior: Callable[[Tensor], Tensor], random: torch.Generator
    ) -> Tensor:
        """Returns -E_q(z|x) [ln p(z)], float64 with shape `(N,)`.

        Arguments:
            log_prior: ln p(z), `(*, D)` to `(*)`.
            random: Draws the noise, where it is needed.
        """

    @abstractmethod
    def moments(self, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Returns the means and the log standard deviations of q(z|x), each `(N, D)`."""

    @abstractmethod
    def kernels(self, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Returns diagonal Gaussians whose mixture has the moments of q(z).

        These are means and log standard deviations, each with shape `(M, D)`.
        """

    @property
    def centre(self) -> Tensor:
        """What the noise 0 becomes, with shape `(N, D)`."""
        return self.sample(torch.zeros_like(self.mean))
