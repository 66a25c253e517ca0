"""Standard errors and influences against leaving out by hand, and against simulation."""

import math

import numpy as np
import pytest
import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.rng import generator
from genlab.metrics.frechet_distance import frechet_distance
from genlab.metrics.jackknife import (
    frechet,
    frechet_difference,
    frechet_jackknife,
    leave_one_out,
)


def features(name: str, n: int, f: int, power: float = 0.75) -> Tensor:
    """Gaussian features; the variances fall like i^(-2 power), as those of networks do."""
    spread = torch.arange(1, f + 1, dtype=torch.float64) ** -power
    return torch.randn(n, f, generator=generator(0, name), dtype=torch.float64) * spread


def by_hand(x: Tensor, y: Tensor) -> Tensor:
    left = [frechet_distance(x, torch.cat([y[:i], y[i + 1 :]])) for i in range(len(y))]
    return torch.tensor(left, dtype=torch.float64)


@pytest.mark.parametrize(
    ("n", "m", "f"),
    [(60, 50, 10), (8, 50, 20), (50, 8, 20), (15, 8, 30), (30, 20, 50), (20, 22, 21), (5, 3, 9)],
)
@pytest.mark.parametrize("power", [0.5, 1.5])
def test_every_image_is_left_out(n: int, m: int, f: int, power: float) -> None:
    """More images than features and fewer, on either side: the formula is the distance."""
    x, y = features("x", n, f, power) + 5, 1.3 * features("y", m, f, power) + 5.2
    y[2] += 3 * y.std(0)  # one image unlike the others
    wanted, found = by_hand(x, y), leave_one_out(x, y)
    assert found.tolist() == pytest.approx(wanted.tolist(), rel=1e-6)
    # and what differs between images, to a thousandth
    assert (found - wanted).std() < 1e-3 * wanted.std()


def test_with_more_images_than_features_nothing_is_lost() -> None:
    x, y = features("x", 60, 10) + 5, 1.3 * features("y", 50, 10) + 5.2
    assert leave_one_out(x, y).tolist() == pytest.approx(by_hand(x, y).tolist(), rel=1e-12)


def test_degenerate_sets() -> None:
    x, same = features("x", 12, 6), torch.ones(5, 6, dtype=torch.float64)
    copied = torch.cat([x, x[:3]])  # duplicates
    flat = features("flat", 9, 6)
    flat[:, 3:] = 0  # features that never change
    for left, right in ((x, same), (same, x), (same, same), (x, copied), (x, flat), (flat, x)):
        wanted = by_hand(left, right)
        found = leave_one_out(left, right)
        assert found.tolist() == pytest.approx(wanted.tolist(), rel=1e-7, abs=1e-9)


def test_two_images_cannot_be_left_out() -> None:
    with pytest.raises(InputError, match="each of 2 images: at least 3"):
        leave_one_out(features("x", 9, 5), features("y", 2, 5))


def test_jackknife_is_leaving_out_by_hand() -> None:
    x, y = features("x", 12, 30), 1.2 * features("y", 9, 30)
    found, without_x, without_y = frechet_jackknife(x, y), by_hand(y, x), by_hand(x, y)
    variance = sum((len(w) - 1) / len(w) * (w - w.mean()).square().sum()
                   for w in (without_x, without_y))  # fmt: skip
    assert found.value == frechet_distance(x, y)
    assert found.error == pytest.approx(math.sqrt(variance), rel=1e-6)
    assert found.influence.tolist() == pytest.approx((found.value - without_y).tolist(), abs=1e-7)


def test_the_image_unlike_all_others_drives_the_distance() -> None:
    x, y = features("x", 15, 30), features("y", 8, 30)
    y[5] += 4
    assert frechet_jackknife(x, y).influence.argmax() == 5


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
    errors = [frechet_jackknife(*pair(d)).error for d in range(12)]
    # never much too small; at one law, where theta is at its minimum, up to twice too large
    assert 0.85 * true < np.mean(errors) < 2.1 * true


def test_difference_of_a_generator_to_itself_is_certain() -> None:
    x, y = features("x", 20, 30), 1.4 * features("y", 25, 30)
    assert frechet_difference(x, y, y.flip(0)).value == pytest.approx(0, abs=1e-6)


def test_a_paired_difference_is_leaving_out_by_hand() -> None:
    x, a, b = features("x", 14, 6), 1.2 * features("a", 11, 6), 1.6 * features("b", 12, 6)
    found = frechet_difference(x, a, b)
    variance = 0.0
    for w in (by_hand(a, x) - by_hand(b, x), by_hand(x, a), by_hand(x, b)):
        variance += ((len(w) - 1) / len(w) * (w - w.mean()).square().sum()).item()
    assert found.value == pytest.approx(frechet_distance(x, a) - frechet_distance(x, b))
    assert found.error == pytest.approx(math.sqrt(variance), rel=1e-9)


def test_paired_difference_is_the_deviation_over_repetitions() -> None:
    n, f, found = 40, 60, []

    def sets(draw: int) -> tuple[Tensor, Tensor, Tensor]:
        return (
            features(f"x{draw}", n, f),
            1.2 * features(f"a{draw}", n, f),
            1.6 * features(f"b{draw}", n, f),
        )

    for draw in range(60):
        x, first, second = sets(draw)
        found.append(frechet_distance(x, first) - frechet_distance(x, second))
    errors = [frechet_difference(*sets(d)).error for d in range(10)]
    assert 0.8 < np.mean(errors) / np.std(found, ddof=1) < 1.6
    assert np.mean(found) < 0  # the first set is the nearer one


@pytest.mark.parametrize("f", [5, 40])
def test_an_image_that_is_given_repeatedly_is_left_out_as_a_whole(f: int) -> None:
    x, rows = features("x", 20, f), features("y", 12, f)
    kinds = torch.tensor([*range(12), 4, 4, 4, 4, 7, 2, 2])
    y = rows[kinds]
    found = leave_one_out(x, y, kinds)
    wanted = torch.tensor(
        [frechet_distance(x, y[kinds != k]) for k in range(12)], dtype=torch.float64
    )
    assert found.tolist() == pytest.approx(wanted.tolist(), rel=1e-6)
    known = frechet_jackknife(x, y, (torch.arange(20), kinds))
    assert known.influence.tolist() == pytest.approx((known.value - found[kinds]).tolist())


def test_copies_do_not_make_an_error_smaller() -> None:
    """Every image three times: the error is that of the images once (but for N - 1)."""
    x, y = features("x", 50, 30), features("y", 50, 30)
    once = frechet_jackknife(x, y)
    kinds = torch.arange(50).repeat(3), torch.arange(50).repeat(3)
    thrice = frechet_jackknife(x.repeat(3, 1), y.repeat(3, 1), kinds)
    assert thrice.error == pytest.approx(once.error, rel=0.03)
    assert frechet_jackknife(x.repeat(3, 1), y.repeat(3, 1)).error < 0.65 * once.error
    assert frechet(x, y).error == pytest.approx(once.error)
    assert frechet(x.repeat(3, 1), y.repeat(3, 1)).error == pytest.approx(thrice.error)
    assert frechet(x, y[:2].repeat(9, 1)).error is None
    alone, again = frechet_difference(x, y, x + 1), frechet_difference(x, y.repeat(3, 1), x + 1)
    assert again.error == pytest.approx(alone.error, rel=0.05)
