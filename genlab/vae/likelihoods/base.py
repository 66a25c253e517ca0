r"""The interface of a likelihood p(x|z), an exponential family.

    ln p(x|z) = T(x) . eta(z) - A(eta(z)) + ln h(x)                                       (1)

    T     the sufficient statistic
    eta   the natural parameters: the decoder returns them, unbounded
    A     the log-partition function, ln of the sum (or integral) of h(x) e^(T(x) . eta) over x
    h     the base measure

Where many images meet many latent points, the first term is one product of matrices, and A is
computed once a point, ln h once an image. Exact quadrature, the pooled bound and importance
sampling are built on that, so every likelihood of this form takes part in all of them.

References:
    | Graphical Models, Exponential Families, and Variational Inference (Wainwright & Jordan,
    | 2008), section 3, https://doi.org/10.1561/2200000001

Shapes: X pixels, K natural parameters; `*` any leading dimensions.
"""

__all__ = ["Likelihood"]

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch
import torch.nn as nn

from torch import Tensor

from genlab.common.text import Title


class Likelihood(nn.Module, ABC):
    """A likelihood of images whose pixels are independent given z.

    A subclass writes the three parts of equation 1, `sample` and `mean`. All else has a default.
    Values have the type of the arguments: float64 images give a float64 statistic.
    """

    domain: ClassVar[Title] = Title("灰度值", "grey values")
    """The images that p(x) is a distribution of, for reports."""
    outputs: int = 1
    """Natural parameters a pixel: the decoder has K = `outputs` X outputs."""
    discrete: ClassVar[bool] = True
    """Whether p(x|z) is a probability; otherwise it is a density."""
    mean_function: ClassVar[Literal["sigmoid", "truncated_exponential", "identity"] | None] = None
    """The elementwise function that maps natural parameters to grey values of the mean image; None
    if it is another one. The explorer page decodes images with it."""
    product_dtype: ClassVar[torch.dtype] = torch.float64
    """The type in which T(x) . eta is computed for likelihoods that are reported. Where T is
    large, the difference of the first two terms of equation 1 cancels most of their digits."""

    @abstractmethod
    def statistic(self, x: Tensor) -> Tensor:
        """Returns T(x), `(*, K)`, of images `(*, X)`."""

    @abstractmethod
    def log_partition(self, eta: Tensor) -> Tensor:
        """Returns A(eta), `(*)`, of natural parameters `(*, K)`."""

    @abstractmethod
    def log_base(self, x: Tensor) -> Tensor:
        """Returns ln h(x), `(*)`, of images `(*, X)`."""

    @abstractmethod
    def mean(self, eta: Tensor) -> Tensor:
        """Returns the mean image E[x|z], `(*, X)`, given natural parameters `(*, K)`."""

    def with_mean(self, mean: Tensor) -> Tensor | None:
        """Returns natural parameters `(*, K)` that have the mean image `(*, X)`, in (0, 1).

        None if they are not known in general, as by default.
        """
        del mean
        return None

    @abstractmethod
    def sample(self, eta: Tensor) -> Tensor:
        """Draws images `(*, X)` given natural parameters `(*, K)`, from torch's own generator."""

    def log_prob(self, x: Tensor, eta: Tensor) -> Tensor:
        """Returns ln p(x|z) in nats, equation 1.

        Arguments:
            x: Images, with shape `(*, X)`.
            eta: Natural parameters, with shape `(*, K)`; broadcasts against `x`.

        Returns:
            With shape `(*)`.
        """
        product = (self.statistic(x) * eta).sum(-1)
        return product - self.log_partition(eta) + self.log_base(x)

    @torch.no_grad()
    def log_prob_(self, x: Tensor, eta: Tensor) -> Tensor:
        """Returns ln p(x|z) as `log_prob` does, without derivatives; may overwrite `eta`."""
        return self.log_prob(x, eta)

    def observe(self, grey: Tensor, random: torch.Generator) -> Tensor:
        """Returns the images x that the likelihood is of and the encoder sees.

        By default these are the grey values.

        Arguments:
            grey: Grey values in [0, 1], with shape `(*, X)`.
            random: Draws whatever is random, on the processor.
        """
        del random
        return grey

    def to_grey(self, x: Tensor) -> Tensor:
        """Returns images, or a mean image, as grey values in [0, 1]."""
        return x.clamp(0, 1)
