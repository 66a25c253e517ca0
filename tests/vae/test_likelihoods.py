"""Every likelihood against SciPy: values, parts, gradients, sums over all images, draws."""

import itertools
import math

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn as nn

from scipy.special import log_softmax, logsumexp
from scipy.stats import bernoulli, binom, chisquare, kstest, logistic, norm, truncexpon
from torch import Tensor

from genlab.common.errors import InputError
from genlab.vae.likelihoods import (
    LIKELIHOODS,
    Bernoulli,
    Binomial,
    ContinuousBernoulli,
    DiscretisedLogistic,
    ExponentialFamily,
    Gaussian,
    Likelihood,
    LogisticMixture,
)
from genlab.vae.likelihoods.continuous_bernoulli import truncated_exponential_mean

# Shapes: S draws, B images, X pixels, M components.


def sigmoid(eta: Tensor) -> np.ndarray:
    return 1 / (1 + np.exp(-eta.double().numpy()))


def rounded(scale: float) -> float:
    """The scale whose logarithm is kept, in float32."""
    return math.exp(np.float32(math.log(scale)))


def truncated(eta: np.ndarray) -> tuple[object, np.ndarray]:
    """A truncated exponential on [0, 1] with rate |l|, which 1 - x has for positive l."""
    rate = np.abs(eta)
    return truncexpon(rate, scale=1 / rate), eta > 0


def truncated_log_density(x: np.ndarray, eta: Tensor) -> np.ndarray:
    law, mirrored = truncated(eta.double().numpy())
    return law.logpdf(np.where(mirrored, 1 - x, x))


def log_level(x: np.ndarray, m: np.ndarray, t: np.ndarray, start: float) -> np.ndarray:
    """ln P of grey levels, as the difference of a logistic distribution function's values."""
    k, mu = np.round(255 * x), 127.5 + 128 * m
    law = logistic(mu, 1 / 16 + (255 * start - 1 / 16) * np.exp(t))
    low, high = np.where(k == 0, -np.inf, k - 0.5), np.where(k == 255, np.inf, k + 0.5)
    below, above = law.cdf(high) - law.cdf(low), law.sf(low) - law.sf(high)
    return np.log(np.where(k > mu, above, below))


def log_mixture(x: np.ndarray, eta: Tensor, colour: bool) -> np.ndarray:
    """ln p of each position, of two components, given parameters for six values."""
    channels, factors = (3, 3) if colour else (1, 0)
    x = x.reshape(*x.shape[:-1], channels, 1, -1)
    parts = eta.numpy().reshape(*eta.shape[:-1], 1 + 2 * channels + factors, 2, -1)
    parts = np.moveaxis(parts, -3, 0)
    centre = np.array([-0.5, 0.5])[:, None]
    u = (255 * np.moveaxis(x, -3, 0) - 127.5) / 128
    slopes = np.tanh(parts[1 + 2 * channels :])
    shift = [0 * u[0]]
    if colour:
        shift += [slopes[0] * u[0], slopes[1] * u[0] + slopes[2] * u[1]]
    total = log_softmax(parts[0], -2)
    for c in range(channels):
        m, t = parts[1 + c] + centre + shift[c], parts[1 + channels + c]
        total = total + log_level(x[..., c, :, :], m, t, 0.1)
    return logsumexp(total, -2)


CASES: dict[str, tuple[Likelihood, Callable[[np.ndarray, Tensor], np.ndarray]]] = {
    "bernoulli": (Bernoulli(), lambda x, eta: bernoulli(sigmoid(eta)).logpmf(x)),
    "binomial": (
        Binomial(), lambda x, eta: binom(255, sigmoid(eta)).logpmf(np.round(255 * x))
    ),
    "binomial, 3 trials": (
        Binomial(trials=3), lambda x, eta: binom(3, sigmoid(eta)).logpmf(np.round(3 * x))
    ),
    "continuous bernoulli": (ContinuousBernoulli(), truncated_log_density),
    "gaussian": (
        Gaussian(scale=0.3), lambda x, eta: norm(eta.numpy(), rounded(0.3)).logpdf(x)
    ),
    "gaussian, fixed": (
        Gaussian(scale=0.07, learn_scale=False),
        lambda x, eta: norm(eta.numpy(), rounded(0.07)).logpdf(x),
    ),
    "logistic": (
        DiscretisedLogistic(0.04),
        lambda x, eta: log_level(x, *np.split(eta.numpy(), 2, -1), 0.04),
    ),
    "logistic, one scale": (
        DiscretisedLogistic(0.04, each=False),
        lambda x, eta: log_level(x, eta.numpy(), np.zeros(1), 0.04),
    ),
    "logistic mixture": (LogisticMixture(2), lambda x, eta: log_mixture(x, eta, False)),
    "logistic mixture, colour": (
        LogisticMixture(2, colour=True), lambda x, eta: log_mixture(x, eta, True)
    ),
}
"""A likelihood, and ln p of each pixel or position by SciPy, given x and eta."""
FAMILIES = {
    name: likelihood for name, (likelihood, _) in CASES.items()
    if isinstance(likelihood, ExponentialFamily)
}  # fmt: skip
each = pytest.mark.parametrize("name", CASES)
each_family = pytest.mark.parametrize("likelihood", FAMILIES.values(), ids=FAMILIES)


def images_and_parameters(likelihood: Likelihood) -> tuple[Tensor, Tensor]:
    """Float64 images with shape `(4, 6)` and parameters with shape `(3, 4, K)`."""
    random = torch.Generator().manual_seed(0)
    grey = torch.randint(256, (4, 6), generator=random).double() / 255
    grey[0, :2] = torch.tensor([0.0, 1.0])
    x = likelihood.observe(grey, random).double()
    width = likelihood.width((3, 1, 2))
    size = 2 if isinstance(likelihood, ExponentialFamily) else 0.6  # SciPy's values underflow
    eta = size * torch.randn(3, 4, width, generator=random, dtype=torch.float64)
    return x, eta


def test_every_likelihood_of_the_table_is_tested() -> None:
    assert {type(likelihood) for likelihood, _ in CASES.values()} == set(LIKELIHOODS.values())


@each
def test_log_prob_equals_scipy(name: str) -> None:
    likelihood, log_pixel = CASES[name]
    x, eta = images_and_parameters(likelihood)
    wanted = log_pixel(x.numpy(), eta).sum(-1)
    with torch.no_grad():
        np.testing.assert_allclose(likelihood.log_prob(x, eta), wanted, rtol=1e-12)
        np.testing.assert_allclose(likelihood.log_prob_(x, eta.clone()), wanted, rtol=1e-12)


@each_family
def test_statistic_partition_and_base_add_up_to_log_prob(
    likelihood: ExponentialFamily
) -> None:
    x, eta = images_and_parameters(likelihood)
    with torch.no_grad():
        parts = (likelihood.statistic(x) * eta).sum(-1) - likelihood.log_partition(eta)
        parts = parts + likelihood.log_base(x)
        torch.testing.assert_close(likelihood.log_prob(x, eta), parts, rtol=1e-12, atol=0)
        assert torch.equal(ExponentialFamily.log_prob(likelihood, x, eta), parts)


@each
def test_gradients_in_the_parameters(name: str) -> None:
    likelihood, _ = CASES[name]
    x, eta = images_and_parameters(likelihood)
    eta.requires_grad_()
    assert torch.autograd.gradcheck(lambda value: likelihood.log_prob(x, value), [eta])


@each_family
def test_gradients_of_the_log_partition(likelihood: ExponentialFamily) -> None:
    _, eta = images_and_parameters(likelihood)
    assert torch.autograd.gradcheck(likelihood.log_partition, [eta.requires_grad_()])


@each
def test_every_image_at_every_point(name: str) -> None:
    likelihood, _ = CASES[name]
    x, eta = images_and_parameters(likelihood)
    with torch.no_grad():
        wanted = torch.stack([likelihood.log_prob(x, one) for one in eta[:, 0]])
    torch.testing.assert_close(likelihood.of_each(x)(eta[:, 0]), wanted, rtol=1e-12, atol=0)


@each_family
def test_the_mean_statistic_is_the_gradient_of_the_log_partition(
    likelihood: ExponentialFamily
) -> None:
    _, eta = images_and_parameters(likelihood)
    eta.requires_grad_()
    (gradient,) = torch.autograd.grad(likelihood.log_partition(eta).sum(), eta)
    with torch.no_grad():
        mean = likelihood.mean(eta)
        scale = likelihood.statistic(torch.ones(1, dtype=torch.float64))  # T is linear in x
    torch.testing.assert_close(gradient, scale * mean, rtol=1e-12, atol=1e-12)


class Both(nn.Module):
    """ln p(x|z) of a likelihood, directly and by its three parts."""

    def __init__(self, likelihood: ExponentialFamily) -> None:
        super().__init__()
        self.likelihood = likelihood

    def forward(self, x: Tensor, eta: Tensor) -> Tensor:
        parts = ExponentialFamily.log_prob(self.likelihood, x, eta)
        return torch.stack([self.likelihood.log_prob(x, eta), parts])


def test_the_gradient_in_a_learned_scale() -> None:
    both = Both(Gaussian().double())
    images = images_and_parameters(both.likelihood)

    def values(log_scale: Tensor) -> Tensor:
        return torch.func.functional_call(both, {"likelihood.log_scale": log_scale}, images)

    log_scale = torch.tensor(-1.2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(values, [log_scale])


def test_the_best_scale_is_that_of_the_residuals() -> None:
    x, eta = images_and_parameters(Gaussian())
    scale = (x - eta).square().mean().sqrt().item()
    likelihood = Gaussian(scale).double()
    likelihood.log_prob(x, eta).sum().backward()
    (log_scale,) = likelihood.parameters()
    assert log_scale.grad.item() == pytest.approx(0, abs=1e-4 * x.numel())


def test_a_learned_scale_is_a_parameter_and_a_fixed_one_is_saved() -> None:
    assert [name for name, _ in Gaussian().named_parameters()] == ["log_scale"]
    assert not list(Gaussian(learn_scale=False).parameters())
    assert "log_scale" in Gaussian(learn_scale=False).state_dict()
    assert not Binomial().state_dict()


@pytest.mark.parametrize(
    ("likelihood", "levels"), [(Bernoulli(), 2), (Binomial(trials=1), 2), (Binomial(trials=4), 5)]
)
def test_probabilities_of_all_images_add_up_to_one(
    likelihood: ExponentialFamily, levels: int
) -> None:
    values = [k / (levels - 1) for k in range(levels)]
    x = torch.tensor(list(itertools.product(values, repeat=4)), dtype=torch.float64)
    eta = torch.tensor([0.3, -2.0, 5.0, -0.1], dtype=torch.float64)
    total = likelihood.log_prob(x, eta).exp().sum().item()
    assert total == pytest.approx(1, abs=1e-12)


def test_one_trial_is_the_bernoulli_likelihood() -> None:
    x, eta = images_and_parameters(Bernoulli())
    assert torch.equal(Binomial(trials=1).log_prob(x, eta), Bernoulli().log_prob(x, eta))


@pytest.mark.parametrize("trials", [1, 3, 255])
def test_discrete_draws_have_their_probabilities(trials: int) -> None:
    torch.manual_seed(1)
    eta = torch.tensor([-1.5, 0.2, 2.0]).repeat(20_000, 1)
    likelihood = Bernoulli() if trials == 1 else Binomial(trials=trials)
    levels = (trials * likelihood.sample(eta)).round().long()
    for pixel in range(3):
        found = torch.bincount(levels[:, pixel], minlength=trials + 1).numpy()
        wanted = 20_000 * binom(trials, sigmoid(eta[0, pixel])).pmf(np.arange(trials + 1))
        rare = wanted < 5  # taken together
        found, wanted = (np.append(a[~rare], a[rare].sum()) for a in (found, wanted))
        assert chisquare(found[wanted > 0], wanted[wanted > 0]).pvalue > 1e-3


def test_gaussian_draws_have_their_density() -> None:
    torch.manual_seed(0)
    draws = Gaussian(scale=0.3).sample(torch.full((20_000,), 0.7)).detach().numpy()
    assert kstest(draws, norm(0.7, 0.3).cdf).pvalue > 1e-3


@pytest.mark.parametrize("logit", [-20.0, -1.0, -1e-4, 0.0, 0.3, 5.0, 60.0])
def test_draws_of_the_continuous_bernoulli_have_their_density(logit: float) -> None:
    torch.manual_seed(0)
    draws = ContinuousBernoulli().sample(torch.full((20_000,), logit)).numpy()
    assert draws.min() >= 0
    assert draws.max() <= 1
    law, mirrored = truncated(np.array(logit or 1e-12))
    assert kstest(np.where(mirrored, 1 - draws, draws), law.cdf).pvalue > 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_continuous_bernoulli_holds_at_every_logit(dtype: torch.dtype) -> None:
    """A and its derivative against Gauss-Legendre quadrature of e^(l x) over [0, 1]."""
    logits = torch.tensor([0.0, 1e-30, 1e-8, 1e-3, 0.19, 0.21, 3.0, 30.0, 80.0]).double()
    logits = torch.cat([logits, -logits[1:]])
    nodes, weights = np.polynomial.legendre.leggauss(200)
    x, weights = torch.from_numpy((nodes + 1) / 2), torch.from_numpy(weights / 2)
    top = logits.clamp(min=0)[:, None]
    mass = (logits[:, None] * x - top).exp() * weights
    partition, mean = mass.sum(1).log() + top[:, 0], (mass * x).sum(1) / mass.sum(1)
    given = logits.to(dtype).requires_grad_()
    found = ContinuousBernoulli().log_partition(given[:, None])
    (slope,) = torch.autograd.grad(found.sum(), given)
    close = {"rtol": max(1e-12, 20 * torch.finfo(dtype).eps), "atol": 2 * torch.finfo(dtype).eps}
    torch.testing.assert_close(found.detach().double(), partition, **close)
    torch.testing.assert_close(slope.double(), mean, **close)


def test_grey_levels_of_eight_bits_are_taken_as_they_are() -> None:
    levels = torch.arange(256)
    grey, random = levels.float() / 255, torch.Generator()
    for likelihood in (Binomial(), ContinuousBernoulli(), Gaussian()):
        assert torch.equal(likelihood.observe(grey, random), grey)
    assert torch.equal(Binomial().statistic(grey), levels.float())
    assert set((3 * Binomial(trials=3).observe(grey, random)).tolist()) == {0, 1, 2, 3}


def test_bernoulli_draws_a_pixel_with_its_grey_value_for_a_probability() -> None:
    grey = torch.tensor([0.0, 0.25, 1.0]).expand(40_000, 3)
    x = Bernoulli().observe(grey, torch.Generator().manual_seed(0))
    assert x[:, 0].sum() == 0
    assert x[:, 2].sum() == 40_000
    ink = x[:, 1].sum().item()
    assert chisquare([ink, 40_000 - ink], [10_000, 30_000]).pvalue > 1e-3


@each
def test_mean_images_are_grey(name: str) -> None:
    likelihood, _ = CASES[name]
    x, eta = images_and_parameters(likelihood)
    with torch.no_grad():
        grey = likelihood.to_grey(likelihood.mean(eta))
    assert grey.shape == (3, *x.shape)
    assert grey.min() >= 0
    assert grey.max() <= 1


@each_family
def test_the_named_function_makes_mean_images(likelihood: ExponentialFamily) -> None:
    _, eta = images_and_parameters(likelihood)
    function = {
        "sigmoid": torch.sigmoid, "truncated_exponential": truncated_exponential_mean,
        "identity": lambda value: value,
    }
    assert likelihood.mean_function is not None
    assert torch.equal(likelihood.mean(eta), function[likelihood.mean_function](eta))


@each
def test_parameters_of_a_mean_have_it(name: str) -> None:
    likelihood, _ = CASES[name]
    mean = torch.tensor(
        [1e-5, 0.003, 0.3, 0.4999999, 0.5, 0.61, 0.77, 0.999, 1 - 1e-5], dtype=torch.float64
    )
    eta = likelihood.with_mean(mean)
    assert eta is not None
    assert eta.shape == (likelihood.width((3, 1, 3)),)
    with torch.no_grad():
        torch.testing.assert_close(likelihood.mean(eta), mean, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("trials", [0, 65_536])
def test_trials_out_of_range_are_refused(trials: int) -> None:
    with pytest.raises(InputError, match="`trials`"):
        Binomial(trials=trials)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.inf, math.nan])
def test_a_scale_that_is_no_positive_number_is_refused(scale: float) -> None:
    with pytest.raises(InputError, match="`scale`"):
        Gaussian(scale=scale)


@pytest.mark.parametrize(
    "likelihood",
    [
        Bernoulli(), Binomial(4), ContinuousBernoulli(), Gaussian(0.3), DiscretisedLogistic(),
        DiscretisedLogistic(each=False), LogisticMixture(2), LogisticMixture(2, colour=True),
    ],
)  # fmt: skip
def test_derivatives_are_right_where_images_and_parameters_broadcast(
    likelihood: Likelihood,
) -> None:
    random = torch.Generator().manual_seed(0)
    x = torch.rand(2, 1, 6, generator=random).double()
    x = likelihood.observe(x, random).double()
    width = likelihood.width((3, 1, 2))
    for shape in ((), (3,), (1, 3), (2, 2, 3)):
        eta = torch.randn(*shape, width, generator=random, dtype=torch.float64)
        eta.requires_grad_()
        assert torch.autograd.gradcheck(lambda eta: likelihood.log_prob(x, eta), eta)
