"""Variational auto-encoders: built of objects, trained, measured, compared.

    vae = VAE.perceptron(784, 2, genlab.priors.Mixture(2), Bernoulli())
    results = fit(vae, genlab.data.splits("mnist"), "runs/mixture")

Each name is imported when it is first used: the package itself loads no torch.
"""

__all__ = [
    "VAE",
    "Bernoulli",
    "Binomial",
    "ContinuousBernoulli",
    "DiscretisedLogistic",
    "ExponentialFamily",
    "Gaussian",
    "Likelihood",
    "LogisticMixture",
    "Measurement",
    "fit",
    "load_vae",
    "load_weights",
    "train_vae",
]

from typing import TYPE_CHECKING

from genlab.common.lazy import lazy_names

if TYPE_CHECKING:
    from genlab.vae.fitting import fit, load_weights
    from genlab.vae.likelihoods import (
        Bernoulli,
        Binomial,
        ContinuousBernoulli,
        DiscretisedLogistic,
        ExponentialFamily,
        Gaussian,
        Likelihood,
        LogisticMixture,
    )
    from genlab.vae.load import load_vae
    from genlab.vae.model import VAE
    from genlab.vae.results import Measurement
    from genlab.vae.train import train_vae

__getattr__, __dir__ = lazy_names(__name__, {
    "VAE": "model",
    "Bernoulli": "likelihoods",
    "Binomial": "likelihoods",
    "ContinuousBernoulli": "likelihoods",
    "DiscretisedLogistic": "likelihoods",
    "ExponentialFamily": "likelihoods",
    "Gaussian": "likelihoods",
    "Likelihood": "likelihoods",
    "LogisticMixture": "likelihoods",
    "Measurement": "results",
    "fit": "fitting",
    "load_weights": "fitting",
    "load_vae": "load",
    "train_vae": "train",
})  # fmt: skip
