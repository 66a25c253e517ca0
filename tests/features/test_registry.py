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
from genlab.features import Extractor, extract, weight_free
from genlab.features.preprocessing import PREPROCESSINGS
from genlab.features.registry import NETWORKS, load_extractor
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


def test_inception_takes_every_preprocessing_and_the_others_their_own(
    inception_files: dict[str, str]
) -> None:
    for key, network in NETWORKS.items():
        if key in INCEPTIONS:
            assert network.preprocessings == PREPROCESSINGS
            assert next(iter(network.preprocessings)) == "pytorch-fid"
        else:
            assert list(network.preprocessings) == [key]
            assert network.preprocessings[key].name == key
    weights = inception_files["whole"]
    inception = load_extractor("inception-64", inception=weights, preprocessing="clean")
    assert inception.preprocessing is PREPROCESSINGS["clean"]
    assert load_extractor("pixels").preprocessing.name == "pixels"
    with pytest.raises(InputError, match=r"'clean': digits takes digits"):
        load_extractor("digits", preprocessing="clean")
    with pytest.raises(InputError, match=r"'pillow': FID Inception takes pytorch-fid or tensor"):
        load_extractor("inception", preprocessing="pillow")
    with pytest.raises(InputError, match=r"no feature network 'vgg'; there are efficientnet"):
        load_extractor("vgg")


@pytest.mark.parametrize("key", NETWORKS)
def test_every_row_gives_what_it_says(
    key: str, images: Tensor, inception_files: dict[str, str]
) -> None:
    network = NETWORKS[key]
    extractor = load_extractor(key, inception=inception_files["whole"])
    features = extractor(images)
    assert features.shape == (2, network.dims)
    assert features.dtype == torch.float32
    assert features.std() > 0
    said = extractor.identity
    assert said["label"] == network.label
    assert said["sha256"] == extractor.sha256
    assert said["precision"] == "float32"
    assert said["preprocessing"] == next(iter(network.preprocessings))
    if key in INCEPTIONS:
        file = Path(inception_files["whole"]).read_bytes()
        assert extractor.sha256 == hashlib.sha256(file).hexdigest()


@pytest.mark.parametrize("name", PREPROCESSINGS)
def test_inception_gets_the_preprocessing_asked_for(
    name: str, images: Tensor, inception_files: dict[str, str],
    inception_weights: dict[str, Tensor],
) -> None:
    weights = inception_files["whole"]
    extractor = load_extractor("inception-64", inception=weights, preprocessing=name)
    wanted = Inception(inception_weights, "").features(PREPROCESSINGS[name].prepare(images), 64)
    assert torch.equal(extractor(images), wanted)
    other = load_extractor("inception-64", inception=weights)
    assert torch.equal(other.with_preprocessing(PREPROCESSINGS[name])(images), wanted)


def test_partial_weights_refuse_2048_and_say_why(
    images: Tensor, inception_files: dict[str, str]
) -> None:
    with pytest.raises(InputError, match=r"2048 features.*Mixed_7b\.branch3x3dbl_2.*768"):
        load_extractor("inception", inception=inception_files["partial"])
    for key in INCEPTIONS[2:]:
        partial, whole = (
            load_extractor(key, inception=inception_files[name]) for name in ("partial", "whole")
        )
        assert torch.equal(partial(images), whole(images))
        assert partial.sha256 != whole.sha256


def test_efficientnet_gives_its_features_and_classes(images: Tensor) -> None:
    extractor = load_extractor("efficientnet-lite0")
    network = efficientnet_lite0.load_efficientnet_lite0()
    x = efficientnet_lite0.to_input(images.float() / 255)
    features = extractor(images)
    assert torch.equal(features, network.features(x))
    assert extractor.logits is not None
    assert torch.equal(extractor.logits(features), network.logits(x))


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
        load_extractor("random")


def test_random_weights_have_hes_variance() -> None:
    for weight in weight_free.random_weights():
        assert weight.mean().abs() < 0.05 * weight.std()
        assert weight.var().item() == pytest.approx(2 / weight[0].numel(), rel=0.05)


def test_pixels_are_pillows_bilinear(images: Tensor) -> None:
    features = load_extractor("pixels")(images)
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


def own(change: Callable[[Tensor], object]) -> Extractor:
    return Extractor(Own(change).eval(), lambda images: images.float() / 255, "mine")


def test_any_module_is_a_network(images: Tensor) -> None:
    extractor = own(lambda x: x)
    assert (extractor.label, extractor.dims, extractor.key) == ("FD (mine)", 3, "mine")
    features = extractor(images)
    torch.testing.assert_close(features, images.double().mean((2, 3)).float() / 255)
    assert not features.requires_grad
    said = extractor.identity
    assert (said["network"], said["precision"], said["device"]) == ("mine", "its own", "cpu")


def test_own_weights_are_part_of_the_identity() -> None:
    first, second, third = Own(lambda x: x), Own(lambda x: x), Own(lambda x: x)
    with torch.no_grad():
        third.weight[1] += 2**-20
    digests = [Extractor(m.eval(), Tensor.float, "mine").sha256 for m in (first, second, third)]
    assert digests[0] == digests[1] != digests[2]
    extractor = Extractor(first, Tensor.float, "mine")
    with torch.no_grad():
        first.weight[1] += 1
    assert extractor.sha256 != digests[0]  # as they are now


def test_features_of_ones_own_network_are_cached_when_asked(images: Tensor) -> None:
    seen = []

    def count(x: Tensor) -> Tensor:
        seen.append(len(x))
        return x

    module = Own(count).eval()
    for cache, calls in ((False, 2), (True, 1)):
        extractor = Extractor(module, Tensor.float, "mine", dims=3, cache=cache)
        seen.clear()
        features = [extract(images, extractor) for _ in range(2)]
        assert torch.equal(*features)
        assert len(seen) == calls
    with torch.no_grad():
        module.weight += 1
    extract(images, extractor)
    assert len(seen) == 2  # other weights are another network
    with pytest.raises(InputError, match="`cache` needs the `sha256`"):
        Extractor(Tensor.double, Tensor.float, "a function", cache=True)


def test_images_may_be_arrays_or_floating_point(images: Tensor) -> None:
    extractor = own(lambda x: x)
    features = extractor(images)
    assert torch.equal(extractor(images.numpy()), features)
    assert torch.equal(extractor(images.double() / 255), features)  # rounded back to uint8
    rounded = images.float() / 255 - 0.4 / 255
    assert torch.equal(extractor(rounded.clamp(min=0)), features)
    with pytest.raises(ValueError, match="images from -1 to 1"):
        extractor(2 * torch.eye(8).expand(2, 3, 8, 8) - 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x[:, :, None, None], r"shape \(2, 3, 1, 1\) for 2 images.*\(2, F\)"),
        (lambda x: x.mean(1), r"shape \(2,\) for 2 images"),
        (lambda x: x.squeeze(0), r"shape \(3,\) for 1 images.*keep the batch axis"),
        (lambda x: x.T, r"shape \(3, 2\) for 2 images"),
        (lambda x: x.long(), "int64.*floating point"),
        (lambda x: (x, x), "tuple.*floating point"),
        (lambda x: x.repeat(1, len(x)), "gives 6 features, 3 for one image"),
    ],
)
def test_other_outputs_are_refused(change: Callable[[Tensor], object], words: str) -> None:
    with pytest.raises(InputError, match=f"mine: .*{words}"):
        own(change)


def test_training_mode_is_refused() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Dropout()).eval()
    module[1].train()
    with pytest.raises(InputError, match=r"mine: in training mode.*eval\(\)"):
        Extractor(module, Tensor.float, "mine")
    module.eval()
    extractor = Extractor(module, Tensor.float, "mine")
    module.train()
    with pytest.raises(InputError, match="mine: in training mode"):
        extractor(torch.zeros(2, 3, 8, 8, dtype=torch.uint8))


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
        exact, fast = (
            load_extractor(key, inception=inception_files["whole"], precision=p)
            for p in ("float32", "bf16")
        )
        one, other = exact(images[:1]), fast(images[:1])
        assert other.dtype == torch.float32
        error = ((one - other).norm() / one.norm()).item()
        assert 1e-4 < error < 0.1  # 8 bits a number: different, but not by much
        assert (exact.precision, fast.precision) == ("float32", "bf16")
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
    with pytest.raises(InputError, match="must be one of float32, bf16, fp16, auto, not 'fp8'"):
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
