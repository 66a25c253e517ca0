"""Posteriors that are Gaussians bent by a conditional flow.

Shapes: N images, M points, H features, D latent dimensions; `*` any leading dimensions.
"""

__all__ = ["FlowPosterior"]

import math

from collections.abc import Callable, Iterator

import torch

from torch import Tensor

from genlab.numerics.logsumexp import logsumexp
from genlab.priors.gaussian import standard_log_prob
from genlab.vae.posteriors.base import Posterior
from genlab.vae.posteriors.gaussian import gaussian_entropy
from genlab.vae.posteriors.network import BOUND, ConditionalFlow

DRAWS = 64
"""Draws an image, in antithetic pairs, of the entropy and the cross-entropy ..."""
MOMENT_DRAWS = 64
"""... and of the moments."""
CELLS = 1_000_000
"""Pairs of a point and an image that are looked at at a time ..."""
PAIRS = 100_000
"""... and of those the pairs whose density is computed at a time."""


class FlowPosterior(Posterior):
    """Gaussians bent by a flow, equation 2 of the package.

    Arguments:
        mean: mu, with shape `(N, D)`.
        log_std: ln sigma, likewise.
        features: What the flow sees of each image, with shape `(N, H)`.
        flow: g.
    """

    reach = BOUND

    def __init__(
        self, mean: Tensor, log_std: Tensor, features: Tensor, flow: ConditionalFlow
    ) -> None:
        super().__init__(mean, log_std)
        self.features, self.flow = features, flow

    def __getitem__(self, rows: Tensor | slice) -> "FlowPosterior":
        """Returns the posteriors of some of the images."""
        return FlowPosterior(
            self.mean[rows], self.log_std[rows], self.features[rows], self.flow
        )

    def bend(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Returns v = g(e), with shape `(*, N, D)`, and ln |det dg/de|, with shape `(*, N)`."""
        return self.flow(noise, self.features)

    def straighten(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """Returns e = g^-1(v), with shape `(*, N, D)`, and ln |det dg/de| there, `(*, N)`."""
        return self.flow.inverse(v.to(self.features), self.features)

    def log_prob(self, z: Tensor) -> Tensor:
        """Returns ln q(z|x) of points `(*, N, D)`, each under its own image, `(*, N)`."""
        noise, log_det = self.noise_of(z)
        return standard_log_prob(noise) - self.log_std.sum(-1) - log_det

    def log_aggregated(self, z: Tensor) -> Tensor:
        """Returns ln q(z) of points `(M, D)`, float64 with shape `(M,)`.

        Of an image only points with (z - mu) / sigma in [-B, B]^D count; a point that is there
        for no image is weighed by all.
        """
        mean, scale = self.mean.double(), (-self.log_std.double()).exp()
        found = []
        for part in z.double().split(max(1, CELLS // len(self))):
            v = (part[:, None] - mean) * scale  # (M, N, D)
            inside = (v.abs() <= BOUND).all(-1)
            inside |= ~inside.any(1, keepdim=True)
            terms = v.new_full(inside.shape, -math.inf)
            places = inside.nonzero()
            for some in places.split(PAIRS):
                point, image = some.unbind(1)
                own = self[image]
                noise, log_det = own.straighten(v[point, image])
                log_q = standard_log_prob(noise.double()) - own.log_std.sum(-1) - log_det
                terms[point, image] = log_q.double()
            found.append(logsumexp(terms, 1) - math.log(len(self)))
        return torch.cat(found)

    def entropy(self, random: torch.Generator) -> Tensor:
        """Returns H[q(z|x)] = H[N(mu, sigma^2)] + E ln |det dg/de|, by draws, float64 `(N,)`."""
        total = gaussian_entropy(self.log_std).double()
        for noise in self._pairs(random):
            total = total + self.bend(noise)[1].double() / DRAWS
        return total

    def cross_entropy(
        self, log_prior: Callable[[Tensor], Tensor], random: torch.Generator
    ) -> Tensor:
        """Returns -E_q(z|x) [ln p(z)] by draws, float64 with shape `(N,)`."""
        total = torch.zeros(len(self), dtype=torch.float64)
        for noise in self._pairs(random):
            total -= log_prior(self.sample(noise)).double() / DRAWS
        return total

    def _noise(self, random: torch.Generator) -> Tensor:
        return torch.randn(self.mean.shape, generator=random, dtype=self.mean.dtype)

    def _pairs(self, random: torch.Generator) -> Iterator[Tensor]:
        """Yields noise `(N, D)`, `DRAWS` times, every other the negative of the one before."""
        for _ in range(DRAWS // 2):
            noise = self._noise(random)
            yield from (noise, -noise)

    def moments(self, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Returns means and log standard deviations of draws of q(z|x), each `(N, D)`."""
        sums, squares = torch.zeros(2, *self.mean.shape, dtype=torch.float64)
        for _ in range(MOMENT_DRAWS):
            v = self.bend(self._noise(random))[0].double()  # sums of v, near 0: nothing cancels
            sums += v
            squares += v.square()
        mean = sums / MOMENT_DRAWS
        variance = (squares - MOMENT_DRAWS * mean.square()) / (MOMENT_DRAWS - 1)
        scale = self.log_std.exp()
        return self.mean + scale * mean.to(scale), self.log_std + 0.5 * variance.log().to(scale)

    def kernels(self, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Returns draws of q(z), one of each image, as Gaussians of no width."""
        z = self.sample(self._noise(random))
        return z, torch.full_like(z, -math.inf)
