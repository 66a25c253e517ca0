"""The exact likelihood of a model's images: the box of the quadrature, and how fine it begins.

Shapes: N images, X pixels, D latent dimensions.
"""

__all__ = ["box_of", "exact_evidence", "kept_evidence"]

import math

import numpy as np
import torch

from torch import Tensor
from torch.distributions import Distribution

from genlab.common.cache import Parts
from genlab.common.errors import TrainingError
from genlab.common.progress import Progress
from genlab.common.rng import seeded
from genlab.vae.evidence.quadrature import Evidence, log_evidence
from genlab.vae.likelihoods import ExponentialFamily
from genlab.vae.model import VAE

CODES_REACH = 6.0
"""The box of quadrature holds every code with so many standard deviations ..."""
PRIOR_REACH = 1.35
"""... and so many times the extent of ..."""
PRIOR_DRAWS = 50_000
"""... so many prior draws, ..."""
WIDEST = 4.0
"""... but is never more than so many times as wide as the codes."""


def box_of(
    prior: Distribution, mean: Tensor, log_std: Tensor, seed: int
) -> tuple[Tensor, Tensor]:
    """Returns the corners of a box that holds the codes and nearly all of the prior.

    Raises:
        TrainingError: If draws of the prior are not finite.
    """
    std = log_std.exp()
    low, high = (mean - CODES_REACH * std).amin(0), (mean + CODES_REACH * std).amax(0)
    with seeded(seed, "box"):
        some = prior.sample(torch.Size((PRIOR_DRAWS,)))
    if not some.isfinite().all():
        raise TrainingError(
            "draws of the prior are not finite; no result is written, the weights stay; train "
            "again with a lower `learning_rate`, or another prior", "draws of the prior",
        )  # fmt: skip
    centre, room = some.mean(0), (WIDEST - 1) / 2 * (high - low)
    least, most = some.amin(0) - centre, some.amax(0) - centre
    low = torch.maximum(torch.minimum(low, centre + PRIOR_REACH * least), low - room)
    high = torch.minimum(torch.maximum(high, centre + PRIOR_REACH * most), high + room)
    return low, high


def exact_evidence(
    model: VAE, prior: Distribution, x: Tensor, mean: Tensor, log_std: Tensor, seed: int
) -> Evidence:
    """Returns ln p(x) by quadrature over a box that holds the codes and the prior.

    Arguments:
        model: The VAE, D <= 2, whose likelihood is an exponential family.
        prior: Its prior.
        x: Images, with shape `(N, X)`.
        mean: Their codes' means, with shape `(N, D)`.
        log_std: Their log standard deviations, with shape `(N, D)`.
        seed: Decides the prior draws that size the box.
    """
    low, high = box_of(prior, mean, log_std, seed)
    std = log_std.exp()
    # Cells three times as wide as narrow posteriors: they still see them, and are then refined.
    narrow = 3 * np.quantile(std.numpy(), 0.01)
    count = math.ceil((high - low).max().item() / narrow / 2) * 2
    most = 384 if model.latent == 2 else 16_384
    assert isinstance(model.likelihood, ExponentialFamily)  # others are not measured so
    with Progress(len(x), "exact likelihood", "images") as progress:
        return log_evidence(
            x, prior.log_prob, model.decoder, model.likelihood, (low, high),
            count=min(max(count, 128), most), advance=progress.advance,
        )


def kept_evidence(
    model: VAE, prior: Distribution, x: Tensor, mean: Tensor, log_std: Tensor, seed: int,
    parts: Parts,
) -> Evidence:
    """Returns what `exact_evidence` does; kept among the parts of a measurement."""

    def make() -> dict[str, Tensor]:
        found = exact_evidence(model, prior, x, mean, log_std, seed)
        whole = {"prior_outside": found.prior_outside, "rounding": found.rounding}
        numbers = {key: torch.tensor(one, dtype=torch.float64) for key, one in whole.items()}
        return {"log_p": found.log_p, "error": found.error} | numbers

    kept = parts.keep("exact", make)
    return Evidence(
        kept["log_p"], kept["error"], kept["prior_outside"].item(), kept["rounding"].item()
    )
