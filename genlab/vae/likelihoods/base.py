r"""The interface of a likelihood p(x|z), and of those that are exponential families.

A likelihood is what the decoder's outputs, its parameters, make of an image. Most are exponential
families:

    ln p(x|z) = T(x) . eta(z) - A(eta(z)) + ln h(x)                                       (1)

    T     the sufficient statistic
    eta   the natural parameters: the decoder returns them, unbounded
    A     the log-partition function, ln of the sum (or integral) of h(x) e^(T(x) . eta) over x
    h     the base measure

Where many images meet many latent points, the first term is one product of matrices, and A is
computed once a point, ln h once an image. Exact quadrature and the objectives `pooled` and `exact`
are built on that, and are for exponential families alone.

References:
    | Graphical Models, Exponential Families, and Variational Inference (Wainwright & Jordan,
    | 2008), section 3, https://doi.org/10.1561/2200000001

Shapes: X values of an image, K parameters, B images, G latent points; `*` any leading dimensions.
"""

__all__ = ["ExponentialFamily", "Likelihood"]

import math

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

import torch
import torch.nn as nn

from torch import Tensor

from genlab.common.text import Title
from genlab.numerics.linear import linear


class Likelihood(nn.Module, ABC):
    """A likelihood of images given z.

    A subclass writes `log_prob`, `sample` and `mean`. All else has a default. Values have the type
    of the arguments.
    """

    domain: Title = Title("灰度值", "grey values")
    """The images that p(x) is a distribution of, for reports."""
    outputs: int = 1
    """Parameters a value of the image: the decoder has K = `outputs` X outputs."""
    draws_images: ClassVar[bool] = False
    """Whether `observe` draws an image anew from its grey values at every call."""
    discrete: ClassVar[bool] = True
    """Whether p(x|z) is a probability; otherwise it is a density."""
    reals: bool = False
    """Whether it is of rows of reals, as a table's, and not of grey values in [0, 1]."""
    mean_function: ClassVar[Literal["sigmoid", "truncated_exponential", "identity"] | None] = None
    """The elementwise function that maps parameters to grey values of the mean image; None if it
    is another one. The explorer page decodes images with it."""

    def width(self, shape: Sequence[int]) -> int:
        """Returns the number K of parameters of images of a shape, `(H, W)` or `(3, H, W)`."""
        return self.outputs * math.prod(shape)

    @abstractmethod
    def log_prob(self, x: Tensor, eta: Tensor) -> Tensor:
        """Returns ln p(x|z) in nats.

        Arguments:
            x: Images, with shape `(*, X)`.
            eta: Parameters, with shape `(*, K)`; broadcasts against `x`.

        Returns:
            With shape `(*)`.
        """

    @torch.no_grad()
    def log_prob_(self, x: Tensor, eta: Tensor) -> Tensor:
        """Returns ln p(x|z) as `log_prob` does, without derivatives; may overwrite `eta`."""
        return self.log_prob(x, eta)

    @torch.no_grad()
    def of_each(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        """Returns a function that says how probable every one of B images is at every point.

        Arguments:
            x: Images, with shape `(B, X)`.

        Returns:
            A map of parameters `(G, K)` to ln p(x|z), with shape `(G, B)`.
        """
        return lambda eta: torch.stack([self.log_prob(x, one) for one in eta])

    @abstractmethod
    def mean(self, eta: Tensor) -> Tensor:
        """Returns the mean image E[x|z], `(*, X)`, given parameters `(*, K)`."""

    def with_mean(self, mean: Tensor) -> Tensor | None:
        """Returns parameters `(*, K)` that have the mean image `(*, X)`, in (0, 1).

        None if they are not known in general, as by default.
        """
        del mean
        return None

    @abstractmethod
    def sample(self, eta: Tensor) -> Tensor:
        """Draws images `(*, X)` given parameters `(*, K)`, from torch's own generator."""

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


class ExponentialFamily(Likelihood):
    """A likelihood of equation 1, whose values are independent given z.

    A subclass writes the three parts of equation 1, `sample` and `mean`.
    """

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

    def log_prob(self, x: Tensor, eta: Tensor) -> Tensor:
        """Returns ln p(x|z) in nats, equation 1."""
        product = (self.statistic(x) * eta).sum(-1)
        return product - self.log_partition(eta) + self.log_base(x)

    @torch.no_grad()
    def of_each(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        """Returns the function of `Likelihood.of_each`: one product of matrices for all images."""
        exact = x.to(torch.promote_types(x.dtype, self.product_dtype))
        statistic, log_base = self.statistic(exact), self.log_base(exact)

        def log_prob(eta: Tensor) -> Tensor:
            eta = eta.to(statistic)
            return linear(eta, statistic) - self.log_partition(eta)[:, None] + log_base

        return log_prob
