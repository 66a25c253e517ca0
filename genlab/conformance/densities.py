r"""Checks of densities and of priors: what must hold for every one of them.

    from genlab.conformance.densities import check_prior
    check_prior(MyPrior)          # a class, or a function of the number of latent dimensions

A density integrates to one, its sampler draws from it, its value at a point depends neither on
the other points of a batch nor, but for rounding, on the precision. A prior besides gives every
parameter a gradient and gives the same numbers after its state is saved and loaded.

A check returns nothing; one that fails raises `ConformanceError`, a `ValueError`, and says by how
much. Integrals are sums over a grid in two dimensions, so a density must be smooth on the scale
of its cells and have its mass inside the grid.

Shapes: B points, D latent dimensions.
"""

__all__ = [
    "PIXELS", "ConformanceError", "Grid", "check_batches", "check_far_gradients",
    "check_gradients", "check_integral", "check_precision", "check_prior", "check_sampler",
    "check_shapes", "check_state", "prepared",
]  # fmt: skip

import copy
import math

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn as nn

from torch import Tensor
from torch.distributions import Distribution

from genlab.conformance.errors import ConformanceError
from genlab.priors.base import Prior

PIXELS = 20
"""Pixels of the images that a prior is attached to."""
ROUNDING = 1e-4
"""The difference that float32 may make to ln p, in nats and relative to ln p."""
MASS = 1e-4
"""How far from one an integral over the grid may be."""
SAMPLES, SPLITS = 100_000, 20
"""Draws of the sampler's check, and parts of each axis in its boxes."""


@dataclass(frozen=True)
class Grid:
    """A grid over the square [-half, half]^2 in the plane."""

    half: float = 14.0
    """Half the side of the square."""
    points: int = 700
    """The number of cells along an axis."""

    @property
    def step(self) -> float:
        """The side of a cell."""
        return 2 * self.half / self.points

    def line(self) -> Tensor:
        """Returns the midpoints along an axis, in float64."""
        return -self.half + self.step * (torch.arange(self.points, dtype=torch.float64) + 0.5)

    def midpoints(self) -> Tensor:
        """Returns the midpoints of all cells, with shape `(points^2, 2)`, in float64."""
        return torch.cartesian_prod(self.line(), self.line())

    def mass(self, p: Distribution, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Returns the mass of every cell, and ln p there, each `(points, points)`, in float64."""
        with torch.no_grad():
            log_p = p.log_prob(self.midpoints().to(dtype)).double()
        log_p = log_p.view(self.points, self.points)
        return log_p.exp() * self.step**2, log_p


def check_shapes(p: Distribution, latent: int) -> None:
    """Checks the shapes of a density over D dimensions, and that its values are finite."""
    _require(p.event_shape == (latent,), f"event_shape is {tuple(p.event_shape)}, not ({latent},)")
    _require(p.batch_shape == (), f"batch_shape is {tuple(p.batch_shape)}, not ()")
    with torch.no_grad():
        drawn = p.sample(torch.Size((3, 4)))
        values = p.log_prob(torch.randn(3, 4, latent, generator=_random()).to(drawn))
    _require(drawn.shape == (3, 4, latent), f"sample((3, 4)) has shape {tuple(drawn.shape)}")
    _require(
        values.shape == (3, 4),
        f"log_prob of points with shape (3, 4, {latent}) has shape {tuple(values.shape)}; it must "
        "be one number a point, (3, 4)",
    )
    _require(bool(torch.isfinite(values).all()), "log_prob is not finite at draws of N(0, I)")


def check_integral(
    p: Distribution, grid: Grid, dtype: torch.dtype = torch.float64
) -> None:
    """Checks that a density in the plane integrates to one, within 1e-4.

    Arguments:
        p: The density.
        grid: Holds its mass.
        dtype: The dtype that the density takes; float64 leaves no rounding.
    """
    total = grid.mass(p, dtype)[0].sum().item()
    _require(abs(total - 1) <= MASS, f"the density integrates to {total:.6f}, not to 1")


def check_sampler(p: Distribution, grid: Grid, dtype: torch.dtype = torch.float32) -> None:
    """Checks that the sampler of a density in the plane draws from it, by two statistics.

    The mean of ln p over 100,000 draws is the negative entropy, which the grid knows. And boxes
    of near-equal mass hold their share of draws: Pearson's chi-square is at most six standard
    deviations above its mean.

    Arguments:
        p: The density.
        grid: Holds its mass.
        dtype: The dtype that the density takes.
    """
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        samples = p.sample(torch.Size((SAMPLES,)))
        values = p.log_prob(samples).double()
    mass, log_p = grid.mass(p, dtype)
    wanted, found = (mass * log_p).sum().item(), values.mean().item()
    error = values.std().item() / math.sqrt(len(values))
    _require(
        abs(found - wanted) <= 4 * error + 1e-3,
        f"the mean of ln p over draws is {found:.4f} ± {error:.4f}, where the density has "
        f"{wanted:.4f}",
    )
    chi, boxes = _chi_square(samples.double(), mass / mass.sum(), grid)
    _require(boxes > 100, f"only {boxes} boxes have mass: take a finer or a smaller grid")
    # Chi-square has mean `boxes` and variance 2 `boxes`; the grid's error in each share is small.
    most = boxes + 6 * math.sqrt(2 * boxes)
    _require(
        chi < most,
        f"the draws do not follow the density: chi-square is {chi:.0f} over {boxes} boxes, at "
        f"most {most:.0f} expected",
    )


def _chi_square(samples: Tensor, mass: Tensor, grid: Grid) -> tuple[float, int]:
    """Returns Pearson's chi-square of draws `(B, 2)` over boxes of cells, and their number.

    Boxes are columns of near-equal mass, each cut into boxes of near-equal mass.
    """
    chi, boxes, count = 0.0, 0, len(samples)
    borders = -grid.half + grid.step * torch.arange(grid.points + 1, dtype=torch.float64)
    shares = torch.linspace(0, 1, SPLITS + 1, dtype=torch.float64)[1:-1]
    columns = _cuts(mass.sum(1), shares)
    for low, high in zip(columns[:-1], columns[1:]):
        column = mass[low:high].sum(0)
        cuts = _cuts(column, shares)
        wanted = torch.stack([column[a:b].sum() for a, b in zip(cuts[:-1], cuts[1:])])
        inside = (samples[:, 0] >= borders[low]) & (samples[:, 0] < borders[high])
        found = torch.histogram(samples[inside, 1], borders[cuts])[0] / count
        kept = wanted * count > 20
        chi += ((found - wanted)[kept] ** 2 / wanted[kept]).sum().item() * count
        boxes += int(kept.sum())
    return chi, boxes


def _cuts(mass: Tensor, shares: Tensor) -> list[int]:
    """Returns the cells `(G,)` at which shares of their mass are reached, and both ends."""
    inner = torch.searchsorted(mass.cumsum(0) / mass.sum(), shares).tolist()
    return sorted({0, *inner, len(mass)})


def check_batches(p: Distribution, z: Tensor) -> None:
    """Checks that the value at a point does not depend on the other points `(B, D)`."""
    with torch.no_grad():
        together = p.log_prob(z)
        alone = torch.cat([p.log_prob(point[None]) for point in z])
    _close(together, alone, "ln p of a point differs between a batch and alone")


def check_precision(single: Distribution, double: Distribution, z: Tensor) -> None:
    """Checks that a density in float32 and the same in float64 agree at points `(B, D)`."""
    with torch.no_grad():
        _close(
            single.log_prob(z.float()).double(), double.log_prob(z.double()),
            "ln p in float32 and in float64 differ",
        )


def check_gradients(prior: Prior, z: Tensor, rows: Tensor) -> None:
    """Checks that training reaches the codes and every parameter.

    Arguments:
        prior: The prior; its parameters must not be at a stationary point.
        z: Codes, with shape `(B, D)`.
        rows: Row numbers of their images among the training images, with shape `(B,)`.
    """
    prior.zero_grad()
    z = z.detach().clone().requires_grad_()
    values = prior.training_log_prob(z, rows, _random())
    _require(
        values.shape == z.shape[:-1],
        f"training_log_prob of codes with shape {tuple(z.shape)} has shape {tuple(values.shape)}",
    )
    values.mean().backward()
    for name, tensor in (("the codes", z), *prior.named_parameters()):
        _require(
            tensor.grad is not None and bool(tensor.grad.any()),
            f"training_log_prob has no gradient with respect to {name}",
        )
        _require(
            tensor.grad is not None and bool(torch.isfinite(tensor.grad).all()),
            f"the gradient of training_log_prob with respect to {name} is not finite",
        )


def check_far_gradients(prior: Prior, z: Tensor) -> None:
    """Checks that gradients of ln p are finite at codes `(B, D)` far from the mass."""
    prior.zero_grad()
    z = z.detach().clone().requires_grad_()
    prior().log_prob(z).sum().backward()
    for name, tensor in (("the codes", z), *prior.named_parameters()):
        _require(
            tensor.grad is None or bool(torch.isfinite(tensor.grad).all()),
            f"the gradient of ln p with respect to {name} is not finite far from the mass",
        )


def check_state(prior: Prior, fresh: Prior, z: Tensor) -> None:
    """Checks that a fresh prior has the same density, to the bit, after loading a prior's state.

    Arguments:
        prior: The prior.
        fresh: One built in the same way, with other parameters; it is overwritten.
        z: Points, with shape `(B, D)`.
    """
    fresh.load_state_dict(prior.state_dict())
    with torch.no_grad():
        same = torch.equal(fresh().log_prob(z), prior().log_prob(z))
    _require(same, "a prior that has loaded another's state has another density")


def prepared(
    build: Callable[[int], Prior], latent: int, *, stir: float = 0.0, seed: int = 1
) -> tuple[Prior, nn.Linear]:
    """Builds a prior and attaches a random linear encoder of random images to it.

    Arguments:
        build: The prior's class, or any function of the number of latent dimensions.
        latent: The number of latent dimensions D.
        stir: The standard deviation of the noise that is added to every parameter.
        seed: Decides all that is random.

    Returns:
        The prior, in evaluation mode, and the encoder's weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(latent)
        encoder = nn.Linear(PIXELS, 2 * latent)
        torch.manual_seed(seed)
        prior = build(latent)
        prior.attach(_LinearEncoder(encoder).encode, PIXELS)
        count = prior.examples
        prior.initialise(torch.rand(count, PIXELS), torch.arange(count))
        with torch.no_grad():
            for parameter in prior.parameters() if stir else ():
                parameter.add_(stir * torch.randn_like(parameter))
    return prior.eval(), encoder


@dataclass(frozen=True)
class _LinearEncoder:
    """A linear encoder, whose bound method follows a deep copy."""

    net: nn.Linear

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_std = self.net(x).chunk(2, -1)
        return mean, log_std


def check_prior(
    build: Callable[[int], Prior], *, stir: float = 0.5, grid: Grid = Grid(),  # noqa: B008
) -> None:
    """Runs every check over a prior, at its start and with its parameters moved at random.

    Arguments:
        build: The prior's class, or any function of the number of latent dimensions.
        stir: The standard deviation of the noise that is added to every parameter.
        grid: Holds the mass in two dimensions.

    Raises:
        ConformanceError: If a check fails.
    """
    for latent in (1, 2, 3, 40):
        prior, _ = prepared(build, latent, stir=stir)
        points = torch.randn(33, latent, generator=_random())
        check_shapes(prior(), latent)
        check_batches(prior(), points)
        check_state(prior, prepared(build, latent, seed=2)[0], points)
        check_gradients(prior, points, torch.arange(len(points)) + 1000)
        check_far_gradients(prior, torch.full((1, latent), 50.0))
    for moved in (0.0, stir):
        prior, encoder = prepared(build, 2, stir=moved)
        check_sampler(prior(), grid)
        single, points = copy.deepcopy(prior), torch.randn(50, 2, generator=_random())
        prior.double()
        encoder.double()
        check_integral(prior(), grid)
        check_precision(single(), prior(), points)


def _random() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _close(found: Tensor, wanted: Tensor, message: str) -> None:
    worst = (found - wanted).abs()
    _require(
        bool((worst <= ROUNDING * (1 + wanted.abs())).all()),
        f"{message}, by up to {worst.max().item():.2g} nats",
    )


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ConformanceError(message)
