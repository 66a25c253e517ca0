"""Priors built for tests: each case small, at its start or moved at random."""

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeVar

import torch
import torch.nn as nn

from genlab.conformance.densities import PIXELS, Grid, prepared
from genlab.priors import PRIORS, Prior

AnyPrior = TypeVar("AnyPrior", bound=Prior)

# Shapes: K components, D latent dimensions.
COMPONENTS = 7

SMALL: dict[str, dict[str, Any]] = {
    "mixture": {"components": COMPONENTS},
    "mixture-full": {"components": COMPONENTS, "covariance": "full"},
    "vamp": {"components": COMPONENTS},
    "vamp-mixture": {"components": COMPONENTS},
    "gtm": {"grid": 4, "hidden": (8,)},
    "gtm-vamp": {"grid": 3, "hidden": (8,)},
    "realnvp": {"blocks": 4, "hidden": (16, 16)},
    "spline": {"blocks": 3, "hidden": (16, 16), "bins": 4},
    "exemplar": {"components": COMPONENTS},
    "zuko": {"blocks": 2, "hidden": (16, 16)},
    "lars": {"hidden": (16, 16), "truncation": 20, "draws": 64},
    "energy": {"hidden": (16, 16), "draws": 64},
    "diffusion": {"hidden": (16, 16), "steps": 12},
}
"""The options used in tests, where the defaults would be slow."""

CASES = (*PRIORS, "mixture-full")
"""The rows of the table, and the mixture of Gaussians with full covariances."""

STIR: dict[str, float] = {
    "gtm": 0.15, "realnvp": 0.15, "spline": 0.2, "zuko": 0.15, "diffusion": 0.2,
}  # fmt: skip
"""How far the parameters are moved, where 0.5 each would be far from anything trained."""

GRID: dict[str, Grid] = {
    "lars": Grid(7.0, 280), "energy": Grid(7.0, 280), "diffusion": Grid(7.0, 100),
    "realnvp": Grid(14.0, 500), "spline": Grid(8.0, 400), "zuko": Grid(7.0, 280),
}  # fmt: skip
"""The grid in the plane, where the default would take too long."""


def build(
    name: str, latent: int, *, stirred: bool, options: Mapping[str, Any] | None = None,
    double: bool = False, seed: int = 1,
) -> tuple[Prior, nn.Module]:
    """Returns a prior, with its parameters moved at random if `stirred`, and its encoder."""
    row = "mixture" if name == "mixture-full" else name
    options = SMALL.get(name, {}) if options is None else options
    prior, net = prepared(
        partial(PRIORS[row], **options), latent,
        stir=STIR.get(name, 0.5) if stirred else 0.0, seed=seed,
    )
    if double:
        prior.double()
        net.double()
    return prior, net


def encoder(latent: int) -> nn.Linear:
    """A random linear encoder whose posteriors are neither tiny nor huge."""
    torch.manual_seed(latent)
    return nn.Linear(PIXELS, 2 * latent)


def attached(
    prior: AnyPrior, net: nn.Linear, images: torch.Tensor, rows: torch.Tensor | None = None
) -> AnyPrior:
    """Attaches a linear encoder to a prior and starts it from images; returns the prior."""

    def encode(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, log_std = net(x).chunk(2, -1)
        return mean, log_std

    prior.attach(encode, images.shape[1])
    prior.initialise(images, torch.arange(len(images)) if rows is None else rows)
    return prior
