"""The checks of densities find what is wrong, and let pass what is right."""

import math

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn as nn

from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal, StudentT

from genlab.conformance import densities
from genlab.conformance.densities import ConformanceError, Grid, check_prior
from genlab.priors import Prior, Standard

GRID = Grid(8.0, 200)
Z = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))


class ProductOfT(Prior):
    """A prior written outside the package: independent Student-t."""

    def __init__(self, latent: int, degrees: float = 10.0) -> None:
        super().__init__()
        self.degrees = degrees
        self.mean = nn.Parameter(torch.zeros(latent))
        self.log_scale = nn.Parameter(torch.zeros(latent))

    def forward(self) -> Distribution:
        return Independent(StudentT(self.degrees, self.mean, self.log_scale.exp()), 1)


class Wrong(Distribution):
    """A correlated Gaussian with one thing wrong."""

    def __init__(
        self, log_prob: Callable[[Tensor, Tensor], Tensor] = lambda z, value: value,
        sample: Callable[[Tensor], Tensor] = lambda z: z, dtype: torch.dtype = torch.float64,
    ) -> None:
        covariance = torch.tensor([[1.0, 0.6], [0.6, 1.0]], dtype=dtype)
        self.right = MultivariateNormal(torch.zeros(2, dtype=dtype), covariance)
        self.change, self.draw = log_prob, sample
        super().__init__(event_shape=torch.Size((2,)), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        return self.change(value, self.right.log_prob(value))

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008
        return self.draw(self.right.sample(sample_shape))


def test_what_is_right_passes() -> None:
    double, single = Wrong(), Wrong(dtype=torch.float32)
    densities.check_shapes(double, 2)
    densities.check_integral(double, GRID)
    densities.check_sampler(double, GRID, torch.float64)
    densities.check_batches(double, Z.double())
    densities.check_precision(single, double, Z)


def test_a_density_that_does_not_integrate_to_one() -> None:
    with pytest.raises(ConformanceError, match="integrates to 1.000200, not to 1"):
        densities.check_integral(Wrong(lambda z, value: value + math.log(1.0002)), GRID)


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (lambda z: 1.02 * z, "the mean of ln p over draws is"),
        (lambda z: z * torch.tensor([1.0, -1.0]), "the mean of ln p over draws is"),
        # Turned to the other side along the contours: ln p stays, the density does not.
        (lambda z: torch.where(z[:, :1] > 0.5, z, -z), "chi-square is .* over 400 boxes"),
    ],
)
def test_a_sampler_of_another_density(sample: Callable[[Tensor], Tensor], message: str) -> None:
    with pytest.raises(ConformanceError, match=message):
        densities.check_sampler(Wrong(sample=sample), GRID, torch.float64)


def test_a_sampler_on_a_grid_too_coarse_to_judge() -> None:
    with pytest.raises(ConformanceError, match="boxes have mass: take a finer"):
        densities.check_sampler(Wrong(), Grid(30.0, 60), torch.float64)


def test_densities_without_one_number_a_point() -> None:
    with pytest.raises(ConformanceError, match="event_shape is \\(\\), not \\(2,\\)"):
        densities.check_shapes(Normal(torch.zeros(2), 1.0), 2)
    with pytest.raises(ConformanceError, match="one number a point"):
        densities.check_shapes(Wrong(lambda z, value: value[..., None]), 2)
    with pytest.raises(ConformanceError, match="not finite"):
        densities.check_shapes(Wrong(lambda z, value: value.log()), 2)


def test_a_value_that_depends_on_the_batch() -> None:
    wrong = Wrong(lambda z, value: value + 1e-2 * z.mean())
    with pytest.raises(ConformanceError, match="differs between a batch and alone"):
        densities.check_batches(wrong, Z.double())


def test_a_density_that_float32_cannot_hold() -> None:
    def cancel(z: Tensor, value: Tensor) -> Tensor:
        return (value + 1e5) - 1e5

    with pytest.raises(ConformanceError, match="in float32 and in float64 differ"):
        densities.check_precision(
            Wrong(cancel, dtype=torch.float32), Wrong(cancel), Z
        )


class Unused(ProductOfT):
    """Has a parameter that the density does not use."""

    def __init__(self, latent: int) -> None:
        super().__init__(latent)
        self.unused = nn.Parameter(torch.zeros(latent))


class Forgetful(ProductOfT):
    """Has a number that is not in its state."""

    def __init__(self, latent: int) -> None:
        super().__init__(latent)
        self.shift = torch.randn(latent)

    def forward(self) -> Distribution:
        return Independent(Normal(self.mean + self.shift, self.log_scale.exp()), 1)


class Steep(Prior):
    """A Gaussian whose gradient overflows far out."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(latent))

    def forward(self) -> Distribution:
        return Independent(Steeply(self.mean, torch.ones_like(self.mean)), 1)


class Steeply(Normal):
    def log_prob(self, value: Tensor) -> Tensor:
        overflow = (10 * ((value - self.loc).abs() - 20)).clamp(min=0).exp()
        return super().log_prob(value) + overflow - overflow.detach()


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        (Unused, "no gradient with respect to unused"),
        (Forgetful, "loaded another's state has another density"),
        (Steep, "gradient of ln p with respect to the codes is not finite far from the mass"),
    ],
)
def test_a_wrong_prior_is_found_by_the_whole_suite(prior: type[Prior], message: str) -> None:
    with pytest.raises(ConformanceError, match=message):
        check_prior(prior, grid=GRID)


@pytest.mark.slow
def test_a_prior_from_outside_passes_the_whole_suite() -> None:
    check_prior(ProductOfT)
    check_prior(Standard, grid=GRID)


def test_errors_are_value_errors() -> None:
    assert issubclass(ConformanceError, ValueError)
