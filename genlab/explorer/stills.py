"""Pictures for a reader without JavaScript, and for print: decoded planes and densities.

Shapes: G grid points an axis, H x W pixels.
"""

__all__ = ["Still", "density_still", "lattice_still", "png", "samples_still", "webp", "webp_uri"]

import base64
import io

from typing import NamedTuple

import numpy as np
import torch

from PIL import Image

from genlab.figures.latent import grid_points
from genlab.vae.model import VAE

SIDE = 14
"""Pictures per axis of the decoded plane."""
DEPTH = 9.0
"""How far below the highest density the shading ends, in nats."""


class Still(NamedTuple):
    """A picture for a reader without scripts."""

    what: str
    """What it shows: the end of the key `still-...` in the words of the page."""
    title: dict[str, str]
    """The model's name, by language."""
    uri: str


def png(image: np.ndarray) -> str:
    """Returns a grey image `(H, W)`, uint8, as a data URI of PNG in 16 shades."""
    buffer = io.BytesIO()
    levels = (image.astype(np.uint16) * 15 + 127) // 255
    small = Image.fromarray(levels.astype(np.uint8), "P")
    small.putpalette([shade * 17 for shade in range(16) for _ in range(3)])
    small.save(buffer, "PNG", bits=4, optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def webp(image: np.ndarray, quality: int | None) -> bytes:
    """Returns an image `(H, W, 3)`, uint8, as WebP, lossless if no quality is given."""
    buffer = io.BytesIO()
    lossless = quality is None
    Image.fromarray(image).save(buffer, "WEBP", lossless=lossless, quality=quality or 80, method=4)
    return buffer.getvalue()


def webp_uri(image: bytes) -> str:
    """Returns an image of `webp` as a data URI."""
    return "data:image/webp;base64," + base64.b64encode(image).decode("ascii")


@torch.no_grad()
def lattice_still(model: VAE, limit: float, height: int, width: int, paper: bool) -> str:
    """Returns the decoded images of a lattice over [-limit, limit]^2, the highest z2 first.

    Those that are ink on `paper` are dark on white.
    """
    points = torch.from_numpy(grid_points(limit * (1 - 1 / SIDE), SIDE)).float()
    grey = model.decode(points).view(SIDE, SIDE, height, width).flip(0).numpy()
    sheet = grey.transpose(0, 2, 1, 3).reshape(SIDE * height, SIDE * width)
    return png(np.round(255 * (1 - sheet if paper else sheet)).astype(np.uint8))


def density_still(log_p: np.ndarray, codes: np.ndarray, limit: float, dot: int = 1) -> str:
    """Returns a density `(G, G)` as shading, with codes `(N, 2)` as dots, `dot` pixels wide."""
    shade = np.clip(1 + (log_p - log_p.max()) / DEPTH, 0, 1)
    image = np.repeat(np.repeat(255 - 150 * shade, 2, 0), 2, 1)
    places = np.round((codes + limit) / (2 * limit) * (len(image) - 1)).astype(int)
    for shift in np.ndindex(dot, dot):
        shifted = places + np.array(shift) - dot // 2
        shifted = shifted[((shifted >= 0) & (shifted < len(image))).all(1)]
        image[shifted[:, 1], shifted[:, 0]] = 0
    return png(image[::-1].astype(np.uint8))


def samples_still(
    model: VAE, z: torch.Tensor, height: int, width: int, paper: bool
) -> str:
    """Returns the decoded images of latents `(N, D)` in a row, as `lattice_still` shows them."""
    with torch.no_grad():
        grey = model.decode(z).view(-1, height, width).numpy()
    row = grey.transpose(1, 0, 2).reshape(height, -1)
    return png(np.round(255 * (1 - row if paper else row)).astype(np.uint8))
