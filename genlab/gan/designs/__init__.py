"""Designs of GANs: one file and one row of `DESIGNS` each.

design = Projected(width=32)
images = design.generator(latent=128, size=64)(z)
"""

__all__ = ["DESIGNS", "Dcgan", "Design", "Projected", "Scratch"]

from genlab.gan.designs.base import Design
from genlab.gan.designs.dcgan import Dcgan
from genlab.gan.designs.projected import Projected
from genlab.gan.designs.scratch import Scratch

DESIGNS: dict[str, type[Design]] = {
    "projected": Projected,
    "scratch": Scratch,
    "dcgan": Dcgan,
}
"""The designs by their names in configurations. `genlab.configs.design` reads this table, and the
constructors' keywords, from the source."""
