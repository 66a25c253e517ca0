"""The Fréchet distance against closed forms, bounds, invariances and SciPy's matrix root."""

import ast
import math

from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch

from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import genlab

from genlab.common.errors import InputError
from genlab.common.rng import generator
from genlab.metrics.frechet_distance import (
    Statistics,
    frechet_distance,
    frechet_parts,
    statistics,
)


def normal(name: str, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator(0, name), dtype=torch.float64)


def decaying(name: str, n: int, f: int) -> Tensor:
    """Features whose variances fall as those of networks do."""
    return normal(name, n, f) / torch.arange(1, f + 1, dtype=torch.float64).sqrt() + 0.3


def by_sqrtm(x: Tensor, y: Tensor) -> float:
    """Equation 1 with SciPy's matrix square root: what the field does."""
    a, b = x.numpy(), y.numpy()
    s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = np.asarray(scipy.linalg.sqrtm(s @ t))
    shift = a.mean(0) - b.mean(0)
    return float(shift @ shift + np.trace(s) + np.trace(t) - 2 * np.trace(root).real)


def trace(x: Tensor) -> float:
    return x.var(0, correction=1).sum().item()


def test_translation_when_covariances_are_singular() -> None:
    x, t = decaying("x", 300, 2048), normal("t", 2048)
    value = frechet_distance(x, x + t)
    assert type(value) is float
    assert value == pytest.approx(t.square().sum().item(), rel=1e-9)


@pytest.mark.parametrize("n", [8, 300])
def test_itself_is_at_zero(n: int) -> None:
    x = decaying("x", n, 64)
    assert 0 <= frechet_distance(x, x) <= 1e-12 * trace(x)


def test_two_by_two_that_do_not_commute() -> None:
    first, second = torch.diag(torch.tensor([4.0, 1.0])), torch.tensor([[2.0, 1.0], [1.0, 2.0]])
    zero = torch.zeros(2)
    # Tr sqrt(ST) = sqrt(Tr ST + 2 sqrt(det S det T)) = sqrt(10 + 2 sqrt 12)
    closed = 9 - 2 * math.sqrt(10 + 2 * math.sqrt(12))
    value = frechet_distance(Statistics(zero, first), Statistics(zero, second))
    assert value == pytest.approx(closed, abs=1e-12)
    assert value == pytest.approx(0.771220448, abs=1e-9)


def test_two_pairs_of_opposite_points() -> None:
    a, b = torch.tensor([1.0, 2, 3]), torch.tensor([2.0, -1, 1])
    # rank one each: 2|a|^2 + 2|b|^2 - 4 |a.b| = 28 + 12 - 12
    assert frechet_distance(torch.stack([a, -a]), torch.stack([b, -b])) == pytest.approx(28)


def test_diagonal_covariances() -> None:
    a, b = torch.tensor([4.0, 1.0, 0.0, 9.0]), torch.tensor([1.0, 0.0, 25.0, 9.0])
    mean1, mean2 = torch.tensor([1.0, 0, 0, 0]), torch.tensor([0.0, 2, 0, 0])
    value = frechet_distance(Statistics(mean1, a.diag()), Statistics(mean2, b.diag()))
    assert value == pytest.approx(5 + (2 - 1) ** 2 + 1 + 25 + 0)


@pytest.mark.parametrize(("n", "f"), [(40, 200), (200, 40)])
def test_scaled_spread(n: int, f: int) -> None:
    x, c = decaying("x", n, f), 1.7
    y = x.mean(0) + c * (x - x.mean(0))
    assert frechet_distance(x, y) == pytest.approx((1 - c) ** 2 * trace(x), rel=1e-10)


def test_every_image_twice() -> None:
    x, n = decaying("x", 50, 128), 50
    kappa = 2 * (n - 1) / (2 * n - 1)
    closed = trace(x) * (1 - math.sqrt(kappa)) ** 2
    assert frechet_distance(x, torch.cat([x, x])) == pytest.approx(closed, rel=1e-8)


def test_disjoint_supports() -> None:
    x, y = decaying("x", 30, 60), decaying("y", 20, 60)
    x[:, 30:], y[:, :30] = 0, 0
    parts = frechet_parts(x, y)
    assert parts.mean == pytest.approx((x.mean(0) - y.mean(0)).square().sum().item())
    assert parts.covariance == pytest.approx(trace(x) + trace(y))


@pytest.mark.parametrize(("n", "m", "f"), [(500, 400, 32), (300, 600, 12)])
def test_scipy_at_full_rank(n: int, m: int, f: int) -> None:
    x, y = decaying("x", n, f), normal("y", m, f) @ (normal("mix", f, f) / 4)
    assert frechet_distance(x, y) == pytest.approx(by_sqrtm(x, y), rel=1e-9)


@pytest.mark.parametrize(
    ("n", "m", "f"), [(300, 200, 24), (24, 500, 24), (15, 400, 24), (9, 7, 24)]
)
def test_both_routes_agree(n: int, m: int, f: int) -> None:
    x, y = decaying("x", n, f), 1.2 * decaying("y", m, f) + 0.1
    routes = [
        frechet_distance(x, y),
        frechet_distance(statistics(x), statistics(y)),
        small_matrix(x, y),
    ]
    assert routes == pytest.approx([routes[0]] * 3, rel=1e-10)


def small_matrix(x: Tensor, y: Tensor) -> float:
    """The low-rank formula through eigenvalues of A A^T, at any N, M and F, in NumPy."""
    a, b = (v.numpy() - v.numpy().mean(0) for v in (x, y))
    product = a @ b.T / math.sqrt((len(a) - 1) * (len(b) - 1))
    shared = np.linalg.svd(product, compute_uv=False).sum()
    shift = (x.mean(0) - y.mean(0)).square().sum().item()
    return shift + trace(x) + trace(y) - 2 * float(shared)


def test_mean_and_covariance_are_two_pass_float64() -> None:
    x = (5 + 0.05 * normal("x", 1000, 16)).float()
    mean, covariance, count = statistics(x)
    assert count == 1000
    assert mean.dtype == covariance.dtype == torch.float64
    np.testing.assert_allclose(covariance, np.cov(x.double().numpy(), rowvar=False), rtol=1e-10)


def test_expectation_in_one_dimension() -> None:
    # Binkowski et al. 2018, appendix D.1: N(0.3, 1.5^2), m=10, against N(0, 1), n=15
    def d(k: int) -> float:
        return math.sqrt(2 / (k - 1)) * math.exp(math.lgamma(k / 2) - math.lgamma((k - 1) / 2))

    exact = 0.09 + 2.25 / 10 + 1 / 15 + 2.25 + 1 - 2 * 1.5 * d(10) * d(15)
    draws = 3000
    x, y = 0.3 + 1.5 * normal("x", draws, 10, 1), normal("y", draws, 15, 1)
    values = np.array([frechet_distance(a, b) for a, b in zip(x, y)])
    assert exact == pytest.approx(0.7652898, abs=1e-7)
    assert abs(values.mean() - exact) < 4 * values.std() / math.sqrt(draws)


def test_floor_of_an_isotropic_law() -> None:
    # n << F: 2F - 16/(3 pi) sqrt(F n) + 2F/n, a free-probability limit; within 1 %
    n, f = 300, 2048
    x, y = normal("x", n, f), normal("y", n, f)
    floor = 2 * f - 16 / (3 * math.pi) * math.sqrt(f * n) + 2 * f / n
    assert frechet_distance(x, y) == pytest.approx(floor, rel=0.01)


@given(
    n=st.integers(2, 12),
    m=st.integers(2, 12),
    f=st.integers(1, 10),
    seed=st.integers(0, 10**6),
    scale=st.floats(1e-3, 1e3),
)
@settings(deadline=None, max_examples=60)
def test_bounds_and_invariances(n: int, m: int, f: int, seed: int, scale: float) -> None:
    random = generator(seed, "features")
    x = torch.randn(n, f, generator=random, dtype=torch.float64)
    y = torch.randn(m, f, generator=random, dtype=torch.float64) * 2 + 1
    value = frechet_distance(x, y)
    shift = (x.mean(0) - y.mean(0)).square().sum().item()
    low = shift + (math.sqrt(trace(x)) - math.sqrt(trace(y))) ** 2
    high = shift + trace(x) + trace(y)
    assert low - 1e-9 * high <= value <= high + 1e-9 * high

    rotation = torch.linalg.qr(torch.randn(f, f, generator=random, dtype=torch.float64)).Q
    same = {
        "swapped sets": frechet_distance(y, x),
        "other row order": frechet_distance(x.flip(0), y.roll(1, 0)),
        "rotated": frechet_distance(x @ rotation, y @ rotation),
        "moved": frechet_distance(x + 7, y + 7),
        "columns of zeros": frechet_distance(
            torch.cat([x, torch.zeros(n, 9)], 1), torch.cat([y, torch.zeros(m, 9)], 1)
        ),
        "scaled": frechet_distance(scale * x, scale * y) / scale**2,
    }
    assert same == pytest.approx(dict.fromkeys(same, value), rel=1e-7, abs=1e-9 * high)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_input_of_less_precision_is_taken_as_it_is(dtype: torch.dtype) -> None:
    x, y = decaying("x", 20, 30).to(dtype), decaying("y", 25, 30).to(dtype)
    assert frechet_distance(x, y) == frechet_distance(x.double(), y.double())


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (torch.zeros(2048), torch.zeros(5, 2048), r"first.*\(2048,\)"),
        (torch.zeros(5, 8), torch.zeros(1, 8), r"second.*\(1, 8\)"),
        (torch.zeros(5, 8), torch.zeros(5, 9), r"\(5, 8\) and \(5, 9\)"),
        (torch.zeros(5, 8, 1), torch.zeros(5, 8), r"first.*\(5, 8, 1\)"),
        (torch.zeros(5, 8), torch.full((5, 8), torch.nan), r"second.*\(5, 8\).*non-finite"),
        (torch.full((5, 8), torch.inf), torch.zeros(5, 8), r"first.*\(5, 8\).*non-finite"),
        (torch.zeros(0, 8), torch.zeros(5, 8), r"first.*\(0, 8\)"),
    ],
)
def test_bad_features_are_refused_with_their_shape(x: Tensor, y: Tensor, words: str) -> None:
    with pytest.raises(InputError, match=words):
        frechet_distance(x, y)


@pytest.mark.parametrize(
    ("mean", "covariance", "words"),
    [
        (torch.zeros(3), torch.eye(4), r"second statistics.*\(3,\).*\(4, 4\)"),
        (torch.zeros(4), torch.eye(3), r"second statistics.*\(4,\).*\(3, 3\)"),
        (torch.zeros(3, 1), torch.eye(3), r"second statistics.*\(3, 1\).*\(3, 3\)"),
        (torch.zeros(4), torch.eye(4), r"\(3,\) and \(4,\).*same network"),
        (torch.zeros(3), torch.eye(3) * torch.nan, r"second statistics, F = 3.*non-finite"),
    ],
)
def test_bad_statistics_are_refused(mean: Tensor, covariance: Tensor, words: str) -> None:
    with pytest.raises(InputError, match=words):
        frechet_distance(Statistics(torch.zeros(3), torch.eye(3)), Statistics(mean, covariance))


@pytest.mark.parametrize(("n", "m", "f"), [(40, 60, 24), (40, 15, 24), (12, 15, 24), (12, 60, 24)])
def test_features_and_statistics_mix(n: int, m: int, f: int) -> None:
    x, y = decaying("x", n, f), 1.2 * decaying("y", m, f) + 0.1
    exact = small_matrix(x, y)
    mixed = [frechet_distance(x, statistics(y)), frechet_distance(statistics(x), y)]
    assert mixed == pytest.approx([exact, exact], rel=1e-10)


def test_a_dead_feature_costs_no_digit() -> None:
    # one feature is always zero, another a copy: S has no Cholesky factor
    x, y = decaying("x", 300, 20), 1.2 * decaying("y", 400, 20)
    x[:, 3], y[:, 3] = 0, 0
    x[:, 5], y[:, 5] = x[:, 6], y[:, 6]
    assert frechet_distance(x, y) == pytest.approx(small_matrix(x, y), rel=1e-10)


def test_sets_of_one_picture() -> None:
    # all images alike: only the means differ, or one covariance is left over
    x = torch.ones(5, 4)
    assert frechet_distance(x, 3 * torch.ones(7, 4)) == 16
    y = decaying("y", 30, 4)
    left = (1 - y.mean(0)).square().sum().item() + trace(y)
    assert frechet_distance(x, y) == pytest.approx(left, rel=1e-12)


def test_the_package_imports_no_scipy() -> None:
    imported = set()
    for path in Path(genlab.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
    assert "torch" in imported  # the walk sees imports
    assert "scipy" not in imported
