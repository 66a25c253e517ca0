r"""Perceptrons in few bits: each row of a matrix as n-bit integers times the row's scale.

    W_ij ~ s_i k_ij,   s_i = max_j |W_ij| / (2^(n-1) - 1),   k_ij integer in n bits

Sixteen bits come five times closer than float16 at the same size, because the rows of a trained
layer spread their values over few octaves. How close the pictures come is measured, not assumed:
`deviation` decodes with the stored weights.

A network's bytes, little-endian, in this order:

    float32   the Fourier frequencies (D * waves), if there are any
    float32   of each layer: the scales (rows), then the biases (rows)
    n bits    of each layer: the integers, row by row, each stored as k + 2^(n-1), as one stream
              of bits that starts with the lowest bit of the first byte; padded to a whole byte
"""

__all__ = ["Layer", "Packed", "characters", "deviation", "pack", "unpack"]

import copy

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from torch import Tensor, nn

from genlab.networks.mlp import Decoder, Encoder, FourierFeatures, GatedLinear


class Layer(NamedTuple):
    """A linear layer and the activation that follows it."""

    linear: nn.Linear
    after: str
    """silu, gated (the layer's second half gates its first) or none."""


class Packed(NamedTuple):
    """A network as it is stored in the page."""

    data: bytes
    layout: dict[str, Any]
    """JSON: the bits, the waves, and the rows, columns and activation of each layer."""


def layers_of(network: Encoder | Decoder) -> list[Layer]:
    """Returns the linear layers of a perceptron of `genlab.networks.mlp`, in order."""
    modules = list(network.body)
    layers = []
    for index, module in enumerate(modules):
        if isinstance(module, GatedLinear):
            layers.append(Layer(module.both, "gated"))
        elif isinstance(module, nn.Linear):
            last = index + 1 == len(modules)
            layers.append(Layer(module, "none" if last else "silu"))
        else:
            assert isinstance(module, nn.SiLU), f"no page knows the layer {module}"
    return layers


def characters(network: Encoder | Decoder, bits: int) -> int:
    """Returns about how many characters of base64 the packed network takes."""
    floats = sum(2 * 4 * layer.linear.out_features for layer in layers_of(network))
    values = sum(layer.linear.weight.numel() for layer in layers_of(network))
    return (floats + values * bits // 8) * 4 // 3


def pack(network: Encoder | Decoder, bits: int) -> Packed:
    """Returns the network as bytes and their layout.

    Arguments:
        network: An encoder or a decoder.
        bits: Bits a weight, 2 to 16.
    """
    features = getattr(network, "features", None)
    floats: list[np.ndarray] = []
    waves = 0
    if isinstance(features, FourierFeatures):
        floats.append(features.frequencies.numpy().ravel())
        waves = features.frequencies.shape[1]
    streams, described = [], []
    for linear, after in layers_of(network):
        scale, integers = _quantise(linear.weight.detach(), bits)
        floats += [scale.numpy(), linear.bias.detach().numpy()]
        streams.append(_to_bits(integers.numpy().ravel() + 2 ** (bits - 1), bits))
        rows, columns = linear.weight.shape
        described.append({"rows": rows, "columns": columns, "after": after})
    head = np.concatenate(floats).astype("<f4").tobytes()
    layout = {"bits": bits, "waves": waves, "layers": described}
    return Packed(head + b"".join(streams), layout)


def _quantise(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Returns the scale of each row and the integers; a row of zeros has scale 1."""
    scale = weight.abs().amax(1) / (2 ** (bits - 1) - 1)
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return scale, (weight / scale[:, None]).round().to(torch.int64)


def _to_bits(values: np.ndarray, bits: int) -> bytes:
    places = np.arange(bits)
    stream = ((values[:, None] >> places) & 1).astype(np.uint8)
    return np.packbits(stream.ravel(), bitorder="little").tobytes()


def _from_bits(data: bytes, count: int, bits: int) -> np.ndarray:
    stream = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[: count * bits]
    return stream.reshape(count, bits).astype(np.int64) @ (1 << np.arange(bits))


def unpack(packed: Packed, network: Encoder | Decoder) -> nn.Module:
    """Returns a copy of `network` with the weights that the page will have."""
    stored = copy.deepcopy(network)
    bits = packed.layout["bits"]
    linears = [layer.linear for layer in layers_of(stored)]
    waves = packed.layout["waves"]
    inputs = stored.features.frequencies.shape[0] if waves else 0  # pyright: ignore
    offset = 4 * inputs * waves
    scales = []
    for linear in linears:
        rows = linear.out_features
        floats = np.frombuffer(packed.data, "<f4", 2 * rows, offset)
        scales.append(torch.tensor(floats[:rows]))
        linear.bias.data = torch.tensor(floats[rows:])
        offset += 8 * rows
    for linear, scale in zip(linears, scales):
        count = linear.weight.numel()
        size = -(-count * bits // 8)
        values = _from_bits(packed.data[offset : offset + size], count, bits) - 2 ** (bits - 1)
        integers = torch.from_numpy(values).view(linear.weight.shape)
        linear.weight.data = integers.float() * scale[:, None]
        offset += size
    return stored


@torch.no_grad()
def deviation(
    packed: Packed, network: Encoder | Decoder, inputs: Tensor,
    mean_image: Callable[[Tensor], Tensor],
) -> float:
    """Returns the largest difference that rounding the weights makes.

    For a decoder it is that in a pixel of the mean image, for an encoder in a mean or ln sigma.

    Arguments:
        packed: The network as stored.
        network: The network.
        inputs: Latents or images, with shape `(N, *)`.
        mean_image: Maps the decoder's outputs to grey values.
    """
    stored = unpack(packed, network)
    if isinstance(network, Decoder):
        difference = mean_image(stored(inputs)) - mean_image(network(inputs))
        return difference.abs().max().item()
    pairs = zip(stored(inputs), network(inputs))
    return max((ours - theirs).abs().max().item() for ours, theirs in pairs)
