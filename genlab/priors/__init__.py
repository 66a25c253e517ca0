"""Priors over the latent: one file and one row of `PRIORS` each.

A prior is a module whose `forward()` returns the `torch.distributions.Distribution` over z, with
event shape `(D,)`. The VAE calls `log_prob` and `sample`, whatever the prior is.

    prior = Mixture(2, components=64)
    p = prior()
    p.log_prob(p.sample((1000,)))
"""

from genlab.numerics.mkl_warmup import settle
from genlab.priors.base import Prior as Prior
from genlab.priors.diffusion import Diffusion as Diffusion
from genlab.priors.energy import Energy as Energy
from genlab.priors.exemplar import Exemplar as Exemplar
from genlab.priors.full_gaussian import FullGaussian as FullGaussian
from genlab.priors.gtm import GTM as GTM
from genlab.priors.gtm_vamp import GTMVamp as GTMVamp
from genlab.priors.lars import LARS as LARS
from genlab.priors.mixture import Mixture as Mixture
from genlab.priors.realnvp import RealNVP as RealNVP
from genlab.priors.spline import Spline as Spline
from genlab.priors.standard import Standard as Standard
from genlab.priors.student import StudentT as StudentT
from genlab.priors.vamp import VampPrior as VampPrior
from genlab.priors.vamp_mixture import VampMixture as VampMixture
from genlab.priors.zuko_flow import Zuko as Zuko

settle()

PRIORS: dict[str, type[Prior]] = {
    "standard": Standard,
    "gaussian": FullGaussian,
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
__all__ = ["PRIORS", "Prior", *(prior.__name__ for prior in PRIORS.values())]  # pyright: ignore[reportUnsupportedDunderAll]
