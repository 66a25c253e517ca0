"""Memory: metrics make no float64 copy of a large set, and no matrix of all pairs."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from genlab import metrics
from genlab.common.rng import generator
from genlab.metrics import checks, diversity, frechet_distance, jackknife, kernel, neighbours, rows
from genlab.metrics.resampling import Subsets, limit, permutation_null, real_floor
from genlab.metrics.rows import Rows, mean_of

F = 48


class Largest(TorchDispatchMode):
    """Notes the largest number of values of a tensor that is made, views apart."""

    def __init__(self, *given: Tensor) -> None:
        super().__init__()
        self.known = {one.untyped_storage().data_ptr() for one in given}
        self.values = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        found = func(*args, **kwargs or {})
        for one in found if isinstance(found, tuple | list) else [found]:
            if isinstance(one, Tensor) and one.untyped_storage().data_ptr() not in self.known:
                self.values = max(self.values, one.numel())
        return found


def resampled(x: Tensor, y: Tensor) -> None:
    subsets, random = Subsets(x, y), generator(0, "resampled")
    permutation_null(subsets, 1.0, random, 2)
    real_floor(subsets, random, 2)
    limit(subsets, random)


MEASURES: dict[str, Callable[[Tensor, Tensor], object]] = {
    "frechet": metrics.frechet,
    "jackknife": metrics.frechet_jackknife,
    "kid": metrics.kid,
    "mmd": metrics.gaussian_mmd,
    "precision": metrics.precision_recall,
    "density": metrics.density_coverage,
    "memorisation": metrics.memorisation_test,
    "vendi": lambda x, y: metrics.vendi_score(x),
    "classes": lambda x, y: metrics.inception_score(Rows.of(x).changed(lambda b: b.softmax(1))),
    "resampled": resampled,
}


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (rows, checks, diversity, frechet_distance, jackknife, kernel, neighbours):
        monkeypatch.setattr(module, "ROWS", 128)
    for module in (kernel, neighbours):
        monkeypatch.setattr(module, "PAIRS", 128 * 128)
    monkeypatch.setattr(Rows.blocks, "__defaults__", (128,))
    monkeypatch.setattr("genlab.metrics.resampling.LARGEST_GRAM", 64)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("measure", MEASURES)
def test_nothing_as_large_as_the_features_is_made(measure: str) -> None:
    n = 1600
    x, y = (torch.randn(n, F, generator=generator(0, name)) for name in "xy")
    with Largest(x, y) as largest:
        MEASURES[measure](x, y)
    assert largest.values <= n * F // 2


@pytest.mark.usefixtures("small_blocks")
def test_blocks_change_no_value_but_by_rounding() -> None:
    x, y = (torch.randn(300, F, generator=generator(1, name)) for name in "xy")
    found = Rows.of(x, y)
    together = torch.cat([x, y]).double()
    assert torch.equal(torch.cat(list(found.blocks())), together)
    torch.testing.assert_close(mean_of(found), together.mean(0), rtol=0, atol=1e-15)
    chosen = torch.randperm(600, generator=generator(2, "chosen"))[:200]
    some = Rows((x, y), chosen, lambda block: 2 * block)
    assert torch.equal(torch.cat(list(some.blocks())), 2 * together[chosen])
    covariance = frechet_distance.statistics_of(found).covariance
    torch.testing.assert_close(covariance, together.T.cov(), rtol=1e-12, atol=1e-14)
