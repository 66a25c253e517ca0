"""Images drawn from a trained VAE: decoded draws of its prior, and of images' posteriors.

Image i follows from the seed and i alone: the images do not depend on how many are drawn.

Shapes: N images, RGB `(3, H, W)`; grey ones have three channels alike.
"""

__all__ = [
    "CHUNK", "decoded", "decoded_codes", "decoded_draws", "decoded_in_parts",
    "prior_draws", "rows_in_rounds",
]  # fmt: skip

from collections.abc import Iterator
from pathlib import Path

import torch

from torch import Tensor

from genlab.common.checks import require_count
from genlab.common.rng import generator, seeded
from genlab.data.image_splits import ImageSplits
from genlab.data.paper import as_rgb
from genlab.runs.run import Run
from genlab.vae.load import load_vae, require_images
from genlab.vae.model import VAE
from genlab.vae.splits import observed_train_images

CHUNK = 100
"""Images drawn at a time, always: what a prior draws first depends on how much it is asked for."""


def prior_draws(model: VAE, seed: int, index: int, guidance: float = 0.0) -> Tensor:
    """Returns the latents of the images from `index` times `CHUNK` on, `(CHUNK, D)`.

    Raises:
        InputError: If there is guidance, and the prior has no guide (`Prior.guided`).
    """
    with seeded(seed, "samples of a VAE", index):
        return model.prior.guided(guidance).sample(torch.Size((CHUNK,)))


@torch.no_grad()
def decoded(model: VAE, z: Tensor) -> Tensor:
    """Returns the means of p(x|z) as levels, uint8 with shape `(B, X)`, of latents `(B, D)`."""
    return (255 * model.decode(z)).round().to(torch.uint8)


def decoded_draws(path: Path, n: int, seed: int, guidance: float = 0.0) -> Tensor:
    """Decodes draws of a VAE's prior.

    Arguments:
        path: The run directory.
        n: How many images N.
        seed: Decides the latents.
        guidance: How far draws go from the guide of a diffusion prior, as `Prior.guided` says; 0
            for draws of the prior itself.

    Returns:
        The means of p(x|z), uint8 with shape `(N, 3, H, W)`.

    Raises:
        InputError: If `n` is under 1, `path` is no finished VAE run, `guidance` is below 0, or
            its prior has no guide.
    """
    return torch.cat(list(decoded_in_parts(path, n, seed, guidance)))


def decoded_in_parts(
    path: Path, n: int, seed: int, guidance: float = 0.0
) -> Iterator[Tensor]:
    """Yields the images of `decoded_draws`, some at a time; raises the same, at once."""
    n = require_count("n", n)
    model, _ = load_vae(path)
    model.prior.guided(guidance)
    run = Run(path)
    require_images(run, "a picture of a draw")
    shape = run.data("images").shape

    def parts() -> Iterator[Tensor]:
        for index, start in enumerate(range(0, n, CHUNK)):
            z = prior_draws(model, seed, index, guidance)
            yield as_rgb(decoded(model, z)[: n - start], shape)

    return parts()


@torch.no_grad()
def decoded_codes(path: Path, images: ImageSplits, n: int, seed: int) -> Tensor:
    """Decodes draws of the aggregated posterior, which is the best prior for its encoder.

    These are draws of q(z|x) of random training images: each image once, before any is taken a
    second time.

    Arguments:
        path: The run directory.
        images: The images of the run.
        n: How many N.
        seed: Decides the images and the draws.

    Returns:
        The means of p(x|z) as rows of levels, uint8 with shape `(N, X)`.

    Raises:
        InputError: If `path` is no finished VAE run.
    """
    model, _ = load_vae(path)
    x = observed_train_images(images, model.likelihood)
    random = generator(seed, "codes of a VAE")
    parts = []
    for rows in rows_in_rounds(len(x), n, random).split(CHUNK):
        q = model.posterior(x[rows])
        noise = torch.randn(q.mean.shape, generator=random)
        parts.append(decoded(model, q.sample(noise)))
    return torch.cat(parts)


def rows_in_rounds(count: int, n: int, random: torch.Generator) -> Tensor:
    """Returns `n` rows of `count` in random order, each once before any a second time."""
    rounds = [torch.randperm(count, generator=random) for _ in range(-(-n // count))]
    return torch.cat(rounds)[:n]
