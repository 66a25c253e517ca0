r"""The Gaussian likelihood of grey values, or of reals, with one scale for all of them.

.. math:: \ln p(x|z) = -\frac{1}{2} \sum_i \left( \frac{x_i - \mu_i}{\sigma} \right)^2
                       - X \ln \sigma - \frac{X}{2} \ln 2 \pi

with the decoder's means mu. It is a probability density of grey values in units of [0, 1], and it
is evaluated at the grey levels of the file, k / 255, without dequantisation. Its logarithm is no
logarithm of a probability: it may be positive, in other units of grey it is another, and it must
not be compared with the likelihoods of discrete images (Theis et al., 2016, section 3.1). Two
Gaussian likelihoods of the same images can be compared with each other.

With `reals` it is a density of rows of reals, such as those of a standardised table
(`genlab.data.tables.table`), and nothing is clamped to [0, 1].

References:
    | A note on the evaluation of generative models (Theis et al., 2016)
    | https://arxiv.org/abs/1511.01844

Shapes: X pixels; everything before them is batch.
"""

__all__ = ["Gaussian"]

import math

import torch
import torch.nn as nn

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.text import Title
from genlab.vae.likelihoods.base import ExponentialFamily

REALS = Title("表格的各行，各列已标准化", "rows of a table, its columns standardised")
"""What a density of reals is of."""


class Gaussian(ExponentialFamily):
    r"""Grey values, independent and Gaussian given their means.

    The scale belongs to T and h: :math:`T(x) = x / \sigma^2`, so the decoder's outputs are means.

    Arguments:
        scale: The standard deviation sigma of a pixel, in units of [0, 1], or of a real. If not
            given, 0.2 of a pixel and 0.5 of a real.
        learn_scale: Learn sigma with the networks, from `scale` on.
        reals: Of rows of reals, as a table has them, in place of grey values in [0, 1]; set where
            a table is trained on.

    Raises:
        InputError: If the scale is not a positive number.
    """

    domain = Title(
        "[0, 1]内的灰度值，取原值，不做去量化",
        "grey values in [0, 1], as they are, not dequantised",
    )
    discrete = False
    mean_function = "identity"
    log_scale: Tensor

    def __init__(
        self, scale: float | None = None, learn_scale: bool = True, reals: bool = False
    ) -> None:
        super().__init__()
        self.reals = reals
        if reals:
            self.domain = REALS
        scale = (0.5 if reals else 0.2) if scale is None else scale
        if not 0 < scale < math.inf:
            raise InputError(f"`scale` must be a positive number, not {scale}")
        log_scale = torch.tensor(math.log(scale))
        if learn_scale:
            self.log_scale = nn.Parameter(log_scale)
        else:
            self.register_buffer("log_scale", log_scale)

    def _log_scale(self, x: Tensor) -> Tensor:
        """Returns ln sigma in the type of `x`."""
        return self.log_scale.to(x.dtype)

    def statistic(self, x: Tensor) -> Tensor:
        r"""Returns :math:`T(x) = x / \sigma^2`."""
        return x * (-2 * self._log_scale(x)).exp()

    def log_partition(self, eta: Tensor) -> Tensor:
        r"""Returns :math:`A(\mu) = \sum_i \mu_i^2 / (2 \sigma^2)`."""
        return 0.5 * eta.square().sum(-1) * (-2 * self._log_scale(eta)).exp()

    def log_base(self, x: Tensor) -> Tensor:
        r"""Returns :math:`\ln h(x) = -\sum_i x_i^2 / 2 \sigma^2 - X \ln(\sigma \sqrt{2 \pi})`."""
        log_scale = self._log_scale(x)
        square = x.square().sum(-1) * (-2 * log_scale).exp()
        return -0.5 * square - x.shape[-1] * (log_scale + 0.5 * math.log(2 * math.pi))

    def log_prob(self, x: Tensor, eta: Tensor) -> Tensor:
        """Returns ln p(x|z) in nats, without the cancellation of equation 1's terms."""
        log_scale = self._log_scale(x)
        square = (x - eta).square().sum(-1) * (-2 * log_scale).exp()
        return -0.5 * square - x.shape[-1] * (log_scale + 0.5 * math.log(2 * math.pi))

    def mean(self, eta: Tensor) -> Tensor:
        """Returns the means, which may lie outside [0, 1]."""
        return eta

    def with_mean(self, mean: Tensor) -> Tensor:
        """Returns the means."""
        return mean

    def sample(self, eta: Tensor) -> Tensor:
        """Draws images, whose values may lie outside [0, 1]."""
        return eta + self._log_scale(eta).exp() * torch.randn_like(eta)

    def to_grey(self, x: Tensor) -> Tensor:
        """Returns images as grey values in [0, 1]; reals as they are."""
        return x if self.reals else super().to_grey(x)
