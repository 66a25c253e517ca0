r"""The binomial likelihood of grey levels taken as they are.

.. math:: \ln p(x|z) = \sum_i k_i l_i - n \ln(1 + e^{l_i}) + \ln \binom{n}{k_i},
          \qquad k_i = n x_i \in \{0, \ldots, n\}

with the decoder's logits l. For n = 255 it is a distribution over the images that a file of 8-bit
grey levels can hold, so its likelihoods are probabilities, comparable with those of all models of
such images, and commonly given in bits a pixel. For n = 1 it is the Bernoulli likelihood.

Shapes: X pixels; everything before them is batch.
"""

__all__ = ["Binomial"]

from typing import cast

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.text import Title
from genlab.vae.likelihoods.base import ExponentialFamily
from genlab.vae.likelihoods.bernoulli import LogPartition, LogProb

MOST_TRIALS = 65_535
"""Grey levels of 16 bits."""


class Binomial(ExponentialFamily):
    """Grey levels, independent and binomial given the logits.

    An image x holds the levels as fractions 0, 1/n, ..., 1.

    Arguments:
        trials: The highest grey level n; grey values are rounded to n + 1 levels.

    Raises:
        InputError: If there are fewer trials than 1 or too many.
    """

    domain = Title("灰度级图像，取原有灰度级", "grey levels, as they are")
    mean_function = "sigmoid"
    log_choose: Tensor

    def __init__(self, trials: int = 255) -> None:
        super().__init__()
        if not 1 <= trials <= MOST_TRIALS:
            raise InputError(f"`trials` must be between 1 and {MOST_TRIALS}, not {trials}")
        self.trials = trials
        k = torch.arange(trials + 1, dtype=torch.float64)
        log_choose = torch.lgamma(k[-1] + 1) - torch.lgamma(k + 1) - torch.lgamma(k[-1] - k + 1)
        self.register_buffer("log_choose", log_choose, persistent=False)

    def observe(self, grey: Tensor, random: torch.Generator) -> Tensor:
        """Returns grey values rounded to multiples of 1/n; 8-bit levels stay for n = 255."""
        del random
        return self.statistic(grey) / self.trials

    def statistic(self, x: Tensor) -> Tensor:
        """Returns T(x) = n x, the levels."""
        return (self.trials * x).round()

    def log_partition(self, eta: Tensor) -> Tensor:
        r"""Returns :math:`A(l) = n \sum_i \ln(1 + e^{l_i})`.

        Its derivative can itself not be derived.
        """
        return self.trials * cast(Tensor, LogPartition.apply(eta))

    def log_base(self, x: Tensor) -> Tensor:
        r"""Returns :math:`\ln h(x) = \sum_i \ln \binom{n}{k_i}`."""
        return self.log_choose[self.statistic(x).long()].sum(-1).to(x.dtype)

    def log_prob(self, x: Tensor, eta: Tensor) -> Tensor:
        """Returns ln p(x|z) in nats: n times that of a Bernoulli pixel, and the base measure.

        Its derivative is for `eta` alone, and can itself not be derived.
        """
        return self.trials * cast(Tensor, LogProb.apply(x, eta)) + self.log_base(x)

    def mean(self, eta: Tensor) -> Tensor:
        """Returns the mean grey value of each pixel, in [0, 1]."""
        return torch.sigmoid(eta)

    def with_mean(self, mean: Tensor) -> Tensor:
        """Returns the logits of probabilities."""
        return mean.logit()

    def sample(self, eta: Tensor) -> Tensor:
        """Draws images of grey levels 0, 1/n, ..., 1."""
        count = torch.full_like(eta, self.trials)
        return torch.binomial(count, torch.sigmoid(eta)) / self.trials
