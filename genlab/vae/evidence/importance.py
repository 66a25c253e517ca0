r"""Importance-sampled likelihoods, with what tells whether to believe them.

With K draws z_k of a proposal r(z|x) and weights w_k = p(x|z_k) p(z_k) / r(z_k|x):

    ln p(x)  ~  ln 1/K sum_k w_k                      (a lower bound on average; Burda et al.)

Drawn from the encoder alone, weights have no bound where q(z|x) is narrower than the true
posterior, and no diagnostic that looks at the weights sees what q never visits. Hence a defensive
mixture of three proposals (Hesterberg, 1995; Owen & Zhou, 2000), of K_j draws each:

    r(z|x) = sum_j K_j / K r_j(z|x),    r_1 = q(z|x) = N(mu, sigma^2),
                                        r_2 = N(mu, (3 sigma)^2),    r_3 = p(z)

(where q(z|x) is a flow, r_1 and r_2 are the images of N(0, I) and N(0, 3^2 I) under it)
with the balance heuristic's weights (Veach & Guibas, 1995): the density of the whole mixture
stands under every draw, whichever part it came from. Weights are then at most p(x|z) K / K_3.

    ESS = (sum_k w_k)^2 / sum_k w_k^2                                        (Kong, 1992)
    k   the shape of a generalised Pareto distribution fitted to the largest weights: above 0.7
        the estimate is not to be trusted (Vehtari et al., 2024; fit of Zhang & Stephens, 2009)

The prior's draws are shared by B images, whose errors are therefore alike: a standard deviation
over images does not show what the draws do to a mean over images. With the normalised weights
v_kb = w_kb / sum_k w_kb, to first order (the delta method, part by part),

    Var sum_b ln p(x_b) = sum_{j = 1, 2} sum_b K_j s_j^2(v_kb) + K_3 s_3^2(sum_b v_kb),        (1)

s_j^2 being the sample variance over the draws k of part j: those of the encoder are drawn for
each image anew, those of the prior enter every image's sum at once.

References:
    | Importance Weighted Autoencoders (Burda et al., 2016), https://arxiv.org/abs/1509.00519
    | Safe and Effective Importance Sampling (Owen & Zhou, 2000), JASA 95
    | Pareto Smoothed Importance Sampling (Vehtari et al., 2024), https://arxiv.org/abs/1507.02646
    | A New and Efficient Estimation Method for the Generalized Pareto Distribution (Zhang &
    | Stephens, 2009), Technometrics 51

Shapes: B images, K draws, X pixels, D latent dimensions.
"""

__all__ = [
    "Estimate",
    "draw_counts",
    "importance_estimate",
    "log_weights",
    "pareto_k",
    "variance_of_draws",
]

import math

from typing import NamedTuple

import torch

from torch import Tensor
from torch.distributions import Distribution

from genlab.numerics.logsumexp import logsumexp
from genlab.vae.model import VAE

WIDEN = 3.0
"""How many times wider than the encoder's posterior the second proposal is."""

TILE = 1000
"""Latent points decoded at a time: their images stay in the processor's cache."""
BLOCK = 20_000
"""Latent points at a time for all else."""


class Estimate(NamedTuple):
    """The estimate of each image, float64, each with shape `(B,)`."""

    log_p: Tensor
    """ln p(x), in nats."""
    ess: Tensor
    """The effective sample size, at most K."""
    pareto_k: Tensor
    """The tail's shape; NaN where K is too small to fit it (under 100)."""


def draw_counts(draws: int, shares: tuple[float, float, float]) -> tuple[int, int, int]:
    """Returns how many of K draws come from encoder, widened encoder and prior."""
    wide, prior = (math.ceil(draws * share) for share in shares[1:])
    return max(0, draws - wide - prior), wide, prior


@torch.no_grad()
def log_weights(
    model: VAE, prior: Distribution, x: Tensor, counts: tuple[int, int, int],
    noise: Tensor, prior_draws: Tensor,
) -> Tensor:
    """Returns ln w_k of every draw, float64, with shape `(K, B)`.

    Arguments:
        model: The VAE; x is encoded once.
        prior: Its prior, p(z).
        x: Images, with shape `(B, X)`.
        counts: Draws from encoder, widened encoder and prior (K_1, K_2, K_3).
        noise: Standard Gaussian draws, with shape `(K_1 + K_2, B, D)`.
        prior_draws: Draws of the prior, the same for all these images, with shape `(K_3, D)`:
            errors of images that share them are alike, so a new set for every hundred.
    """
    q = model.posterior(x)
    mean, log_std = q.mean, q.log_std
    widths = noise.new_ones(len(noise), 1, 1)
    widths[counts[0] :] = WIDEN
    step, block = max(1, TILE // len(x)), max(1, BLOCK // len(x))
    likelihood = model.likelihood
    of_each = likelihood.of_each(x)
    sheet = x.new_empty(step, len(x), model.decoder(mean[:1]).shape[-1])
    tiles = []  # ln p(x|z), ln p(z), |e|^2 and ln |det dg/de| of some draws, each (., B)
    for unit, width in zip(noise.split(block), widths.split(block)):
        scaled = width * unit
        z, log_det = q.place(scaled)
        log_p = [
            likelihood.log_prob_(x, model.decoder.write(part, sheet[: len(part)]))
            for part in z.split(step)
        ]
        square = scaled.double().square().sum(-1)
        tiles.append((torch.cat(log_p), prior.log_prob(z), square, log_det))
    for z in prior_draws.split(TILE):
        log_p = of_each(model.decoder(z))
        scaled, log_det = q.noise_of(z[:, None])
        log_prior = prior.log_prob(z)[:, None].expand_as(log_p)
        tiles.append((log_p, log_prior, scaled.double().square().sum(-1), log_det))
    log_likelihood, log_prior, square, log_det = (torch.cat(t).double() for t in zip(*tiles))
    constant = 0.5 * model.latent * math.log(2 * math.pi) + log_std.double().sum(-1) + log_det
    narrow = -0.5 * square - constant
    broad = -0.5 / WIDEN**2 * square - constant - model.latent * math.log(WIDEN)
    shares = [math.log(n / sum(counts)) if n else -math.inf for n in counts]
    parts = [part + share for part, share in zip((narrow, broad, log_prior), shares)]
    return log_likelihood + log_prior - logsumexp(torch.stack(parts), 0)


def importance_estimate(log_w: Tensor) -> Estimate:
    """Returns the estimate and its diagnostics of log-weights `(K, B)`, float64."""
    draws = len(log_w)
    total = logsumexp(log_w, 0)
    ess = (2 * total - logsumexp(2 * log_w, 0)).exp()
    return Estimate(total - math.log(draws), ess, pareto_k(log_w))


def variance_of_draws(log_w: Tensor, counts: tuple[int, int, int]) -> float:
    """Returns the variance (1) that the draws cause in the sum of these images' ln p(x).

    Arguments:
        log_w: Log-weights of images that share the prior's draws, float64, with shape `(K, B)`.
        counts: Draws from encoder, widened encoder and prior (K_1, K_2, K_3).
    """
    shares = (log_w - logsumexp(log_w, 0)).exp()
    *own, common = shares.split(counts)
    variance = sum((len(part) * part.var(0).sum()).item() for part in own if len(part) > 1)
    if len(common) > 1:
        variance += (len(common) * common.sum(1).var()).item()
    return variance


def pareto_k(log_w: Tensor) -> Tensor:
    """Returns the Pareto shape k of the largest weights, with shape `(B,)`.

    The largest M = min(K / 5, 3 sqrt(K)) weights, less the largest below them, are fitted by the
    quasi-Bayesian estimate of Zhang & Stephens, with the weak prior of Vehtari et al. (2024),
    appendix C: k <- (M k + 10 * 0.5) / (M + 10).

    Arguments:
        log_w: Log-weights, float64, with shape `(K, B)`.
    """
    draws = len(log_w)
    tail = int(min(0.2 * draws, 3 * math.sqrt(draws)))
    if tail < 20:
        return torch.full(log_w.shape[1:], math.nan, dtype=torch.float64)
    ordered = (log_w - log_w.amax(0)).sort(0).values
    cut = ordered[-tail - 1].exp()
    excess = (ordered[-tail:].exp() - cut).clamp(min=1e-300)
    shape = _zhang_stephens(excess)
    return (tail * shape + 10 * 0.5) / (tail + 10)


def _zhang_stephens(x: Tensor) -> Tensor:
    r"""Returns the generalised Pareto shape k of sorted positive `(M, B)`.

    With density :math:`\propto (1 + k x / \sigma)^{-1/k - 1}` and b = -k / sigma: a grid of b, the
    profile log-likelihood of each, and the mean of b under it (Zhang & Stephens, 2009, section 3).
    """
    n = len(x)
    grid = 30 + int(math.sqrt(n))
    j = torch.arange(1, grid + 1, dtype=torch.float64)[:, None]
    quartile = x[int(n / 4 + 0.5) - 1]
    b = 1 / x[-1] + (1 - (grid / (j - 0.5)).sqrt()) / (3 * quartile)  # (J, B)
    k = torch.stack([torch.log1p(-row * x).mean(0) for row in b])
    profile = n * ((-b / k).log() - k - 1)
    weight = torch.softmax(profile, 0)
    return torch.log1p(-(weight * b).sum(0) * x).mean(0)
