"""Likelihoods p(x|z): one file and one row of `LIKELIHOODS` each.

The decoder returns the parameters of a likelihood; most are exponential families.

    likelihood = Binomial(trials=255)
    x = likelihood.observe(grey, random)
    likelihood.log_prob(x, decoder(z))
"""

from genlab.numerics.mkl_warmup import settle
from genlab.vae.likelihoods.base import ExponentialFamily as ExponentialFamily
from genlab.vae.likelihoods.base import Likelihood as Likelihood
from genlab.vae.likelihoods.bernoulli import Bernoulli as Bernoulli
from genlab.vae.likelihoods.binomial import Binomial as Binomial
from genlab.vae.likelihoods.continuous_bernoulli import ContinuousBernoulli as ContinuousBernoulli
from genlab.vae.likelihoods.gaussian import Gaussian as Gaussian
from genlab.vae.likelihoods.logistic import DiscretisedLogistic as DiscretisedLogistic
from genlab.vae.likelihoods.logistic_mixture import LogisticMixture as LogisticMixture

settle()

LIKELIHOODS: dict[str, type[Likelihood]] = {
    "bernoulli": Bernoulli,
    "binomial": Binomial,
    "continuous-bernoulli": ContinuousBernoulli,
    "gaussian": Gaussian,
    "logistic": DiscretisedLogistic,
    "logistic-mixture": LogisticMixture,
}
"""The likelihoods by their names on the command line. `genlab.configs.likelihood` reads this
table, and the constructors' keywords, from the source."""
