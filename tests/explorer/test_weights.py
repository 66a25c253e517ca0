"""The networks that a page carries: from its bytes alone, in NumPy, they are torch's."""

import math

from pathlib import Path

import numpy as np
import pytest
import torch

from cases.explorer import Page

import genlab.data

from genlab.explorer.precision import LADDER, choose
from genlab.explorer.weights import characters, deviation, pack
from genlab.networks.mlp import LOG_STD_RANGE, Decoder, Encoder
from genlab.vae.load import load_vae
from genlab.vae.splits import observed_test_images


def forward(layout: dict, data: bytes, x: np.ndarray) -> np.ndarray:
    """A network of a page, from its bytes alone, in float64: independent of `weights.unpack`."""
    bits, waves = layout["bits"], layout["waves"]
    at = 0

    def floats(count: int) -> np.ndarray:
        nonlocal at
        values = np.frombuffer(data, "<f4", count, at).astype(float)
        at += 4 * count
        return values

    if waves:
        dims = x.shape[1]
        phase = x @ floats(dims * waves).reshape(dims, waves)
        x = np.concatenate([x, np.sin(phase), np.cos(phase)], 1)
    heads = [(floats(la["rows"]), floats(la["rows"])) for la in layout["layers"]]
    for layer, (scale, bias) in zip(layout["layers"], heads):
        count = layer["rows"] * layer["columns"]
        size = math.ceil(count * bits / 8)
        stream = int.from_bytes(data[at : at + size], "little")
        at += size
        mask = (1 << bits) - 1
        values = [((stream >> (bits * i)) & mask) - (1 << (bits - 1)) for i in range(count)]
        weight = np.array(values).reshape(layer["rows"], layer["columns"]) * scale[:, None]
        x = x @ weight.T + bias
        if layer["after"] == "silu":
            x = x / (1 + np.exp(-x))
        elif layer["after"] == "gated":
            value, gate = np.split(x, 2, axis=1)
            x = value / (1 + np.exp(-gate))
    assert at == len(data)
    return x


@pytest.mark.parametrize("bits", [16, 14, 12, 7])
@pytest.mark.parametrize(("gated", "fourier"), [(False, 0.0), (False, 2.0), (True, 2.0)])
def test_packed_networks_are_the_networks(bits: int, gated: bool, fourier: float) -> None:
    torch.manual_seed(0)
    decoder = Decoder(3, (13, 9), 21, gated=gated, fourier=fourier)
    encoder = Encoder(21, (13, 9), 3, gated=gated)
    z, x = torch.randn(40, 3), torch.rand(40, 21).round()
    for network, inputs in ((decoder, z), (encoder, x)):
        packed = pack(network, bits)
        assert characters(network, bits) == pytest.approx(len(packed.data) * 4 / 3, rel=0.35)
        found = forward(packed.layout, packed.data, inputs.numpy().astype(float))
        if network is decoder:
            off = np.abs(1 / (1 + np.exp(-found)) - torch.sigmoid(decoder(z)).detach().numpy())
        else:
            mean, log_std = encoder(x)
            found[:, 3:] = found[:, 3:].clip(*LOG_STD_RANGE)
            off = np.abs(found - torch.cat([mean, log_std], 1).detach().numpy())
        assert off.max() < 6 / 2**bits
        found = deviation(packed, network, inputs, torch.sigmoid)
        assert found == pytest.approx(off.max(), abs=1e-6)


def test_a_row_of_zeros_is_kept() -> None:
    decoder = Decoder(2, (4,), 3)
    torch.nn.init.zeros_(decoder.body[2].weight)
    assert deviation(pack(decoder, 16), decoder, torch.randn(5, 2), torch.sigmoid) < 1e-4


@pytest.mark.parametrize("which", ["lab", "compare"])
def test_embedded_networks_reproduce_torch(
    which: str, explored: Path, lab_page: Page, compare_page: Page
) -> None:
    """From the page's bytes, in NumPy, at latents and digits that the page does not carry."""
    page = lab_page if which == "lab" else compare_page
    facts = page.json("facts")["vae"]
    folders = {"lab": "vae/{}", "compare": "{}/0"}
    z = torch.randn(50, 2, generator=torch.Generator().manual_seed(1)) * 2
    for row in facts["models"]:
        model, config = load_vae(explored / which / folders[which].format(row["name"]))
        x = observed_test_images(genlab.data.splits(config.data), model.likelihood)
        with torch.no_grad():
            decoded = model.decode(z).numpy()
            code = torch.cat(model.encode(x), 1).numpy()
        layout = facts["networks"][row["decoder"]]
        found = forward(layout, page.blob(layout["data"]), z.numpy().astype(float))
        assert np.abs(1 / (1 + np.exp(-found)) - decoded).max() < facts["tolerance"]["pixel"]
        layout = facts["networks"][row["encoder"]]
        found = forward(layout, page.blob(layout["data"]), x.numpy().astype(float))
        found[:, 2:] = found[:, 2:].clip(*facts["log_std_range"])
        assert np.abs(found - code).max() < facts["tolerance"]["code"]


def test_bits_follow_the_room_there_is() -> None:
    torch.manual_seed(0)
    models = [(Encoder(60, (40,), 2), Decoder(2, (40,), 60)) for _ in range(3)]
    for bits_decoder, bits_encoder in LADDER:
        need = sum(characters(e, bits_encoder) + characters(d, bits_decoder) for e, d in models)
        assert choose(models, need) == [(bits_decoder, bits_encoder)] * 3
        assert choose(models, need - 1) != [(bits_decoder, bits_encoder)] * 3
    bits_decoder, bits_encoder = LADDER[-1]
    decoders = sum(characters(d, bits_decoder) for _, d in models)
    one = decoders + characters(models[0][0], bits_encoder)
    assert choose(models, one) == [(14, 12), (14, None), (14, None)]
    tight = choose(models, decoders - 1)
    assert [p.decoder for p in tight] == [14, 14, None]
    assert tight[2].encoder is None  # of no use without its decoder
    assert choose([models[0]] * 5, one) == [(16, 16)] * 5  # one pair of networks, counted once
