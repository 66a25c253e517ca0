"""Exported networks: what they compute is what the trained network computes, without genlab."""

import subprocess
import sys

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from torch import Tensor, nn

from genlab.configs.vae import VaeConfig
from genlab.export import OPSET, decoder, generator, to_onnx, to_torch
from genlab.gan.networks import dcgan, fastgan, residual
from genlab.vae.load import build_vae

LATENT = 8


def vae_decoder(**options: object) -> tuple[nn.Module, Callable[[Tensor], Tensor], Tensor]:
    config = VaeConfig(**{"latent": 2, "hidden": (16, 12), **options})
    vae = build_vae(config, (5, 5))
    return decoder(vae), vae.decode, torch.randn(5, config.latent)


def gan_generator(network: nn.Module) -> tuple[nn.Module, Callable[[Tensor], Tensor], Tensor]:
    network = network.eval()
    return generator(network), lambda z: (network(z) + 1) / 2, torch.randn(5, LATENT)


NETWORKS = {
    "vae": lambda: vae_decoder(),
    "vae gated": lambda: vae_decoder(gated=True, fourier=0.0, latent=3),
    "fastgan": lambda: gan_generator(fastgan.FastGanGenerator(LATENT, 1)),
    "residual": lambda: gan_generator(residual.ResidualGenerator(LATENT, 2)),
    "dcgan": lambda: gan_generator(dcgan.DcganGenerator(LATENT, 2, 64)),
}


@pytest.fixture(params=NETWORKS)
def exported(
    request: pytest.FixtureRequest,
) -> tuple[nn.Module, Callable[[Tensor], Tensor], Tensor]:
    torch.manual_seed(0)
    return NETWORKS[request.param]()


def test_torch_program_is_the_network_for_batches_of_any_size(
    exported: tuple[nn.Module, Callable[[Tensor], Tensor], Tensor], tmp_path: Path
) -> None:
    network, original, z = exported
    program = to_torch(network, z)
    for batch in (z, torch.cat([z, z + 1])):
        torch.testing.assert_close(program(batch), original(batch), rtol=0, atol=1e-5)
    layers = {type(module).__module__.partition(".")[0] for module in program.modules()}
    assert layers <= {"torch"}


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # torch's exporter, of itself
def test_onnx_file_is_the_network(
    exported: tuple[nn.Module, Callable[[Tensor], Tensor], Tensor], tmp_path: Path
) -> None:
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    network, original, z = exported
    path = to_onnx(network, z, tmp_path / "network.onnx")
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert {one.domain: one.version for one in model.opset_import}[""] == OPSET
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for batch in (z, torch.cat([z, z + 1])):
        (images,) = session.run(["x"], {"z": batch.numpy()})
        torch.testing.assert_close(torch.from_numpy(images), original(batch), rtol=0, atol=1e-4)


def test_a_kept_program_needs_no_genlab(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, original, z = vae_decoder()
    path = tmp_path / "decoder.pt2"
    batch = torch.export.Dim("batch", min=1)
    torch.export.save(
        torch.export.export(network, (z,), dynamic_shapes=({0: batch},)), path
    )
    code = (
        "import sys, torch; program = torch.export.load(sys.argv[1]).module(); "
        "x = program(torch.tensor([[0.5, -1.0]])); assert 'genlab' not in sys.modules; "
        "print(x.double().sum().item())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    wanted = original(torch.tensor([[0.5, -1.0]])).double().sum().item()
    assert float(done.stdout) == pytest.approx(wanted, abs=1e-4)
