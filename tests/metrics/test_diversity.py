"""Inception score, entropy over classes and Vendi score: closed forms and other routes."""

import math

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
import torch

from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.rng import generator
from genlab.metrics.diversity import class_entropy, inception_score, vendi_score


def normal(name: str, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator(0, name), dtype=torch.float64)


def softmax(name: str, n: int, c: int) -> Tensor:
    return (3 * normal(name, n, c)).softmax(1)


@pytest.mark.parametrize("classes", [2, 7, 1000])
def test_one_image_a_class(classes: int) -> None:
    value, spread = inception_score(torch.eye(classes))
    assert value == pytest.approx(classes, rel=1e-12)
    assert math.isnan(spread)
    assert class_entropy(torch.eye(classes)) == pytest.approx(math.log(classes), rel=1e-12)


def test_images_that_are_all_alike_to_the_classifier() -> None:
    p = softmax("p", 1, 30).expand(12, 30)
    assert inception_score(p).value == pytest.approx(1, abs=1e-12)
    assert class_entropy(p) == pytest.approx(scipy.stats.entropy(p[0].numpy()), rel=1e-12)


def test_two_kinds_of_images() -> None:
    """Half (a, 1 - a), half the other way: the mutual information of a binary channel."""
    a = 0.8
    p = torch.tensor([[a, 1 - a], [1 - a, a]]).repeat(5, 1)
    expected = 2 * a**a * (1 - a) ** (1 - a)
    assert inception_score(p).value == pytest.approx(expected, rel=1e-7)  # p is float32


@pytest.mark.parametrize("splits", [1, 3, 10])
def test_mean_divergence_by_scipy(splits: int) -> None:
    p = softmax("p", 101, 20).numpy()
    parts = np.array_split(p, splits)
    scores = [np.exp(scipy.stats.entropy(q, q.mean(0)[None], axis=1).mean()) for q in parts]
    value, spread = inception_score(torch.from_numpy(p), splits)
    assert value == pytest.approx(np.mean(scores), rel=1e-10)
    if splits > 1:
        assert spread == pytest.approx(np.std(scores), rel=1e-8)


@given(n=st.integers(2, 20), c=st.integers(1, 12), seed=st.integers(0, 10**6))
@settings(deadline=None, max_examples=50)
def test_bounds_and_order_of_the_inception_score(n: int, c: int, seed: int) -> None:
    random = generator(seed, "logits")
    p = (9 * torch.randn(n, c, generator=random, dtype=torch.float64)).softmax(1)
    value = inception_score(p).value
    assert 1 <= value <= min(n, c) * (1 + 1e-12)
    assert inception_score(p.flip(0, 1)).value == pytest.approx(value, rel=1e-10)
    assert inception_score(torch.cat([p, p])).value == pytest.approx(value, rel=1e-10)


def test_rounded_rows_are_normalised_again() -> None:
    p = softmax("p", 50, 9)
    assert inception_score(p.bfloat16()).value == pytest.approx(inception_score(p).value, rel=1e-2)
    assert inception_score(p * 1.005).value == pytest.approx(inception_score(p).value, rel=1e-12)


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (torch.tensor([[0.5, 0.5], [3.0, -2.0]]), r"row 1.*\(2, 2\).*logits"),
        (torch.tensor([[0.5, 0.6], [0.5, 0.5]]), r"row 0.*sum 1.1"),
        (torch.ones(1, 1), r"\(1, 1\).*2 rows"),
        (torch.full((4, 2), torch.nan), r"\(4, 2\).*non-finite"),
        (torch.ones(4), r"\(4,\)"),
    ],
)
def test_what_is_no_distribution_is_refused(p: Tensor, words: str) -> None:
    for metric in (inception_score, class_entropy):
        with pytest.raises(InputError, match=words):
            metric(p)


@pytest.mark.parametrize("splits", [0, 4])
def test_splits_out_of_range_are_refused(splits: int) -> None:
    with pytest.raises(InputError, match=f"1 to 3.* of 7 rows, not {splits}"):
        inception_score(torch.ones(7, 1), splits)


@pytest.mark.parametrize(("n", "f"), [(2, 5), (40, 40), (12, 300)])
def test_orthonormal_rows_count_fully(n: int, f: int) -> None:
    rows = 3 * torch.linalg.qr(normal("x", f, n)).Q.T  # of any common length
    assert vendi_score(rows) == pytest.approx(n, rel=1e-10)


def test_identical_rows_count_once() -> None:
    assert vendi_score(normal("x", 1, 64).expand(30, 64)) == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize("angle", [0.0, 0.4, math.pi / 2])
def test_two_rows_at_an_angle(angle: float) -> None:
    """The eigenvalues are (1 +- cos) / 2."""
    rows = torch.tensor([[1.0, 0.0], [math.cos(angle), math.sin(angle)]], dtype=torch.float64)
    expected = math.exp(scipy.stats.entropy([1 + math.cos(angle), 1 - math.cos(angle)]))
    assert vendi_score(rows) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("n", "f"), [(20, 90), (90, 20)])
def test_eigenvalues_of_either_gram_matrix(n: int, f: int) -> None:
    x = normal("x", n, f) + 0.5
    unit = (x / x.norm(dim=1, keepdim=True)).numpy()
    for gram in (unit @ unit.T / n, unit.T @ unit / n):
        eigenvalues = scipy.linalg.eigvalsh(gram).clip(min=0)
        expected = np.exp(scipy.stats.entropy(eigenvalues))
        assert vendi_score(x) == pytest.approx(expected, rel=1e-7)


@given(n=st.integers(2, 12), f=st.integers(1, 12), seed=st.integers(0, 10**6))
@settings(deadline=None, max_examples=50)
def test_bounds_and_invariances_of_the_vendi_score(n: int, f: int, seed: int) -> None:
    random = generator(seed, "features")
    x = torch.randn(n, f, generator=random, dtype=torch.float64)
    turn = torch.linalg.qr(torch.randn(f, f, generator=random, dtype=torch.float64)).Q
    lengths = torch.rand(n, 1, generator=random, dtype=torch.float64) + 0.1
    value = vendi_score(x)
    assert 1 - 1e-12 <= value <= min(n, f) * (1 + 1e-12)
    for other in (x.flip(0), x @ turn, x * lengths, torch.cat([x, x])):
        assert vendi_score(other) == pytest.approx(value, rel=1e-8)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (torch.zeros(1, 4), r"\(1, 4\)"),
        (torch.full((4, 4), torch.nan), r"\(4, 4\).*non-finite"),
        (torch.tensor([[1.0, 0], [0, 0]]), r"row 1.*\(2, 2\) is 0"),
    ],
)
def test_bad_features_are_refused(x: Tensor, words: str) -> None:
    with pytest.raises(InputError, match=words):
        vendi_score(x)
