r"""The standard Gaussian and mixtures of Gaussians, of which most priors consist.

.. math:: p(z) = \sum_k w_k \, \mathcal{N}(z; \mu_k, \Sigma_k),
          \qquad w = \mathrm{softmax}(\mathrm{logits})

Densities of the components are summed over the D dimensions *before* the sum over k. The other
order is a product of one-dimensional mixtures: it integrates to one too, and is another density.

With diagonal :math:`\Sigma_k = \mathrm{diag}(\sigma_k^2)` the exponent of every pair of a point
and a component is one product of matrices:

.. math:: -\sum_d \frac{(z_d - \mu_{kd})^2}{2 \sigma_{kd}^2} = \sum_d \Big(
          -\frac{z_d^2}{2} \cdot \frac{1}{\sigma_{kd}^2} + z_d \cdot \frac{\mu_{kd}}{\sigma_{kd}^2}
          \Big) - \sum_d \frac{\mu_{kd}^2}{2 \sigma_{kd}^2}

Its terms are large and cancel, so it is computed in float64, whatever the dtype of z.

Shapes: K components, D latent dimensions; `*` any leading dimensions.
"""

__all__ = ["LOG_STD_FLOOR", "GaussianMixture", "StandardGaussian", "standard_log_prob"]

import math

from collections.abc import Callable, Sequence

import torch

from torch import Tensor
from torch.distributions import Distribution

from genlab.numerics.logsumexp import logsumexp

LOG_STD_FLOOR = -3.0
"""The least ln sigma of a learned component. One narrower than e^-3 sits on a few codes and no
longer describes a density."""
PAIRS = 1_000_000
"""The number of pairs of a point and a component in memory at a time."""
FACTORS = 2**26
"""The numbers of Cholesky factors, one for each draw, up to which they are looked up at once."""


def standard_log_prob(z: Tensor) -> Tensor:
    r"""Returns :math:`\ln \mathcal{N}(z; 0, I)`, `(*, D)` to `(*)`."""
    return -0.5 * (z.square().sum(-1) + z.shape[-1] * math.log(2 * math.pi))


class StandardGaussian(Distribution):
    """N(0, I).

    Arguments:
        origin: Zeros, with shape `(D,)`; says D, dtype and device.
    """

    arg_constraints = {}  # pyright: ignore[reportAssignmentType]

    def __init__(self, origin: Tensor) -> None:
        self.origin = origin
        super().__init__(event_shape=origin.shape, validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns ln p(z) in nats, `(*, D)` to `(*)`."""
        return standard_log_prob(value)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Returns draws, with shape `(*sample_shape, D)`."""
        return torch.randn_like(self.origin.expand(*sample_shape, -1))


class GaussianMixture(Distribution):
    """A mixture of K Gaussians.

    Arguments:
        logits: Unnormalised log-weights, with shape `(K,)`.
        means: Means, with shape `(K, D)`.
        scales: Standard deviations, with shape `(K, D)`, or Cholesky factors of covariances, with
            shape `(K, D, D)`.
    """

    arg_constraints = {}  # pyright: ignore[reportAssignmentType]

    def __init__(self, logits: Tensor, means: Tensor, scales: Tensor) -> None:
        self.log_weights = logits.log_softmax(0)
        self.means, self.scales = means, scales
        super().__init__(event_shape=means.shape[1:], validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns ln p(z) in nats, `(*, D)` to `(*)`."""
        z = value.reshape(-1, value.shape[-1]).double()
        log_joint = self._diagonal() if self.scales.ndim == 2 else self._correlated()
        each = self.scales.numel() // z.shape[1]  # K numbers a point, or K D
        parts = [
            logsumexp(log_joint(part), 1, value.dtype) for part in z.split(max(1, PAIRS // each))
        ]
        return torch.cat(parts).view(value.shape[:-1]).to(value.dtype)

    def dead(self, z: Tensor) -> int:
        """Returns how many components are responsible for under 1 % of an equal share of points.

        The share of component k is the mean of p(k|z) over the points; an equal one is 1/K.

        Arguments:
            z: Points, with shape `(N, D)`.
        """
        log_joint = self._diagonal() if self.scales.ndim == 2 else self._correlated()
        share = torch.zeros(len(self.means), dtype=torch.float64)
        for part in z.double().split(max(1, PAIRS // self.scales.numel())):
            share += log_joint(part).softmax(1).sum(0) / len(z)
        return int((share < 0.01 / len(share)).sum())

    def _diagonal(self) -> Callable[[Tensor], Tensor]:
        """Returns the map of z, `(B, D)`, to ln w_k N(z; mu_k, diag sigma_k^2), `(B, K)`."""
        mean, std = self.means.double(), self.scales.double()
        precision = std.pow(-2)
        constant = self.log_weights + standard_log_prob(mean / std) - std.log().sum(-1)
        columns = torch.cat([-0.5 * precision, mean * precision, constant[:, None]], 1).T
        return lambda z: torch.cat([z.square(), z, torch.ones_like(z[:, :1])], 1) @ columns

    def _correlated(self) -> Callable[[Tensor], Tensor]:
        """Returns the map of z, `(B, D)`, to ln w_k N(z; mu_k, L_k L_k^T), `(B, K)`.

        With W = L^-1: ln N = ln N(W z - W mu; 0, I) + ln det W.
        """
        tril = self.scales.double()
        identity = torch.eye(tril.shape[-1], dtype=tril.dtype, device=tril.device)
        whiten = torch.linalg.solve_triangular(tril, identity, upper=False)
        centre = torch.einsum("kij,kj->ki", whiten, self.means.double())
        constant = self.log_weights - tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return lambda z: (
            standard_log_prob(torch.einsum("kij,bj->bki", whiten, z) - centre) + constant
        )

    @torch.no_grad()
    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Returns draws, with shape `(*sample_shape, D)`: a component each, then z of it."""
        count = math.prod(sample_shape)
        chosen = torch.multinomial(self.log_weights.exp(), count, replacement=True)
        mean = self.means[chosen]
        noise = torch.randn_like(mean)
        if self.scales.ndim == 2:
            noise = self.scales[chosen] * noise
        elif count * self.scales[0].numel() <= FACTORS:
            noise = (self.scales[chosen] @ noise[..., None]).squeeze(-1)
        else:
            for k in chosen.unique():
                noise[chosen == k] = noise[chosen == k] @ self.scales[k].T
        return (mean + noise).view(*sample_shape, -1)
