r"""Ways through the latents of a trained VAE.

The way from u to v is straight, (1 - t) u + t v: where a prior expects nothing between two codes,
the pictures on the way show it. On a closed walk t = (1 - cos(pi s)) / 2 for s = 0, 1/F, ...,
(F - 1)/F, so the walk slows down at each latent, and its velocity has no jumps.

Shapes: D latent dimensions, K latents of a walk, F steps between two, H x W pixels.
"""

__all__ = ["between", "walk", "walk_latents"]

from pathlib import Path

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.data.paper import as_rgb
from genlab.numerics.easing import eased
from genlab.runs.run import Run
from genlab.vae.latents.sampling import CHUNK, decoded, prior_draws
from genlab.vae.load import load_vae, require_images
from genlab.vae.model import VAE

STEPS = 24
"""Steps of a walk from one latent to the next."""


def walk_latents(stops: Tensor, steps: int) -> Tensor:
    """Returns the closed walk through latents `(K, D)`, with shape `(K F, D)`."""
    t = eased(steps)[:, None]
    u = stops.double()[:, None]
    return (u + t * (u.roll(-1, 0) - u)).to(stops.dtype).flatten(0, 1)


def walk(
    path: Path, stops: int, seed: int, steps: int = STEPS, guidance: float = 0.0
) -> Tensor:
    """Returns the images of a closed walk through the latents of the seed's first images.

    Arguments:
        path: The run directory.
        stops: The number K of latents on the walk: those of the first K images of
            `decoded_draws`.
        seed: Decides the latents.
        steps: Steps F from one to the next.
        guidance: As of `decoded_draws`.

    Returns:
        Images, uint8 with shape `(K F, 3, H, W)`; the last is one step before the first.

    Raises:
        InputError: If `stops` is under 2 or above 100, `path` is no finished VAE run, or the
            prior has no guide.
    """
    if not 2 <= stops <= CHUNK:
        raise InputError(f"`n` {stops}: a walk leads through 2 to {CHUNK} images")
    model, _ = load_vae(path)
    require_images(Run(path), "a walk")
    z = prior_draws(model, seed, 0, guidance)[:stops]
    return as_rgb(decoded(model, walk_latents(z, steps)), Run(path).data("images").shape)


@torch.no_grad()
def between(model: VAE, x: Tensor, steps: int) -> Tensor:
    """Returns what lies on the straight way between the codes of two images.

    Arguments:
        model: The VAE.
        x: The two images as the likelihood observes them, with shape `(2, X)`.
        steps: Pictures, those of the two codes among them.

    Returns:
        Decoded means, uint8 with shape `(steps, X)`.
    """
    first, second = model.posterior(x).centre
    t = torch.linspace(0, 1, steps)[:, None]
    return decoded(model, first + t * (second - first))
