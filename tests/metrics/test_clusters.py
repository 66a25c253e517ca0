"""k-means: scikit-learn's inertia, known groups, its fixed points, chance from the seed alone."""

import pytest
import torch

from torch import Tensor

from genlab.metrics.clusters import k_means


def seed(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def blobs(count: int, groups: int, features: int = 5) -> tuple[Tensor, Tensor]:
    """Points around far centres, of unequal numbers, and whose they are."""
    random = seed(1)
    centres = 10 * torch.randn(groups, features, generator=random, dtype=torch.float64)
    own = (torch.arange(count) ** 2 // count) % groups
    noise = torch.randn(count, features, generator=random, dtype=torch.float64)
    return centres[own] + 0.1 * noise, own


def test_far_groups_are_found_whatever_the_seed() -> None:
    x, own = blobs(200, 6)
    for number in range(3):
        found = k_means(x, 6, seed(number))
        pairs = {(a, b) for a, b in zip(own.tolist(), found.labels.tolist())}
        assert len(pairs) == 6
        sizes = found.labels.bincount().tolist()
        assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("count", [2, 7])
def test_inertia_is_that_of_scikit_learn(count: int) -> None:
    """On far groups exactly, on a cloud without groups within a part in a hundred."""
    cluster = pytest.importorskip("sklearn.cluster")
    cloud = torch.randn(300, 4, generator=seed(0), dtype=torch.float64)
    for x, tolerance in ((blobs(200, count)[0], 1e-9), (cloud, 0.01)):
        theirs = cluster.KMeans(count, n_init=10, random_state=0).fit(x.numpy())
        assert k_means(x, count, seed(0)).inertia == pytest.approx(theirs.inertia_, rel=tolerance)


def test_every_point_has_its_nearest_centre_and_every_centre_is_a_mean() -> None:
    x = torch.randn(150, 3, generator=seed(2))
    found = k_means(x, 9, seed(0), starts=1)
    squared = torch.cdist(x.double(), found.centres).square()
    assert torch.equal(squared.argmin(1), found.labels)
    assert found.inertia == pytest.approx(squared.min(1).values.sum().item())
    for k, centre in enumerate(found.centres):
        assert torch.allclose(x[found.labels == k].double().mean(0), centre)


def test_the_seed_decides_and_more_starts_are_never_worse() -> None:
    x = torch.randn(200, 2, generator=seed(3))
    one, again, other = (k_means(x, 12, seed(s), starts=1) for s in (0, 0, 1))
    assert torch.equal(one.labels, again.labels)
    assert not torch.equal(one.labels, other.labels)
    assert k_means(x, 12, seed(0)).inertia <= one.inertia


def test_equal_points_and_as_many_groups_as_points() -> None:
    x = torch.tensor([[0.0], [0.0], [0.0], [1.0], [5.0]])
    found = k_means(x, 3, seed(0))
    assert found.labels.bincount().tolist() == [3, 1, 1]
    assert found.inertia == 0
    for count in (0, 4):
        with pytest.raises(ValueError, match="of 3 different points"):
            k_means(x, count, seed(0))
