"""Statistics by batches equal those of all samples at once."""

import numpy as np
import pytest
import torch

from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.rng import generator
from genlab.metrics.moments import RunningMoments


def far_features(n: int, f: int) -> Tensor:
    """Mean 5 and deviation 0.05, in float32: where sums of squares lose everything."""
    return (5 + 0.05 * torch.randn(n, f, generator=generator(0, "moments"))).float()


def moments(batches: list[Tensor]) -> RunningMoments:
    result = RunningMoments(batches[0].shape[1])
    for batch in batches:
        result.add(batch)
    return result


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8).filter(lambda s: sum(s) >= 2))
@settings(deadline=None, max_examples=40)
def test_any_batches_give_numpys_two_pass_result(sizes: list[int]) -> None:
    x = far_features(sum(sizes), 6)
    found = moments(list(x.split(sizes))).statistics()
    exact = np.cov(x.double().numpy(), rowvar=False)
    assert found.count == len(x)
    np.testing.assert_allclose(found.mean, x.double().mean(0), rtol=1e-13)
    np.testing.assert_allclose(found.covariance, exact, rtol=1e-10, atol=1e-10 * exact.max())


def test_processes_add_up_in_any_order() -> None:
    x = far_features(301, 16)
    whole = moments([x]).statistics()
    parts = [moments(list(x[rank::3].split(32))) for rank in range(3)]
    for order in ([0, 1, 2], [2, 0, 1]):
        total = RunningMoments(16)
        for rank in order:
            total.merge(parts[rank])
        found = total.statistics()
        torch.testing.assert_close(found.mean, whole.mean, rtol=1e-13, atol=0)
        torch.testing.assert_close(found.covariance, whole.covariance, rtol=1e-10, atol=1e-14)


def test_float16_features_are_summed_in_float64() -> None:
    x = far_features(2000, 4).half()
    exact = np.cov(x.double().numpy(), rowvar=False)
    found = moments(list(x.split(7))).statistics()
    np.testing.assert_allclose(found.covariance, exact, rtol=1e-10)


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        (torch.zeros(4), r"\(4,\): need \(B, 3\)"),
        (torch.zeros(2, 4), r"\(2, 4\): need \(B, 3\)"),
        (torch.full((2, 3), torch.nan), r"\(2, 3\), contain non-finite values"),
    ],
)
def test_bad_batches_are_refused_with_their_shape(batch: Tensor, words: str) -> None:
    with pytest.raises(InputError, match=words):
        RunningMoments(3).add(batch)


def test_one_image_has_no_covariance() -> None:
    with pytest.raises(InputError, match="1 images"):
        moments([torch.ones(1, 3)]).statistics()
