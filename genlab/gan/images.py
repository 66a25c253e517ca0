"""The images that a GAN learns from, as its configuration says."""

__all__ = ["training_images"]

from genlab.configs.gan import GanConfig
from genlab.data.image_set import ImageSet, load_images


def training_images(config: GanConfig, source: str | None = None) -> ImageSet:
    """Loads the images of a configuration, those that are held out among them.

    Arguments:
        config: The configuration.
        source: Where the same images are on this machine, if not at `config.data`.

    Raises:
        InputError: As of `load_images`.
    """
    return load_images(
        config.data if source is None else source, config.size, config.images, config.crop,
        config.keep,
    )
