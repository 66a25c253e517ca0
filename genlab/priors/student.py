r"""The multivariate Student-t, a Gaussian with heavy tails.

With :math:`m = \sum_d ((z_d - \mu_d) / s_d)^2`:

.. math::
    \ln p(z) = \ln \Gamma(\tfrac{\nu + D}{2}) - \ln \Gamma(\tfrac{\nu}{2})
    - \tfrac{D}{2} \ln(\nu \pi) - \sum_d \ln s_d - \tfrac{\nu + D}{2} \ln(1 + m / \nu)

One draw of the tail scales all dimensions at once: with s = 1 it is invariant to rotation,
unlike a product of D one-dimensional t. As nu grows it becomes the Gaussian N(mu, s^2).

Shapes: D latent dimensions; `*` any leading dimensions.
"""

__all__ = ["MultivariateT", "StudentT"]

import math

import torch
import torch.nn as nn

from torch import Tensor
from torch.distributions import Chi2, Distribution
from torch.nn.functional import softplus

from genlab.common.text import Title
from genlab.priors.base import Prior

DEGREES_AT_START = 10.0


class MultivariateT(Distribution):
    """The multivariate Student-t with independent scales.

    Arguments:
        degrees: The degrees of freedom nu, a scalar.
        location: The centre mu, with shape `(D,)`.
        log_scale: Logarithms of the scales s, with shape `(D,)`.
    """

    arg_constraints = {}  # pyright: ignore[reportAssignmentType]

    def __init__(self, degrees: Tensor, location: Tensor, log_scale: Tensor) -> None:
        self.degrees = degrees
        self.location = location
        self.log_scale = log_scale
        super().__init__(event_shape=location.shape, validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns ln p(z), with shape `(*)`, of z with shape `(*, D)`."""
        size, nu = len(self.location), self.degrees
        # In float32 the difference of two large ln Gamma cancels (an error of 0.5 nats at
        # nu = 1e6). It is one number for all z, so float64 costs nothing.
        wide = nu.double()
        constant = (
            torch.lgamma((wide + size) / 2) - torch.lgamma(wide / 2)
            - 0.5 * size * torch.log(wide * math.pi) - self.log_scale.double().sum()
        )  # fmt: skip
        m = ((value - self.location) * torch.exp(-self.log_scale)).square().sum(-1)
        return constant.to(m.dtype) - 0.5 * (nu + size) * torch.log1p(m / nu)

    @torch.no_grad()
    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Draws z = mu + s eps sqrt(nu / c), with eps ~ N(0, I) and c ~ chi^2(nu)."""
        noise = self.location.new_empty(*sample_shape, *self.event_shape).normal_()
        chi2 = Chi2(self.degrees, validate_args=False).sample(torch.Size(sample_shape))
        stretch = (self.degrees / chi2).sqrt().unsqueeze(-1)
        return self.location + self.log_scale.exp() * noise * stretch


class StudentT(Prior):
    r"""A Student-t whose location, scales and degrees of freedom are learned.

    The degrees of freedom are :math:`\nu = 2 + \mathrm{softplus}(a)`: above 2, so that z has a
    variance. At the start nu = 10, mu = 0 and s = 1 (a variance of 10 / 8 in each dimension).

    References:
        | t3-Variational Autoencoder (Kim et al., 2023): a t prior against Gaussian tails, there
        | with t encoder and decoder too
        | https://arxiv.org/abs/2312.01133

    Arguments:
        latent: The number of latent dimensions D.
    """

    title = Title("Student-t", "Student-t")

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.location = nn.Parameter(torch.zeros(latent))
        self.log_scale = nn.Parameter(torch.zeros(latent))
        # The inverse of softplus: ln(e^y - 1).
        self.excess = nn.Parameter(torch.tensor(math.log(math.expm1(DEGREES_AT_START - 2))))

    def forward(self) -> Distribution:
        """Returns p(z), with event shape `(D,)`."""
        return MultivariateT(2 + softplus(self.excess), self.location, self.log_scale)
