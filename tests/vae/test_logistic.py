"""Discretised logistics and their mixtures: sums over all levels, tails, draws, means."""

import math

import mpmath
import numpy as np
import pytest
import torch

from scipy.stats import chisquare
from torch import Tensor

from genlab.common.errors import InputError
from genlab.vae.likelihoods import Binomial, DiscretisedLogistic, Likelihood, LogisticMixture

# Shapes: B images, K parameters, M components.

LEVELS = torch.arange(256, dtype=torch.float64)[:, None] / 255
"""All images of one grey value."""
LOCATIONS = (-1e3, -3.0, -1.0, -0.4, 0.0, 0.33, 1.0, 2.7, 50.0)
SPREADS = (-60.0, -8.0, -3.0, 0.0, 2.0, 6.0, 40.0)


def doubles(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def of_a_colour(likelihood: LogisticMixture, seed: int) -> Tensor:
    """Parameters of ordinary laws of one position, float64, with shape `(K,)`."""
    random = torch.Generator().manual_seed(seed)
    width = likelihood.width((3, 1, 1))
    return 0.7 * torch.randn(width, generator=random, dtype=torch.float64)


# Sums


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("location", LOCATIONS)
def test_probabilities_of_all_levels_add_up_to_one(location: float, spread: float) -> None:
    with torch.no_grad():
        log_p = DiscretisedLogistic(0.05).log_prob(LEVELS, doubles(location, spread))
    assert log_p.max() <= 1e-15
    assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("size", [0.0, 0.7, 5.0, 30.0])
def test_probabilities_of_a_grey_mixture_add_up_to_one(size: float) -> None:
    likelihood = LogisticMixture(4)
    eta = size * torch.randn(
        50, likelihood.width((1,)), generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    total = likelihood.log_prob(LEVELS[:, None], eta).exp().sum(0)
    torch.testing.assert_close(total, torch.ones(50, dtype=torch.float64), rtol=0, atol=1e-12)


COLOUR = LogisticMixture(2, colour=True)


def of_red(level: int, eta: Tensor) -> Tensor:
    """The probabilities of all colours of one position with a level of red, `(256, 256)`."""
    green, blue = torch.meshgrid(LEVELS[:, 0], LEVELS[:, 0], indexing="ij")
    x = torch.stack([torch.full_like(green, level / 255), green, blue], -1)
    return COLOUR.log_prob(x, eta).exp()


def as_grey(eta: Tensor) -> Tensor:
    """The parameters of the grey mixture that red is of, of those of one position in colour."""
    parts = eta.view(10, COLOUR.components)
    return parts[[0, 1, 4]].flatten()


@pytest.mark.parametrize("size", [0.5, 4.0])
def test_green_and_blue_add_up_to_the_mixture_of_red(size: float) -> None:
    eta = size * of_a_colour(COLOUR, 5)
    for level in (0, 1, 100, 255):
        red = LogisticMixture(2).log_prob(LEVELS[level], as_grey(eta)).exp().item()
        assert of_red(level, eta).sum().item() == pytest.approx(red, rel=1e-11)


@pytest.fixture(scope="module")
def all_colours() -> tuple[Tensor, Tensor, Tensor]:
    """Parameters of a position, the probabilities of 8 x 8 x 8 blocks of all colours, means."""
    eta = of_a_colour(COLOUR, 3)
    blocks, mean = [], torch.zeros(3, dtype=torch.float64)
    for level in range(256):
        p = of_red(level, eta)
        blocks.append(p.view(8, 32, 8, 32).sum((1, 3)))
        mean += torch.stack([p.sum() * level / 255, p.sum(1) @ LEVELS[:, 0],
                             p.sum(0) @ LEVELS[:, 0]])  # fmt: skip
    return eta, torch.stack(blocks).view(8, 32, 8, 8).sum(1), mean


@pytest.mark.slow
def test_probabilities_of_all_colours_add_up_to_one(
    all_colours: tuple[Tensor, Tensor, Tensor]
) -> None:
    assert all_colours[1].sum().item() == pytest.approx(1, abs=1e-11)


# Values


def log_level(level: int, location: float, spread: float) -> float:
    """ln P(k) for a scale of 0.05 to start from, as a difference of two values of F.

    F is computed to as many digits as it takes for 60 to be left.
    """
    s = 1 / 16 + (255 * 0.05 - 1 / 16) * math.exp(spread)
    away = abs(level - 127.5 - 128 * location) / s
    with mpmath.workdps(60 + math.ceil(away / math.log(10))):
        mu = mpmath.mpf(255) / 2 + 128 * mpmath.mpf(location)
        floor = mpmath.mpf(1) / 16
        s = floor + (255 * mpmath.mpf("0.05") - floor) * mpmath.exp(spread)

        def below(end: float) -> mpmath.mpf:
            return 1 / (1 + mpmath.exp(-(mpmath.mpf(end) - mu) / s))

        low = 0 if level == 0 else below(level - 0.5)
        high = 1 if level == 255 else below(level + 0.5)
        return float(mpmath.log(high - low))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_slopes_hold_far_from_the_location(dtype: torch.dtype) -> None:
    """The least of these probabilities is e^-8000, which no type of number holds."""
    likelihood = DiscretisedLogistic(0.05)
    eps = torch.finfo(dtype).eps
    least = 0.0
    for location in (-3.0, -1.0, -0.40625, 0.0, 0.328125, 1.0, 2.75):
        for spread in (-40.0, -3.0, 0.0, 2.0, 6.0):
            eta = torch.tensor([location, spread], dtype=dtype).expand(8, 2).clone()
            eta.requires_grad_()
            levels = [0, 1, 5, 127, 128, 250, 254, 255]
            x = torch.tensor(levels, dtype=dtype)[:, None] / 255
            found = likelihood.log_prob(x, eta)
            (slope,) = torch.autograd.grad(found.sum(), eta)
            exact = [log_level(level, location, spread) for level in levels]
            wanted = doubles(*exact)
            torch.testing.assert_close(
                found.detach().double(), wanted, rtol=16 * eps, atol=4 * eps
            )
            assert slope.isfinite().all()
            assert (slope[wanted < -1] != 0).all()
            least = min(least, *exact)
            double = eta.detach().double().requires_grad_()
            (fine,) = torch.autograd.grad(likelihood.log_prob(x.double(), double).sum(), double)
            torch.testing.assert_close(slope.double(), fine, rtol=64 * eps, atol=64 * eps)
    assert least < -8000


def test_slopes_are_those_of_exact_arithmetic() -> None:
    likelihood = DiscretisedLogistic(0.05)
    for level, location, spread in [(200, -1.0, -40.0), (3, 0.5, 1.0), (255, 0.9, -2.0)]:
        eta = doubles(location, spread).requires_grad_()
        (slope,) = torch.autograd.grad(likelihood.log_prob(LEVELS[level], eta), eta)
        step = 1e-6
        for index in range(2):
            ends = []
            for sign in (-1, 1):
                at = [location, spread]
                at[index] += sign * step
                ends.append(log_level(level, *at))
            wanted = (ends[1] - ends[0]) / (2 * step)
            assert slope[index].item() == pytest.approx(wanted, rel=1e-6, abs=1e-6)


def test_a_mixture_of_one_component_is_a_logistic() -> None:
    random = torch.Generator().manual_seed(0)
    x = torch.randint(256, (7, 6), generator=random).double() / 255
    eta = torch.randn(7, 12, generator=random, dtype=torch.float64)
    wanted = DiscretisedLogistic().log_prob(x, eta)
    weight = torch.randn(7, 6, generator=random, dtype=torch.float64)
    grey = LogisticMixture(1).log_prob(x, torch.cat([weight, eta], -1))
    torch.testing.assert_close(grey, wanted, rtol=1e-13, atol=0)
    factors = torch.zeros(7, 6, dtype=torch.float64)  # two positions in colour
    colour = LogisticMixture(1, colour=True)
    found = colour.log_prob(x, torch.cat([weight[:, :2], eta, factors], -1))
    torch.testing.assert_close(found, wanted, rtol=1e-13, atol=0)


def test_one_scale_for_all_is_that_of_each() -> None:
    random = torch.Generator().manual_seed(0)
    x = torch.randint(256, (4, 6), generator=random).double() / 255
    location = torch.randn(4, 6, generator=random, dtype=torch.float64)
    one = DiscretisedLogistic(each=False).double()
    assert [name for name, _ in one.named_parameters()] == ["log_spread"]
    with torch.no_grad():
        one.log_spread.fill_(-0.8)
    both = torch.cat([location, torch.full_like(location, -0.8)], -1)
    torch.testing.assert_close(one.log_prob(x, location), DiscretisedLogistic().log_prob(x, both))
    torch.testing.assert_close(one.mean(location), DiscretisedLogistic().mean(both))

    def values(log_spread: Tensor) -> Tensor:
        return torch.func.functional_call(one, {"log_spread": log_spread}, (x, location))

    one.forward = one.log_prob
    assert torch.autograd.gradcheck(values, [doubles(-0.8).squeeze().requires_grad_()])


# Where training begins


def test_zero_is_a_start_in_the_middle_with_components_apart() -> None:
    x = torch.full((1, 3), 60 / 255, dtype=torch.float64)
    for likelihood in (DiscretisedLogistic(), LogisticMixture(5), LogisticMixture(5, colour=True)):
        eta = torch.zeros(likelihood.width((3, 1, 1)), dtype=torch.float64).requires_grad_()
        middle = torch.full((3,), 0.5, dtype=torch.float64)
        torch.testing.assert_close(likelihood.mean(eta), middle)
        (slope,) = torch.autograd.grad(likelihood.log_prob(x, eta).sum(), eta)
        assert slope.isfinite().all()
        if isinstance(likelihood, LogisticMixture) and likelihood.channels == 3:
            locations = slope.view(10, 5)[1:4]
            assert (locations.diff().abs() > 1e-6).all()
            assert (slope != 0).all()


def test_the_scale_to_start_from_is_that_asked_for() -> None:
    draws = DiscretisedLogistic(0.02).sample(torch.zeros(40_000, 2))
    assert draws.std().item() == pytest.approx(0.02 * math.pi / math.sqrt(3), rel=0.02)


def test_a_value_that_is_always_the_same_costs_little() -> None:
    """At the lower bound of the scale, in the middle of its cell."""
    level = 77
    eta = doubles((level - 127.5) / 128, -100.0)
    assert -1e-3 < DiscretisedLogistic().log_prob(LEVELS[level], eta).item() < -5e-4


# Means and draws


@pytest.mark.parametrize("likelihood", [DiscretisedLogistic(0.05), LogisticMixture(3)])
def test_the_mean_is_that_of_all_levels(likelihood: Likelihood) -> None:
    random = torch.Generator().manual_seed(0)
    size = 3 * torch.rand(300, 1, generator=random, dtype=torch.float64)
    width = likelihood.width((1,))
    eta = size * torch.randn(300, width, generator=random, dtype=torch.float64)
    p = likelihood.log_prob(LEVELS[:, None], eta).exp()
    torch.testing.assert_close(likelihood.mean(eta), (p * LEVELS).sum(0)[:, None], rtol=1e-11,
                               atol=1e-14)  # fmt: skip
    single = likelihood.mean(eta.float()).double()
    torch.testing.assert_close(single, likelihood.mean(eta), rtol=0, atol=2e-6)


@pytest.mark.slow
def test_the_mean_of_colours(all_colours: tuple[Tensor, Tensor, Tensor]) -> None:
    """Exact for red, and for green and blue as far as locations stay inside the scale."""
    eta, _, mean = all_colours
    found = COLOUR.mean(eta)
    assert found[0].item() == pytest.approx(mean[0].item(), abs=1e-11)
    torch.testing.assert_close(found, mean, rtol=0, atol=0.03)


def test_the_mean_of_colours_is_exact_inside_the_scale() -> None:
    """Narrow laws in the middle, against the mean of draws."""
    torch.manual_seed(0)
    likelihood = LogisticMixture(2, scale=0.01, colour=True)
    eta = 0.3 * of_a_colour(likelihood, 1)
    draws = likelihood.sample(eta.expand(300_000, -1))
    error = draws.std(0) / math.sqrt(300_000)
    assert ((draws.mean(0) - likelihood.mean(eta)).abs() < 4 * error).all()


def like_their_probabilities(levels: Tensor, p: Tensor) -> bool:
    """Whether draws `(B,)` of a few values have the probabilities of these."""
    found = torch.bincount(levels, minlength=len(p)).numpy()
    wanted = len(levels) * p.numpy()
    rare = wanted < 20  # taken together
    found, wanted = (np.append(a[~rare], a[rare].sum()) for a in (found, wanted))
    keep = wanted > 0
    scaled = wanted[keep] * found.sum() / wanted[keep].sum()
    return bool(found[~keep].sum() == 0 and chisquare(found[keep], scaled).pvalue > 1e-3)


@pytest.mark.parametrize(
    ("likelihood", "eta"),
    [
        (DiscretisedLogistic(0.05), (0.0, 0.0)), (DiscretisedLogistic(0.05), (0.97, 1.0)),
        (DiscretisedLogistic(0.05), (-1.4, 0.5)), (DiscretisedLogistic(0.05), (0.3, -6.0)),
        (LogisticMixture(2), (0.5, -0.5, 0.2, -0.6, -1.0, 0.4)),
    ],
)  # fmt: skip
def test_draws_have_their_probabilities(likelihood: Likelihood, eta: tuple[float, ...]) -> None:
    torch.manual_seed(0)
    law = doubles(*eta)
    draws = 255 * likelihood.sample(law.expand(400_000, -1))
    assert (draws - draws.round()).abs().max() < 1e-9
    p = likelihood.log_prob(LEVELS, law).exp()
    assert like_their_probabilities(draws.round().long()[:, 0], p)


@pytest.mark.slow
def test_draws_of_colours_have_their_probabilities(
    all_colours: tuple[Tensor, Tensor, Tensor]
) -> None:
    torch.manual_seed(0)
    eta, blocks, _ = all_colours
    draws = (255 * COLOUR.sample(eta.expand(60_000, -1))).round().long() // 32
    index = draws @ torch.tensor([64, 8, 1])
    assert like_their_probabilities(index, blocks.flatten())


def test_positions_are_in_the_order_of_channels() -> None:
    """Four positions: values of red, then of green, then of blue, each a map."""
    torch.manual_seed(0)
    likelihood = LogisticMixture(1, scale=0.001, colour=True)
    wanted = torch.linspace(0.1, 0.9, 12)
    eta = likelihood.with_mean(wanted)
    torch.testing.assert_close(likelihood.sample(eta), wanted, rtol=0, atol=0.02)
    torch.testing.assert_close(likelihood.mean(eta), wanted, rtol=0, atol=1e-5)


# The interface


@pytest.mark.parametrize("likelihood", [DiscretisedLogistic(), LogisticMixture()])
def test_images_are_rounded_as_for_the_binomial(likelihood: Likelihood) -> None:
    grey, random = torch.rand(1000), torch.Generator()
    assert torch.equal(likelihood.observe(grey, random), Binomial().observe(grey, random))
    levels = torch.arange(256).float() / 255
    assert torch.equal(likelihood.observe(levels, random), levels)


def test_widths_of_grey_and_colour_images() -> None:
    assert DiscretisedLogistic().width((3, 8, 8)) == 2 * 192
    assert DiscretisedLogistic(each=False).width((8, 8)) == 64
    assert LogisticMixture(4).width((8, 8)) == 12 * 64
    assert LogisticMixture(4).width((3, 8, 8)) == 12 * 192
    colour = LogisticMixture(4, colour=True)
    assert colour.width((3, 8, 8)) == 40 * 64 == colour.width((192,))
    for shape in ((8, 8), (1, 8, 8), (64,)):
        with pytest.raises(InputError, match="`colour` is for images of 3 channels"):
            colour.width(shape)


@pytest.mark.parametrize("scale", [0.0, -1.0, 1 / 4080, math.inf, math.nan])
@pytest.mark.parametrize("kind", [DiscretisedLogistic, LogisticMixture])
def test_a_scale_out_of_range_is_refused(kind: type[Likelihood], scale: float) -> None:
    with pytest.raises(InputError, match="`scale` must be a number above 1/4080"):
        kind(scale=scale)  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize("logistics", [0, 101])
def test_components_out_of_range_are_refused(logistics: int) -> None:
    with pytest.raises(InputError, match="`logistics` must be between 1 and 100"):
        LogisticMixture(logistics)
