r"""Where the bound loses: what the family of posteriors costs, and what the encoder costs.

    ln p(x) - ELBO[q] = KL(q(z|x) || p(z|x))                        the inference gap
                      = (ln p(x) - ELBO[q*]) + (ELBO[q*] - ELBO[q])
                         approximation gap      amortisation gap

with q* the best diagonal Gaussian for this one image (Cremer et al., 2018). q* is found by
gradient ascent from the encoder's q, so the first gap is an upper bound and the second a lower.

Where q is a flow, q* still is the best Gaussian, sought from the one with q's moments: the first
gap is what Gaussians would lose under this decoder, and the second is negative where q is better
than all of them.

References:
    | Inference Suboptimality in Variational Autoencoders (Cremer et al., 2018), section 3,
    | https://arxiv.org/abs/1801.03558

Shapes: B images, S draws, X pixels, D latent dimensions.
"""

__all__ = ["best_gaussian_elbo"]

import torch

from torch import Tensor
from torch.distributions import Distribution

from genlab.vae.model import VAE
from genlab.vae.posteriors import GaussianPosterior, gaussian_entropy

STEPS = 100
DRAWS = 8
"""Draws a step, in antithetic pairs."""
RATE = 0.1
"""Adam's rate, in units of the encoder's standard deviation; it falls linearly to nothing."""
FINAL_DRAWS = 200


def best_gaussian_elbo(model: VAE, prior: Distribution, x: Tensor, random: torch.Generator) -> (
    tuple[Tensor, Tensor]
):
    """Returns the ELBO of the encoder's q and of q*, on equal noise, each with shape `(B,)`.

    Arguments:
        model: The VAE; its weights are left alone.
        prior: Its prior.
        x: Images, with shape `(B, X)`.
        random: Draws the noise.
    """
    with torch.no_grad():
        q = model.posterior(x)
        mean, log_std = q.moments(random)
    shift = torch.zeros_like(mean, requires_grad=True)  # in standard deviations of the encoder
    log_scale = torch.zeros_like(mean, requires_grad=True)
    optimiser = torch.optim.Adam([shift, log_scale], lr=RATE)

    def elbo(noise: Tensor) -> Tensor:
        std = (log_std + log_scale).exp()
        z = mean + log_std.exp() * shift + std * noise
        values = model.likelihood.log_prob(x, model.decoder(z)) + prior.log_prob(z)
        return values.mean(0) + gaussian_entropy(log_std + log_scale)

    for step in range(STEPS):
        half = torch.randn(DRAWS // 2, *mean.shape, generator=random)
        loss = -elbo(torch.cat([half, -half])).sum()
        shift.grad, log_scale.grad = torch.autograd.grad(loss, [shift, log_scale])
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 - step / STEPS)
        optimiser.step()
    noise = torch.randn(FINAL_DRAWS, *mean.shape, generator=random)
    with torch.no_grad():
        best = torch.stack([elbo(part).double() for part in noise.split(20)]).mean(0)
        shift.zero_()
        log_scale.zero_()
        start = torch.stack([elbo(part).double() for part in noise.split(20)]).mean(0)
    # Where the ascent found nothing better, the Gaussian it began with is the best that is known.
    best = torch.maximum(start, best)
    if isinstance(q, GaussianPosterior):
        return start, best
    with torch.no_grad():
        terms = [model.terms(x, part, prior.log_prob).elbo.double() for part in noise.split(20)]
    return torch.stack(terms).mean(0), best
