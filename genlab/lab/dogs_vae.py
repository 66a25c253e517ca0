"""The lab's further part: priors learned for a VAE of the dogs, and the images that each draws.

It is a comparison of priors like any other (`genlab vae compare --recipe pictures`), in the folder
`dogs-vae` of the lab, with the lab's dogs, seed and number of images, and its GAN beside them.
"""

__all__ = ["require_dogs", "run_dogs_vae"]

from pathlib import Path

from genlab.common.errors import InputError
from genlab.configs.compare import CompareConfig
from genlab.configs.fid import FEWEST
from genlab.figures.prior_pictures import show_comparison
from genlab.figures.style import drawn_languages
from genlab.runs.seal import DONE
from genlab.vae.compare import compare, require_trainable
from genlab.vae.splits import open_images


def require_dogs(config: CompareConfig) -> None:
    """Refuses images with which the comparison could not be made, before anything is trained.

    Raises:
        InputError: If there are too few, or they cannot be used.
    """
    images = open_images(config)
    if (left := len(images.train)) < FEWEST:
        raise InputError(
            f"{config.data}: {left} images to train on, some being set apart for tests; "
            f"--with dogs-vae needs at least {FEWEST}, better thousands"
        )
    try:
        require_trainable(config, images)
    except InputError as error:
        raise InputError(f"--with dogs-vae, {config.data}: {error}") from None


def run_dogs_vae(config: CompareConfig, folder: Path, inception: str | None = None) -> None:
    """Trains, measures and draws the comparison; what is finished is not repeated.

    Arguments:
        config: The comparison.
        folder: Its run directory.
        inception: Where FID Inception's weights are, as `LabConfig.inception` says.

    Raises:
        InputError: If the images cannot be used, or something in the folder is damaged.
    """
    if not (folder / DONE).exists():
        compare(config, folder)
    if (folder / "comparison.png").exists():
        return
    show_comparison(folder, open_images(config), inception, drawn_languages())
