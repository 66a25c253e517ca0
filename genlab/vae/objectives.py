r"""What a VAE is trained on: lower bounds or values of ln p(x), one value an image.

With S draws z_s = mu + sigma eps_s and weights w_s = p(x|z_s) p(z_s) / q(z_s|x):

    elbo     1/S sum_s [ln p(x|z_s) + beta (ln p(z_s) - ln q(z_s|x))]                     (1)
    iwae     ln 1/S sum_s w_s  >= elbo, = elbo for S = 1                                  (2)
    pooled   ln sum_j p(x_i|z_j) p(z_j) / (S sum_k q(z_j|x_k)), the draws of a whole batch (3)
    exact    ln sum_g h^D p(z_g) p(x|z_g), a lattice over the latent line or plane        (4)

In (3) every image is weighed at every draw z_j of the batch, S from each q(z|x_k): importance
sampling from their mixture, stratified, with the balance heuristic. Decoding is what costs, and
each draw is decoded once, so B S weights an image come at the price of S. In few dimensions they
find places where an image has its posterior and its own q has not. The encoder learns to cover
the posterior, sum_j v_ij grad ln q(z_j|x_i) with v_i = softmax_j of ln of the terms of (3): the
wake phase of reweighted wake-sleep. As it covers all of it, its ELBO is a poor bound.

The gradient of (2) has three estimators, with the same expectation for all but the encoder's
distribution, where they differ in noise:

    plain    the derivative as it stands
    stl      without the score d ln q(z_s|x) / d phi at fixed z_s, whose mean is zero for S = 1
             (Roeder et al., 2017: "sticking the landing"; for S > 1 it is biased)
    dreg     sum_s v_s^2 (d ln w_s / dz_s) (dz_s / d phi), with v = w / sum w: unbiased, and of
             no variance where q is the true posterior (Tucker et al., 2019, equation 8)

References:
    | beta-VAE (Higgins et al., 2017), https://openreview.net/forum?id=Sy2fzU9gl
    | Improved Variational Inference with Inverse Autoregressive Flow (Kingma et al., 2016),
    | section 8.1: free bits, https://arxiv.org/abs/1606.04934
    | Importance Weighted Autoencoders (Burda et al., 2016), https://arxiv.org/abs/1509.00519
    | Sticking the Landing (Roeder et al., 2017), https://arxiv.org/abs/1703.09194
    | Optimally Combining Sampling Techniques for Monte Carlo Rendering (Veach & Guibas, 1995),
    | section 3: the balance heuristic, https://doi.org/10.1145/218380.218498
    | Reweighted Wake-Sleep (Bornschein & Bengio, 2015), equation 10
    | https://arxiv.org/abs/1406.2751
    | Doubly Reparameterized Gradient Estimators (Tucker et al., 2019),
    | https://arxiv.org/abs/1810.04152

Shapes: B images, S draws, G lattice points, X pixels, D latent dimensions.
"""

__all__ = ["GRADIENTS", "elbo", "exact", "iwae", "pooled"]

import math

from collections.abc import Callable
from typing import Literal, get_args

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.numerics.linear import linear
from genlab.numerics.logsumexp import logsumexp
from genlab.vae.likelihoods import ExponentialFamily
from genlab.vae.model import VAE, Terms
from genlab.vae.posteriors import GaussianPosterior

Gradient = Literal["plain", "stl", "dreg"]
GRADIENTS: tuple[str, ...] = get_args(Gradient)


def elbo(terms: Terms, beta: float = 1.0, free_bits: float = 0.0) -> Tensor:
    r"""Returns :math:`RE - \beta \max(\lambda, -\bar\Omega)`, with shape `(B,)`.

    Free nats lambda: the regulariser's mean over the batch is not pushed below lambda. The mean is
    clamped, not its draws: a single draw of -Omega may be negative.

    Arguments:
        terms: Both terms of the bound.
        beta: The regulariser's weight.
        free_bits: lambda, in nats for the whole latent; 0 for the plain bound.
    """
    omega = terms.omega
    if free_bits > 0 and -omega.mean() < free_bits:
        omega = torch.full_like(omega, -free_bits)
    return terms.re + beta * omega


def iwae(
    model: VAE, x: Tensor, noise: Tensor, log_prior: Callable[[Tensor], Tensor],
    gradient: Gradient = "dreg",
) -> Tensor:
    """Returns bound 2, with shape `(B,)`; its derivative is the estimator asked for.

    Arguments:
        model: The VAE.
        x: Images, with shape `(B, X)`.
        noise: Standard Gaussian draws, with shape `(S, B, D)`.
        log_prior: Stands for ln p(z), `(S, B, D)` to `(S, B)`.
        gradient: The estimator of the encoder's gradient.
    """
    z, log_q = _draws(model, x, noise, gradient)
    log_w = model.likelihood.log_prob(x, model.decoder(z)) + log_prior(z) - log_q
    if gradient == "dreg" and z.requires_grad:
        # The bound's derivative carries v_s to z_s; DReG carries v_s^2.
        share = torch.softmax(log_w.detach(), 0)[..., None]
        z.register_hook(lambda upstream: share * upstream)
    return log_w.logsumexp(0) - math.log(len(noise))


def _draws(model: VAE, x: Tensor, noise: Tensor, gradient: Gradient) -> tuple[Tensor, Tensor]:
    """Returns the draws of (2), and ln q(z_s|x) with the derivatives that the estimator has.

    Raises:
        InputError: If the posterior is a flow, and the estimator is not the plain one.
    """
    q = model.posterior(x)
    if not isinstance(q, GaussianPosterior):
        if gradient != "plain":
            raise InputError(f"`gradient` {gradient}: for `posterior` flow there is plain only")
        return q.draw(noise)
    z = q.sample(noise)
    if gradient != "plain":
        q = GaussianPosterior(q.mean.detach(), q.log_std.detach())
    return z, q.log_prob(z)


def pooled(
    model: VAE, x: Tensor, noise: Tensor, log_prior: Callable[[Tensor], Tensor]
) -> Tensor:
    """Returns bound 3, with shape `(B,)`; its derivative in the encoder is the wake phase's.

    Arguments:
        model: The VAE.
        x: Images, with shape `(B, X)`.
        noise: Standard Gaussian draws, with shape `(S, B, D)`.
        log_prior: Stands for ln p(z), `(S, B, D)` to `(S, B)`.

    Raises:
        InputError: If the posterior is a flow, or the likelihood no exponential family.
    """
    q = model.posterior(x)
    if not isinstance(q, GaussianPosterior):
        raise InputError(
            "`objective` pooled: weighs every draw under every image's posterior, for which "
            "`posterior` must be gaussian; for flow take elbo, iwae or exact"
        )
    z = q.sample(noise).detach()
    log_p = log_prior(z).flatten()
    z = z.flatten(0, 1)
    log_q = q.log_prob(z[:, None])  # (S B, B): ln q(z_j|x_k)
    eta = model.decoder(z)
    likelihood = _exponential_family(model)
    offset = log_p - logsumexp(log_q.detach(), 1) - math.log(len(noise))
    offset = offset - likelihood.log_partition(eta)
    log_w = linear(likelihood.statistic(x), eta, offset)
    wake = (torch.softmax(log_w.detach(), 1) * log_q.T).sum(1)
    return logsumexp(log_w, 1) + likelihood.log_base(x) + (wake - wake.detach())


def exact(
    model: VAE, x: Tensor, z: Tensor, log_area: float, log_prior: Callable[[Tensor], Tensor]
) -> Tensor:
    """Returns value 4, with shape `(B,)`: no encoder in it, unless the prior has it.

    Arguments:
        model: The VAE.
        x: Images, with shape `(B, X)`.
        z: The lattice's points, with shape `(G, D)`.
        log_area: ln h^D.
        log_prior: ln p(z), `(G, D)` to `(G,)`.
    """
    eta, likelihood = model.decoder(z), _exponential_family(model)
    offset = log_prior(z) + log_area - likelihood.log_partition(eta)
    log_w = linear(likelihood.statistic(x), eta, offset)
    return logsumexp(log_w, 1) + likelihood.log_base(x)


def _exponential_family(model: VAE) -> ExponentialFamily:
    """Returns the model's likelihood, of which (3) and (4) need equation 1 of its module.

    Raises:
        InputError: If it is no exponential family.
    """
    if not isinstance(model.likelihood, ExponentialFamily):
        raise InputError(
            "`objective`: pooled and exact need a likelihood that is an exponential family, "
            f"which {type(model.likelihood).__name__} is not; take elbo or iwae"
        )
    return model.likelihood
