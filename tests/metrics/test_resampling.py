"""Floors and limits against simulation."""

import math

import numpy as np
import pytest
import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.rng import generator
from genlab.metrics.frechet_distance import frechet_distance
from genlab.metrics.jackknife import frechet_jackknife
from genlab.metrics.resampling import Subsets, limit, permutation_null, real_floor


def features(name: str, n: int, f: int, power: float = 0.75) -> Tensor:
    """Gaussian features; the variances fall like i^(-2 power), as those of networks do."""
    spread = torch.arange(1, f + 1, dtype=torch.float64) ** -power
    return torch.randn(n, f, generator=generator(0, name), dtype=torch.float64) * spread


@pytest.mark.parametrize(("n", "m", "f"), [(20, 30, 50), (30, 12, 20), (40, 60, 8), (9, 200, 40)])
def test_a_subset_is_at_the_distance_of_its_rows(n: int, m: int, f: int) -> None:
    x, y = features("x", n, f) + 5, 1.3 * features("y", m, f) + 5.2
    subsets, both = Subsets(x, y), torch.cat([x, y])
    assert (subsets.gram is None) == (min(n, m) > f)
    for draw in range(5):
        order = torch.randperm(n + m, generator=generator(draw, "rows"))
        i, j = order[: n - 2], order[n : n + m - 3]
        exact = frechet_distance(both[i], both[j])
        assert subsets.distance(i, j) == pytest.approx(exact, rel=1e-7)


def test_bootstrap_would_lie_above() -> None:
    """Each of the values that the bootstrap draws lies above the distance itself."""
    x, y = features("x", 60, 512, 0.5), features("y", 60, 512, 0.5)
    subsets, value = Subsets(x, y), frechet_distance(x, y)
    random = generator(0, "bootstrap")
    drawn = [
        subsets.distance(
            subsets.x[torch.randint(60, (60,), generator=random)],
            subsets.y[torch.randint(60, (60,), generator=random)],
        )
        for _ in range(40)
    ]
    assert min(drawn) > value
    found = frechet_jackknife(x, y)
    fresh = frechet_distance(features("x2", 60, 512, 0.5), features("y2", 60, 512, 0.5))
    assert abs(found.value - fresh) < 4 * found.error


def test_null_is_the_law_of_two_samples_of_one_law() -> None:
    n, f = 30, 100
    fresh = [frechet_distance(features(f"a{d}", n, f), features(f"b{d}", n, f)) for d in range(60)]
    x, y = features("x", n, f), features("y", n, f)
    subsets, value = Subsets(x, y), frechet_distance(x, y)
    null = permutation_null(subsets, value, generator(0, "null"))
    assert abs(null.mean - np.mean(fresh)) < 3 * np.std(fresh)
    assert null.mean < null.high < null.mean + 4 * np.std(fresh)


def test_p_values_are_right_under_the_null() -> None:
    ps = []
    for draw in range(120):
        x, y = features(f"x{draw}", 12, 40), features(f"y{draw}", 15, 40)
        subsets = Subsets(x, y)
        value = subsets.distance(subsets.x, subsets.y)
        ps.append(permutation_null(subsets, value, generator(draw, "null"), count=39).p)
    # p <= 0.25 with probability 0.25: 30 of 120, standard deviation 4.7
    assert 14 <= sum(p <= 0.25 for p in ps) <= 46
    assert min(ps) >= 1 / 40


def test_different_laws_are_told_apart() -> None:
    x, y = features("x", 40, 100), features("y", 40, 100)
    y[:, 0] += 1.5
    subsets = Subsets(x, y)
    value = subsets.distance(subsets.x, subsets.y)
    null = permutation_null(subsets, value, generator(0, "null"), count=99)
    assert null.p == 0.01
    assert value > null.high


@pytest.mark.parametrize(("n", "m", "sizes"), [(40, 10, (30, 10)), (40, 35, (20, 20))])
def test_real_floor_splits_the_real_images(n: int, m: int, sizes: tuple[int, int]) -> None:
    subsets = Subsets(features("x", n, 60), features("y", m, 60) + 3)
    found = real_floor(subsets, generator(0, "floor"))
    assert found is not None
    left, right, mean, _ = found
    assert (left, right) == sizes
    fresh = [
        frechet_distance(features(f"a{d}", left, 60), features(f"b{d}", right, 60))
        for d in range(40)
    ]
    assert abs(mean - np.mean(fresh)) < 3 * np.std(fresh)  # the generated images have no part


def test_no_floor_from_three_images() -> None:
    subsets = Subsets(features("x", 3, 5), features("y", 9, 5))
    assert real_floor(subsets, generator(0, "floor")) is None


def test_limit_is_the_distance_of_the_laws() -> None:
    f, n, scale = 8, 400, 1.1
    found, plain = [], []
    for draw in range(40):
        x, y = features(f"x{draw}", n, f), scale * features(f"y{draw}", n, f)
        found.append(limit(Subsets(x, y), generator(draw, "limit")))
        plain.append(frechet_distance(x, y))
    true = (scale - 1) ** 2 * sum(i**-1.5 for i in range(1, f + 1))
    deviation = np.std(found, ddof=1) / math.sqrt(len(found))
    assert abs(np.mean(found) - true) < 3 * deviation
    assert np.mean(plain) - true > 3 * np.std(plain, ddof=1) / math.sqrt(len(plain))


def test_limit_is_refused_with_few_images() -> None:
    with pytest.raises(InputError, match="300 and 300 images; with 2048 features 9831 are needed"):
        limit(Subsets(torch.randn(300, 2048), torch.randn(300, 2048)), generator(0, "limit"))
