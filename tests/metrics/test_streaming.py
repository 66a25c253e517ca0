"""Distances by batches equal those of all samples at once, for any batches and order."""

import numpy as np
import pytest
import scipy.linalg
import torch

from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from genlab import metrics
from genlab.common.errors import InputError
from genlab.common.rng import generator
from genlab.metrics import FrechetDistance, KernelDistance
from genlab.metrics.streaming import Moments


def normal(stream: str, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator(0, stream))


def far_features(n: int, f: int) -> Tensor:
    """Mean 5 and deviation 0.05, in float32: where sums of squares lose everything."""
    return 5 + 0.05 * normal("far", n, f)


def streamed(
    metric: FrechetDistance | KernelDistance, real: list[Tensor], fake: list[Tensor]
) -> FrechetDistance | KernelDistance:
    for batch in real:
        metric.update(batch, real=True)
    for batch in fake:
        metric.update(batch, real=False)
    return metric


SIZES = st.lists(st.integers(0, 40), min_size=1, max_size=8).filter(lambda s: sum(s) >= 2)


@given(SIZES)
@settings(deadline=None, max_examples=40)
def test_any_batches_give_numpys_two_pass_covariance(sizes: list[int]) -> None:
    x = far_features(sum(sizes), 6)
    moments = Moments()
    for batch in filter(len, x.double().split(sizes)):
        moments.add(batch)
    found = moments.features()
    exact = np.cov(x.double().numpy(), rowvar=False)
    assert found.count == len(x)
    np.testing.assert_allclose(found.mean, x.double().mean(0), rtol=1e-13)
    np.testing.assert_allclose(found.covariance, exact, rtol=1e-10, atol=1e-10 * exact.max())


@given(SIZES, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=20)
def test_order_and_batch_size_do_not_matter(sizes: list[int], random: object) -> None:
    x, y = normal("x", sum(sizes), 7), 1.2 * normal("y", 23, 7) + 0.3
    batches = list(x.split(sizes))
    random.shuffle(batches)  # type: ignore[attr-defined]
    whole = metrics.frechet(x, y)
    for error in (True, False):
        found = streamed(FrechetDistance(error=error), batches, list(y.split(5))).compute()
        assert found.value == pytest.approx(whole.value, rel=1e-9)
        if error and whole.error is not None:
            assert found.error == pytest.approx(whole.error, rel=1e-6)
        elif not error:
            assert found.error is None
    found, kernel = streamed(KernelDistance(), batches, [y]).compute(), metrics.kid(x, y)
    assert found.value == pytest.approx(kernel.value, rel=1e-9, abs=1e-12)
    assert (found.error is None) == (kernel.error is None) == (len(x) < 4)
    if found.error is not None and kernel.error is not None:
        assert found.error == pytest.approx(kernel.error, rel=1e-6)


def test_the_distance_is_scipys() -> None:
    """FID's formula with SciPy's matrix square root and NumPy's covariances."""
    x, y = normal("a", 300, 12).double(), 1.5 * normal("b", 200, 12).double() + 0.5
    s, t = (np.cov(v.numpy(), rowvar=False) for v in (x, y))
    shift = (x.mean(0) - y.mean(0)).square().sum().item()
    expected = shift + np.trace(s + t - 2 * scipy.linalg.sqrtm(s @ t).real)
    for error in (True, False):
        metric = streamed(FrechetDistance(error=error), list(x.split(32)), list(y.split(31)))
        assert metric.compute().value == pytest.approx(expected, rel=1e-9)


def test_the_kernel_distance_is_the_double_sum() -> None:
    x, y = normal("a", 30, 4).double().numpy(), normal("b", 20, 4).double().numpy() + 0.5
    k = [((u @ v.T) / 4 + 1) ** 3 for u, v in ((x, x), (y, y), (x, y))]
    within = [(m.sum() - np.trace(m)) / (len(m) * (len(m) - 1)) for m in k[:2]]
    metric = KernelDistance()
    metric.update(x, real=True)  # NumPy arrays too
    metric.update(y, real=False)
    assert metric.compute().value == pytest.approx(sum(within) - 2 * k[2].mean(), rel=1e-9)


@pytest.mark.parametrize("error", [True, False])
def test_several_processes_merge_in_any_order(error: bool) -> None:
    x, y = far_features(301, 16), 1.01 * far_features(200, 16)
    whole = streamed(FrechetDistance(error=error), [x], [y]).compute()

    def part(rank: int) -> FrechetDistance:
        mine = FrechetDistance(error=error)
        streamed(mine, list(x[rank::3].split(32)), list(y[rank::3].split(7)))
        return mine

    for order in ([0, 1, 2], [2, 0, 1]):
        total = FrechetDistance(error=error)
        for rank in order:
            total.merge(part(rank))
        assert total.counts == (301, 200)
        assert total.compute().value == pytest.approx(whole.value, rel=1e-9)
    with pytest.raises(InputError, match="one kind and one F"):
        FrechetDistance(error=error).merge(FrechetDistance(error=not error))


def test_float16_features_are_summed_in_float64() -> None:
    x = far_features(2000, 4).half()
    moments = Moments()
    metric = streamed(FrechetDistance(error=False), list(x.split(7)), list(x.split(11)))
    for batch in x.double().split(7):
        moments.add(batch)
    exact = np.cov(x.double().numpy(), rowvar=False)
    np.testing.assert_allclose(moments.features().covariance, exact, rtol=1e-10)
    assert metric.compute().value == pytest.approx(0, abs=1e-12)


def test_images_go_through_the_extractor_without_a_graph() -> None:
    weight = torch.ones(3, requires_grad=True)
    metric = FrechetDistance(lambda images: images.mean((2, 3)) * weight)
    x, y = normal("x", 20, 3, 8, 8), normal("y", 30, 3, 8, 8)
    streamed(metric, list(x.split(6)), list(y.split(7)))
    expected = metrics.frechet(x.mean((2, 3)), y.mean((2, 3)))
    assert metric.compute().value == pytest.approx(expected.value, rel=1e-12)
    assert metric.compute().error == pytest.approx(expected.error, rel=1e-9)


def test_reset_forgets_both_sets_or_the_generated_one() -> None:
    x, y, z = normal("x", 20, 3), normal("y", 20, 3) + 1, normal("z", 20, 3) + 2
    metric = streamed(FrechetDistance(), [x], [y])
    metric.reset(keep_real=True)
    assert metric.counts == (20, 0)
    metric.update(z, real=False)
    assert metric.compute() == metrics.frechet(x, z)
    metric.reset()
    assert metric.counts == (0, 0)
    metric.update(normal("w", 5, 4), real=True)  # another F than before


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        (torch.zeros(4), r"generated features have shape \(4,\)"),
        (torch.zeros(2, 4), r"shape \(2, 4\), earlier ones have 3 columns"),
        (torch.full((2, 3), torch.nan), r"\(2, 3\), contain non-finite values"),
        ([[0.0] * 3], "features are list; give a NumPy array or a tensor"),
    ],
)
@pytest.mark.parametrize("kind", [FrechetDistance, KernelDistance])
def test_bad_batches_are_refused_and_leave_no_trace(
    kind: type[FrechetDistance | KernelDistance], batch: Tensor, words: str
) -> None:
    metric = kind()
    metric.update(torch.ones(2, 3), real=True)
    with pytest.raises(InputError, match=words):
        metric.update(batch, real=False)
    assert metric.counts == (2, 0)


@pytest.mark.parametrize("error", [True, False])
def test_too_few_images_are_refused_with_their_numbers(error: bool) -> None:
    metric = streamed(FrechetDistance(error=error), [torch.ones(3, 2)], [torch.ones(1, 2)])
    with pytest.raises(InputError, match="3 real and 1 generated images so far; at least 2"):
        metric.compute()
