r"""How far codes lie from the prior, and how much decoded images differ: two signs of failure.

    reach      sqrt(E_q(z) |z - m|^2) / median_p(z) |z - m|,   m the prior's median            (1)
    variance   sum_i Var_q(z) E[x_i|z] / sum_i Var x_i                                         (2)

q(z) is the mixture of the test images' posteriors, x_i their grey pixels. (1) is near 1 where the
prior covers the codes, whatever the scale of the latent, which a learned prior leaves free; it
takes the prior's median because some priors have no variance. It takes the codes' mean square, so
that a few codes that have run away show. (2) is the share of the images' variance that the latent
explains, and 0 where every latent is decoded to one picture.

Measured on healthy models, (1) is 0.6 to 1.9 and (2) is 0.11 to 0.37: three priors trained to the
end on MNIST and on 5,000 digits of it, and after five epochs on 4,000 digits twelve priors, four
objectives, three likelihoods, beta from 0 to 4, and D = 1, 2 and 10. With a learning rate of 1,000
(1) is 220 and more, and (2) is 0. `findings.py` has the thresholds.

Shapes: N images, X pixels, D latent dimensions.
"""

__all__ = ["decoded_variance", "latent_reach"]

from collections.abc import Iterable

import torch

from torch import Tensor
from torch.distributions import Distribution

from genlab.common.rng import seeded
from genlab.vae.model import VAE

CHUNK = 1000
DRAWS = 1000
"""Draws of the prior."""
ROUNDING = 1e-12
"""A pixel's variance up to which all images have the same."""


@torch.no_grad()
def decoded_variance(model: VAE, z: Tensor, x: Tensor) -> float | None:
    """Returns (2) of draws z of the posteriors; None for images that are all the same.

    Arguments:
        model: The VAE.
        z: A draw of each image's posterior, with shape `(N, D)`.
        x: The images, with shape `(N, X)`.
    """
    data = _variance(model.likelihood.to_grey(part) for part in x.split(CHUNK))
    if data < ROUNDING * x.shape[1]:
        return None
    return _variance(model.decode(part) for part in z.split(CHUNK)) / data


def _variance(parts: Iterable[Tensor]) -> float:
    """Returns the sum of the pixels' variances, of images in [0, 1]."""
    count, sums, squares = 0, 0.0, 0.0
    for part in parts:
        count += len(part)
        sums = sums + part.sum(0, dtype=torch.float64)
        squares += part.double().square().sum().item()
    return squares / count - (torch.as_tensor(sums) / count).square().sum().item()


def latent_reach(prior: Distribution, z: Tensor, seed: int) -> float:
    """Returns (1) of draws z of q(z), with shape `(N, D)`; the seed decides the prior's draws."""
    with seeded(seed, "latent reach"):
        drawn = prior.sample(torch.Size((DRAWS,))).double()
    centre = drawn.median(0).values
    typical = (drawn - centre).norm(dim=1).median()
    return ((z.double() - centre).square().sum(1).mean().sqrt() / typical).item()
