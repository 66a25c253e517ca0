"""What the priors are called and may be told: names, options, defaults. Imports no torch.

Shapes: K components, D latent dimensions, T draws.
"""

__all__ = ["PRIOR_NAMES", "PRIOR_OPTIONS", "PriorName", "PriorOptions"]

from dataclasses import dataclass, fields, replace
from typing import Literal, get_args

from genlab.common.errors import InputError
from genlab.configs.checks import require_finite

PriorName = Literal[
    "standard", "mixture", "vamp", "vamp-mixture", "gtm", "gtm-vamp", "realnvp", "spline",
    "student", "exemplar", "lars", "energy", "diffusion", "zuko",
]  # fmt: skip
PRIOR_NAMES: tuple[str, ...] = get_args(PriorName)
WIDEST = 16_384
"""The widest layer of a network."""
LARGEST = {"hidden": WIDEST, "grid": 1000, "blocks": 1000, "bins": 1000, "bound": 1000}
"""More of these is out of all proportion, and most of it fits into no machine."""


@dataclass(frozen=True, kw_only=True)
class PriorOptions:
    """What a prior is built with. Each prior takes some of these and refuses the others."""

    components: int | None = None
    """mixture, vamp, vamp-mixture, exemplar: components K."""
    covariance: Literal["diagonal", "full"] | None = None
    """mixture: the components' covariances."""
    grid: int | None = None
    """gtm, gtm-vamp: points along each axis of the map's square."""
    hidden: tuple[int, ...] | None = None
    """gtm, gtm-vamp, realnvp, spline, lars, energy, diffusion, zuko: widths of the network's
    hidden layers."""
    blocks: int | None = None
    """realnvp, spline, zuko: transformations in a row."""
    bins: int | None = None
    """spline: pieces of each spline."""
    bound: float | None = None
    """spline: the splines act on [-bound, bound], the identity outside."""
    truncation: int | None = None
    """lars: draws T after which any is accepted."""
    draws: int | None = None
    """lars, energy: draws a training step for the normaliser where there are more than two
    dimensions."""
    steps: int | None = None
    """diffusion: Runge-Kutta steps of the likelihood's differential equation."""
    flow: str | None = None
    """zuko: a class of zuko.flows: BPF, MAF, NICE, NSF or RealNVP."""

    def of(self, prior: str) -> "PriorOptions":
        """Returns the options of a prior, its defaults filled in.

        Raises:
            InputError: If an option is given that the prior does not take, or is out of range.
        """
        require_finite(self, "prior.")
        defaults = PRIOR_OPTIONS[prior]
        changes = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None:
                continue
            if getattr(defaults, field.name) is None:
                takes = [f.name for f in fields(self) if getattr(defaults, f.name) is not None]
                raise InputError(
                    f"`prior.{field.name}`: not an option of the prior {prior!r}, which takes "
                    + (", ".join(f"`prior.{name}`" for name in takes) or "none")
                )
            low = min(value, default=0) if isinstance(value, tuple) else value
            if not isinstance(low, str) and not low > 0:
                raise InputError(f"`prior.{field.name}` {value}: must be above 0")
            high = max(value, default=0) if isinstance(value, tuple) else value
            if field.name in LARGEST and high > LARGEST[field.name]:
                most = LARGEST[field.name]
                raise InputError(f"`prior.{field.name}` {value}: must be at most {most}")
            changes[field.name] = value
        return replace(defaults, **changes)


PRIOR_OPTIONS: dict[str, PriorOptions] = {
    "standard": PriorOptions(),
    "mixture": PriorOptions(components=100, covariance="diagonal"),
    "vamp": PriorOptions(components=100),
    "vamp-mixture": PriorOptions(components=100),
    "gtm": PriorOptions(grid=10, hidden=(64,)),
    "gtm-vamp": PriorOptions(grid=10, hidden=(300,)),
    "realnvp": PriorOptions(blocks=8, hidden=(64, 64)),
    "spline": PriorOptions(blocks=4, hidden=(64, 64), bins=16, bound=5.0),
    "student": PriorOptions(),
    "exemplar": PriorOptions(components=1000),
    "lars": PriorOptions(hidden=(100, 100), truncation=100, draws=1024),
    "energy": PriorOptions(hidden=(100, 100), draws=1024),
    "diffusion": PriorOptions(hidden=(64, 64, 64), steps=64),
    "zuko": PriorOptions(flow="NSF", blocks=3, hidden=(64, 64)),
}
"""The options that each prior takes, at their defaults."""
