"""A VAE of one's own objects, tried once before it is trained.

A shape that is wrong may broadcast, and train something else than what was meant. So each part is
called on three images and two draws of each, before anything is written.

Shapes: B = 3 images, S = 2 draws, X pixels, D latent dimensions, K natural parameters.
"""

__all__ = ["require_sound"]

from collections.abc import Sequence

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.rng import generator, seeded
from genlab.numerics.finite import first_not_finite
from genlab.vae.likelihoods import ExponentialFamily
from genlab.vae.model import VAE

DRAWS, IMAGES = 2, 3


@torch.no_grad()
def require_sound(vae: VAE, grey: Tensor, shape: Sequence[int]) -> None:
    """Raises an error that names the first part of a VAE with a fault.

    That is a weight that is not finite, or a result of a wrong shape.

    Arguments:
        vae: The VAE.
        grey: Grey values of images, with shape `(N, X)`, of which the first are taken.
        shape: The shape of an image, of X values.

    Raises:
        InputError: If there is one.
    """
    if (key := first_not_finite(vae.state_dict())) is not None:
        raise InputError(f"`vae`: its {key} is not finite")
    training = vae.training
    vae.eval()
    try:
        with seeded(0, "probe"):
            _require_shapes(vae, grey.repeat(IMAGES, 1)[:IMAGES], vae.likelihood.width(shape))
    finally:
        vae.train(training)


def _require_shapes(vae: VAE, grey: Tensor, width: int) -> None:
    pixels, d = grey.shape[1], vae.latent
    if vae.encoder.pixels != pixels:
        raise InputError(f"`encoder`: it is for {vae.encoder.pixels} pixels, not {pixels}")
    random = generator(0, "probe")
    x = _of("likelihood", "observe", vae.likelihood.observe(grey, random), (IMAGES, pixels))
    codes = vae.encode(x)
    if not (isinstance(codes, tuple) and len(codes) == 2):
        raise InputError("`encoder`: must return a pair, mean and log standard deviation")
    for name, one in zip(("the mean", "the log standard deviation"), codes):
        _of("encoder", name, one, (IMAGES, d))
    z = codes[0] + torch.randn(DRAWS, IMAGES, d, generator=random)
    each = DRAWS, IMAGES
    eta = _of("decoder", "its result", vae.decoder(z), (*each, width))
    likelihood, rows = vae.likelihood, torch.arange(IMAGES)
    if isinstance(likelihood, ExponentialFamily):
        _of("likelihood", "statistic", likelihood.statistic(x), (IMAGES, width))
        _of("likelihood", "log_partition", likelihood.log_partition(eta), each)
        _of("likelihood", "log_base", likelihood.log_base(x), (IMAGES,))
    _of("likelihood", "log_prob", likelihood.log_prob(x, eta), each)
    _of("likelihood", "mean", likelihood.mean(eta), (*each, pixels))
    p = vae.prior()
    _of("prior", "sample", p.sample(torch.Size((DRAWS,))), (DRAWS, d))
    _of("prior", "log_prob", p.log_prob(z), each)
    trained = vae.prior.training_log_prob(z, rows=rows, random=random)
    _of("prior", "training_log_prob", trained, each)


def _of(part: str, what: str, found: Tensor, wanted: tuple[int, ...]) -> Tensor:
    """Returns a result, if it has the shape that is wanted."""
    if tuple(found.shape) != wanted:
        raise InputError(
            f"`{part}`: {what} has shape {tuple(found.shape)} for {IMAGES} images and {DRAWS} "
            f"draws of each; it must be {wanted}"
        )
    return found
