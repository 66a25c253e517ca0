"""Priors over the latent: one file and one row of `PRIORS` each.

A prior is a module whose `forward()` returns the `torch.distributions.Distribution` over z, with
event shape `(D,)`. The VAE calls `log_prob` and `sample`, whatever the prior is.

    prior = Mixture(2, components=64)
    p = prior()
    p.log_prob(p.sample((1000,)))
"""

from genlab.numerics.mkl_warmup import settle
from genlab.priors.base import Prior
from genlab.priors.diffusion import Diffusion
from genlab.priors.energy import Energy
from genlab.priors.exemplar import Exemplar
from genlab.priors.gtm import GTM
from genlab.priors.gtm_vamp import GTMVamp
from genlab.priors.lars import LARS
from genlab.priors.mixture import Mixture
from genlab.priors.realnvp import RealNVP
from genlab.priors.spline import Spline
from genlab.priors.standard import Standard
from genlab.priors.student import StudentT
from genlab.priors.vamp import VampPrior
from genlab.priors.vamp_mixture import VampMixture
from genlab.priors.zuko_flow import Zuko

settle()

PRIORS: dict[str, type[Prior]] = {
    "standard": Standard,
    "mixture": Mixture,
    "vamp": VampPrior,
    "vamp-mixture": VampMixture,
    "gtm": GTM,
    "gtm-vamp": GTMVamp,
    "realnvp": RealNVP,
    "spline": Spline,
    "student": StudentT,
    "exemplar": Exemplar,
    "lars": LARS,
    "energy": Energy,
    "diffusion": Diffusion,
    "zuko": Zuko,
}
"""The priors by their names on the command line. `genlab.configs.prior` reads this table, and the
constructors' keywords, from the source."""
