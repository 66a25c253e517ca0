"""Fits a prior to the codes of a trained VAE by expectation-maximisation.

Expectation-maximisation uses all codes at once, and finds in seconds what gradients from a poor
start do not find at all.

Shapes: N images, D latent dimensions.
"""

__all__ = ["fit_prior_by_em"]

import math

import torch

from genlab.common.rng import generator
from genlab.configs.prior import PRIOR_SIGNATURES
from genlab.configs.vae import VaeConfig
from genlab.vae.divergence import refuse_codes, refuse_model
from genlab.vae.model import VAE
from genlab.vae.splits import Splits

DRAWS = 50_000
"""The least number of codes that a prior is fitted to; few images give several each."""
NUMBERS = 3_200_000
"""Fewer codes, but one of each image, in so many dimensions that these would have more numbers."""


def fit_prior_by_em(config: VaeConfig, model: VAE, splits: Splits) -> bool:
    """Fits the model's prior to draws of the training digits' posteriors.

    Returns:
        Whether the fit has converged, so that no training by gradients follows.

    Raises:
        TrainingError: If the digits' codes, or the fitted prior, are not finite.
    """
    random = generator(config.seed, "em")
    x = model.likelihood.observe(splits.train, random)
    with torch.no_grad():
        q = model.posterior(x)
        refuse_codes(q.mean, q.log_std)
        draws = min(DRAWS, NUMBERS // q.mean.shape[1])
        each = max(1, math.ceil(draws / len(q)))
        noise = torch.randn(each, *q.mean.shape, generator=random)
        z = q.sample(noise).flatten(0, 1)
    with PRIOR_SIGNATURES.prefixed():
        converged = model.prior.fit_em(z, q.centre, x, random)
    refuse_model(model, "after expectation-maximisation", 0)
    return converged
