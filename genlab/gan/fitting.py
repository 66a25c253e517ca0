r"""GANs of your own objects: trained into a run directory.

    images = genlab.data.images("photographs/", 64)
    results = fit(Scratch(), images, "runs/dogs", scratch("photographs/", epochs=20))
    fakes = sample("runs/dogs", 300, seed=1)          # uint8, (300, 3, 64, 64)

The command `genlab gan train` does the same from names. Here the design may be a class that
genlab does not know; whoever draws from such a run gives the object again.
"""

__all__ = ["fit"]

from dataclasses import replace
from pathlib import Path
from typing import Literal

from genlab.compute.hardware import resolve_hardware
from genlab.configs.gan import GanConfig
from genlab.configs.hardware import HardwareConfig
from genlab.data.image_set import in_memory
from genlab.data.pictures import Pictures
from genlab.gan.designs import Design
from genlab.gan.results import GanResults
from genlab.gan.training.train import train_gan_on


def fit(
    design: Design, images: Pictures, out: str | Path, config: GanConfig | None = None, *,
    device: Literal["auto", "cpu", "cuda"] = "auto",
) -> GanResults:
    """Trains a GAN into a run directory, or goes on there.

    A run that was stopped and is started again ends with the same weights, bit for bit on the
    processor of one machine.

    Arguments:
        design: The networks and losses.
        images: The images, of one size, as `genlab.data.images(source, size)` opens them.
        out: The run directory.
        config: How it is trained; the defaults if not given. The images, their size and the
            design are those given above, whatever the configuration says.
        device: Where it trains: "auto", "cpu" or "cuda".

    Returns:
        What was trained, how long it took, and what was noticed.

    Raises:
        InputError: If the images are of many sizes or not of 32, 64, 128, 256 or 512 pixels, `out`
            holds something else or was begun with other settings, or another process trains there.
        TrainingError: If numbers are not finite, or the generator collapses, again after three
            attempts with halved learning rates; the last good state stays. Its `quantity` and
            `step` say what, and where.

    Example:
        >>> import tempfile
        >>> from dataclasses import replace
        >>> import torch
        >>> import genlab
        >>> from genlab.configs.gan import scratch
        >>> pixels = torch.randint(0, 256, (16, 3, 64, 64), dtype=torch.uint8)
        >>> images = genlab.data.images(pixels)
        >>> design = genlab.gan.Scratch(width=1, discriminator_width=1)
        >>> config = replace(scratch("noise", epochs=1), measure_every=0)
        >>> with tempfile.TemporaryDirectory() as out:
        ...     results = genlab.gan.fit(design, images, out + "/run", config)
        ...     fakes = genlab.gan.sample(out + "/run", 4, seed=1)
        >>> results.images, tuple(fakes.shape)
        (16, (4, 3, 64, 64))
    """
    whole = in_memory(images)
    config = replace(
        config or GanConfig(data=whole.identity.source), data=whole.identity.source,
        size=whole.images.shape[-1], images=None,
    )
    return train_gan_on(whole, config, Path(out), resolve_hardware(HardwareConfig(device=device)),
                        design)
