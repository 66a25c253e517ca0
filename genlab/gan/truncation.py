r"""Truncation: images nearer to the typical, at the price of variety.

Shortening the latent, as is usual, does nothing to generators that read its direction alone, and
no direction of a sphere is more typical than another. So truncation takes place where StyleGAN
has it, behind the first non-linear map h of the latent,

    x = G(m + psi (h(z) - m)),    m = E_z[h(z)],    0 <= psi <= 1,                              (1)

h being what a generator's `first` returns, at 4x4 pixels, and G its `rest`. psi = 1 leaves every
image as it is, bit for bit; psi = 0 makes all of them the one image G(m). A mean of something
linear in z would not serve: it is h(0), the middle of a sphere on whose surface G was trained
(`docs/sampling.md` has the numbers). Truncated images are no samples of the generator's law:
no distance is to be taken of them.

References:
    | A Style-Based Generator Architecture for GANs (Karras et al., 2019), section 2 and appendix B
    | https://arxiv.org/abs/1812.04948
    | Megapixel Size Image Creation using GANs (Marchesi, 2017), https://arxiv.org/abs/1706.00082

Shapes: B batch, Z latent dimensions, C channels.
"""

__all__ = ["Generator", "mean_map", "truncated"]

import torch

from torch import Tensor

from genlab.gan.networks.dcgan import DcganGenerator
from genlab.gan.networks.fastgan import FastGanGenerator
from genlab.gan.networks.residual import ResidualGenerator

DRAWS = 10_000
"""Latents that the mean is taken over, as StyleGAN has it: each of its values is then off by a
hundredth of its standard deviation, one standard error."""


Generator = FastGanGenerator | ResidualGenerator | DcganGenerator


@torch.no_grad()
def mean_map(network: Generator, random: torch.Generator, draws: int = DRAWS) -> Tensor:
    """Returns m of (1), the mean of the first map over random latents, with shape `(C, 4, 4)`."""
    device = next(network.parameters()).device
    total = torch.zeros((), dtype=torch.float64, device=device)
    for start in range(0, draws, 500):
        z = torch.randn(min(500, draws - start), network.latent, generator=random)
        total = total + network.first(z.to(device)).sum(0, dtype=torch.float64)
    return (total / draws).float()


@torch.no_grad()
def truncated(network: Generator, z: Tensor, psi: float, mean: Tensor) -> Tensor:
    """Returns the images (1) of latents `z`, `(B, Z)`, truncated to `psi` towards `mean`."""
    x = network.first(z)
    # `lerp` is exact at both ends.
    return network.rest(torch.lerp(mean.expand_as(x), x, psi))
