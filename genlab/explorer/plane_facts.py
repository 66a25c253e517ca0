r"""The data of a latent plane for a page: the prior's density on a grid, its contours, the codes.

A contour stands for a share of the prior's mass: the region of highest density that holds it,
{z : ln p(z) >= c}, with c read off the grid (Hyndman, 1996, "Computing and graphing highest
density regions"). So the lines of different priors mean the same.

Shapes: G grid points an axis, N codes.
"""

__all__ = ["DEPTH", "GRID", "SHARES", "density_facts", "log_density", "mass_levels"]

from typing import Any

import numpy as np
import torch

from genlab.common.progress import Progress
from genlab.explorer.blobs import Blobs
from genlab.figures.latent import grid_points
from genlab.vae.model import VAE

GRID = 161
"""Grid points per axis."""
DEPTH = 40.0
"""How far below the highest density values are distinguished, in nats."""
SHARES = (0.25, 0.5, 0.75, 0.9, 0.99)
"""The shares of the prior's mass inside the contours."""
ROWS = 7
"""Rows of the grid evaluated at a time, so that progress shows for slow priors."""


@torch.no_grad()
def log_density(model: VAE, limit: float, label: str) -> np.ndarray:
    """Returns ln p(z) over [-limit, limit]^2, the lowest z2 first, with shape `(G, G)`."""
    points = torch.from_numpy(grid_points(limit, GRID)).float()
    prior = model.prior()
    parts = []
    with Progress(GRID, f"density, {label}", "rows") as progress:
        for part in points.split(ROWS * GRID):
            parts.append(prior.log_prob(part))
            progress.advance(len(part) // GRID)
    return torch.cat(parts).view(GRID, GRID).double().numpy()


def mass_levels(log_p: np.ndarray, limit: float) -> list[dict[str, float]]:
    """Returns the ln p above which each share of the mass lies, for the shares in the square."""
    cell = (2 * limit / (len(log_p) - 1)) ** 2
    falling = np.sort(log_p, axis=None)[::-1]
    mass = np.cumsum(np.exp(falling)) * cell
    places = {share: int(np.searchsorted(mass, share)) for share in SHARES}
    return [
        {"share": share, "log_p": float(falling[place])}
        for share, place in places.items() if place < len(falling)
    ]


def density_facts(log_p: np.ndarray, limit: float, blobs: Blobs) -> dict[str, Any]:
    """Returns a density as a page keeps it: 65,536 steps over `DEPTH` nats.

    Arguments:
        log_p: ln p(z) of `log_density`, with shape `(G, G)`.
        limit: Half the side of the square.
        blobs: Takes the values.
    """
    top = float(log_p.max())
    steps = np.clip((log_p - top + DEPTH) / DEPTH, 0, 1) * 65535
    row, column = np.unravel_index(int(log_p.argmax()), log_p.shape)
    line = np.linspace(-limit, limit, GRID)
    return {
        "grid": GRID, "top": top, "depth": DEPTH,
        "values": blobs.add(np.round(steps).astype(np.uint16)),
        "levels": mass_levels(log_p, limit),
        "mode": [float(line[column]), float(line[row])],
    }
