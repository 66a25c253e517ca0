"""Standard errors, floors and influences against simulation and against leaving out by hand."""

import math

import numpy as np
import pytest
import torch

from torch import Tensor

from genlab.errors import InputError
from genlab.metrics.frechet import frechet_distance
from genlab.metrics.resampling import (
    Subsets,
    influence,
    jackknife,
    jackknife_difference,
    limit,
    permutation_null,
    real_floor,
)
from genlab.rng import generator


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


def test_jackknife_is_leaving_out_by_hand() -> None:
    x, y = features("x", 12, 30), 1.2 * features("y", 9, 30)
    found = jackknife(Subsets(x, y), generator(0, "groups"), groups=50)  # one image a group

    def spread(values: list[float]) -> float:
        n = len(values)
        return (n - 1) / n * float(np.square(np.array(values) - np.mean(values)).sum())

    def without(z: Tensor, i: int) -> Tensor:
        return torch.cat([z[:i], z[i + 1 :]])

    of_x = spread([frechet_distance(without(x, i), y) for i in range(12)])
    of_y = spread([frechet_distance(x, without(y, i)) for i in range(9)])
    assert found.value == pytest.approx(frechet_distance(x, y), rel=1e-7)
    assert found.error == pytest.approx(math.sqrt(of_x + of_y), rel=1e-6)


@pytest.mark.parametrize(
    ("shift", "scale", "power"), [(0.3, 1.1, 0.5), (0.3, 1.1, 0.75), (0.0, 1.0, 0.5)]
)
def test_jackknife_error_is_the_deviation_over_repetitions(
    shift: float, scale: float, power: float
) -> None:
    n, f, draws = 40, 256, 100

    def pair(draw: int) -> tuple[Tensor, Tensor]:
        y = scale * features(f"y{draw}", n, f, power)
        y[:, 0] += shift
        return features(f"x{draw}", n, f, power), y

    values = [frechet_distance(*pair(draw)) for draw in range(draws)]
    true = np.std(values, ddof=1)
    errors = [jackknife(Subsets(*pair(d)), generator(d, "g")).error for d in range(12)]
    # never much too small; at one law, where theta is at its minimum, up to twice too large
    assert 0.85 * true < np.mean(errors) < 2.1 * true


def test_bootstrap_would_lie_above() -> None:
    """Why (1) and not the bootstrap: each of its values lies above the distance itself."""
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
    found = jackknife(subsets, random)
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


def test_influence_is_leaving_out_by_hand() -> None:
    x, y = features("x", 15, 30), features("y", 8, 30)
    y[5] += 4  # one image unlike all others
    value = frechet_distance(x, y)
    found = influence(Subsets(x, y), value)
    by_hand = [value - frechet_distance(x, torch.cat([y[:i], y[i + 1 :]])) for i in range(8)]
    assert found.tolist() == pytest.approx(by_hand, rel=1e-5, abs=1e-6)
    assert found.argmax() == 5


def test_difference_of_a_generator_to_itself_is_certain() -> None:
    x, y = features("x", 20, 30), 1.4 * features("y", 25, 30)
    first, second = Subsets(x, y), Subsets(x, y.flip(0))
    assert jackknife_difference(first, second, generator(0, "g")).value == pytest.approx(
        0, abs=1e-6
    )


def test_paired_difference_is_the_deviation_over_repetitions() -> None:
    n, f, found = 40, 60, []

    def sets(draw: int) -> tuple[Subsets, Subsets]:
        x = features(f"x{draw}", n, f)
        return (
            Subsets(x, 1.2 * features(f"a{draw}", n, f)),
            Subsets(x, 1.6 * features(f"b{draw}", n, f)),
        )

    for draw in range(60):
        first, second = sets(draw)
        found.append(first.distance(first.x, first.y) - second.distance(second.x, second.y))
    errors = [jackknife_difference(*sets(d), generator(d, "g")).error for d in range(10)]
    assert 0.8 < np.mean(errors) / np.std(found, ddof=1) < 1.6
    assert np.mean(found) < 0  # the first set is the nearer one


def test_paired_difference_needs_the_same_real_images() -> None:
    first = Subsets(features("x", 9, 5), features("y", 9, 5))
    second = Subsets(features("x", 8, 5), features("y", 9, 5))
    with pytest.raises(InputError, match="9 and 8 real images"):
        jackknife_difference(first, second, generator(0, "g"))


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
