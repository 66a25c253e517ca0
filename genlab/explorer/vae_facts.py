"""The data of the VAEs of a run for a page: networks, planes, codes, samples, numbers, checks.

Shapes: N images, X pixels, D latent dimensions.
"""

__all__ = ["CODE_TOLERANCE", "PIXEL_TOLERANCE", "vae_facts"]

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.quantities import QUANTITIES, Measured
from genlab.common.rng import generator, seeded
from genlab.common.text import one_line
from genlab.configs.vae import VaeConfig
from genlab.data.image_splits import ImageSplits
from genlab.data.paper import on_paper
from genlab.explorer.blobs import Blobs
from genlab.explorer.plane_facts import density_facts, log_density
from genlab.explorer.precision import Precision, choose
from genlab.explorer.stills import Still, density_still, lattice_still, samples_still
from genlab.explorer.weights import deviation, pack
from genlab.figures.draw import posterior_dots
from genlab.figures.latent import common_limit
from genlab.networks.mlp import LOG_STD_RANGE
from genlab.runs.run import Run
from genlab.runs.seal import digest_of, has, read_kept
from genlab.vae.compare import paired
from genlab.vae.load import MEASURES, load_vae, measured_values
from genlab.vae.model import VAE
from genlab.vae.results import PAIRED, read_results
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
SHOWN_QUANTITIES = (
    "nll_exact", "nll_is", "elbo", "re", "omega", "cross_entropy", "conditional_entropy",
    "mutual_information", "marginal_kl", "prior_gap", "inference_gap",
)
"""Quantities that a page shows, of those that a run has."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Loaded:
    """A VAE with what the page needs of its run."""

    name: str
    path: Path
    run: Run
    model: VAE
    config: VaeConfig


def vae_facts(
    paths: Mapping[str, Path], data: str | None, blobs: Blobs, budget: int
) -> tuple[dict[str, Any], list[Still]]:
    """Returns the data of VAEs as JSON, and still pictures.

    Large arrays go into `blobs`.

    Arguments:
        paths: The runs by name, all of the same digits and latent dimensions.
        data: SOURCE of the digits now; None for where they were.
        blobs: Takes the arrays.
        budget: Characters that the networks may take.

    Raises:
        InputError: If the digits are not at hand or others than those of the runs, or a
            likelihood is not one that a page can decode.
    """
    loaded = [_load(name, path) for name, path in paths.items()]
    first = loaded[0]
    digits = open_images(first.config, data)
    for one in loaded:
        one.run.refuse_other_data({"images": digits.identity})
        if one.model.likelihood.mean_function is None:
            kind = type(one.model.likelihood).__name__
            raise InputError(f"{one.path}: a page cannot decode images of the likelihood {kind}")
    plane = first.config.dimensions == 2
    count = min(DOTS if plane else SHOWN, len(digits.test))
    rows = torch.randperm(len(digits.test), generator=generator(0, "dots of"))[:count]
    x = observed_test_images(digits, first.model.likelihood)[rows]
    codes = {one.name: posterior_dots(one.model, x, one.config.seed) for one in loaded}
    (height, width), paper = digits.test.shape[1:], on_paper(digits.test)
    precisions = choose([(one.model.encoder, one.model.decoder) for one in loaded], budget)
    networks: dict[str, Any] = {}
    models, stills = [], []
    for one, precision in zip(loaded, precisions):
        facts = _identity(one) | _networks(one.model, precision, x, networks, blobs)
        facts |= _difference(one, first)
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
        "quantities": {
            key: {lang: QUANTITIES[key].label(lang) for lang in ("zh", "en")}
            for key in SHOWN_QUANTITIES
        },
        "tolerance": {"pixel": PIXEL_TOLERANCE, "code": CODE_TOLERANCE},
        "log_std_range": LOG_STD_RANGE,
    }, stills


def _load(name: str, path: Path) -> Loaded:
    model, config = load_vae(path)
    return Loaded(name=name, path=path, run=Run(path), model=model, config=config)


def _identity(one: Loaded) -> dict[str, Any]:
    """Returns the names of a model and its numbers."""
    results = read_results(one.run)
    found = {key: getattr(results, key) for key in SHOWN_QUANTITIES}
    return {
        "name": one.name, "prior": one.config.prior, "seed": one.config.seed,
        "title": one.model.prior.title.capitalised()._asdict(),
        "test_images": results.test_images,
        "numbers": {key: _number(value) for key, value in found.items() if value is not None},
        "sha256": digest_of(read_kept(one.path / "model.safetensors")),
    }


def _difference(one: Loaded, first: Loaded) -> dict[str, Any]:
    """Returns the paired difference to the first model, in the best quantity that both have."""
    if one is first or not all(has(m.path / MEASURES) for m in (one, first)):
        return {}
    ours, theirs = measured_values(one.path), measured_values(first.path)
    name = next((n for n in PAIRED if n in ours and n in theirs), None)
    if name is None:
        return {}
    draws = [read_results(m.run).nll_is_draws_error or 0.0 for m in (one, first)]
    found = paired(name, [ours[name] - theirs[name]], draws if name == "nll_is" else ())
    return {"difference": {"of": name, "number": _number(found, sign=True)}}


def _number(one: Measured, sign: bool = False) -> dict[str, Any]:
    """Returns a value, its error, and the texts that the page shows of them."""
    return {"value": one.value, "error": one.error, "texts": one.texts(sign)}


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
        "identity": {
            "name": digits.identity.name, "sha256": digits.identity.sha256,
            "licence": digits.identity.licence, "stand_in": digits.identity.stand_in,
        },
    }
