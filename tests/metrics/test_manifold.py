"""Neighbours, precision, recall, density, coverage: brute force, closed forms, exact decisions."""

import math

import numpy as np
import pytest
import torch

from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.rng import generator
from genlab.metrics import neighbours
from genlab.metrics.manifold import density_coverage, expected_coverage, precision_recall
from genlab.metrics.neighbours import kth_neighbour, nearest, points_in_balls


def normal(name: str, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator(0, name), dtype=torch.float64)


def brute(real: Tensor, fake: Tensor, k: int, closed: bool) -> tuple[float, float, float, float]:
    """Precision, recall, density, coverage from whole matrices of SciPy's direct distances."""
    x, y = real.double().numpy(), fake.double().numpy()

    def radii(a: np.ndarray) -> np.ndarray:
        d = cdist(a, a)
        np.fill_diagonal(d, np.inf)
        return np.sort(d, axis=1)[:, k - 1]

    between = cdist(x, y)
    compare = np.less_equal if closed else np.less
    in_real = compare(between, radii(x)[:, None])
    in_fake = compare(between, radii(y)[None])
    return (
        in_real.any(0).mean(), in_fake.any(1).mean(), in_real.sum(0).mean() / k,
        in_real.any(1).mean(),
    )  # fmt: skip


@pytest.mark.parametrize(("n", "m", "f", "k"), [(60, 50, 3, 3), (40, 70, 200, 5), (9, 8, 2, 1)])
def test_brute_force(n: int, m: int, f: int, k: int) -> None:
    x, y = normal("x", n, f), 0.8 * normal("y", m, f) + 0.1
    precision, recall, *_ = brute(x, y, k, closed=True)
    assert precision_recall(x, y, k) == pytest.approx((precision, recall))
    *_, density, coverage = brute(x, y, k, closed=False)
    assert density_coverage(x, y, k) == pytest.approx((density, coverage))


@given(
    n=st.integers(6, 20), m=st.integers(6, 20), f=st.integers(1, 3), seed=st.integers(0, 10**6),
    far=st.sampled_from([0.0, 1e6]),
)  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_ties_and_duplicates_on_a_grid(n: int, m: int, f: int, seed: int, far: float) -> None:
    """Integer features tie all the time, and SciPy's plain sums over them are exact."""
    random = generator(seed, "grid")
    x = torch.randint(0, 4, (n, f), generator=random).double() + far
    y = torch.randint(0, 4, (m, f), generator=random).double() + far
    precision, recall, *_ = brute(x, y, 3, closed=True)
    assert precision_recall(x, y) == pytest.approx((precision, recall))
    *_, density, coverage = brute(x, y, 5, closed=False)
    assert density_coverage(x, y) == pytest.approx((density, coverage))
    moved = density_coverage(x.flip(0), y.roll(2, 0))
    assert moved == pytest.approx((density, coverage), rel=1e-14)


@given(n=st.integers(7, 25), seed=st.integers(0, 10**6), scale=st.floats(1e-3, 1e3))
@settings(deadline=None, max_examples=40)
def test_rotation_and_scale_change_nothing(n: int, seed: int, scale: float) -> None:
    random = generator(seed, "features")
    x = torch.randn(n, 4, generator=random, dtype=torch.float64)
    y = torch.randn(n + 3, 4, generator=random, dtype=torch.float64)
    turn = torch.linalg.qr(torch.randn(4, 4, generator=random, dtype=torch.float64)).Q * scale
    for metric in (precision_recall, density_coverage):
        assert metric(x @ turn + 1, y @ turn + 1) == pytest.approx(metric(x, y))


def test_one_mode_of_many_is_precise_and_has_no_recall() -> None:
    """The classical swap: fakes all like one real image are precise; they recall nothing."""
    real = torch.arange(20.0)[:, None]
    fake = 3.001 + torch.arange(10)[:, None] / 1e4
    assert precision_recall(real, fake) == (1.0, 0.0)
    density, coverage = density_coverage(real, fake)
    assert density > 0.9
    assert coverage < 0.4
    scattered = torch.arange(-200.0, 200, 40)[:, None]  # bad images that surround the real ones
    assert precision_recall(real, scattered)[0] < 0.2
    assert precision_recall(real, scattered)[1] == 1


def test_a_copy_of_the_set() -> None:
    x = normal("x", 50, 300)
    copy = x[torch.randperm(50, generator=generator(0, "order"))]
    assert precision_recall(x, copy) == (1, 1)
    assert density_coverage(x, copy) == (1, 1)


def test_constant_images() -> None:
    """All radii are 0: closed balls hold the copies, open ones nothing."""
    x = torch.full((8, 5), 0.1)
    assert precision_recall(x, x[:6]) == (1, 1)
    assert density_coverage(x, x[:6]) == (0, 0)


def test_convention_of_the_sphere() -> None:
    """Reals 0..9: the ball of 0 has radius 3 at k = 3 and 5 at k = 5; that of 9 the same."""
    real = torch.arange(10.0)[:, None]
    fake = torch.tensor([12.0, 11, -2, -3, -4])[:, None]
    assert precision_recall(real, fake).precision == pytest.approx(4 / 5)
    assert precision_recall(real, torch.arange(9.0, 13)[:, None]).recall == pytest.approx(0.4)
    few = torch.tensor([-2.0, -5, -5])[:, None]
    assert density_coverage(real, few) == pytest.approx((2 / 15, 0.2))


@pytest.mark.parametrize(
    ("n", "m", "k", "value"),
    [(300, 300, 5, 0.9695286), (40, 50, 3, 0.9195256), (10**7, 10**7, 5, 1 - 2**-5)],
)
def test_expected_coverage(n: int, m: int, k: int, value: float) -> None:
    assert expected_coverage(n, m, k) == pytest.approx(value, abs=5e-8 if n < 1000 else 1e-6)


@pytest.mark.parametrize(("n", "m", "k", "f"), [(12, 9, 2, 1), (20, 30, 5, 4)])
def test_expectations_under_equality(n: int, m: int, k: int, f: int) -> None:
    values = np.array([
        density_coverage(x, y, k)
        for x, y in zip(normal(f"x{f}", 1500, n, f), normal(f"y{f}", 1500, m, f))
    ])  # fmt: skip
    error = values.std(0) / math.sqrt(len(values))
    expected = np.array([1.0, expected_coverage(n, m, k)])
    assert (abs(values.mean(0) - expected) < 4 * error).all()


def test_neighbours_of_scikit_learn() -> None:
    x, y = normal("x", 80, 30), normal("y", 60, 30)
    model = NearestNeighbors(algorithm="brute", metric="sqeuclidean").fit(y.numpy())
    distance, index = model.kneighbors(x.numpy(), 1)
    found = nearest(x, y)
    np.testing.assert_array_equal(found.index, index[:, 0])
    np.testing.assert_allclose(found.squared, distance[:, 0], rtol=1e-10)
    distance, index = model.kneighbors(y.numpy(), 4)  # itself first
    found = kth_neighbour(y, 3)
    np.testing.assert_array_equal(found.index, index[:, 3])
    np.testing.assert_allclose(found.squared, distance[:, 3], rtol=1e-10)


def test_small_distances_do_not_cancel() -> None:
    """At 10^4 from the origin the product is off by 1e-4; duplicates give 0, near ones 1e-20."""
    x = 1e4 + normal("x", 200, 512)
    y = x.flip(0)
    assert (nearest(x, y).squared == 0).all()
    assert (nearest(x, y).index == torch.arange(199, -1, -1)).all()
    step = 2.0**-33  # exact beside 10^4 in float64
    y = x.clone()
    y[:, 0] += step
    assert (nearest(x, y).squared == step**2).all()
    doubled = kth_neighbour(torch.cat([x, x]))
    assert (doubled.squared == 0).all()
    assert (doubled.index == (torch.arange(400) + 200) % 400).all()


def test_the_bound_covers_the_error_of_the_product() -> None:
    for f, offset in ((3, 0.0), (600, 0.0), (600, 100.0)):
        x, y = normal("x", 60, f) + offset, normal("y", 70, f) + offset
        direct = cdist(x.numpy(), y.numpy(), "sqeuclidean")
        for tile in neighbours.tiles(x, y):
            wrong = abs(tile.squared.numpy() - direct[tile.rows, tile.columns])
            assert (wrong <= tile.bound.numpy()).all()


@pytest.mark.parametrize(
    ("pairs", "columns"), [(1, 4000), (7, 4000), (64, 5), (10**6, 5), (10**6, 1)]
)
def test_values_do_not_depend_on_the_tile(
    pairs: int, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = normal("x", 23, 600).float(), normal("y", 17, 600)
    before = [precision_recall(x, y), density_coverage(x, y)]
    found, balls = nearest(x.double(), y), kth_neighbour(y, 2)
    monkeypatch.setattr(neighbours, "PAIRS", pairs)
    monkeypatch.setattr(neighbours, "ROWS", columns)
    assert [precision_recall(x, y), density_coverage(x, y)] == before
    for one, other in zip([*found, *balls], [*nearest(x.double(), y), *kth_neighbour(y, 2)]):
        assert torch.equal(one, other)  # bit for bit
    held, holds = points_in_balls(x.double(), y, balls.squared, closed=True)
    assert held.sum() == holds.sum()


@pytest.mark.parametrize(
    ("real", "fake", "words"),
    [
        (torch.zeros(1, 4), torch.zeros(9, 4), r"real.*\(1, 4\)"),
        (torch.zeros(9, 4), torch.full((9, 4), torch.nan), r"fake.*\(9, 4\).*non-finite"),
        (torch.zeros(9, 4), torch.zeros(9, 5), r"\(9, 4\).*\(9, 5\)"),
        (torch.zeros(3, 4), torch.zeros(9, 4), r"with 3 real rows"),
    ],
)
def test_bad_features_are_refused(real: Tensor, fake: Tensor, words: str) -> None:
    for metric in (precision_recall, density_coverage):
        with pytest.raises(InputError, match=words):
            metric(real, fake)


def test_a_k_out_of_range_is_refused() -> None:
    x = normal("x", 9, 4)
    with pytest.raises(InputError, match="`k` must be from 1 to 1 with 2 fake rows, not 3"):
        precision_recall(x, x[:2])
    with pytest.raises(InputError, match="`k` must be.*not 0"):
        density_coverage(x, x, 0)
    assert density_coverage(x[:2], x[:2], 1) == (1, 1)  # N = 2
    with pytest.raises(InputError, match="`k` must be.*not 5"):
        expected_coverage(5, 10)
    with pytest.raises(InputError, match="0 fakes"):
        expected_coverage(50, 0)
