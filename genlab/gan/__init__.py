"""GANs: designs, networks, losses, training, sampling.

    images = genlab.data.images("photographs/", 64)
    results = genlab.gan.fit(genlab.gan.Projected(), images, "runs/dogs")
    fakes = genlab.gan.sample("runs/dogs", 300, seed=1)      # uint8, (300, 3, 64, 64)
    found = genlab.gan.invert("runs/dogs", images.stack())   # the latents of the nearest images

`train_gan` does the same from a configuration. Each name is imported when it is first used: the
package itself loads no torch.
"""

__all__ = [
    "DESIGNS", "Choice", "Dcgan", "Design", "GanResults", "Projected", "Scratch", "fit",
    "invert", "load_generator", "sample", "train_gan",
]  # fmt: skip

from typing import TYPE_CHECKING

from genlab.common.lazy import lazy_names

if TYPE_CHECKING:
    from genlab.gan.designs import DESIGNS, Dcgan, Design, Projected, Scratch
    from genlab.gan.fitting import fit
    from genlab.gan.inversion import invert
    from genlab.gan.load import Choice, load_generator
    from genlab.gan.results import GanResults
    from genlab.gan.sampling import sample
    from genlab.gan.training.train import train_gan

__getattr__, __dir__ = lazy_names(__name__, {
    "DESIGNS": "designs",
    "Choice": "load",
    "Dcgan": "designs",
    "Design": "designs",
    "GanResults": "results",
    "Projected": "designs",
    "Scratch": "designs",
    "fit": "fitting",
    "invert": "inversion",
    "load_generator": "load",
    "sample": "sampling",
    "train_gan": "training.train",
})  # fmt: skip
