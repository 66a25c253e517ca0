"""GANs: designs, networks, losses, training, sampling.

    from genlab.configs.gan import scratch
    design, out = MyDesign(), Path("runs/dogs")
    results = train_gan(scratch("photographs/"), out, design=design)
    generator = load_generator(out, design=design)

Each name is imported when it is first used: the package itself loads no torch.
"""

__all__ = [
    "DESIGNS", "Dcgan", "Design", "Projected", "Scratch", "load_generator", "train_gan",
    "train_gan_on",
]  # fmt: skip

from typing import TYPE_CHECKING

from genlab.common.lazy import lazy_names

if TYPE_CHECKING:
    from genlab.gan.designs import DESIGNS, Dcgan, Design, Projected, Scratch
    from genlab.gan.load import load_generator
    from genlab.gan.training.train import train_gan, train_gan_on

__getattr__, __dir__ = lazy_names(__name__, {
    "DESIGNS": "designs",
    "Dcgan": "designs",
    "Design": "designs",
    "Projected": "designs",
    "Scratch": "designs",
    "load_generator": "load",
    "train_gan": "training.train",
    "train_gan_on": "training.train",
})  # fmt: skip
