r"""The generative topographic mapping: a mixture whose components lie on a folded sheet.

.. math:: p(z) = \sum_k w_k \, \mathcal{N}(z; \mu(u_k), \mathrm{diag} \, \sigma^2(u_k))

The :math:`u_k` are a fixed grid over the square [-1, 1]^2, whatever D is, and one smooth map,
a network, gives every component its mean and variances: neighbours on the grid stay neighbours
in the latent. Bishop, Svensen & Williams map by radial basis functions and share one variance;
here the map is a perceptron beside a linear map, and variances are the map's too.

Shapes: G points along an axis of the grid, K = G^2 components, D latent dimensions.
"""

__all__ = ["GTM", "square_grid"]

import math

from collections.abc import Sequence

import torch
import torch.nn as nn

from torch import Tensor
from torch.distributions import Distribution

from genlab.common.checks import require_at_least, require_widths
from genlab.common.text import Title
from genlab.networks.mlp import perceptron
from genlab.priors.base import Prior
from genlab.priors.gaussian import LOG_STD_FLOOR, GaussianMixture

STRETCH = 2.0
"""At the start the mean of a component is this times its grid point."""


def square_grid(grid: int) -> Tensor:
    """Returns the grid over [-1, 1]^2, edges included, with shape `(grid^2, 2)`."""
    line = torch.linspace(-1, 1, grid)
    return torch.cartesian_prod(line, line)


class GTM(Prior):
    r"""A mixture of diagonal Gaussians on the image of a square grid, with learned weights.

    At the start the perceptron is zero and the linear map is :math:`\mu(u) = 2u` in the first
    two dimensions, with standard deviations of one spacing of the grid: nearly uniform over the
    square. Dimensions beyond two start as standard Gaussians, beside the sheet.

    References:
        | GTM: The Generative Topographic Mapping (Bishop, Svensen & Williams, 1998), section 2
        | https://doi.org/10.1162/089976698300017953
        | Deep Generative Modeling (Tomczak, 2022), chapter 4: as a prior, with a perceptron
        | https://doi.org/10.1007/978-3-030-93158-2

    Arguments:
        latent: The number of latent dimensions D.
        grid: The number of points G along an axis.
        hidden: The widths of the network's hidden layers.

    Raises:
        InputError: If the grid has a single point, and so no spacing, or a width is below 1.
    """

    title = Title("GTM", "GTM")
    u: Tensor

    def __init__(self, latent: int, grid: int = 10, hidden: Sequence[int] = (64,)) -> None:
        super().__init__()
        require_at_least(2, grid=grid)
        require_widths(hidden=hidden)
        self.register_buffer("u", square_grid(grid))
        self.logits = nn.Parameter(torch.zeros(grid**2))
        self.linear = nn.Linear(2, 2 * latent)
        self.body = perceptron([2, *hidden, 2 * latent])
        with torch.no_grad():
            for parameter in [*self.linear.parameters(), *self.body[-1].parameters()]:
                parameter.zero_()
            sheet = min(2, latent)
            self.linear.weight[:sheet] = STRETCH * torch.eye(2)[:sheet]
            self.linear.bias[latent : latent + sheet] = math.log(STRETCH * 2 / (grid - 1))

    def forward(self) -> Distribution:
        """Returns p(z), with event shape `(D,)`."""
        mean, log_std = (self.linear(self.u) + self.body(self.u)).chunk(2, -1)
        return GaussianMixture(self.logits, mean, log_std.clamp(min=LOG_STD_FLOOR).exp())
