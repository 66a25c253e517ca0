r"""Trained decoders and generators as plain torch modules, and as ONNX files.

    vae, _ = load_vae("runs/vae-vamp")
    network = decoder(vae)                 # latents (B, D) to mean images (B, X)
    program = to_torch(network, torch.zeros(1, 2))
    to_onnx(network, torch.zeros(1, 2), "decoder.onnx")

What comes out needs no genlab: a `torch.fx.GraphModule` of torch's own operations, or a file that
any ONNX runtime reads.

Shapes: B batch, D latent dimensions, X pixels, S the side of an image.
"""

__all__ = ["OPSET", "Decoder", "Generator", "decoder", "generator", "to_onnx", "to_torch"]

import copy

from pathlib import Path
from typing import TypeVar

import torch

from torch import Tensor, nn

from genlab.common import atomic
from genlab.numerics.linear import Linear
from genlab.vae.model import VAE

Network = TypeVar("Network", bound=nn.Module)

OPSET = 18
"""The version of ONNX's operators that files are written in."""


class Decoder(nn.Module):
    """A VAE's decoder up to the mean of p(x|z)."""

    def __init__(self, vae: VAE) -> None:
        super().__init__()
        self.decoder, self.likelihood = vae.decoder, vae.likelihood

    def forward(self, z: Tensor) -> Tensor:
        """Returns mean images `(B, X)`, grey values in [0, 1], of latents `(B, D)`."""
        return self.likelihood.to_grey(self.likelihood.mean(self.decoder(z)))


class Generator(nn.Module):
    """A GAN's generator with images in [0, 1]."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, z: Tensor) -> Tensor:
        """Returns images `(B, 3, S, S)` in [0, 1], of latents `(B, D)`."""
        return self.network(z).add(1).div(2).clamp(0, 1)


def decoder(vae: VAE) -> Decoder:
    """Returns a copy of a VAE's decoder as a module of torch's own layers, in evaluation mode."""
    return _plain(Decoder(vae))


def generator(network: nn.Module) -> Generator:
    """Returns a copy of a generator without classes, in evaluation mode.

    Arguments:
        network: What `genlab.gan.load.load_generator` returns.
    """
    return _plain(Generator(network))


def to_torch(network: nn.Module, example: Tensor) -> nn.Module:
    """Returns a network as a graph of torch's operations, for batches of any size.

    It can be kept with `torch.export.save` and used where there is no genlab.

    Arguments:
        network: What `decoder` or `generator` returns.
        example: Latents, with shape `(B, D)` and B of at least 2.
    """
    return _program(network, example).module()


def to_onnx(network: nn.Module, example: Tensor, path: str | Path) -> Path:
    """Writes a network as an ONNX file with input "z" and output "x", for batches of any size.

    Arguments:
        network: What `decoder` or `generator` returns.
        example: Latents, with shape `(B, D)` and B of at least 2.
        path: The file.

    Returns:
        The file.

    Raises:
        ModuleNotFoundError: Without the extra `export` (onnx, onnxscript).
    """
    import onnx  # noqa: F401 - its absence is told before any work
    import onnxscript  # noqa: F401

    written = torch.onnx.export(
        _program(network, example), input_names=["z"], output_names=["x"], opset_version=OPSET,
        verbose=False, external_data=False,
    )
    assert written is not None
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_bytes(target, written.model_proto.SerializeToString())
    return target


def _program(network: nn.Module, example: Tensor) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch", min=1)
    return torch.export.export(network, (example,), dynamic_shapes=({0: batch},))


def _plain(network: Network) -> Network:
    """Returns a copy in evaluation mode, whose linear layers are torch's own."""
    network = copy.deepcopy(network).eval().requires_grad_(False)
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, Linear):
                plain = nn.Linear(child.in_features, child.out_features, child.bias is not None)
                plain.load_state_dict(child.state_dict())
                setattr(module, name, plain.requires_grad_(False))
    return network
