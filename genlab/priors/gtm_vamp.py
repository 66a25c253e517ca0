r"""A VampPrior whose pseudo-inputs lie on a sheet of images, as in a topographic mapping.

.. math:: p(z) = \sum_k w_k \, q_\phi(z | x(u_k))

The :math:`u_k` are a fixed grid over the square [-1, 1]^2 and x(u) is a network from the square
to images: the pseudo-inputs are not free, they are one smooth surface in the space of images.

Shapes: G points along an axis of the grid, K = G^2 components, X pixels, D latent dimensions.
"""

__all__ = ["GTMVampPrior"]

from collections.abc import Sequence

import torch
import torch.nn as nn

from torch import Tensor
from torch.distributions import Distribution

from genlab.networks.mlp import perceptron
from genlab.priors.base import Encode, Prior, Setting
from genlab.priors.gaussian import GaussianMixture
from genlab.priors.gtm import square_grid
from genlab.priors.vamp import image_logits, plain_function


class GTMVampPrior(Prior):
    """A mixture of the encoder's posteriors at images that a network paints on a square grid.

    At the start every image is nearly the mean of the examples, so that the prior is where the
    codes are; the weights, equal at first, are learned.

    References:
        | Deep Generative Modeling (Tomczak, 2022), chapter 4
        | https://doi.org/10.1007/978-3-030-93158-2
        | VAE with a VampPrior (Tomczak & Welling, 2018), section 2
        | https://arxiv.org/abs/1705.07120

    Arguments:
        encode: The encoder call, `(K, X)` to means and log standard deviations `(K, D)`. A plain
            function, so that the encoder's weights stay the encoder's.
        examples: Images in [0, 1], at least one, with shape `(N, X)`.
        grid: The number of points G along an axis.
        hidden: The widths of the network's hidden layers.

    Raises:
        InputError: If the grid has a single point.
        TypeError: If `encode` is a module.
    """

    u: Tensor

    def __init__(
        self, encode: Encode, examples: Tensor, grid: int, hidden: Sequence[int]
    ) -> None:
        super().__init__()
        self.encode = plain_function(encode)
        self.register_buffer("u", square_grid(grid))
        self.logits = nn.Parameter(torch.zeros(grid**2))
        self.body = perceptron([2, *hidden, examples.shape[1]])
        last = self.body[-1]
        assert isinstance(last, nn.Linear)
        with torch.no_grad():
            last.bias.copy_(image_logits(examples.mean(0)))

    @classmethod
    def build(cls, setting: Setting) -> "GTMVampPrior":
        """Builds it from what a VAE has at hand."""
        assert setting.options.grid is not None
        assert setting.options.hidden is not None
        return cls(
            setting.encode, setting.examples, setting.options.grid, setting.options.hidden
        )

    @property
    def pseudo_inputs(self) -> Tensor:
        """The images x(u), in (0, 1), with shape `(K, X)`."""
        return torch.sigmoid(self.body(self.u))

    def forward(self) -> Distribution:
        """Returns p(z), with event shape `(D,)`."""
        mean, log_std = self.encode(self.pseudo_inputs)
        return GaussianMixture(self.logits, mean, log_std.exp())
