"""Features on a GPU: what can be known without one, and, where there is one, what they are."""

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from genlab.common.errors import InputError
from genlab.compute import device as module
from genlab.compute.device import device_for
from genlab.compute.precision import exact
from genlab.features.extractor import Provenance
from genlab.features.extractors import FeatureExtractors
from genlab.features.registry import load_extractor
from genlab.fid.statistics_file import FeatureOrigin, refuse_mismatch

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
KEYS = ("inception", "efficientnet-lite0", "digits", "random", "pixels")


def images() -> Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, 3, 40, 40), generator=random, dtype=torch.uint8)


@pytest.mark.parametrize("precision", ["float32", "fp16"])
@pytest.mark.parametrize("key", KEYS)
def test_no_network_mixes_devices(
    key: str, precision: str, inception_files: dict[str, str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A GPU is imagined: shapes, types and places, no values; mixed places are errors there.

    Its convolution alone does not compare them, so each one's operands are noted.
    """
    moves, move = [], nn.Module.to
    monkeypatch.setattr(nn.Module, "to", lambda net, *to: moves.append((net, to)) or net)
    extractor = load_extractor(  # real weights, moved below
        key, inception=inception_files["whole"], precision=precision, device=GPU
    )
    prepared = extractor.preprocessing.prepare(images())
    monkeypatch.setattr(nn.Module, "to", move)
    # torch's own asks the driver
    monkeypatch.setattr(Tensor, "contiguous", lambda x, **how: x.clone(**how))
    met: list[set[torch.device]] = []
    convolve = F.conv2d

    def noting(
        x: Tensor, weight: Tensor, bias: Tensor | None = None, *more: Any, **named: Any
    ) -> Tensor:
        met.append({t.device for t in (x, weight, bias) if t is not None})
        return convolve(x, weight, bias, *more, **named)

    monkeypatch.setattr(F, "conv2d", noting)
    with FakeTensorMode(allow_non_fake_inputs=True) as imagined:
        for network, to in moves:
            network.to(*to)
        features = extractor.network(imagined.from_tensor(prepared).to(extractor.device))
        assert features.device == extractor.device == (CPU if key == "pixels" else GPU)
        assert (features.shape, features.dtype) == ((2, extractor.dims), torch.float32)
        if extractor.logits is not None:
            assert extractor.logits(features.cpu()).device == CPU
            with pytest.raises(RuntimeError, match="same device"):
                extractor.logits(features)
        assert all(places == {GPU} for places in met)
        assert bool(met) == (key != "pixels")


def test_float32_is_exact_inside_and_as_it_was_outside() -> None:
    cudnn = torch.backends.cudnn
    before = cudnn.conv.fp32_precision
    for setting in ("tf32", "ieee"):
        cudnn.conv.fp32_precision = setting
        try:
            with exact(GPU):
                assert (cudnn.conv.fp32_precision, cudnn.deterministic) == ("ieee", True)
            assert (cudnn.conv.fp32_precision, cudnn.deterministic) == (setting, False)
        finally:
            cudnn.conv.fp32_precision = before


def test_devices_are_found_or_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert device_for("cpu") == CPU
    with pytest.raises(InputError, match="`device` tpu: give one of auto, cpu, cuda"):
        device_for("tpu")
    monkeypatch.setattr(module, "problem", lambda: "no GPU is found")
    assert device_for("auto") == CPU
    with pytest.raises(InputError, match=r"^`device` cuda: no GPU is found; or give"):
        FeatureExtractors(device="cuda")
    monkeypatch.setattr(module, "problem", lambda: "")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert device_for("auto") == device_for("cuda") == torch.device("cuda", 1)
    monkeypatch.setattr(module, "gather_text", lambda text: [text, "cpu"])
    with pytest.raises(InputError, match="some processes have a GPU and some have none"):
        device_for("auto")


def test_fp16_is_refused_on_a_processor_before_anything_is_extracted() -> None:
    with pytest.raises(InputError, match=r"^`precision` fp16: on GPUs only"):
        FeatureExtractors(precision="fp16", device="cpu")


def test_devices_mix_in_float32_only() -> None:
    for precision, mixes in (("float32", True), ("bf16", False), ("fp16", False)):
        here = Provenance(
            network="n", sha256="", layer="l", preprocessing="p", precision=precision
        )
        pair = [FeatureOrigin(x.device, 3, x) for x in (here, replace(here, device="cuda"))]
        if mixes:
            refuse_mismatch(*pair)
        else:
            with pytest.raises(InputError, match="device 'cpu' and 'cuda'"):
                refuse_mismatch(*pair)


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("precision", "bound"), [("float32", 1e-4), ("bf16", 0.1), ("fp16", 0.02)]
)
@pytest.mark.parametrize("key", KEYS[:4])
def test_a_gpu_sees_what_the_processor_sees(
    key: str, precision: str, bound: float, inception_files: dict[str, str]
) -> None:
    weights = inception_files["whole"]
    exactly = load_extractor(key, inception=weights)(images())
    extractor = load_extractor(key, inception=weights, precision=precision, device=GPU)
    one, again = (extractor(images()) for _ in range(2))
    assert one.device == CPU
    assert torch.equal(one, again)
    assert (one - exactly).norm() < bound * exactly.norm()
