r"""Standard coordinates of a latent space: its aggregated posterior has mean 0 and covariance I.

The coordinates of z are free up to an invertible affine map, if the prior is learned:

    z' = A (z - m)                                                                (1)

gives another description of the same model. Its prior and its posteriors are the old ones in new
coordinates, its decoder undoes the map first:

    p'(z') = p(z) / |det A|,   q'(z'|x) = q(z|x) / |det A|,   p'(x|z') = p(x|z)    (2)

Both densities change by the same factor, so RE, Omega, the ELBO, p(x) and KL(q(z) || p(z)) stay
what they were. (The two parts of Omega do not: CE and H both grow by ln |det A|.) The coordinates
in which the aggregated posterior q(z) = E_x[q(z|x)] has mean 0 and covariance I are

    m = E_x[mu(x)],   S = Cov_x[mu(x)] + diag(E_x[sigma^2(x)]),   A = S^(-1/2)     (3)

by the law of total covariance. Of all roots of S^-1 the symmetric one moves the points least.

A prior without parameters is fixed and fixes the coordinates: N(0, I) would not be N(0, I) in
others.

Shapes: N images, D latent dimensions; `*` any leading dimensions.
"""

__all__ = ["AffineMap", "Standardised", "aggregated_moments", "standard_coordinates"]

from dataclasses import dataclass

import torch

from torch import Tensor
from torch.distributions import Distribution, Independent, Normal, TransformedDistribution
from torch.distributions.constraints import real_vector
from torch.distributions.transforms import Transform

from genlab.vae.model import VAE
from genlab.vae.results import Moments


def aggregated_moments(mean: Tensor, log_std: Tensor) -> Moments:
    """Returns m and S of equation 3.

    Arguments:
        mean: Posterior means of all images, with shape `(N, D)`.
        log_std: Posterior log standard deviations, with shape `(N, D)`.
    """
    mean, variance = mean.double(), (2 * log_std.double()).exp()
    centred = mean - mean.mean(0)
    covariance = centred.T @ centred / len(mean) + variance.mean(0).diag()
    return Moments(mean=mean.mean(0).tolist(), covariance=covariance.tolist())


class AffineMap(Transform):
    """The map z' = A (z - m).

    Arguments:
        matrix: A, invertible, with shape `(D, D)`.
        centre: m, with shape `(D,)`.
    """

    domain = codomain = real_vector
    bijective = True

    def __init__(self, matrix: Tensor, centre: Tensor) -> None:
        super().__init__()
        self.matrix, self.centre = matrix, centre
        self.undo = torch.linalg.inv(matrix)
        self.log_det = torch.linalg.slogdet(matrix).logabsdet

    def forward(self, z: Tensor) -> Tensor:
        """Returns z', with shape `(*, D)`."""
        return (z - self.centre) @ self.matrix.T

    def _call(self, x: Tensor) -> Tensor:
        return self.forward(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return y @ self.undo.T + self.centre

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Returns ln |det A| once for each point, `(*, D)` to `(*)`."""
        del y
        return self.log_det.expand(x.shape[:-1])


def standard_coordinates(moments: Moments) -> AffineMap:
    """Returns the map of equation 3, in float64."""
    covariance = torch.tensor(moments.covariance, dtype=torch.float64)
    values, vectors = torch.linalg.eigh(covariance)
    root = vectors @ values.rsqrt().diag() @ vectors.T
    return AffineMap(root, torch.tensor(moments.mean, dtype=torch.float64))


@dataclass(frozen=True)
class Standardised:
    """A VAE in other coordinates of its latent space, by equation 2."""

    model: VAE
    change: AffineMap
    """The map from the model's own coordinates."""

    def prior(self) -> Distribution:
        """Returns p'(z'), with event shape `(D,)`."""
        return TransformedDistribution(self.model.prior(), [self.change])

    def posterior(self, x: Tensor) -> Distribution:
        """Returns q'(z'|x) of images `(N, X)`, with batch shape `(N,)` and event shape `(D,)`."""
        mean, log_std = self.model.encode(x)
        gaussian = Independent(Normal(mean, log_std.exp()), 1)
        return TransformedDistribution(gaussian, [self.change])

    def decoder(self, z: Tensor) -> Tensor:
        """Returns the natural parameters of p'(x|z'), `(*, D)` to `(*, K)`."""
        return self.model.decoder(self.change.inv(z))
