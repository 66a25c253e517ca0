"""A design's networks with their first weights, which follow from the configuration's seed."""

__all__ = ["build_design", "build_discriminator", "build_generator", "config_with"]

from dataclasses import replace

from torch import Tensor, nn

from genlab.common.errors import InputError
from genlab.common.rng import seeded
from genlab.configs.design import DESIGN_SIGNATURES
from genlab.configs.gan import GanConfig
from genlab.gan.designs import DESIGNS, Design


def build_design(config: GanConfig) -> Design:
    """Builds the design that a configuration names.

    Raises:
        InputError: If it is none of `DESIGNS`, or one of its options is out of range.
    """
    if config.design not in DESIGNS:
        raise InputError(
            f"`design` {config.design!r} is none of genlab's ({', '.join(DESIGNS)}); give the "
            "object itself"
        )
    with DESIGN_SIGNATURES.prefixed():
        return DESIGNS[config.design](**config.design_options)


def config_with(config: GanConfig, design: Design) -> GanConfig:
    """Returns the configuration with a design's name, and its options if it is genlab's own."""
    for name, kind in DESIGNS.items():
        if type(design) is kind:
            options = {key: getattr(design, key) for key in DESIGN_SIGNATURES.rows[name]}
            return replace(config, design=name, design_options=options)
    return replace(config, design=type(design).__name__, design_options={})


def build_generator(config: GanConfig, design: Design, classes: int = 0) -> nn.Module:
    """Builds the generator, conditional if there are K classes."""
    with seeded(config.seed, "generator"):
        if classes:
            return design.conditional_generator(config.latent, config.size, classes)
        return design.generator(config.latent, config.size)


def build_discriminator(
    config: GanConfig, design: Design, classes: int = 0
) -> tuple[nn.Module | None, nn.Module]:
    """Builds the discriminator, conditional if there are K classes.

    Returns:
        The frozen projection, images to views, or None; and the trained part, views (and labels)
        to a list of scores `(B, P)`, one tensor a head.
    """
    with seeded(config.seed, "projection"):
        projection = design.projection(config.size)
    with seeded(config.seed, "discriminator"):
        if classes:
            trained = design.conditional_discriminator(config.size, classes)
        else:
            trained = design.discriminator(config.size)
    return projection, trained if projection else SingleHead(trained)


class SingleHead(nn.Module):
    """A discriminator of images as one head on one view, the images."""

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, views: list[Tensor], *labels: Tensor) -> list[Tensor]:
        """Returns the scores of the one view, in a list."""
        (images,) = views
        return [self.discriminator(images, *labels).reshape(len(images), -1)]
