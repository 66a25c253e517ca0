"""genlab: a library of small deep generative models whose numbers come with their errors.

    digits = genlab.data.splits("mnist")
    vae = genlab.VAE.perceptron(784, 2, genlab.priors.Mixture(2), genlab.Bernoulli())
    results = genlab.vae.fit(vae, digits, "runs/mixture")
    genlab.metrics.frechet(x, y)
    genlab.Run("runs/mixture")

Packages and names are imported when they are first used: `import genlab` itself loads no torch.
"""

__all__ = [
    "VAE",
    "Bernoulli",
    "Binomial",
    "ContinuousBernoulli",
    "Decoder",
    "DiscretisedLogistic",
    "Encoder",
    "Gaussian",
    "LogisticMixture",
    "Run",
    "__version__",
    "configs",
    "conformance",
    "data",
    "export",
    "features",
    "fid",
    "gan",
    "metrics",
    "priors",
    "vae",
]

from typing import TYPE_CHECKING

from genlab.common.lazy import lazy_names
from genlab.common.version import __version__

if TYPE_CHECKING:
    from genlab import configs, conformance, data, export, features, fid, gan, metrics, priors, vae
    from genlab.networks.mlp import Decoder, Encoder
    from genlab.notebook.run import Run
    from genlab.vae.likelihoods import (
        Bernoulli,
        Binomial,
        ContinuousBernoulli,
        DiscretisedLogistic,
        Gaussian,
        LogisticMixture,
    )
    from genlab.vae.model import VAE

__getattr__, __dir__ = lazy_names(__name__, {
    "VAE": "vae.model",
    "Bernoulli": "vae.likelihoods",
    "Binomial": "vae.likelihoods",
    "ContinuousBernoulli": "vae.likelihoods",
    "Decoder": "networks.mlp",
    "DiscretisedLogistic": "vae.likelihoods",
    "Encoder": "networks.mlp",
    "Gaussian": "vae.likelihoods",
    "LogisticMixture": "vae.likelihoods",
    "Run": "notebook.run",
    "configs": "configs",
    "conformance": "conformance",
    "data": "data",
    "export": "export",
    "features": "features",
    "fid": "fid",
    "gan": "gan",
    "metrics": "metrics",
    "priors": "priors",
    "vae": "vae",
})  # fmt: skip
