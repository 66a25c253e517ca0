"""Fits a mixture to a trained VAE's codes, and begins a prior with it.

Expectation-maximisation sees all codes at once, and finds in seconds what gradients from a poor
start do not find at all. A `MixturePrior` takes the mixture as it is. A VampPrior is a mixture of
the encoder's posteriors, so it takes pseudo-inputs with the mixture's components for posteriors,

    u_k = argmin_u KL(q(z|u) || N(mu_k, diag(sigma_k^2)))

searched by gradients from the image whose code is nearest. Started from images alone its
components are as narrow as the posteriors of images, and with the encoder as it is none ever comes
to cover what lies between them.

Shapes: N images, K components, D latent dimensions.
"""

__all__ = ["begin_with_em"]

import math

import torch

from torch import Tensor

from genlab.common.progress import Progress
from genlab.common.rng import generator
from genlab.configs.vae import VaeConfig
from genlab.priors.em import fit_mixture
from genlab.priors.mixture import MixturePrior
from genlab.priors.vamp import VampPrior, image_logits
from genlab.priors.vamp_mixture import VampMixturePrior
from genlab.vae.model import VAE
from genlab.vae.splits import Splits

DRAWS = 50_000
"""The least draws that a mixture is fitted to; few digits give several each."""
STEPS, RATE = 500, 3e-2
"""Steps of Adam, and its first learning rate, from an image to its component."""


def begin_with_em(config: VaeConfig, model: VAE, splits: Splits) -> None:
    """Fits the model's prior to draws of the training digits' posteriors."""
    random, options, prior = generator(config.seed, "em"), config.prior_options, model.prior
    assert options.components is not None
    x = model.likelihood.observe(splits.train, random)
    with torch.no_grad():
        codes, log_std = model.encode(x)
        noise = torch.randn(math.ceil(DRAWS / len(codes)), *codes.shape, generator=random)
        z = (codes + log_std.exp() * noise).flatten(0, 1)
    if isinstance(prior, MixturePrior):
        assert options.covariance is not None
        fitted = fit_mixture(z, options.components, options.covariance, random)
        prior.set_(fitted.weights, fitted.mean, fitted.tril)
        return
    assert isinstance(prior, VampPrior)
    equal = not isinstance(prior, VampMixturePrior)
    fitted = fit_mixture(z, options.components, "diagonal", random, equal=equal)
    mean, std = fitted.mean.float(), fitted.tril.diagonal(dim1=-2, dim2=-1).float()
    nearest = torch.cdist(mean, codes).argmin(1)
    _match(prior, mean, std, x[nearest])
    if isinstance(prior, VampMixturePrior):
        with torch.no_grad():
            prior.logits.copy_(fitted.weights.log())


def _match(prior: VampPrior, mean: Tensor, std: Tensor, images: Tensor) -> None:
    """Moves the pseudo-inputs from images until their posteriors are the Gaussians given."""
    with torch.no_grad():
        prior.pseudo_logits.copy_(image_logits(images))
    adam = torch.optim.Adam([prior.pseudo_logits], lr=RATE)
    with Progress(STEPS, "pseudo-inputs", "steps") as progress:
        for step in range(STEPS):
            adam.param_groups[0]["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * step / STEPS))
            divergence = prior.divergences(mean, std).sum()
            adam.zero_grad()
            divergence.backward()
            adam.step()
            progress.advance(1, f"divergence {divergence.item() / len(mean):.4f}")
