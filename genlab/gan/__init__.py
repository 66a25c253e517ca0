"""GANs: designs, training in a run directory, sampling from it.

A design is the networks of a GAN and their losses. `Projected`, `Scratch` and `Dcgan` are here;
others are written as subclasses of `Design`. Each name is imported when it is first used: the
package itself loads no torch.
"""

__all__ = ["HINGE", "NON_SATURATING", "Dcgan", "Design", "Losses", "Projected", "Scratch"]

from typing import TYPE_CHECKING

from genlab.common.lazy import lazy_names

if TYPE_CHECKING:
    from genlab.gan.designs import Dcgan, Design, Projected, Scratch
    from genlab.gan.losses import HINGE, NON_SATURATING, Losses

__getattr__, __dir__ = lazy_names(__name__, {
    "HINGE": "losses",
    "NON_SATURATING": "losses",
    "Dcgan": "designs",
    "Design": "designs",
    "Losses": "losses",
    "Projected": "designs",
    "Scratch": "designs",
})
