"""Prices the bias of the importance-sampled likelihood, by annealing from both sides.

On few random test images the annealed estimate stands beside the importance-sampled one. What
error it has itself is measured on as many images that the model made, where it can also be run
backwards from an exact posterior draw: there the true value lies between the two, on average.
The chains start at the encoder's posterior; where that is a flow, at the Gaussian that has its
moments.

Shapes: C chains, B images, X pixels, D latent dimensions.
"""

__all__ = ["bracket"]

import torch

from torch import Tensor
from torch.distributions import Distribution, Normal

from genlab.common.progress import Progress
from genlab.common.rng import generator, seeded
from genlab.vae.evidence.annealing import anneal, forward_bound, reverse_bound, temperatures
from genlab.vae.model import VAE

CHAINS = 8
TEMPERATURES = 100


def bracket(
    model: VAE, prior: Distribution, x: Tensor, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the annealed ln p(x), and on simulated images the bounds from below and above.

    Arguments:
        model: The VAE.
        prior: Its prior, p(z).
        x: Images, with shape `(B, X)`.
        seed: Decides all draws.

    Returns:
        Three times `(B,)`, in nats, float64.
    """
    random = generator(seed, "annealing")
    with torch.no_grad(), seeded(seed, "simulated images"):
        z_true = prior.sample(torch.Size((len(x),)))
        made = model.likelihood.sample(model.decoder(z_true))
    with Progress(3 * TEMPERATURES, "annealing", "temperatures") as progress:

        def run(images: Tensor, start: Tensor | None) -> Tensor:
            """Runs the chains up from the encoder, or down from exact draws; returns ln w."""
            with torch.no_grad():
                mean, log_std = model.posterior(images).moments(generator(seed, "moments"))
            q, betas = Normal(mean, log_std.exp()), temperatures(TEMPERATURES)
            if start is None:
                noise = torch.randn(CHAINS, *mean.shape, generator=random)
                first = mean + log_std.exp() * noise
            else:
                first, betas = start.expand(CHAINS, -1, -1), betas.flip(0)

            def log_joint(z: Tensor) -> Tensor:
                return model.likelihood.log_prob(images, model.decoder(z)) + prior.log_prob(z)

            chains = anneal(
                lambda z: q.log_prob(z).sum(-1), log_joint, first, log_std.exp(), betas, random,
                progress.advance,
            )
            return chains.log_w

        return (
            forward_bound(run(x, None)),
            forward_bound(run(made, None)),
            reverse_bound(run(made, z_true)),
        )
