r"""A VampPrior whose pseudo-inputs lie on a sheet of images, as in a topographic mapping.

.. math:: p(z) = \sum_k w_k \, q_\phi(z | x(u_k))

The :math:`u_k` are a fixed grid over the square [-1, 1]^2 and x(u) is a network from the square
to images: the pseudo-inputs are not free, they are one smooth surface in the space of images.

Shapes: G points along an axis of the grid, K = G^2 components, X pixels, D latent dimensions.
"""

__all__ = ["GTMVamp"]

from collections.abc import Sequence

import torch
import torch.nn as nn

from torch import Tensor
from torch.distributions import Distribution

from genlab.common.checks import require_at_least, require_widths
from genlab.common.text import Title
from genlab.networks.mlp import perceptron
from genlab.priors.base import Encode, EncoderPrior
from genlab.priors.gaussian import GaussianMixture
from genlab.priors.gtm import square_grid
from genlab.priors.vamp import image_logits

EXAMPLES = 100
"""The number of training images whose mean every pseudo-input starts near."""


class GTMVamp(EncoderPrior):
    """A mixture of the encoder's posteriors at images that a network makes of a square grid.

    At the start every image is nearly the mean of some training images, so that the prior is
    where the codes are; the weights, equal at first, are learned.

    References:
        | Deep Generative Modeling (Tomczak, 2022), chapter 4
        | https://doi.org/10.1007/978-3-030-93158-2
        | VAE with a VampPrior (Tomczak & Welling, 2018), section 2
        | https://arxiv.org/abs/1705.07120

    Arguments:
        latent: The number of latent dimensions D.
        grid: The number of points G along an axis.
        hidden: The widths of the network's hidden layers.

    Raises:
        InputError: If the grid has a single point, and so no spacing, or a width is below 1.
    """

    title = Title("GTM-VampPrior", "GTM-VampPrior")
    examples = EXAMPLES
    u: Tensor
    body: nn.Sequential

    def __init__(self, latent: int, grid: int = 10, hidden: Sequence[int] = (300,)) -> None:
        super().__init__(latent)
        require_at_least(2, grid=grid)
        require_widths(hidden=hidden)
        self.hidden = tuple(hidden)
        self.register_buffer("u", square_grid(grid))
        self.logits = nn.Parameter(torch.zeros(grid**2))

    def attach(self, encode: Encode, pixels: int) -> None:
        """Receives the encoder and makes the network from the square to images."""
        super().attach(encode, pixels)
        self.body = perceptron([2, *self.hidden, pixels])

    @torch.no_grad()
    def initialise(self, examples: Tensor, rows: Tensor) -> None:
        """Starts all pseudo-inputs near the mean of training images `(N, X)`."""
        del rows
        self.body.get_parameter(f"{len(self.body) - 1}.bias").copy_(image_logits(examples.mean(0)))

    @property
    def pseudo_inputs(self) -> Tensor:
        """The images x(u), in (0, 1), with shape `(K, X)`."""
        return torch.sigmoid(self.body(self.u))

    def forward(self) -> Distribution:
        """Returns p(z), with event shape `(D,)`."""
        mean, log_std = self.encode(self.pseudo_inputs)
        return GaussianMixture(self.logits, mean, log_std.exp())
