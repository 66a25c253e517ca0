"""Nearest training images: SciPy's rank test, its level and power, duplicates, the pairs."""

import math

import numpy as np
import pytest
import scipy.stats
import torch

from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.rng import generator
from genlab.metrics import neighbours
from genlab.metrics.memorisation import memorisation_test, rank_test


def normal(name: str, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator(0, name), dtype=torch.float64)


@given(
    m=st.integers(1, 30), n=st.integers(1, 30), levels=st.integers(2, 50),
    seed=st.integers(0, 10**6),
)  # fmt: skip
@settings(deadline=None, max_examples=80)
def test_scipys_mann_whitney(m: int, n: int, levels: int, seed: int) -> None:
    random = generator(seed, "levels")
    x = torch.randint(0, levels, (m,), generator=random).double()
    y = torch.randint(0, levels, (n,), generator=random).double()
    result = rank_test(x, y)
    # SciPy counts the pairs in which its first sample is the greater
    theirs = scipy.stats.mannwhitneyu(y, x, alternative="greater", method="asymptotic")
    assert result.u == theirs.statistic
    assert result.share == pytest.approx(
        (np.less.outer(x, y).mean() + np.less_equal.outer(x, y).mean()) / 2
    )
    if len(torch.cat([x, y]).unique()) > 1:
        assert result.p == pytest.approx(theirs.pvalue, rel=1e-10, abs=1e-15)
        assert result.p == pytest.approx(scipy.stats.norm.sf(result.z), rel=1e-10, abs=1e-15)
        raised = rank_test(x.exp(), y.exp())  # ranks only
        assert raised == result
    else:
        assert (result.z, result.p) == (0, 1)


def test_close_to_the_exact_law() -> None:
    x, y = normal("x", 12) - 0.7, normal("y", 15)
    exact = scipy.stats.mannwhitneyu(y, x, alternative="greater", method="exact").pvalue
    assert rank_test(x, y).p == pytest.approx(exact, rel=0.1)


def test_level_when_fakes_are_new_draws() -> None:
    """p is uniform: below 0.05 and 0.5 in so many of 400 draws."""
    size = 400
    p = np.array([
        memorisation_test(train, fake, new).test.p
        for train, fake, new in zip(
            normal("t", size, 40, 3), normal("f", size, 30, 3), normal("h", size, 35, 3)
        )
    ])  # fmt: skip
    for level in (0.05, 0.5):
        deviation = math.sqrt(level * (1 - level) / size)
        assert abs((p < level).mean() - level) < 4 * deviation + 0.01  # 1/2 of continuity


@pytest.mark.parametrize(("reals", "fakes"), [(10, 10), (30, 30), (25, 100)])
def test_level_without_held_out_reals(reals: int, fakes: int) -> None:
    """As of new draws, though each real image misses itself and shares distances with others."""
    size = 500
    sets = zip(normal("t", size, reals, 6), normal("f", size, fakes, 6))
    p = np.array([memorisation_test(train, fake).test.p for train, fake in sets])
    assert abs((p <= 0.05).mean() - 0.05) < 3 * math.sqrt(0.05 * 0.95 / size)


def test_copies_are_found() -> None:
    train, new = normal("t", 60, 20), normal("h", 50, 20)
    fake = torch.cat([train[:10], train[10:25] + 1e-3, normal("f", 25, 20)])
    result = memorisation_test(train, fake, new)
    assert result.reference == "held-out"
    assert (result.distance == 0).sum() == 10
    assert result.near >= 25
    assert result.test.p < 0.01
    assert result.test.share > 0.6
    assert result.pairs.fake[:10].tolist() == list(range(10))
    assert torch.equal(result.pairs.train, result.pairs.fake)  # fake j is a copy of image j
    assert (result.pairs.distance[:10] == 0).all()
    assert result.pairs.distance[10] == pytest.approx(1e-3 * math.sqrt(20), rel=1e-9)
    assert len(result.pairs.fake) == 16


def test_fakes_from_the_training_set() -> None:
    train, new = normal("t", 40, 8), normal("h", 30, 8)
    fake = train[torch.randint(0, 40, (25,), generator=generator(0, "which"))]
    result = memorisation_test(train, fake, new)
    assert (result.authentic, result.distance.sum(), result.near) == (0, 0, 25)
    assert result.test.share == 1
    assert result.test.u == 25 * 30


def test_fakes_far_from_everything() -> None:
    result = memorisation_test(normal("t", 40, 8), normal("f", 20, 8) + 50, normal("h", 30, 8))
    assert (result.authentic, result.near) == (1, 0)
    assert result.test.share == 0
    assert result.test.p == pytest.approx(1, abs=1e-6)


def test_by_whole_matrices() -> None:
    train, fake, new = normal("t", 50, 6), normal("f", 40, 6), normal("h", 45, 6)
    to_train = cdist(fake.numpy(), train.numpy())
    own = cdist(train.numpy(), train.numpy())
    np.fill_diagonal(own, np.inf)
    reference = cdist(new.numpy(), train.numpy()).min(1)
    result = memorisation_test(train, fake, new, quantile=0.3, closest=5)
    distance, index = to_train.min(1), to_train.argmin(1)
    assert result.authentic == pytest.approx((distance > own.min(1)[index]).mean())
    assert result.threshold == pytest.approx(np.quantile(reference, 0.3))
    assert result.near == (distance < np.quantile(reference, 0.3)).sum()
    order = distance.argsort()[:5]
    np.testing.assert_array_equal(result.pairs.fake, order)
    np.testing.assert_array_equal(result.pairs.train, index[order])
    np.testing.assert_allclose(result.pairs.distance, distance[order])
    assert result.test == rank_test(torch.tensor(distance), torch.tensor(reference))


def test_leave_one_out_is_nearly_level() -> None:
    """Off by one candidate: fakes of the same law look nearer by about 1 / N, not more."""
    shares = [
        memorisation_test(train, fake).test.share
        for train, fake in zip(normal("t", 300, 50, 3), normal("f", 300, 50, 3))
    ]
    error = np.std(shares) / math.sqrt(300)
    assert abs(np.mean(shares) - 0.5) < 1 / 50 + 3 * error
    assert memorisation_test(normal("t", 50, 3), normal("f", 9, 3)).reference == "leave-one-out"


def test_authentic_under_equality_in_one_dimension() -> None:
    """A point and its nearest neighbour are each other's nearest with probability 2/3."""
    shares = [
        memorisation_test(train[:, None], fake[:, None]).authentic
        for train, fake in zip(normal("t", 300, 60).erf(), normal("f", 300, 40).erf())
    ]
    assert np.mean(shares) == pytest.approx(1 / 3, abs=4 * np.std(shares) / math.sqrt(300) + 0.01)


def test_duplicates_in_the_training_set_hide_copying_without_held_out_reals() -> None:
    half = normal("t", 30, 8)
    train, fake = torch.cat([half, half]), half[:20]
    assert memorisation_test(train, fake).test.share == 0.5
    assert memorisation_test(train, fake).near == 0
    assert memorisation_test(train, fake, normal("h", 30, 8)).test.share == 1


def test_values_do_not_depend_on_chunk_or_order(monkeypatch: pytest.MonkeyPatch) -> None:
    train, fake, new = normal("t", 30, 70), normal("f", 20, 70), normal("h", 25, 70)
    before = memorisation_test(train, fake, new)
    monkeypatch.setattr(neighbours, "PAIRS", 50)
    after = memorisation_test(train.flip(0), fake, new.roll(3, 0))
    assert after.test == before.test
    assert after.authentic == before.authentic
    assert torch.equal(after.pairs.fake, before.pairs.fake)
    assert torch.equal(29 - after.pairs.train, before.pairs.train)
    assert torch.equal(after.pairs.distance, before.pairs.distance)


def test_two_rows_are_enough() -> None:
    result = memorisation_test(torch.eye(2), torch.eye(2), torch.eye(2) + 1)
    assert (result.distance.tolist(), result.test.share, len(result.pairs.fake)) == ([0, 0], 1, 2)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (torch.zeros(1, 4), r"\(1, 4\)"),
        (torch.full((5, 4), torch.nan), r"\(5, 4\).*non-finite"),
        (torch.zeros(5, 3), r"\(5, 3\)"),
        (torch.zeros(4), r"\(4,\)"),
    ],
)
def test_bad_features_are_refused(x: Tensor, words: str) -> None:
    good = torch.ones(6, 4)
    for sets in ((x, good, good), (good, x, good), (good, good, x)):
        with pytest.raises(InputError, match=words):
            memorisation_test(*sets)


def test_bad_options_are_refused() -> None:
    x = torch.eye(4)
    with pytest.raises(InputError, match="`quantile` must be.*not 1"):
        memorisation_test(x, x, quantile=1)
    with pytest.raises(InputError, match=r"first sample has shape \(4, 4\)"):
        rank_test(x, x[0])
    with pytest.raises(InputError, match="second.*non-finite"):
        rank_test(x[0], x[1] * torch.nan)
