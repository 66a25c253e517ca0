"""The VAEs that a page shows, with their names and numbers, however it shows their images."""

__all__ = ["Loaded", "load", "model_facts", "number_facts", "origin_facts", "quantity_names"]

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genlab.common.quantities import QUANTITIES, Measured
from genlab.configs.vae import VaeConfig
from genlab.data.image_splits import ImageSplits
from genlab.runs.run import Run
from genlab.runs.seal import digest_of, has, read_kept
from genlab.vae.compare import paired
from genlab.vae.load import MEASURES, load_vae, measured_values
from genlab.vae.model import VAE
from genlab.vae.results import PAIRED, read_results

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


def load(name: str, path: Path) -> Loaded:
    """Loads the VAE of a finished run.

    Raises:
        InputError: If `path` is no finished VAE run, or is damaged.
    """
    model, config = load_vae(path)
    return Loaded(name=name, path=path, run=Run(path), model=model, config=config)


def model_facts(one: Loaded, first: Loaded) -> dict[str, Any]:
    """Returns the names of a model, its numbers, and how it differs from the first model."""
    return _identity(one) | _difference(one, first)


def _identity(one: Loaded) -> dict[str, Any]:
    results = read_results(one.run)
    found = {key: getattr(results, key) for key in SHOWN_QUANTITIES}
    return {
        "name": one.name, "prior": one.config.prior, "seed": one.config.seed,
        "title": one.model.prior.title.capitalised()._asdict(),
        "test_images": results.test_images,
        "numbers": {
            key: number_facts(value) for key, value in found.items() if value is not None
        },
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
    return {"difference": {"of": name, "number": number_facts(found, sign=True)}}


def number_facts(one: Measured, sign: bool = False) -> dict[str, Any]:
    """Returns a value, its error, and the texts that the page shows of them."""
    return {"value": one.value, "error": one.error, "texts": one.texts(sign)}


def quantity_names() -> dict[str, dict[str, str]]:
    """Returns what the quantities are called, by quantity and language."""
    return {
        key: {lang: QUANTITIES[key].label(lang) for lang in ("zh", "en")}
        for key in SHOWN_QUANTITIES
    }


def origin_facts(images: ImageSplits) -> dict[str, Any]:
    """Returns the name, digest and licence of a model's images."""
    return {
        "name": images.identity.name, "sha256": images.identity.sha256,
        "licence": images.identity.licence, "stand_in": images.identity.stand_in,
    }
