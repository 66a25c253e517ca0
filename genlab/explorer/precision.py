"""The number of bits per weight of each network, so that a page with all of them stays small."""

__all__ = ["Precision", "choose"]

import hashlib

from collections.abc import Sequence
from typing import NamedTuple

from torch import nn

from genlab.explorer.weights import characters
from genlab.networks.mlp import Decoder, Encoder

LADDER = ((16, 16), (14, 14), (14, 12))
"""Bits of decoders and encoders, the best first. Measured on a 512-512 VAE of MNIST with Fourier
features: decoders are off by 0.0003 at 16 bits, 0.0009 at 14, 0.004 (too much) at 12; encoders by
0.0006, 0.002, 0.01."""


class Precision(NamedTuple):
    """Bits per weight of one model; None for a network that the page has no room for."""

    decoder: int | None
    encoder: int | None


def choose(models: Sequence[tuple[Encoder, Decoder]], budget: int) -> list[Precision]:
    """Returns the precision of each model: the best with which all of them fit.

    If not all fit even with the lowest, decoders come first, those of the first models before
    others, then encoders. Equal networks count once.

    Arguments:
        models: Encoder and decoder of each.
        budget: Characters of base64 that all may take.
    """
    for decoder, encoder in LADDER:
        if _total(models, decoder, encoder) <= budget:
            return [Precision(decoder, encoder)] * len(models)
    bits_decoder, bits_encoder = LADDER[-1]
    taken: dict[str, bool] = {}

    def fits(network: Encoder | Decoder, bits: int) -> bool:
        nonlocal budget
        key = fingerprint(network)
        if key not in taken:
            size = characters(network, bits)
            taken[key] = size <= budget
            budget -= size if taken[key] else 0
        return taken[key]

    decoders = [bits_decoder if fits(d, bits_decoder) else None for _, d in models]
    encoders = [
        bits_encoder if has is not None and fits(e, bits_encoder) else None
        for (e, _), has in zip(models, decoders)
    ]
    return [Precision(d, e) for d, e in zip(decoders, encoders)]


def _total(models: Sequence[tuple[Encoder, Decoder]], decoder: int, encoder: int) -> int:
    sizes = {}
    for pair in models:
        for network, bits in zip(pair, (encoder, decoder)):
            sizes[fingerprint(network)] = characters(network, bits)
    return sum(sizes.values())


def fingerprint(network: nn.Module) -> str:
    """Returns the SHA-256 of a network's values."""
    total = hashlib.sha256()
    for tensor in network.state_dict().values():
        total.update(tensor.numpy().tobytes())
    return total.hexdigest()
