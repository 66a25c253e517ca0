"""The importance-sampled likelihood of all test images, and how far it is to be trusted.

Shapes: N images, X pixels.
"""

__all__ = ["SHARES", "measure_importance"]

import copy
import math

from functools import partial
from typing import Any

import torch

from torch import Tensor
from torch.distributions import Distribution

from genlab.common.cache import NOTHING_KEPT, Parts
from genlab.common.progress import Progress
from genlab.common.rng import generator, seeded
from genlab.vae.evidence.importance import (
    draw_counts,
    importance_estimate,
    log_weights,
    variance_of_draws,
)
from genlab.vae.evidence.tabulated import Tabulated
from genlab.vae.model import VAE

SHARES = {1: (0.4, 0.1, 0.5), 2: (0.4, 0.1, 0.5)}
"""Shares of encoder, widened encoder and prior among the importance draws, by D ..."""
SHARES_ABOVE = (0.8, 0.1, 0.1)
"""... and above two dimensions."""
TRUSTED_K = 0.7
"""Largest Pareto k of a trusted estimate (Vehtari et al., 2024)."""
MOST_PARTS = 20
"""Parts of importance sampling that are kept while it runs."""


def measure_importance(
    model: VAE, prior: Distribution, x: Tensor, draws: int, seed: int, values: dict[str, Tensor],
    device: torch.device, parts: Parts = NOTHING_KEPT,
) -> dict[str, Any]:
    """Adds `nll_is` to the values; returns its diagnostics."""
    counts = draw_counts(draws, SHARES.get(model.latent, SHARES_ABOVE))
    size = max(1, min(100, 200_000 // draws))
    there, p = model, prior
    if device.type != "cpu" and not isinstance(prior, Tabulated):  # a table stays where it is
        there = copy.deepcopy(model).to(device)
        p = there.prior()
    chunks = list(enumerate(x.split(size)))
    each = math.ceil(len(chunks) / MOST_PARTS)
    with Progress(len(x), f"importance sampling, {draws} draws", "images") as progress:

        def estimate(group: list[tuple[int, Tensor]]) -> dict[str, Tensor]:
            estimates = []
            for index, batch in group:
                random = generator(seed, "importance", index)
                noise = torch.randn(draws - counts[2], len(batch), model.latent, generator=random)
                with seeded(seed, "importance, prior", index):
                    common = prior.sample(torch.Size((counts[2],)))
                drawn = [t.to(next(there.parameters())) for t in (batch, noise, common)]
                weights = log_weights(there, p, drawn[0], counts, *drawn[1:]).cpu()
                variance = torch.tensor([variance_of_draws(weights, counts)], dtype=torch.float64)
                estimates.append(importance_estimate(weights)._asdict() | {"variance": variance})
                progress.advance(len(batch))
            return {key: torch.cat([one[key] for one in estimates]) for key in estimates[0]}

        found = []
        for start in range(0, len(chunks), each):
            group = chunks[start : start + each]
            found.append(parts.keep(f"importance-{start}", partial(estimate, group)))
            progress.advance(min(len(x), size * (start + each)) - progress.done)
    values["nll_is"] = -torch.cat([one["log_p"] for one in found])
    ess, k = (torch.cat([one[key] for one in found]) for key in ("ess", "pareto_k"))
    variance = sum(torch.cat([one["variance"] for one in found]).tolist())
    values["ess"], values["pareto_k"] = ess, k
    fitted = k[torch.isfinite(k)]
    doubtful = (fitted > TRUSTED_K).double().mean().item() if len(fitted) else None
    return {
        "importance_draws": draws,
        "importance_parts": dict(zip(("encoder", "widened encoder", "prior"), counts)),
        "ess_lowest_percent": ess.quantile(0.01).item(),
        "pareto_k_doubtful": doubtful,
        "nll_is_trusted": bool(doubtful is not None and doubtful < 0.01 and ess.min() > 10),
        "nll_is_draws_error": math.sqrt(variance) / len(x),
    }
