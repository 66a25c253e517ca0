r"""The posteriors q(z|x) of images: diagonal Gaussians, or Gaussians bent by a flow.

The encoder gives the mean and the log standard deviation of a Gaussian. Standard Gaussian noise e
becomes a draw

    gaussian    z = mu(x) + sigma(x) e                                                      (1)
    flow        z = mu(x) + sigma(x) v,    v = g(e; x)                                      (2)

with an invertible map g that is conditioned on the image, so that

    ln q(z|x) = ln N(e; 0, I) - sum_d ln sigma_d - ln |det dg/de|                           (3)

(Rezende & Mohamed, 2015, equation 7). g consists of coupling layers: each keeps one half of the
coordinates and bends each of the others by a monotone rational-quadratic spline (Durkan et al.,
2019), whose parameters a network computes from the kept half and from features of the image, the
encoder's last hidden layer. For D = 1 there is no other half, and one curve depends on the image
alone. The splines act on [-B, B] and are the identity outside, so g maps [-B, B]^D onto itself;
training starts with g the identity, where (2) is (1). As in an inverse autoregressive flow
(Kingma et al., 2016) the direction from noise to z is the one that training needs.

With B = 5 a coordinate of e lies outside [-B, B] with probability 6e-7. Pairs of a point z and an
image with (z - mu) / sigma outside [-B, B]^D are left out of the aggregated posterior
q(z) = 1/N sum_n q(z|x_n): what is left out of ln q(z) is, on average over q(z), that probability,
1e-6 nats for D = 2.

The entropy of (2) and its cross-entropy to the prior are means over draws, in antithetic pairs,
in any number of dimensions: Gauss-Hermite quadrature is exact for polynomials, which a prior's
density along a spline is not.

References:
    | Variational Inference with Normalizing Flows (Rezende & Mohamed, 2015), section 3,
    | https://arxiv.org/abs/1505.05770
    | Improved Variational Inference with Inverse Autoregressive Flow (Kingma et al., 2016),
    | https://arxiv.org/abs/1606.04934
    | Neural Spline Flows (Durkan et al., 2019), section 3, https://arxiv.org/abs/1906.04032

Shapes: N images, M points, H features, D latent dimensions; `*` any leading dimensions.
"""

__all__ = [
    "BOUND", "ConditionalFlow", "FlowPosterior", "GaussianPosterior", "Posterior",
    "gaussian_entropy",
]  # fmt: skip

import math

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import cast

import torch
import torch.nn as nn
import torch.nn.functional as F

from torch import Tensor

from genlab.numerics.linear import Linear
from genlab.numerics.logsumexp import logsumexp
from genlab.priors.gaussian import standard_log_prob
from genlab.priors.spline import SplineCurve
from genlab.vae.evidence.elbo_surgery import cross_entropy, log_aggregated_posterior

BOUND, BINS = 5.0, 10
"""Half the interval B on which the splines bend, and the number of their pieces."""
LAYERS = 4
"""Coupling layers; for D = 1 there is one curve."""
FEATURES, WIDTH = 64, 64
"""Features of an image, and the width of the conditioners' hidden layers."""
DRAWS = 64
"""Draws an image, in antithetic pairs, of the entropy and the cross-entropy ..."""
MOMENT_DRAWS = 64
"""... and of the moments."""
CELLS = 1_000_000
"""Pairs of a point and an image that are looked at at a time ..."""
PAIRS = 100_000
"""... and of those the pairs whose density is computed at a time."""


def gaussian_entropy(log_std: Tensor) -> Tensor:
    r"""Returns H[N(mu, sigma^2)] = D/2 (1 + ln 2 pi) + sum_d ln sigma_d, with shape `(B,)`."""
    return log_std.sum(-1) + 0.5 * log_std.shape[-1] * (1 + math.log(2 * math.pi))


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


class GaussianPosterior(Posterior):
    """Diagonal Gaussians, equation 1.

    Arguments:
        mean: mu, with shape `(N, D)`.
        log_std: ln sigma, likewise.
    """

    reach = 3.0

    def __getitem__(self, rows: Tensor | slice) -> "GaussianPosterior":
        """Returns the posteriors of some of the images."""
        return GaussianPosterior(self.mean[rows], self.log_std[rows])

    def bend(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the noise itself, and 0."""
        return noise, noise.new_zeros(()).expand(noise.shape[:-1])

    def straighten(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """Returns v itself, and 0."""
        return self.bend(v)

    def sample(self, noise: Tensor) -> Tensor:
        """Returns the draws z that noise e `(*, N, D)` becomes, with the same shape."""
        return self.mean + self.log_std.exp() * noise

    def draw(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the draws z of `sample`, and ln q(z|x), with shape `(*, N)`."""
        return self.sample(noise), standard_log_prob(noise) - self.log_std.sum(-1)

    def log_prob(self, z: Tensor) -> Tensor:
        """Returns ln q(z|x) of points `(*, N, D)`, each under its own image, `(*, N)`."""
        residual = (z - self.mean) * (-self.log_std).exp()
        return standard_log_prob(residual) - self.log_std.sum(-1)

    def log_aggregated(self, z: Tensor) -> Tensor:
        """Returns ln q(z) of points `(M, D)`, float64 with shape `(M,)`."""
        return log_aggregated_posterior(z, self.mean, self.log_std)

    def entropy(self, random: torch.Generator) -> Tensor:
        """Returns H[q(z|x)] in closed form, with shape `(N,)`."""
        del random
        return gaussian_entropy(self.log_std)

    def cross_entropy(
        self, log_prior: Callable[[Tensor], Tensor], random: torch.Generator
    ) -> Tensor:
        """Returns -E_q(z|x) [ln p(z)], `(N,)`, by Gauss-Hermite quadrature for D <= 2."""
        return cross_entropy(log_prior, self.mean, self.log_std, random)

    def moments(self, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Returns mu and ln sigma."""
        del random
        return self.mean, self.log_std

    def kernels(self, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Returns mu and ln sigma."""
        return self.moments(random)

    @property
    def centre(self) -> Tensor:
        """The means, with shape `(N, D)`."""
        return self.mean


class FlowPosterior(Posterior):
    """Gaussians bent by a flow, equation 2.

    Arguments:
        mean: mu, with shape `(N, D)`.
        log_std: ln sigma, likewise.
        features: What the flow sees of each image, with shape `(N, H)`.
        flow: g.
    """

    reach = BOUND

    def __init__(
        self, mean: Tensor, log_std: Tensor, features: Tensor, flow: "ConditionalFlow"
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


class Conditioner(nn.Module):
    """A perceptron of two hidden layers over kept coordinates and features of an image.

    It is zero everywhere at the start. The features' part of the first layer is computed once for
    all draws of an image.

    Arguments:
        kept: Kept coordinates; 0 for none.
        outputs: Values out.
    """

    def __init__(self, kept: int, outputs: int) -> None:
        super().__init__()
        self.of_image = Linear(FEATURES, WIDTH)
        self.of_kept = Linear(kept, WIDTH, bias=False) if kept else None
        self.hidden, self.leave = Linear(WIDTH, WIDTH), Linear(WIDTH, outputs)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, kept: Tensor, features: Tensor) -> Tensor:
        """Returns `(*, N, outputs)`, of coordinates `(*, N, kept)` and features `(N, H)`."""
        first = self.of_image(features)
        if self.of_kept is not None:
            first = first + self.of_kept(kept)
        return self.leave(F.silu(self.hidden(F.silu(first)))).expand(*kept.shape[:-1], -1)


class ConditionalCoupling(nn.Module):
    """Keeps one half of the coordinates and bends each of the others by a spline of its own.

    Arguments:
        latent: The number of latent dimensions D.
        keep_last: Whether the last half is kept, or the first.
    """

    def __init__(self, latent: int, *, keep_last: bool) -> None:
        super().__init__()
        halves = (latent // 2, latent - latent // 2)
        self.halves, self.keep_last, self.curve = halves, keep_last, SplineCurve(BINS, BOUND)
        kept, bent = reversed(halves) if keep_last else halves
        self.net = Conditioner(kept, bent * self.curve.parameters)

    def _split(self, points: Tensor, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the kept half, the other, and that one's curves, with shape `(*, M, P)`."""
        first, last = points.split(self.halves, dim=-1)
        kept, bent = (last, first) if self.keep_last else (first, last)
        raw = self.net(kept, features).unflatten(-1, (-1, self.curve.parameters))
        return kept, bent, raw

    def _join(self, kept: Tensor, bent: Tensor) -> Tensor:
        return torch.cat((bent, kept) if self.keep_last else (kept, bent), dim=-1)

    def forward(self, points: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the layer's images of points, and the log-determinant there."""
        kept, bent, raw = self._split(points, features)
        bent, log_slope = self.curve.forward(bent, raw)
        return self._join(kept, bent), log_slope.sum(-1)

    def inverse(self, images: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the points of images, and the log-determinant of `forward` at these points."""
        kept, bent, raw = self._split(images, features)
        bent = self.curve.inverse(bent, raw)
        return self._join(kept, bent), self.curve.forward(bent, raw)[1].sum(-1)


class ConditionalFlow(nn.Module):
    """The map g of equation 2. It starts as the identity.

    Arguments:
        hidden: The width of the encoder's last hidden layer.
        latent: The number of latent dimensions D.
    """

    def __init__(self, hidden: int, latent: int) -> None:
        super().__init__()
        self.enter = Linear(hidden, FEATURES)
        self.layers = nn.ModuleList(
            ConditionalCoupling(latent, keep_last=i % 2 == 1)
            for i in range(LAYERS if latent > 1 else 1)
        )

    def features(self, hidden: Tensor) -> Tensor:
        """Returns what the layers see of images, `(N, H)`, of the encoder's hidden layer."""
        return F.silu(self.enter(hidden))

    def forward(self, noise: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Returns v = g(e), `(*, N, D)`, and ln |det dg/de|, `(*, N)`, of features `(N, H)`."""
        v, total = noise, noise.new_zeros(noise.shape[:-1])
        for layer in self.layers:
            v, log_det = layer(v, features)
            total = total + log_det
        return v, total

    def inverse(self, v: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Returns e = g^-1(v), `(*, N, D)`, and ln |det dg/de| there, `(*, N)`."""
        noise, total = v, v.new_zeros(v.shape[:-1])
        for layer in reversed(list(self.layers)):
            noise, log_det = cast(ConditionalCoupling, layer).inverse(noise, features)
            total = total + log_det
        return noise, total
