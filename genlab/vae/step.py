"""What one step of a VAE's training maximises, by the configuration's objective.

Shapes: B images, S draws, G lattice points, X pixels, D latent dimensions.
"""

__all__ = ["step_bound", "weight_of_omega"]

from functools import partial

import torch

from torch import Tensor

from genlab.configs.vae import TrainingConfig
from genlab.numerics.frozen import frozen
from genlab.vae import objectives
from genlab.vae.model import VAE, Terms
from genlab.vae.posteriors import Posterior


def weight_of_omega(config: TrainingConfig, epoch: int) -> float:
    """Returns beta in this epoch (from 0): it rises linearly over the warm-up."""
    return config.beta * min(1.0, (epoch + 1) / max(1, config.warmup))


def step_bound(
    config: TrainingConfig, model: VAE, x: Tensor, rows: Tensor, random: torch.Generator,
    epoch: int, codes: Posterior | None = None,
) -> tuple[Tensor, Terms | None]:
    """Returns what the step maximises, with shape `(B,)`, and the ELBO's terms if they are it.

    Arguments:
        config: Decides the objective.
        model: The VAE, on any device.
        x: Images, with shape `(B, X)`, on that device.
        rows: Their places among the training images, with shape `(B,)`, likewise.
        random: Draws all noise of this step, on the processor.
        epoch: The epoch, from 0.
        codes: q(z|x) of these images, where the prior alone is learned: ln p(z) of its draws is
            maximised.
    """
    noise = torch.randn(config.samples, len(x), model.latent, generator=random).to(x)
    log_prior = partial(model.prior.training_log_prob, rows=rows, random=random)
    if codes is not None:
        # A prior may encode images of its own, for whose way through the encoder no gradient
        # is needed.
        with frozen(model.encoder):
            return log_prior(codes.sample(noise)).mean(0), None
    if config.objective == "iwae":
        return objectives.iwae(model, x, noise, log_prior, config.gradient), None
    if config.objective == "pooled":
        return objectives.pooled(model, x, noise, log_prior), None
    if config.objective == "exact":
        return _exact(config, model, x, noise, random), None
    terms = model.terms(x, noise, log_prior)
    beta = weight_of_omega(config, epoch)
    return objectives.elbo(terms, beta, config.free_bits), terms


def _exact(
    config: TrainingConfig, model: VAE, x: Tensor, noise: Tensor, random: torch.Generator
) -> Tensor:
    """Returns ln p(x) by a lattice over the batch's codes, shifted at random at every step.

    The encoder is not in it: it follows by the ELBO of the decoder and prior as they are, which
    adds nothing to the value.
    """
    with torch.no_grad():
        q = model.posterior(x)
        reach = q.reach * q.log_std.exp()
        low, high = (q.mean - reach).amin(0), (q.mean + reach).amax(0)
        step = (high - low) / config.lattice
        line = torch.arange(config.lattice) + torch.rand(model.latent, 1, generator=random)
        axes = low[:, None] + step[:, None] * line.to(x)
        z = torch.cartesian_prod(*axes).view(-1, model.latent)
    prior = model.prior()
    value = objectives.exact(model, x, z, step.log().sum().item(), prior.log_prob)
    with frozen(model.decoder), frozen(model.prior), frozen(model.likelihood):
        bound = model.terms(x, noise).elbo
    return value + (bound - bound.detach())
