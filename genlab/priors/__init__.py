"""Priors over the latent: one a file, one row in `PRIORS`.

A prior is a module whose `forward()` returns the `torch.distributions.Distribution` over z, with
event shape `(D,)`. Whoever uses it calls `log_prob` and `sample` and never asks which it is.
"""

__all__ = ["PRIORS", "Prior", "Setting"]

from collections.abc import Callable

from genlab.numerics.mkl_warmup import settle
from genlab.priors.base import Prior, Setting
from genlab.priors.diffusion import DiffusionPrior
from genlab.priors.energy import EnergyPrior
from genlab.priors.exemplar import ExemplarPrior
from genlab.priors.gtm import GTMPrior
from genlab.priors.gtm_vamp import GTMVampPrior
from genlab.priors.lars import LarsPrior
from genlab.priors.mixture import MixturePrior
from genlab.priors.realnvp import RealNVPPrior
from genlab.priors.spline import SplinePrior
from genlab.priors.standard import StandardPrior
from genlab.priors.student import StudentPrior
from genlab.priors.vamp import VampPrior
from genlab.priors.vamp_mixture import VampMixturePrior
from genlab.priors.zuko_flow import ZukoPrior

settle()

PRIORS: dict[str, Callable[[Setting], Prior]] = {
    "standard": StandardPrior.build,
    "mixture": MixturePrior.build,
    "vamp": VampPrior.build,
    "vamp-mixture": VampMixturePrior.build,
    "gtm": GTMPrior.build,
    "gtm-vamp": GTMVampPrior.build,
    "realnvp": RealNVPPrior.build,
    "spline": SplinePrior.build,
    "student": StudentPrior.build,
    "exemplar": ExemplarPrior.build,
    "lars": LarsPrior.build,
    "energy": EnergyPrior.build,
    "diffusion": DiffusionPrior.build,
    "zuko": ZukoPrior.build,
}
"""How each prior is built. Its options and their defaults stand in `genlab.configs.prior`."""
