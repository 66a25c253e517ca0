r"""Truncation: images nearer to the mean image, with less variety.

Shortening the latent, the usual way, has no effect on generators that use its direction alone,
and all directions are equally likely. So truncation is applied as in StyleGAN, behind the first
non-linear map h of the latent,

    x = G(m + psi (h(z) - m)),    m = E_z[h(z)],    0 <= psi <= 1,                              (1)

h being a generator's method `first`, a map at 4x4 pixels, and G its method `rest`. psi = 1 leaves
every image as it is, bit for bit; psi = 0 makes all of them the one image G(m). A map linear in z
would not do: its mean is h(0), the centre of the sphere on whose surface G was trained
(`docs/sampling.md` has the numbers). Truncated images are not samples of the generator's
distribution; distances must not be measured on them.

References:
    | A Style-Based Generator Architecture for GANs (Karras et al., 2019), section 2 and appendix B
    | https://arxiv.org/abs/1812.04948
    | Megapixel Size Image Creation using GANs (Marchesi, 2017), https://arxiv.org/abs/1706.00082

Shapes: B batch, Z latent dimensions, C channels.
"""

__all__ = ["TwoStageGenerator", "mean_map", "truncated"]

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch

from torch import Tensor, nn

DRAWS = 10_000
"""Latents that the mean is estimated from, as in StyleGAN: the standard error of each value is a
hundredth of its standard deviation."""


@runtime_checkable
class TwoStageGenerator(Protocol):
    """A generator G(h(z)) whose two parts can be called."""

    latent: int
    """Latent dimensions Z."""

    def first(self, z: Tensor) -> Tensor:
        """Returns h(z), `(B, C, 4, 4)`, of latents `(B, Z)`."""
        ...

    def rest(self, x: Tensor) -> Tensor:
        """Returns the images of maps h(z)."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """Returns the weights."""
        ...


@torch.no_grad()
def mean_map(network: TwoStageGenerator, random: torch.Generator, draws: int = DRAWS) -> Tensor:
    """Returns m of (1), the mean of the first map over random latents, with shape `(C, 4, 4)`."""
    device = next(network.parameters()).device
    total = torch.zeros((), dtype=torch.float64, device=device)
    for start in range(0, draws, 500):
        z = torch.randn(min(500, draws - start), network.latent, generator=random)
        total = total + network.first(z.to(device)).sum(0, dtype=torch.float64)
    return (total / draws).float()


@torch.no_grad()
def truncated(network: TwoStageGenerator, z: Tensor, psi: float, mean: Tensor) -> Tensor:
    """Returns the images (1) of latents `z`, `(B, Z)`, truncated to `psi` towards `mean`."""
    x = network.first(z)
    # `lerp` is exact at both ends.
    return network.rest(torch.lerp(mean.expand_as(x), x, psi))
