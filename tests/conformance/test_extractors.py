"""The checks of extractors: a network of one's own passes them, broken ones do not."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from torch import Tensor, nn

from genlab.conformance.errors import ConformanceError
from genlab.conformance.extractors import check_extractor
from genlab.features import NETWORKS, Extractor, load_extractor


class Encoder(nn.Module):
    def __init__(self, last: nn.Module | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), last or nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).mean((2, 3))


def prepare(images: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(images.float() / 255, 16)


def test_a_network_of_ones_own_passes() -> None:
    check_extractor(Extractor(Encoder().eval(), prepare, "mine"))
    check_extractor(Extractor(lambda x: x.flatten(1).double(), prepare, "a function"))


@pytest.mark.parametrize("key", [k for k in NETWORKS if not k.startswith("inception")])
def test_our_own_pass(key: str) -> None:
    check_extractor(load_extractor(key))


def test_ours_in_short_types_pass_with_more_tolerance() -> None:
    check_extractor(load_extractor("efficientnet-lite0", precision="bf16"), tolerance=0.05)


@pytest.mark.parametrize("key", [k for k in NETWORKS if k.startswith("inception")])
def test_inception_passes(key: str, inception_files: dict[str, str]) -> None:
    check_extractor(load_extractor(key, inception=inception_files["whole"]))


ENCODER = Encoder().eval()


class BatchStatistics(nn.Module):
    """Normalises with the mean of the batch, as batch-norm in training mode does."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (Encoder(BatchStatistics()).eval(), "depend on the batch: one by one they differ by"),
        (lambda x: ENCODER(x) + 0.01 * torch.rand(len(x), 8), "the same batch gives other"),
        (lambda x: ENCODER(x) / (x.amax((1, 2, 3)) < 0)[:, None], "are not finite"),
        (lambda x: ENCODER(x) * 0, "different images have the same features"),
        (lambda x: ENCODER(x) + torch.arange(len(x))[:, None], "depend on the batch"),
    ],
)
def test_broken_networks_are_found(network: Callable[[Tensor], Tensor], words: str) -> None:
    with pytest.raises(ConformanceError, match=words):
        check_extractor(Extractor(network, prepare, "broken", dims=8))


def test_a_wrong_number_of_features_is_found() -> None:
    with pytest.raises(ConformanceError, match="gives 8 features, and says 9"):
        check_extractor(Extractor(Encoder().eval(), prepare, "mine", dims=9))
