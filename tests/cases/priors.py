"""Priors built for tests: each case small, at its start or moved at random."""

import torch
import torch.nn as nn

from genlab.configs.prior import PriorOptions
from genlab.priors import PRIORS, Prior, Setting

# Shapes: K components, D latent dimensions, X pixels.
COMPONENTS, PIXELS = 7, 20

SMALL = {
    "mixture": PriorOptions(components=COMPONENTS),
    "mixture-full": PriorOptions(components=COMPONENTS, covariance="full"),
    "vamp": PriorOptions(components=COMPONENTS),
    "vamp-mixture": PriorOptions(components=COMPONENTS),
    "gtm": PriorOptions(grid=4, hidden=(8,)),
    "gtm-vamp": PriorOptions(grid=3, hidden=(8,)),
    "realnvp": PriorOptions(blocks=4, hidden=(16, 16)),
    "spline": PriorOptions(blocks=3, hidden=(16, 16), bins=4),
    "exemplar": PriorOptions(components=COMPONENTS),
    "zuko": PriorOptions(blocks=2, hidden=(16, 16)),
    "lars": PriorOptions(hidden=(16, 16), truncation=20, draws=64),
    "energy": PriorOptions(hidden=(16, 16), draws=64),
    "diffusion": PriorOptions(hidden=(16, 16), steps=12),
}
"""The options used in tests, where the defaults would be slow."""

CASES = (*PRIORS, "mixture-full")
"""The rows of the table, and the mixture of Gaussians with full covariances."""


def encoder(latent: int) -> nn.Module:
    """A random linear encoder whose posteriors are neither tiny nor huge."""
    torch.manual_seed(latent)
    return nn.Linear(PIXELS, 2 * latent)


def build(
    name: str, latent: int, *, stirred: bool, options: PriorOptions | None = None,
    double: bool = False,
) -> tuple[Prior, nn.Module]:
    """Returns a prior, with its parameters moved at random if `stirred`, and its encoder."""
    net = encoder(latent)

    def encode(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, log_std = net(x).chunk(2, -1)
        return mean, log_std

    torch.manual_seed(1)
    row = "mixture" if name == "mixture-full" else name
    options = (options or SMALL.get(name, PriorOptions())).of(row)
    count = options.components or 1
    prior = PRIORS[row](
        Setting(
            latent=latent, options=options, encode=encode, examples=torch.rand(count, PIXELS),
            rows=torch.arange(count),
        )
    )
    if stirred:
        with torch.no_grad():
            for parameter in prior.parameters():
                parameter.add_(STIR.get(name, 0.5) * torch.randn_like(parameter))
    if double:
        prior.double()
        net.double()
    return prior.eval(), net


STIR: dict[str, float] = {
    "gtm": 0.15, "realnvp": 0.15, "spline": 0.2, "zuko": 0.15, "diffusion": 0.2,
}  # fmt: skip
"""How far the parameters are moved, where 0.5 each would be far from anything trained."""

GRID: dict[str, tuple[float, int]] = {
    "lars": (7.0, 280), "energy": (7.0, 280), "diffusion": (7.0, 100),
    "realnvp": (14.0, 500), "spline": (8.0, 400), "zuko": (7.0, 280),
}  # fmt: skip
"""Half side and points an axis of the grid, where (14, 700) would take too long."""


def plane(limit: float, count: int) -> tuple[torch.Tensor, float]:
    """Returns the midpoints of a grid over [-limit, limit]^2 and the area of a cell."""
    step = 2 * limit / count
    line = -limit + step * (torch.arange(count, dtype=torch.float64) + 0.5)
    return torch.cartesian_prod(line, line), step**2
