"""The table of networks: what each row says is what it gives; own modules; precision."""

import hashlib

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from PIL import Image
from torch import Tensor, nn

from genlab.common.errors import InputError
from genlab.common.rng import generator
from genlab.compute import precision
from genlab.features import weight_free
from genlab.features.preprocessing import PREPROCESSINGS
from genlab.features.registry import (
    NETWORKS,
    FeatureNetwork,
    extract_batch,
    identity,
    network_of,
    preprocessing_of,
)
from genlab.networks.pretrained import efficientnet_lite0
from genlab.networks.pretrained.inception_net import Inception, Unit

INCEPTIONS = [key for key in NETWORKS if key.startswith("inception")]


@pytest.fixture(scope="module")
def images() -> Tensor:
    random = generator(0, "images")
    return torch.randint(0, 256, (2, 3, 40, 40), generator=random, dtype=torch.uint8)


def test_only_2048_features_of_fid_inception_are_called_fid() -> None:
    assert [key for key, network in NETWORKS.items() if network.label == "FID"] == ["inception"]
    assert NETWORKS["inception"].dims == 2048
    for key, network in NETWORKS.items():
        if key in INCEPTIONS[1:]:
            assert network.label == f"FID-{network.dims}"
            assert key == f"inception-{network.dims}"
        elif key != "inception":
            assert network.label.startswith("FD (")
    assert sorted(NETWORKS[key].dims for key in INCEPTIONS) == [64, 192, 768, 2048]


def test_inception_takes_every_preprocessing_and_the_others_their_own() -> None:
    for key, network in NETWORKS.items():
        if key in INCEPTIONS:
            assert network.preprocessings == PREPROCESSINGS
            assert network.preprocessing.name == "pytorch-fid"
        else:
            assert list(network.preprocessings) == [key]
            assert network.preprocessing.name == key
    assert preprocessing_of(NETWORKS["inception"], "clean") is PREPROCESSINGS["clean"]
    assert preprocessing_of(NETWORKS["pixels"]).name == "pixels"
    with pytest.raises(InputError, match=r"'clean': digits takes digits"):
        preprocessing_of(NETWORKS["digits"], "clean")
    with pytest.raises(InputError, match=r"'pillow': FID Inception takes pytorch-fid or tensor"):
        preprocessing_of(NETWORKS["inception"], "pillow")


@pytest.mark.parametrize("key", NETWORKS)
def test_every_row_gives_what_it_says(
    key: str, images: Tensor, inception_files: dict[str, str]
) -> None:
    network = NETWORKS[key]
    loaded = network.load(inception_files["whole"], "float32")
    features = extract_batch(loaded, network.preprocessing, images)
    assert features.shape == (2, network.dims)
    assert features.dtype == torch.float32
    assert features.std() > 0
    way = network.preprocessing
    alone = torch.cat([extract_batch(loaded, way, image[None]) for image in images])
    torch.testing.assert_close(alone, features, rtol=1e-4, atol=1e-4 * features.abs().max().item())
    said = identity(network, network.preprocessing, loaded)
    assert said["weights_sha256"] == loaded.sha256
    assert said["computed_in"] == "float32"
    assert said["preprocessing"] == network.preprocessing.name
    if key in INCEPTIONS:
        file = Path(inception_files["whole"]).read_bytes()
        assert loaded.sha256 == hashlib.sha256(file).hexdigest()


@pytest.mark.parametrize("name", PREPROCESSINGS)
def test_inception_looks_through_the_preprocessing_asked_for(
    name: str, images: Tensor, inception_files: dict[str, str],
    inception_weights: dict[str, Tensor],
) -> None:
    loaded = NETWORKS["inception-64"].load(inception_files["whole"], "float32")
    wanted = Inception(inception_weights, "").features(PREPROCESSINGS[name].prepare(images), 64)
    assert torch.equal(extract_batch(loaded, PREPROCESSINGS[name], images), wanted)


def test_partial_weights_refuse_2048_and_say_why(
    images: Tensor, inception_files: dict[str, str]
) -> None:
    with pytest.raises(InputError, match=r"2048 features.*Mixed_7b\.branch3x3dbl_2.*768"):
        NETWORKS["inception"].load(inception_files["partial"], "float32")
    for key in INCEPTIONS[2:]:
        network = NETWORKS[key]
        files = (inception_files[name] for name in ("partial", "whole"))
        partial, whole = (network.load(file, "float32") for file in files)
        way = network.preprocessing
        one, other = (extract_batch(loaded, way, images) for loaded in (partial, whole))
        assert torch.equal(one, other)
        assert partial.sha256 != whole.sha256


def test_efficientnet_looks_and_classifies_as_before(images: Tensor) -> None:
    row = NETWORKS["efficientnet-lite0"]
    loaded = row.load(None, "float32")
    network = efficientnet_lite0.load_efficientnet_lite0()
    x = efficientnet_lite0.to_input(images.float() / 255)
    features = extract_batch(loaded, row.preprocessing, images)
    assert torch.equal(features, network.features(x))
    assert loaded.logits is not None
    assert torch.equal(loaded.logits(features), network.logits(x))


def test_random_convolutions_by_their_definition(images: Tensor) -> None:
    """The first layer in NumPy loops from the bytes; the weights' hash as published."""
    assert weight_free.RANDOM_SHA256 == (
        "d46ba6cb75fa81696af73655c98fd8b9a96bf8c8f2a8983c837e8b36b7b2cf03"
    )
    stream = hashlib.shake_256(b"genlab random convolutions 1").digest(64 * 75)
    kernels = np.frombuffer(stream, np.uint8).astype(float).reshape(64, 3, 5, 5)
    kernels = (kernels - 127.5) / np.arange(256).std() * np.sqrt(2 / 75)
    x = weight_free.to_random_input(images[:1])
    padded = np.pad(x[0].double().numpy(), ((0, 0), (2, 2), (2, 2)))
    maps = np.zeros((64, 32, 32))
    for i in range(32):
        for j in range(32):
            patch = padded[:, 2 * i : 2 * i + 5, 2 * j : 2 * j + 5]
            maps[:, i, j] = (kernels * patch).sum((1, 2, 3)).clip(0)
    features = weight_free.RandomConvolutions()(x)
    np.testing.assert_allclose(features[0, :64].numpy(), maps.mean((1, 2)), rtol=1e-4, atol=1e-6)
    assert features.shape == (1, 448)
    assert (features[0, 64:] > 0).any()


def test_changed_random_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight_free, "SEED", b"another")
    with pytest.raises(InputError, match="other weights"):
        NETWORKS["random"].load(None, "float32")


def test_random_weights_have_hes_variance() -> None:
    for weight in weight_free.random_weights():
        assert weight.mean().abs() < 0.05 * weight.std()
        assert weight.var().item() == pytest.approx(2 / weight[0].numel(), rel=0.05)


def test_pixels_are_pillows_bilinear(images: Tensor) -> None:
    row = NETWORKS["pixels"]
    features = extract_batch(row.load(None, "float32"), row.preprocessing, images)
    for mine, image in zip(features, images):
        channels = [
            np.asarray(
                Image.fromarray(c.numpy().astype(np.float32)).resize(
                    (16, 16), Image.Resampling.BILINEAR
                )
            )
            for c in image
        ]
        np.testing.assert_allclose(
            mine.numpy(), np.stack(channels).ravel() / 255, rtol=0, atol=1e-5
        )


# --- networks of one's own


class Own(nn.Module):
    """Means of colours, and whatever `change` makes of them."""

    def __init__(self, change: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.change = change

    def forward(self, x: Tensor) -> object:
        return self.change(x.mean((2, 3)) * self.weight)


def own(change: Callable[[Tensor], object], **given: Tensor) -> FeatureNetwork:
    return network_of(Own(change).eval(), "mine", lambda images: images.float() / 255, **given)


def test_any_module_is_a_network(images: Tensor) -> None:
    network = own(lambda x: x)
    assert (network.label, network.dims) == ("FD (mine)", 3)
    loaded = network.load(None, "auto")
    features = extract_batch(loaded, network.preprocessing, images)
    torch.testing.assert_close(features, images.double().mean((2, 3)).float() / 255)
    assert not features.requires_grad
    said = identity(network, network.preprocessing, loaded)
    assert (said["network"], said["computed_in"]) == ("mine", "its own")


def test_own_weights_are_part_of_the_identity() -> None:
    first, second, third = Own(lambda x: x), Own(lambda x: x), Own(lambda x: x)
    with torch.no_grad():
        third.weight[1] += 2**-20
    digests = [
        network_of(m.eval(), "mine", Tensor.float).load(None, "float32").sha256
        for m in (first, second, third)
    ]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x[:, :, None, None], r"shape \(2, 3, 1, 1\) for 2 images.*\(2, F\)"),
        (lambda x: x.mean(1), r"shape \(2,\) for 2 images"),
        (lambda x: x.squeeze(0), r"shape \(3,\) for 1 images.*keep the batch axis"),
        (lambda x: x.T, r"shape \(3, 2\) for 2 images"),
        (lambda x: x.long(), "int64.*floating point"),
        (lambda x: (x, x), "tuple.*floating point"),
        (lambda x: x / 0, "infinite or not numbers"),
        (lambda x: x.repeat(1, len(x)), "gives 6 features, 3 for one"),
    ],
)
def test_other_outputs_are_refused(change: Callable[[Tensor], object], words: str) -> None:
    with pytest.raises(InputError, match=f"mine: .*{words}"):
        own(change)


def test_training_mode_is_refused() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Dropout()).eval()
    module[1].train()
    with pytest.raises(InputError, match=r"mine: in training mode.*eval\(\)"):
        network_of(module, "mine", Tensor.float)


def test_a_network_that_fails_later_is_refused_then(images: Tensor) -> None:
    network = own(lambda x: x / (x.mean() > 0.1))  # not a number on dark images
    loaded = network.load(None, "float32")
    with pytest.raises(InputError, match="mine: .*not numbers"):
        extract_batch(loaded, network.preprocessing, torch.zeros_like(images))


def test_floating_point_images_are_refused(images: Tensor) -> None:
    row = NETWORKS["pixels"]
    with pytest.raises(ValueError, match=r"images are torch\.float32"):
        extract_batch(row.load(None, "float32"), row.preprocessing, images / 255)


# --- speed


def test_inception_stays_channels_last(
    inception_weights: dict[str, Tensor], images: Tensor
) -> None:
    network, seen = Inception(inception_weights, ""), []
    for module in network.modules():
        if isinstance(module, Unit):
            module.register_forward_hook(lambda _, x, y: seen.extend([x[0], y]))
    network.features(PREPROCESSINGS["pytorch-fid"].prepare(images[:1]), 2048)
    assert len(seen) == 2 * 94  # every unit of the network, once
    assert all(x.is_contiguous(memory_format=torch.channels_last) for x in seen)


def test_bf16_is_asked_for_recorded_and_close(
    images: Tensor, inception_files: dict[str, str]
) -> None:
    for key in ("inception-192", "efficientnet-lite0"):
        network = NETWORKS[key]
        exact, fast = (network.load(inception_files["whole"], p) for p in ("float32", "bf16"))
        way = network.preprocessing
        one, other = (extract_batch(loaded, way, images[:1]) for loaded in (exact, fast))
        assert other.dtype == torch.float32
        error = ((one - other).norm() / one.norm()).item()
        assert 1e-4 < error < 0.1  # 8 bits a number: different, but not by much
        assert identity(network, network.preprocessing, fast)["computed_in"] == "bf16"
        assert identity(network, network.preprocessing, exact)["computed_in"] == "float32"
    assert fast.logits is not None
    assert fast.logits(other).dtype == torch.float32  # its classifier does not round


@pytest.mark.parametrize(("times", "chosen"), [(4.0, "bf16"), (1.2, "float32"), (0.2, "float32")])
def test_auto_takes_bf16_only_where_it_pays(
    times: float, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "speedup", lambda device, dtype: times)
    assert precision.resolve("auto") == chosen
    assert precision.resolve("float32") == "float32"
    assert precision.resolve("bf16") == "bf16"
    with pytest.raises(InputError, match="'fp8': give one of float32, bf16, fp16, auto"):
        precision.resolve("fp8")
    with pytest.raises(InputError, match="fp16: on GPUs only"):
        precision.resolve("fp16")


def test_auto_keeps_float32_where_the_processor_emulates_bf16() -> None:
    cpu = Path("/proc/cpuinfo")
    flags = cpu.read_text() if cpu.exists() else "amx_bf16"
    if any(word in flags for word in ("avx512_bf16", "amx_bf16", "bf16")):
        pytest.skip("this processor may compute in bfloat16")
    assert precision.speedup() < 1
    assert precision.resolve("auto") == "float32"
