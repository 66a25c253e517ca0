"""KID and the Gaussian MMD against hand-made values, double loops, peers' formulas, simulation."""

import math

from fractions import Fraction
from itertools import permutations, product

import numpy as np
import pytest
import torch

from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import polynomial_kernel, rbf_kernel
from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.quantities import Measured
from genlab.common.rng import generator
from genlab.metrics import kernel
from genlab.metrics.kernel import GaussianMmd, gaussian_mmd, kid, kid_difference
from genlab.metrics.rows import Rows


def normal(name: str, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator(0, name), dtype=torch.float64)


def double_sum(k_xx: np.ndarray, k_yy: np.ndarray, k_xy: np.ndarray) -> float:
    """Equation 1 by the definition."""
    n, m = k_xy.shape
    off_x, off_y = k_xx.sum() - np.trace(k_xx), k_yy.sum() - np.trace(k_yy)
    return float(off_x / (n * (n - 1)) + off_y / (m * (m - 1)) - 2 * k_xy.mean())


def matrix(kind: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """scikit-learn's kernels."""
    if kind == "cubic":
        return polynomial_kernel(x, y, degree=3, gamma=1 / x.shape[1], coef0=1)
    return rbf_kernel(x, y, gamma=1 / (2 * 10.0**2))


@pytest.mark.parametrize(
    ("x", "y", "value"),
    [
        ([[0], [1]], [[0], [2]], -13),
        ([[0], [2]], [[0], [1]], -13),
        ([[0], [1], [2]], [[0], [2]], -124 / 3),
        ([[1, 1], [1, -1]], [[2, 0], [0, 2]], -10),
    ],
)
def test_values_by_hand(x: list, y: list, value: float) -> None:
    assert kid(torch.tensor(x), torch.tensor(y)).value == pytest.approx(value, rel=1e-13)


@pytest.mark.parametrize(("n", "m", "f"), [(30, 30, 8), (25, 60, 40), (2, 5, 3)])
def test_scikit_learns_kernels_in_a_double_sum(n: int, m: int, f: int) -> None:
    x, y = normal("x", n, f) + 0.5, 1.3 * normal("y", m, f)
    a, b = x.numpy(), y.numpy()
    expected = double_sum(*(matrix("cubic", u, v) for u, v in ((a, a), (b, b), (a, b))))
    assert kid(x, y).value == pytest.approx(expected, rel=1e-10)

    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b))
    blocks = [matrix("gaussian", u, v) for u, v in ((a, a), (b, b), (a, b))]
    result = gaussian_mmd(x, y)
    assert result.unbiased.value == pytest.approx(1000 * double_sum(*blocks), rel=1e-9)
    biased = blocks[0].mean() + blocks[1].mean() - 2 * blocks[2].mean()
    assert result.biased == pytest.approx(1000 * biased, rel=1e-9)


def test_gaussian_mmd_without_unit_length() -> None:
    x, y = 20 * normal("x", 12, 3), 30 * normal("y", 9, 3)
    blocks = [matrix("gaussian", u.numpy(), v.numpy()) for u, v in ((x, x), (y, y), (x, y))]
    result = gaussian_mmd(x, y, scale=1, unit=False)
    assert result.unbiased.value == pytest.approx(double_sum(*blocks), rel=1e-10)
    doubled = gaussian_mmd(2 * x, 2 * y, sigma=20, scale=7, unit=False)
    assert numbers(doubled) == pytest.approx([7 * part for part in numbers(result)], rel=1e-10)


def numbers(result: Measured | GaussianMmd) -> list[float]:
    """The value and its error (NaN for none); of a `GaussianMmd` the biased form too."""
    if isinstance(result, GaussianMmd):
        return [*numbers(result.unbiased), result.biased]
    return [result.value, math.nan if result.error is None else result.error]


def exact_variance(points_x: list[int], points_y: list[int], n: int, m: int) -> Fraction:
    """Var of KID, n against m independent uniform draws from two lists: all samples, exactly."""
    values = []
    for x in product(points_x, repeat=n):
        for y in product(points_y, repeat=m):
            values.append(
                sum(Fraction((a * b + 1) ** 3, n * (n - 1)) for a, b in permutations(x, 2))
                + sum(Fraction((a * b + 1) ** 3, m * (m - 1)) for a, b in permutations(y, 2))
                - 2 * sum(Fraction((a * b + 1) ** 3, n * m) for a, b in product(x, y))
            )
    mean = sum(values) / len(values)
    return sum((v - mean) ** 2 for v in values) / len(values)


@pytest.mark.parametrize(("n", "m"), [(4, 4), (4, 5)])
def test_the_variance_is_unbiased_over_all_samples(n: int, m: int) -> None:
    """Equation 4, enumerated: the mean over every possible sample is Var M, to the last digit."""
    points_x, points_y = [-1, 1], [0, 2]
    estimates = []
    for x in product(points_x, repeat=n):
        for y in product(points_y, repeat=m):
            sets = {"x": Rows.of(torch.tensor(x)[:, None]), "y": Rows.of(torch.tensor(y)[:, None])}
            estimates.append(kernel.variance(kernel.mmd_blocks(sets, kernel.cubic)))
    exact = exact_variance(points_x, points_y, n, m)
    assert np.mean(estimates) == pytest.approx(float(exact), rel=1e-10)


@pytest.mark.parametrize(
    ("n", "m", "shift", "low", "high"),
    [
        (30, 30, 0.0, 1.0, 1.3),
        (50, 25, 0.0, 1.0, 1.3),
        (30, 30, 0.6, 0.9, 1.1),
        (20, 60, 0.6, 0.9, 1.1),
    ],
)
def test_standard_error_against_replicates(
    n: int, m: int, shift: float, low: float, high: float
) -> None:
    """Root mean square of the errors over the deviation of the values, 500 replicates."""
    x, y = normal(f"x{n}", 500, n, 8), 1.1 * normal(f"y{m}", 500, m, 8) + shift
    if not shift:
        y /= 1.1
    for results in (
        [kid(a, b) for a, b in zip(x, y)],
        [gaussian_mmd(a, b, sigma=3, unit=False).unbiased for a, b in zip(x, y)],
    ):
        values, errors = np.array([numbers(one) for one in results]).T
        assert low < math.sqrt(np.square(errors).mean()) / values.std() < high


def test_difference_of_two_models() -> None:
    real, first, second = normal("r", 30, 6), normal("a", 20, 6), normal("b", 25, 6) + 0.2
    result = kid_difference(real, first, second)
    one, two = kid(real, first), kid(real, second)
    assert result.value == pytest.approx(one.value - two.value, rel=1e-10)
    swapped = kid_difference(real, second, first)
    assert numbers(swapped) == pytest.approx([-result.value, result.error])
    assert kid_difference(real, first, first).value == 0


def test_error_of_the_difference_against_replicates() -> None:
    real, first = normal("r", 500, 40, 6), normal("a", 500, 30, 6) + 0.3
    second = normal("b", 500, 25, 6) + 0.4
    results = [kid_difference(*sets) for sets in zip(real, first, second)]
    values, errors = np.array([numbers(one) for one in results]).T
    apart = [math.hypot(kid(r, a).error, kid(r, b).error) for r, a, b in zip(real, first, second)]
    assert 0.9 < math.sqrt(np.square(errors).mean()) / values.std() < 1.1
    assert np.mean(errors) < 0.95 * np.mean(apart)  # the reals that both share


def test_unbiased_at_any_size_where_the_biased_form_is_not() -> None:
    x, y = normal("x", 2000, 8, 4), normal("y", 2000, 6, 4)
    found = [gaussian_mmd(a, b, sigma=2, scale=1, unit=False) for a, b in zip(x, y)]
    unbiased, _, biased = np.array([numbers(one) for one in found]).T
    assert abs(unbiased.mean()) < 4 * unbiased.std() / math.sqrt(2000)
    # E k = (1 + 2 / sigma^2)^(-F/2) for two standard Gaussians
    floor = (1 / 8 + 1 / 6) * (1 - (1 + 2 / 4) ** -2)
    assert abs(biased.mean() - floor) < 4 * biased.std() / math.sqrt(2000)


@given(n=st.integers(2, 9), m=st.integers(2, 9), f=st.integers(1, 6), seed=st.integers(0, 10**6))
@settings(deadline=None, max_examples=40)
def test_invariances(n: int, m: int, f: int, seed: int) -> None:
    random = generator(seed, "features")
    x = torch.randn(n, f, generator=random, dtype=torch.float64)
    y = torch.randn(m, f, generator=random, dtype=torch.float64) + 1
    turn = torch.linalg.qr(torch.randn(f, f, generator=random, dtype=torch.float64)).Q
    for metric in (kid, gaussian_mmd):
        result = torch.tensor(numbers(metric(x, y)))
        others = {
            "swapped": metric(y, x),
            "rows in other order": metric(x.flip(0), y.roll(1, 0)),
            "rotated": metric(x @ turn, y @ turn),
        }
        for name, other in others.items():
            torch.testing.assert_close(
                torch.tensor(numbers(other)), result,
                rtol=1e-7, atol=1e-7, equal_nan=True, msg=name,
            )  # fmt: skip


@pytest.mark.parametrize("pairs", [1, 7, 64, 10**6])
def test_values_do_not_depend_on_the_chunk(pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = normal("x", 23, 5), normal("y", 17, 5) + 0.2

    def everything() -> list[float]:
        results = (kid(x, y), gaussian_mmd(x, y), kid_difference(x, y, x[:9]))
        return [number for result in results for number in numbers(result)]

    before = everything()
    monkeypatch.setattr(kernel, "PAIRS", pairs)
    assert everything() == pytest.approx(before, rel=1e-9)


def test_constant_images() -> None:
    x, y = torch.full((5, 3), 1.7), torch.ones(6, 3)
    expected = (1.7**2 + 1) ** 3 + 2**3 - 2 * 2.7**3
    found = kid(x.double(), y)
    assert found.value == pytest.approx(expected, rel=2e-7)
    assert found.error is None  # one image again and again
    assert kid(y, y) == Measured(0)
    varied = x + 1e-6 * normal("x", 5, 3)
    error = kid(varied, y + 1e-6 * normal("y", 6, 3)).error
    assert error is not None
    assert error < 1e-4 * found.value


def test_repeated_rows_have_no_error() -> None:
    x, y, z = (normal(name, 12, 4) for name in "xyz")
    more = torch.cat([y, y[:1]])
    assert kid(x, more).error is None
    assert gaussian_mmd(more, x).unbiased.error is None
    assert kid_difference(x, more, z).error is None


def test_few_rows_have_a_value_and_no_error() -> None:
    x, y = normal("x", 3, 4), normal("y", 8, 4)
    assert math.isfinite(kid(x, y).value)
    assert kid(x, y).error is None
    assert kid(normal("x", 4, 4), y).error is not None


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (torch.zeros(1, 4), r"real.*\(1, 4\).*2 rows"),
        (torch.zeros(4), r"real.*\(4,\)"),
        (torch.full((5, 4), torch.nan), r"real.*\(5, 4\).*non-finite"),
        (torch.zeros(5, 3), r"\(5, 3\).*\(6, 4\)"),
    ],
)
def test_bad_features_are_refused(x: Tensor, words: str) -> None:
    for metric in (kid, gaussian_mmd):
        with pytest.raises(InputError, match=words):
            metric(x, torch.ones(6, 4))
    with pytest.raises(InputError, match=words):
        kid_difference(x, torch.ones(6, 4), torch.ones(6, 4))


def test_bad_options_are_refused() -> None:
    x = torch.ones(6, 4)
    with pytest.raises(InputError, match="`sigma` must be positive, not 0"):
        gaussian_mmd(x, x, sigma=0)
    with pytest.raises(InputError, match=r"row 2.*\(6, 4\)"):
        gaussian_mmd(x, x * torch.tensor([1, 1, 0, 1, 1, 0])[:, None])
