"""The interface of a GAN's design: its two networks, their losses, and how they are trained.

Shapes: B batch, Z latent dimensions, S pixels a side, P places that a head scores, K classes.
"""

__all__ = ["Design", "Equation", "Paragraph"]

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

from torch import nn

from genlab.common.errors import InputError
from genlab.common.text import Title
from genlab.gan.losses import NON_SATURATING, Losses
from genlab.gan.networks.conditional import ClassGenerator, ClassScorer, Scorer


class Paragraph(NamedTuple):
    """A paragraph of a description in both languages.

    `[@key]` cites a work (the keys are those of the report), `{name}` is a number of the run:
    `latent`, `size`, or a key of `Design.numbers`.
    """

    zh: str
    en: str


class Equation(NamedTuple):
    """A display equation of a description, in LaTeX."""

    tex: str


class Design(ABC):
    """A GAN's design.

    A design is written as a subclass with two methods, `generator` and `discriminator`. All else
    has a default here. Its constructor has a default for every argument.

        class Small(Design):
            def generator(self, latent, size):
                return MyGenerator(latent, size)     # latents (B, Z) to images (B, 3, S, S)

            def discriminator(self, size):
                return MyDiscriminator(size)         # images to scores (B, P)
    """

    title: ClassVar[Title]
    """The design's name in reports; that of the class if not given."""
    description: ClassVar[tuple[Paragraph | Equation, ...]] = ()
    """A report's text on networks and losses."""
    pretrained: ClassVar[str | None] = None
    """The pretrained network that the discriminator's input comes from."""
    losses: ClassVar[Losses] = NON_SATURATING
    betas: ClassVar[tuple[float, float]] = (0.5, 0.999)
    """Adam's decay rates."""
    joint_batches: ClassVar[bool] = True
    """Whether the discriminator gets reals and fakes as one batch. One with batch-norm must get
    them apart."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "title" not in vars(cls):
            cls.title = Title(cls.__name__, cls.__name__)

    @abstractmethod
    def generator(self, latent: int, size: int) -> nn.Module:
        """Builds the generator: latents `(B, Z)` to images `(B, 3, S, S)` in [-1, 1].

        Arguments:
            latent: The number of latent dimensions Z.
            size: The side S of the images in pixels.
        """

    @abstractmethod
    def discriminator(self, size: int) -> nn.Module:
        """Builds the discriminator: images `(B, 3, S, S)` in [-1, 1] to scores `(B, P)`.

        Behind a projection it maps the views to a list of scores, one tensor a head.

        Arguments:
            size: The side S of the images in pixels.
        """

    def projection(self, size: int) -> nn.Module | None:
        """Builds the frozen network that maps images to the discriminator's input.

        It returns views, a list of tensors with B rows; None if the discriminator sees the images.
        """
        del size

    def conditional_generator(self, latent: int, size: int, classes: int) -> nn.Module:
        """Builds the generator of K classes: latents and labels `(B,)` to images."""
        return ClassGenerator(self.generator(latent, size), latent, classes)

    def conditional_discriminator(self, size: int, classes: int) -> nn.Module:
        """Builds the discriminator of K classes: images (or views) and labels to scores.

        Raises:
            InputError: If the discriminator cannot be conditioned on classes.
        """
        discriminator = self.discriminator(size)
        if not isinstance(discriminator, Scorer):
            raise InputError(
                f"`classes`: the discriminator of {type(self).__name__} cannot be conditioned on "
                "them; it needs a method features(images) and a linear layer score"
            )
        return ClassScorer(discriminator, classes)

    def r1_weight(self, step: int, size: int) -> float:
        """Returns the weight of the mean ||grad D||^2 in a step's loss; 0: it is not computed."""
        del step, size
        return 0.0

    def numbers(self, size: int) -> dict[str, float]:
        """Returns the numbers that `description` has in braces, for images of side S."""
        del size
        return {}
