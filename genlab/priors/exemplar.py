r"""The exemplar prior: a kernel density estimate over the codes of training images.

.. math:: p(z) = \frac{1}{K} \sum_k \mathcal{N}(z; \mu_\phi(x_k), \sigma^2 I)

The centres are the encoder's means at K training images, encoded anew at every call; the one
width :math:`\sigma` is learned. In training an image's own kernel is left out:

.. math:: p(z | x_n) = \frac{1}{K - 1} \sum_{k \neq n} \mathcal{N}(z; \mu_\phi(x_k), \sigma^2 I)

Otherwise :math:`\sigma` would shrink until each code is explained by itself alone, a likelihood
that no new image reaches. Exemplars are encoded by their grey values, the same at every step,
while training images are binarised anew.

Shapes: K exemplars, B batch, X pixels, D latent dimensions; `*` any leading dimensions.
"""

__all__ = ["Exemplar", "KernelDensity"]

import math

import torch
import torch.nn as nn

from torch import Tensor
from torch.distributions import Distribution

from genlab.common.checks import require_at_least
from genlab.common.text import Title
from genlab.numerics.logsumexp import logsumexp
from genlab.priors.base import Encode, EncoderPrior
from genlab.priors.vamp import first_examples

LOG_STD_AT_START = -1.0


class KernelDensity(Distribution):
    """An equally weighted mixture of Gaussians of one width; it needs memory for `(*, K)` numbers.

    Arguments:
        centres: Their means, with shape `(K, D)`.
        log_std: Logarithm of the width sigma, a scalar.
    """

    arg_constraints = {}  # pyright: ignore[reportAssignmentType]

    def __init__(self, centres: Tensor, log_std: Tensor) -> None:
        self.centres = centres
        self.log_std = log_std
        super().__init__(event_shape=centres.shape[1:], validate_args=False)

    def log_kernels(self, value: Tensor) -> Tensor:
        """Returns ln N(z; mu_k, sigma^2 I), with shape `(*, K)`, of z with shape `(*, D)`."""
        size = value.shape[-1]
        # Not by |z|^2 - 2 z mu + |mu|^2: in float32 that cancels where sigma is small.
        distance = torch.cdist(
            value.reshape(-1, size), self.centres, compute_mode="donot_use_mm_for_euclid_dist"
        )
        square = (distance * torch.exp(-self.log_std)).square()
        log_kernels = -0.5 * (square + size * math.log(2 * math.pi)) - size * self.log_std
        return log_kernels.view(*value.shape[:-1], -1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns ln p(z), with shape `(*)`, of z with shape `(*, D)`."""
        return logsumexp(self.log_kernels(value), -1) - math.log(len(self.centres))

    @torch.no_grad()
    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Draws a centre, then z around it."""
        chosen = torch.randint(len(self.centres), sample_shape, device=self.centres.device)
        mean = self.centres[chosen]
        return mean + self.log_std.exp() * torch.randn_like(mean)


class Exemplar(EncoderPrior):
    """A kernel density estimate over the codes of K training images.

    References:
        | Exemplar VAE: Linking Generative Models, Nearest Neighbor Retrieval, and Data
        | Augmentation (Norouzi, Fleet & Norouzi, 2020)
        | https://arxiv.org/abs/2004.04795

    Arguments:
        latent: The number of latent dimensions D.
        components: The number of exemplars K.

    Raises:
        InputError: If there are fewer than two exemplars: training leaves one out.
    """

    title = Title("样例先验", "exemplars")
    leaves_out_self = True
    images: Tensor
    rows: Tensor
    held: Tensor | None

    def __init__(self, latent: int, components: int = 1000) -> None:
        super().__init__(latent)
        require_at_least(2, components=components)
        self.components = self.examples = components
        self.register_buffer("rows", torch.full((components,), -1))
        self.log_std = nn.Parameter(torch.tensor(LOG_STD_AT_START))
        self.register_buffer("held", None, persistent=False)
        self.encoded_once = False

    def attach(self, encode: Encode, pixels: int) -> None:
        """Receives the encoder and makes room for the exemplars."""
        super().attach(encode, pixels)
        self.register_buffer("images", torch.zeros(self.components, pixels))

    def initialise(self, examples: Tensor, rows: Tensor) -> None:
        """Takes the exemplars from training images `(N, X)` in rows `(N,)`, no two the same.

        Raises:
            InputError: If there are fewer images than exemplars.
        """
        self.images.copy_(first_examples(examples, self.components))
        self.rows.copy_(rows[: self.components])

    def hold_encoder(self) -> None:
        """Lets the exemplars be encoded once more, when they are first asked for, and kept."""
        self.encoded_once = True

    def forward(self) -> KernelDensity:
        """Returns p(z), of all K exemplars, with event shape `(D,)`."""
        centres = self.encode(self.images)[0] if self.held is None else self.held
        if self.encoded_once:
            self.held = centres.detach()
        return KernelDensity(centres, self.log_std)

    def training_log_prob(self, z: Tensor, rows: Tensor, random: torch.Generator) -> Tensor:
        """Returns ln p(z|x), of the exemplars other than the image that z is a code of.

        Arguments:
            z: Codes of the batch's images, with shape `(*, B, D)`.
            rows: Row numbers of the images among the training images, with shape `(B,)`, int64.
            random: Not used.

        Returns:
            In nats, with shape `(*, B)`.
        """
        del random
        own = rows[:, None] == self.rows  # (B, K)
        log_kernels = self().log_kernels(z).masked_fill(own, -math.inf)
        return logsumexp(log_kernels, -1) - (len(self.rows) - own.sum(-1)).to(z.dtype).log()
