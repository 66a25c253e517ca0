"""The interface of a prior: a module that returns a distribution over the latent.

Shapes: N images, B batch, K components, X pixels, D latent dimensions; `*` any leading dimensions.
"""

__all__ = ["Encode", "EncoderPrior", "Prior"]

import math

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
import torch.nn as nn

from torch import Tensor
from torch.distributions import Distribution

from genlab.common.errors import InputError
from genlab.common.text import Title
from genlab.priors.gaussian import GaussianMixture

Encode = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Images `(B, X)` to the mean and the log standard deviation of q(z|x), each `(B, D)`."""


class Prior(nn.Module, ABC):
    """A prior over the latent.

    A prior is written as a subclass with one method, `forward`, and a constructor that takes the
    number of latent dimensions first and has a default for everything else. All else has a
    default here.
    """

    title: ClassVar[Title]
    """The prior's name in figures, pages and reports; that of the class if not given."""
    expensive: ClassVar[bool] = False
    """ln p(z) is expensive to evaluate: measurements evaluate it at few points."""
    fitted_by_em: ClassVar[bool] = False
    """Expectation-maximisation can fit it to given codes, by `fit_em`."""
    leaves_out_self: ClassVar[bool] = False
    """In training, the density at an image's codes depends on the image, which is left out."""
    trains_on_bound: ClassVar[bool] = False
    """In training, a random bound takes the place of ln p(z)."""
    bounded: bool = False
    """`log_prob` is an unbiased estimate of a lower bound of ln p(z). Its means over points are
    estimates of a lower bound too, but a mean of exp(log_prob) is no estimate of anything: there
    is no likelihood by importance sampling."""
    examples: int = 0
    """The number of training images that `initialise` needs."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "title" not in vars(cls):
            cls.title = Title(cls.__name__, cls.__name__)

    @abstractmethod
    def forward(self) -> Distribution:
        """Returns p(z), with event shape `(D,)`: `log_prob` and `sample`.

        `log_prob` is ln p(z) in nats, exact unless the prior is `bounded`.
        """

    def place(self, shape: tuple[int, int, int]) -> None:
        """Receives the shape of the latent, channels, height and width, where that is a map.

        A VAE calls it once, when it is built, before `attach`. A prior whose networks can make use
        of the places of the map has them made for it here; for most, z is a vector.

        Arguments:
            shape: Channels, height and width, whose product is D.
        """
        del shape

    def attach(self, encode: Encode, pixels: int) -> None:
        """Receives the encoder of the VAE that this is the prior of.

        A VAE calls it once, when it is built. Parameters whose shapes depend on the images are
        made here. Most priors do not need it.

        Arguments:
            encode: The encoder, as a function and not as a module: its weights stay the VAE's.
            pixels: The number of pixels X.
        """
        del encode, pixels

    def hold_encoder(self) -> None:  # noqa: B027 - few priors have anything to keep
        """Is told that neither the encoder nor any image of the prior's own changes any more.

        What follows from these alone is then computed once.
        """

    def initialise(self, examples: Tensor, rows: Tensor) -> None:
        """Takes starting values from training images. Most priors do not need it.

        Arguments:
            examples: Grey training images in [0, 1], `self.examples` of them or, where there are
                not so many, all, with shape `(N, X)`.
            rows: Their row numbers among the training images, with shape `(N,)`, int64.
        """
        del examples, rows

    @property
    def has_guide(self) -> bool:
        """Whether draws can be guided (`guided`)."""
        return False

    def guided(self, weight: float) -> Distribution:
        """Returns the distribution of draws that a guide sharpens, with event shape `(D,)`.

        Arguments:
            weight: How far they go from the guide; 0 for p(z) itself.

        Raises:
            InputError: If `weight` is below 0 or infinite, or the prior has no guide.
        """
        if not 0 <= weight < math.inf:
            raise InputError(f"`guidance` must be a number of 0 or above, not {weight}")
        return self.away_from_guide(weight) if weight else self()

    def away_from_guide(self, weight: float) -> Distribution:
        """Returns the distribution of `guided` with a weight above 0.

        Raises:
            InputError: If the prior has no guide.
        """
        raise InputError(
            f"`guidance` {weight}: needs a prior that has learned with a guide, a diffusion on a "
            f"latent map of many dimensions, and this is {self.title.en}"
        )

    def fit_em(self, z: Tensor, means: Tensor, images: Tensor, random: torch.Generator) -> bool:
        """Fits the prior to codes by expectation-maximisation, if it is `fitted_by_em`.

        Arguments:
            z: Draws of q(z|x) of training images, with shape `(M, D)`.
            means: The means of q(z|x), with shape `(N, D)`.
            images: These images, with shape `(N, X)`.
            random: Draws the starts.

        Returns:
            Whether it has converged, so that no training by gradients follows.
        """
        del z, means, images, random
        raise NotImplementedError(f"{type(self).__name__} is not fitted by EM")

    def training_log_prob(self, z: Tensor, rows: Tensor, random: torch.Generator) -> Tensor:
        """Returns what training maximises in place of ln p(z): for most priors ln p(z) itself.

        Arguments:
            z: Codes of the batch's images, with shape `(*, B, D)`.
            rows: Row numbers of the batch's images among the training images, with shape `(B,)`,
                int64.
            random: Draws whatever noise is needed.

        Returns:
            In nats, with shape `(*, B)`.
        """
        del rows, random
        return self().log_prob(z)

    def diagnostics(self, z: Tensor, random: torch.Generator) -> dict[str, float | None]:
        """Returns numbers that tell what the prior is at codes.

        A mixture of Gaussians tells how many components it has and how many of them are dead.

        Arguments:
            z: Codes, with shape `(N, D)`.
            random: Draws whatever noise is needed.
        """
        del random
        p = self()
        if not isinstance(p, GaussianMixture):
            return {}
        return {"components": float(len(p.means)), "dead_components": float(p.dead(z))}


class EncoderPrior(Prior):
    """A prior that consists of the encoder's posteriors at certain images.

    Arguments:
        latent: The number of latent dimensions D, which must be the encoder's.
    """

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.latent = latent
        self._encode: Encode | None = None

    @property
    def encode(self) -> Encode:
        """The encoder.

        Raises:
            RuntimeError: If the prior has none yet.
        """
        if self._encode is None:
            raise RuntimeError(
                f"{type(self).__name__} has no encoder yet: build a VAE with it, or call `attach`"
            )
        return self._encode

    def attach(self, encode: Encode, pixels: int) -> None:
        """Receives the encoder.

        Raises:
            TypeError: If it is a module: its weights would be registered here a second time.
        """
        del pixels
        if isinstance(encode, nn.Module):
            raise TypeError("`encode` must be a function, say encoder.forward, and not a module")
        self._encode = encode
