"""An empty cache, toy dogs, and a network that is quick."""


from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from torch import Tensor

from genlab import data
from genlab.networks.pretrained import efficientnet_lite0 as lite


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache and no data folder, so that only EfficientNet-Lite0 is at hand."""
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GENLAB_DATA", raising=False)
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def dogs(tmp_path_factory: pytest.TempPathFactory) -> Tensor:
    """Toy dogs, uint8 with shape `(24, 3, 32, 32)`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENLAB_CACHE", str(tmp_path_factory.mktemp("dogs")))
        drawn = data.images("toydogs:24", 32)
        return torch.stack([drawn.read(i) for i in range(24)])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives EfficientNet-Lite0 64 px, where the claim is not about its numbers."""
    original = lite.to_input
    monkeypatch.setattr(lite, "to_input", lambda images: original(images, 64))
