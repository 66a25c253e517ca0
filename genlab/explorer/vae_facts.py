"""The data of the VAEs of a run for a page: networks, planes, codes, samples, numbers, checks.

Shapes: N images, X pixels, D latent dimensions.
"""

__all__ = ["CODE_TOLERANCE", "PIXEL_TOLERANCE", "vae_facts"]

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from torch import Tensor

from genlab.common.rng import generator, seeded
from genlab.common.text import one_line
from genlab.data.image_splits import ImageSplits
from genlab.data.paper import on_paper
from genlab.explorer.blobs import Blobs
from genlab.explorer.plane_facts import density_facts, log_density
from genlab.explorer.precision import Precision, choose
from genlab.explorer.stills import Still, density_still, lattice_still, samples_still
from genlab.explorer.vae_models import Loaded, load, model_facts, origin_facts, quantity_names
from genlab.explorer.vae_pictures import picture_facts
from genlab.explorer.weights import deviation, pack
from genlab.figures.draw import posterior_dots
from genlab.figures.latent import common_limit
from genlab.networks.interface import LOG_STD_RANGE
from genlab.networks.mlp import Decoder, Encoder
from genlab.vae.load import require_images
from genlab.vae.model import VAE
from genlab.vae.splits import observed_test_images, open_images

PIXEL_TOLERANCE = 2e-3
"""The largest accepted difference of a mean image's pixel from torch's."""
CODE_TOLERANCE = 2e-2
"""The largest accepted difference of an encoded mean or ln sigma from torch's."""
DOTS = 2000
"""Test images that a plane shows."""
LABELS = 256
"""Classes at most whose pictures are told apart."""
SHOWN = 200
"""Test images kept where there is no plane."""
DRAWS = 96
"""Samples kept of each prior."""
STILL_SAMPLES = 16
PROBES = 6
"""Latents and digits for which torch's values are kept."""


def vae_facts(
    paths: Mapping[str, Path], data: str | None, blobs: Blobs, budget: int,
    comparison: Path | None = None,
) -> tuple[dict[str, Any], list[Still]]:
    """Returns the data of VAEs as JSON, and still pictures.

    Large arrays go into `blobs`. Unless a page can decode all of the VAEs, they are shown by
    pictures, as of `picture_facts`: their networks are not perceptrons, the mean of their
    likelihood is no elementwise function that the page has, or their images are in colour.

    Arguments:
        paths: The runs by name, all of the same digits and latent dimensions.
        data: SOURCE of the digits now; None for where they were.
        blobs: Takes the arrays.
        budget: Characters that the networks, or the pictures, may take.
        comparison: The folder of the comparison of these runs, if it has measured the images of
            its priors.

    Raises:
        InputError: If the digits are not at hand or others than those of the runs.
    """
    loaded = [load(name, path) for name, path in paths.items()]
    for one in loaded:
        require_images(one.run, "a page")
    first = loaded[0]
    digits = open_images(first.config, data)
    for one in loaded:
        one.run.refuse_other_data({"images": digits.identity})
    live = list(filter(None, (_live_networks(one.model) for one in loaded)))
    if digits.colour or len(live) < len(loaded):
        return picture_facts(loaded, digits, comparison, blobs, budget)
    plane = first.config.dimensions == 2
    count = min(DOTS if plane else SHOWN, len(digits.test))
    rows = torch.randperm(len(digits.test), generator=generator(0, "dots of"))[:count]
    x = observed_test_images(digits, first.model.likelihood)[rows]
    codes = {one.name: posterior_dots(one.model, x, one.config.seed) for one in loaded}
    (height, width), paper = digits.test.shape[1:], on_paper(digits.test)
    precisions = choose(live, budget)
    networks: dict[str, Any] = {}
    models, stills = [], []
    for one, precision in zip(loaded, precisions):
        facts = model_facts(one, first)
        facts |= _networks(one.model, precision, x, networks, blobs)
        if plane:
            z = codes[one.name]
            limit = facts["limit"] = common_limit(z)
            density = log_density(one.model, limit, one.config.prior)
            facts["density"] = density_facts(density, limit, blobs)
            facts["codes"] = _codes(z, blobs)
            stills.append(Still("density", facts["title"], density_still(density, z, limit)))
            if one is first or one.config.post_hoc is None:  # the others decode as the first
                picture = lattice_still(one.model, limit, height, width, paper)
                stills.append(Still("lattice", facts["title"], picture))
        samples = _samples(one)
        facts["samples"] = blobs.add(samples.numpy())
        picture = samples_still(one.model, samples[:STILL_SAMPLES], height, width, paper)
        stills.append(Still("samples", facts["title"], picture))
        models.append(facts)
    return {
        "latent": first.config.dimensions, "plane": plane, "models": models, "networks": networks,
        "post_hoc": any(one.config.post_hoc is not None for one in loaded),
        "digits": _digits(digits, rows, first.model.likelihood.to_grey(x), paper, blobs),
        "mean": first.model.likelihood.mean_function,
        "quantities": quantity_names(),
        "tolerance": {"pixel": PIXEL_TOLERANCE, "code": CODE_TOLERANCE},
        "log_std_range": LOG_STD_RANGE, "pictures": None,
    }, stills


def _live_networks(model: VAE) -> tuple[Encoder, Decoder] | None:
    """Returns encoder and decoder if a page can compute with them, else None."""
    encoder, decoder = model.encoder, model.decoder
    if not (isinstance(encoder, Encoder) and isinstance(decoder, Decoder)):
        return None
    return None if model.likelihood.mean_function is None else (encoder, decoder)


def _networks(
    model: VAE, precision: Precision, x: Tensor, networks: dict[str, Any], blobs: Blobs
) -> dict[str, Any]:
    """Packs a model's networks, each distinct one once, with torch's outputs for some inputs."""
    ids: dict[str, Any] = {"encoder": None, "decoder": None}
    with torch.no_grad():
        mean, log_std = model.encode(x)
        for role, bits in (("encoder", precision.encoder), ("decoder", precision.decoder)):
            if bits is None or (role == "encoder" and model.flow is not None):
                continue  # no room for it; or a page draws Gaussian posteriors only
            network = getattr(model, role)
            inputs = x[:512] if role == "encoder" else mean[:512]
            packed = pack(network, bits)
            name = blobs.add(packed.data)
            ids[role] = name
            if name in networks:
                continue
            networks[name] = packed.layout | {
                "role": role, "data": name,
                "deviation": deviation(packed, network, inputs, model.mean_image),
            }
            if role == "encoder":
                expected = torch.cat([mean, log_std], 1)[:PROBES]
                networks[name]["check"] = {
                    "digits": len(expected), "expected": blobs.add(expected.numpy()),
                }
            else:
                probes = mean[:PROBES]
                networks[name]["check"] = {
                    "z": probes.tolist(), "expected": blobs.add(model.decode(probes).numpy()),
                }
    return ids


@torch.no_grad()
def _samples(one: Loaded) -> Tensor:
    with seeded(one.config.seed, "explorer samples"):
        z = one.model.prior().sample((DRAWS,))
    return z.float()


def _codes(z: np.ndarray, blobs: Blobs) -> dict[str, Any]:
    """Returns one draw of q(z|x) for each shown digit, as 16-bit integers."""
    scale = float(np.abs(z).max()) / 32767
    return {"scale": scale, "values": blobs.add(np.round(z / scale).astype(np.int16))}


def _digits(
    digits: ImageSplits, rows: Tensor, x: Tensor, paper: bool, blobs: Blobs
) -> dict[str, Any]:
    """Returns the shown test images as the models see them: packed bits, or grey bytes."""
    height, width = digits.test.shape[1:]
    levels = (255 * x.numpy()).round().astype(np.uint8)
    grey = bool(((levels > 0) & (levels < 255)).any())
    packed = levels if grey else np.packbits(levels, axis=1, bitorder="little")
    labels, names = None, {}
    if digits.test_labels is not None:
        values = digits.test_labels[rows].numpy()
        if values.min() >= 0 and values.max() < LABELS:
            labels = blobs.add(values.astype(np.uint8))
            names = {label: one_line(digits.class_name(label)) for label in set(values.tolist())}
    return {
        "count": len(rows), "height": height, "width": width, "images": blobs.add(packed),
        "grey": grey, "paper": paper, "labels": labels, "classes": names,
        "identity": origin_facts(digits),
    }
