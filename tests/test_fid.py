"""The measurement of generated images: which rows, which names, what is reused and refused."""

import json
import math
import os

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from PIL import Image
from torch import Tensor

from genlab.data.identity import Identity, digest
from genlab.data.images import ImageSet, load_images
from genlab.engine import fid as module
from genlab.engine.fid import NETWORKS, Reference, extract, fid, measure
from genlab.engine.rng import generator
from genlab.errors import InputError
from genlab.features import efficientnet_lite0 as lite
from genlab.recipes.fid import FEATURE_NAMES, FidConfig

DATA = os.environ.get("GENLAB_DATA")
needs_data = pytest.mark.skipif(
    DATA is None or not (Path(DATA) / "inception").is_dir(),
    reason="GENLAB_DATA is not set or has no inception/: no published weights",
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache and no data folder, so that only EfficientNet-Lite0 is at hand."""
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GENLAB_DATA", raising=False)
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def dogs(tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENLAB_CACHE", str(tmp_path_factory.mktemp("dogs")))
        return load_images("toydogs:24", 32)


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Notes each time that a network looks at images: its name, and at how many."""
    calls: list[tuple[str, int]] = []
    real = module._features

    def noting(network: module.Network, loaded: module.Loaded, images: Tensor) -> Tensor:
        calls.append((network.label, len(images)))
        return real(network, loaded, images)

    monkeypatch.setattr(module, "_features", noting)
    return calls


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets EfficientNet-Lite0 look at 64 px, where the claim is not about its numbers."""
    original = lite.to_input
    monkeypatch.setattr(lite, "to_input", lambda images: original(images, 64))


def image_set(images: Tensor, source: str = "test") -> ImageSet:
    identity = Identity(
        name=source,
        source=source,
        count=len(images),
        shape=tuple(images.shape[1:]),
        sha256=digest(images.numpy()),
        licence="none",
    )
    return ImageSet(images=images, identity=identity)


def by_numpy(x: Tensor, y: Tensor) -> float:
    a, b = (v.double().numpy() for v in (x, y))
    shift = a.mean(0) - b.mean(0)
    a, b = (v - v.mean(0) for v in (a, b))
    n, m = len(a) - 1, len(b) - 1
    shared = np.linalg.svd(a @ b.T, compute_uv=False).sum() / math.sqrt(n * m)
    return float(shift @ shift + (a**2).sum() / n + (b**2).sum() / m - 2 * shared)


def test_names_are_one_table_and_only_fid_is_called_fid() -> None:
    assert set(FEATURE_NAMES) == {"all", *NETWORKS}
    assert {n.label for n in NETWORKS.values() if n.label == "FID"} == {"FID"}
    assert [k for k, n in NETWORKS.items() if n.label == "FID"] == ["inception"]
    assert NETWORKS["inception"].dims == 2048
    assert NETWORKS["efficientnet-lite0"].label == "FD (EfficientNet-Lite0)"


def test_measurement_is_the_distance_of_all_rows(dogs: ImageSet) -> None:
    real, fake = image_set(dogs.images[:13], "real"), image_set(dogs.images[13:], "fake")
    result = measure(Reference(real), fake)
    network = lite.load_efficientnet_lite0()
    with torch.no_grad():
        x, y = (network.features(lite.to_input(s.images.float() / 255)) for s in (real, fake))
    shares = [
        (lite.recognised_as_dogs(network, s.images) > 0.5).double().mean().item()
        for s in (real, fake)
    ]
    (distance,) = result["distances"]
    assert distance.pop("value") == pytest.approx(by_numpy(x, y), rel=1e-4)
    assert "224 px" in distance.pop("protocol")
    assert distance == {
        "network": "EfficientNet-Lite0",
        "label": "FD (EfficientNet-Lite0)",
        "dims": 1280,
        "weights_sha256": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    }
    assert [result["recognised_real"], result["recognised_fake"]] == shares
    assert [result["n_real"], result["n_fake"], result["size"]] == [13, 11, 32]
    assert result["real"]["sha256"] == real.identity.sha256
    assert result["fake"]["sha256"] == fake.identity.sha256
    assert "pt_inception-2015-12-05-6726825d.pth" in result["note"]
    assert set(result) == {
        "n_real",
        "n_fake",
        "size",
        "real",
        "fake",
        "distances",
        "recognised_real",
        "recognised_fake",
        "note",
    }
    assert json.loads(json.dumps(result, allow_nan=False))["n_fake"] == 11


@pytest.mark.usefixtures("quick")
def test_the_same_images_are_at_zero_and_blur_moves_them_away(dogs: ImageSet) -> None:
    reference = Reference(dogs)

    def value(images: Tensor) -> float:
        return measure(reference, image_set(images))["distances"][0]["value"]

    blurred = [
        F.avg_pool2d(dogs.images.float(), k, 1, k // 2, count_include_pad=False).to(torch.uint8)
        for k in (3, 7)
    ]
    same, little, much = value(dogs.images.flip(0)), value(blurred[0]), value(blurred[1])
    assert 0 <= same < 1e-4 * little
    assert 0 < 1.5 * little < much


@pytest.mark.usefixtures("quick")
def test_every_image_has_one_row_in_its_order(dogs: ImageSet) -> None:
    images = torch.cat([dogs.images, dogs.images[:9]])  # one more than a batch
    features = extract("efficientnet-lite0", images)
    assert features.shape == (33, 1280)
    assert features.dtype == torch.float32
    torch.testing.assert_close(features[24:], features[:9], rtol=1e-4, atol=1e-4)
    assert (features[:9] - features[1:10]).abs().amax(1).min() > 0.1  # rows differ


@pytest.mark.usefixtures("quick")
def test_real_images_are_looked_at_once(dogs: ImageSet, looked: list[tuple[str, int]]) -> None:
    real, fake = image_set(dogs.images[:14]), image_set(dogs.images[14:])
    label = "FD (EfficientNet-Lite0)"
    reference = Reference(real)
    first = measure(reference, fake)
    assert sorted(looked) == [(label, 10), (label, 14)]
    looked.clear()
    assert measure(reference, fake) == first
    assert looked == [(label, 10)]
    looked.clear()
    assert measure(Reference(real), fake) == first  # another process finds them in the cache
    assert looked == [(label, 10)]
    looked.clear()
    changed = real.images.clone()
    changed[0, 0, 0, 0] ^= 1
    measure(Reference(image_set(changed)), fake)
    assert sorted(looked) == [(label, 10), (label, 14)]


def test_networks_asked_for_but_missing_are_refused(dogs: ImageSet) -> None:
    for name in ("inception", "inception-768"):
        with pytest.raises(InputError, match=r"--inception FILE, or say --inception download"):
            measure(Reference(dogs), dogs, name)


@pytest.mark.usefixtures("quick")
@needs_data
def test_partial_inception_gives_fid_768(dogs: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    (file,) = (Path(str(DATA)) / "inception").glob("*.npz")
    real, fake = image_set(dogs.images[:10]), image_set(dogs.images[10:20])
    monkeypatch.setenv("GENLAB_DATA", str(DATA))  # found there without being named
    reference = Reference(real)
    result = measure(reference, fake)
    assert [d["label"] for d in result["distances"]] == ["FD (EfficientNet-Lite0)", "FID-768"]
    x, y = reference.features("inception-768"), extract("inception-768", fake.images, str(file))
    assert x.shape == y.shape == (10, 768)
    assert result["distances"][1]["value"] == pytest.approx(by_numpy(x, y), rel=1e-4)
    assert "768" in result["note"]
    with pytest.raises(InputError, match=r"2048.*inception-768"):
        measure(reference, fake, "inception")


def test_sets_that_cannot_be_compared_are_refused(dogs: ImageSet) -> None:
    few = image_set(dogs.images[:3], "three")
    with pytest.raises(InputError, match="three: 3 generated images.*at least 10"):
        measure(Reference(dogs), few)
    with pytest.raises(InputError, match="three: 3 real images"):
        measure(Reference(few), dogs)
    small = image_set(dogs.images[..., :16, :16].contiguous())
    with pytest.raises(InputError, match="32 px and generated ones 16 px"):
        measure(Reference(dogs), small)


def write(folder: Path, count: int, side: int) -> None:
    folder.mkdir(parents=True)
    random = generator(0, folder.name)
    for index in range(count):
        shape = (side, side + 4, 3)
        pixels = torch.randint(0, 256, shape, generator=random).to(torch.uint8)
        Image.fromarray(pixels.numpy()).save(folder / f"{index:02d}.png")


@pytest.mark.usefixtures("quick")
def test_folders_are_compared_at_the_generated_size(tmp_path: Path) -> None:
    write(tmp_path / "real", 11, 48)
    write(tmp_path / "fake", 12, 20)
    folders: dict[str, Any] = {"real": str(tmp_path / "real"), "fake": str(tmp_path / "fake")}
    result = fid(FidConfig(**folders))
    assert [result["n_real"], result["n_fake"], result["size"]] == [11, 12, 20]
    real = load_images(folders["real"], 20)
    assert result["real"]["sha256"] == real.identity.sha256
    assert result["recognised_fake"] == 0  # noise
    other = fid(FidConfig(**folders, size=24))
    assert other["size"] == 24
    assert other["distances"][0]["value"] != result["distances"][0]["value"]


def test_bad_configurations_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        fid(FidConfig(real="toydogs:10", fake=str(tmp_path / "nowhere")))
    with pytest.raises(InputError, match="--size 8"):
        FidConfig(real="a", fake="b", size=8)
    with pytest.raises(InputError, match="--features vgg.*efficientnet-lite0"):
        FidConfig(real="a", fake="b", features="vgg")  # type: ignore[arg-type]
