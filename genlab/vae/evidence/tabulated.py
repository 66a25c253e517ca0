r"""A density on the line or plane, read off a table: for priors that are dear to evaluate.

ln p(z) is computed once on a lattice and interpolated by Keys' cubic convolution (1981, equation
15), exact for quadratics, with an error of order h^3. What the interpolation costs is measured at
points of the caller's choice, not assumed.

References:
    | Cubic convolution interpolation for digital image processing (Keys, 1981),
    | https://doi.org/10.1109/TASSP.1981.1163711

Shapes: G lattice points an axis, D latent dimensions (1 or 2); `*` any leading dimensions.
"""

__all__ = ["Tabulated", "log_prob_on_lattice"]

import torch

from torch import Tensor
from torch.distributions import Distribution

from genlab.common.progress import Progress

POINTS = 4096
"""Lattice points computed at a time."""


def weights(t: Tensor) -> Tensor:
    """Returns the weights of the four neighbours at -1, 0, 1, 2 for t in [0, 1], `(*, 4)`."""
    s = torch.stack([t + 1, t, 1 - t, 2 - t], -1)
    near = 1.5 * s**3 - 2.5 * s**2 + 1
    far = -0.5 * s**3 + 2.5 * s**2 - 4 * s + 2
    return torch.where(s < 1, near, far)


@torch.no_grad()
def log_prob_on_lattice(p: Distribution, low: Tensor, high: Tensor, count: int) -> Tensor:
    """Returns ln p(z) at the points of a lattice, float64 with shape `(G^D,)`.

    Arguments:
        p: The distribution.
        low: The box's lowest corner, with shape `(D,)`.
        high: Its highest corner, with shape `(D,)`.
        count: Lattice points G an axis.
    """
    lines = [torch.linspace(a, b, count) for a, b in zip(low.tolist(), high.tolist())]
    points = torch.cartesian_prod(*lines).reshape(-1, len(low)).to(low)
    with Progress(len(points), "the prior's density", "points") as progress:
        parts = []
        for part in points.split(POINTS):
            parts.append(p.log_prob(part))
            progress.advance(len(part))
    return torch.cat(parts).double()


class Tabulated(Distribution):
    """A distribution whose density is read off a table inside a box, and computed outside it.

    Arguments:
        p: The distribution.
        low: The box's lowest corner, with shape `(D,)`.
        high: Its highest corner, with shape `(D,)`.
        values: ln p(z) there, as of `log_prob_on_lattice`.
    """

    arg_constraints = {}  # pyright: ignore[reportAssignmentType]

    def __init__(self, p: Distribution, low: Tensor, high: Tensor, values: Tensor) -> None:
        super().__init__(event_shape=p.event_shape, validate_args=False)
        self.count = round(len(values) ** (1 / len(low)))
        self.p, self.low, self.step = p, low, (high - low) / (self.count - 1)
        self.values = values

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns ln p(z), with shape `(*)`, of z with shape `(*, D)`."""
        flat = value.reshape(-1, len(self.low))
        place = ((flat - self.low) / self.step).double()
        inside = ((place >= 1) & (place < self.count - 2)).all(1)
        result = torch.empty(len(flat), dtype=torch.float64)
        result[inside] = self._read(place[inside])
        if not inside.all():
            result[~inside] = self.p.log_prob(flat[~inside]).double()
        return result.to(value.dtype).view(value.shape[:-1])

    def _read(self, place: Tensor) -> Tensor:
        """Interpolates at places `(M, D)` in units of the lattice."""
        base = place.floor().long()
        neighbours = base[..., None] + torch.arange(-1, 3)  # (M, D, 4)
        share = weights(place - base)  # (M, D, 4)
        if place.shape[1] == 1:
            return (share[:, 0] * self.values[neighbours[:, 0]]).sum(1)
        rows = neighbours[:, 0, :, None] * self.count + neighbours[:, 1, None, :]
        return torch.einsum("mi,mj,mij->m", share[:, 0], share[:, 1], self.values[rows])

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Draws from the distribution itself."""
        return self.p.sample(torch.Size(sample_shape))
