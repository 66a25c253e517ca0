"""VAEs that a page cannot decode, shown by images that are decoded when the page is made.

There are test images with their reconstructions, samples of each prior, a closed walk through the
latents of each prior (`genlab.vae.latents.walk`), of two latent dimensions the density of each
prior with codes, and, where a comparison has measured the images that its priors draw
(`genlab.fid.prior_pictures`), their distances. Images of one kind are one sheet, a WebP image
without gaps; how well the sheets are kept depends on the room that there is.

Shapes: N images of H x W pixels, M VAEs with networks of their own.
"""

__all__ = ["COLUMNS", "LADDER", "SAMPLES", "STEPS", "STOPS", "picture_facts"]

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from torch import Tensor

from genlab.common.quantities import MINUS
from genlab.common.rng import generator
from genlab.data.image_splits import ImageSplits
from genlab.data.paper import as_rgb, on_paper, shown
from genlab.explorer.blobs import Blobs
from genlab.explorer.plane_facts import log_density
from genlab.explorer.stills import Still, density_still, webp, webp_uri
from genlab.explorer.vae_models import (
    Loaded,
    model_facts,
    number_facts,
    origin_facts,
    quantity_names,
)
from genlab.fid.prior_pictures import FIRST, PriorPictures, PriorRow, read_prior_pictures
from genlab.fid.results import Measurement
from genlab.figures.draw import posterior_dots
from genlab.figures.latent import common_limit
from genlab.figures.sheets import tile
from genlab.runs.run import Run
from genlab.vae.compare import compare_config
from genlab.vae.latents.sampling import decoded_codes, decoded_draws
from genlab.vae.latents.walk import walk
from genlab.vae.likelihoods import Likelihood
from genlab.vae.splits import observed_test_images

SEED = 0
"""Decides the samples and the walks."""
SAMPLES = 40
"""Samples of each prior."""
COLUMNS = 10
"""Samples, and test images, in a row of a sheet."""
STOPS, STEPS = 6, 12
"""Samples that a walk leads through, and steps from one to the next: a row of a sheet."""
DOTS = 500
"""Test images whose codes a plane shows, at most."""
DOT = 3
"""Pixels a side of the dot of a code."""
STILL_SAMPLES, STILL_STEPS = 20, 3
"""For a reader without scripts: samples, and the steps of a walk from one image to the next."""
STILL_QUALITY = 80


class Quality(NamedTuple):
    """Qualities of WebP; None is lossless."""

    samples: int | None
    walks: int | None


LADDER = (Quality(None, None), Quality(None, 92), Quality(92, 85), Quality(80, 70))
"""How well the sheets are kept, the best first: the first with which all fit is taken."""


class Drawn(NamedTuple):
    """Images of the VAEs, uint8 with shape `(N, H, W, 3)`."""

    reconstructions: np.ndarray
    """Test images, then their reconstructions by each VAE, with shape `(1 + M, N, H, W, 3)`."""
    codes: np.ndarray | None
    """Decoded codes of training images."""
    samples: list[np.ndarray]
    """Of each prior."""
    guided: list[np.ndarray | None]
    """Guided samples of each prior, where the comparison has measured such."""
    walks: list[np.ndarray]
    """Of each prior."""


class Sheets(NamedTuple):
    """The images of `Drawn` as WebP."""

    reconstructions: bytes
    codes: bytes | None
    samples: list[bytes]
    guided: list[bytes | None]
    walks: list[bytes]

    @property
    def characters(self) -> int:
        """About how many characters of base64 they take."""
        parts = [self.reconstructions, self.codes, *self.samples, *self.guided, *self.walks]
        return sum(len(part) for part in parts if part) * 4 // 3


def picture_facts(
    loaded: Sequence[Loaded], images: ImageSplits, comparison: Path | None, blobs: Blobs,
    budget: int,
) -> tuple[dict[str, Any], list[Still]]:
    """Returns the data of VAEs as JSON, and still pictures; the sheets go into `blobs`.

    Arguments:
        loaded: The VAEs.
        images: Their images.
        comparison: The folder of their comparison, if it has measured the images of its priors.
        blobs: Takes the sheets.
        budget: Characters that all images may take. They take more where they do not fit even at
            the lowest quality.

    Raises:
        InputError: If something of a run or of the comparison is damaged.
    """
    first, paper = loaded[0], on_paper(images.test)
    measured = None if comparison is None else read_prior_pictures(comparison)
    models = [model_facts(one, first) for one in loaded]
    # Those whose prior was learned afterwards encode and decode as the first.
    different = [one for one in loaded if one is first or one.config.post_hoc is None]

    def seen(levels: Tensor) -> np.ndarray:
        found = 255 - levels if paper else levels
        return found.permute(0, 2, 3, 1).contiguous().numpy()

    codes, guided = None, {}
    if comparison is not None and measured is not None:
        weight = compare_config(Run(comparison)).guidance
        guided = {
            row.prior: seen(decoded_draws(
                comparison / row.prior / FIRST, SAMPLES, SEED, weight
            ))
            for row in measured.rows if row.guided
        }
        levels = decoded_codes(comparison / "standard" / FIRST, images, SAMPLES, SEED)
        codes = seen(as_rgb(levels, images.shape))
    drawn = Drawn(
        _reconstructions(different, images, paper), codes,
        [seen(decoded_draws(one.path, SAMPLES, SEED)) for one in loaded],
        [guided.get(model["name"]) for model in models],
        [seen(walk(one.path, STOPS, SEED, STEPS)) for one in loaded],
    )
    rows = [model["title"] for one, model in zip(loaded, models) if one in different]
    stills = _stills(drawn, rows, models)
    if first.config.dimensions == 2:
        for one, model in zip(loaded, models):
            model |= _plane(one, images)
            stills.append(Still("density", model["title"], model["plane"]["picture"]))
    room = budget - sum(len(still.uri) for still in stills)
    sheets = _best(lambda quality: _sheets(drawn, quality), room)
    each = zip(models, sheets.samples, sheets.guided, sheets.walks)
    for model, samples, away, way in each:
        row = PriorRow(model["name"], guided=False)
        model |= {
            "encoder": None, "decoder": None, "samples": blobs.add(samples),
            "walk": blobs.add(way), "measured": _measured(measured, row),
            "guided": None if away is None else {
                "samples": blobs.add(away),
                "measured": _measured(measured, row._replace(guided=True)),
            },
        }
    count, height, width = drawn.reconstructions.shape[1:4]
    return {
        "latent": first.config.dimensions, "plane": False, "models": models, "networks": {},
        "post_hoc": len(different) < len(loaded),
        "digits": {"identity": origin_facts(images)},
        "quantities": quantity_names(),
        "pictures": {
            "height": height, "width": width, "samples": SAMPLES, "columns": COLUMNS,
            "stops": STOPS, "steps": STEPS,
            "reconstructions": {
                "sheet": blobs.add(sheets.reconstructions), "count": count, "titles": rows,
            },
            "limit": None if measured is None or sheets.codes is None else {
                "sheet": blobs.add(sheets.codes), "n": measured.n,
                "n_real": measured.limit.n_real, "by": measured.limit.distances[-1].label,
                "distances": _distances(measured.limit),
                "gan": None if measured.gan is None else _distances(measured.gan),
            },
        },
    }, stills


def _test_images(images: ImageSplits, likelihood: Likelihood, n: int) -> Tensor:
    """Returns n random test images, or all, as the likelihood observes them, `(n, X)`."""
    order = torch.randperm(len(images.test), generator=generator(0, "dots of"))
    return observed_test_images(images, likelihood)[order[:n]]


def _plane(one: Loaded, images: ImageSplits) -> dict[str, Any]:
    """Returns the density of a prior in two dimensions with codes of test images, as a picture."""
    z = posterior_dots(
        one.model, _test_images(images, one.model.likelihood, DOTS), one.config.seed
    )
    limit = common_limit(z)
    density = log_density(one.model, limit, one.config.prior)
    picture = density_still(density, z, limit, DOT)
    return {"plane": {"picture": picture, "limit": limit, "codes": len(z)}}


@torch.no_grad()
def _reconstructions(
    different: Sequence[Loaded], images: ImageSplits, paper: bool
) -> np.ndarray:
    """Returns random test images as the first VAE sees them, then what each VAE makes of them."""
    likelihood = different[0].model.likelihood
    x = _test_images(images, likelihood, COLUMNS)
    means = [one.model.decode(one.model.encode(x)[0]) for one in different]
    return shown(torch.stack([likelihood.to_grey(x), *means]), images.shape, paper)


def _sheet(images: np.ndarray, columns: int, quality: int | None) -> bytes:
    """Returns images `(N, H, W, 3)` as one WebP image in rows of `columns`."""
    return webp(tile(images, columns, gap=0), quality)


def _row_sheet(rows: np.ndarray, quality: int | None) -> bytes:
    """Returns rows of images `(R, N, H, W, 3)` as one WebP image."""
    return _sheet(rows.reshape(-1, *rows.shape[2:]), rows.shape[1], quality)


def _sheets(drawn: Drawn, quality: Quality) -> Sheets:
    return Sheets(
        _row_sheet(drawn.reconstructions, quality.samples),
        None if drawn.codes is None else _sheet(drawn.codes, COLUMNS, quality.samples),
        [_sheet(samples, COLUMNS, quality.samples) for samples in drawn.samples],
        [
            None if samples is None else _sheet(samples, COLUMNS, quality.samples)
            for samples in drawn.guided
        ],
        [_sheet(way, STEPS, quality.walks) for way in drawn.walks],
    )


def _stills(
    drawn: Drawn, different: Sequence[dict[str, str]], models: Sequence[dict[str, Any]]
) -> list[Still]:
    """Returns some of the images for a reader without scripts.

    Arguments:
        drawn: The images.
        different: The names of the VAEs whose reconstructions there are, by language.
        models: The data of each VAE.
    """
    commas, nobody = {"zh": "、", "en": ", "}, {"zh": "", "en": ""}
    names = {lang: comma.join(one[lang] for one in different) for lang, comma in commas.items()}
    rebuilt = webp_uri(_row_sheet(drawn.reconstructions, STILL_QUALITY))
    found = [Still("reconstructions", names, rebuilt)]

    def samples(images: np.ndarray) -> str:
        return webp_uri(_sheet(images[:STILL_SAMPLES], COLUMNS, STILL_QUALITY))

    if drawn.codes is not None:
        found.append(Still("limit", nobody, samples(drawn.codes)))
    for model, images, away, way in zip(models, drawn.samples, drawn.guided, drawn.walks):
        some = _sheet(way[::STILL_STEPS], 2 * STEPS // STILL_STEPS, STILL_QUALITY)
        found.append(Still("samples", model["title"], samples(images)))
        if away is not None:
            found.append(Still("guided", model["title"], samples(away)))
        found.append(Still("walk", model["title"], webp_uri(some)))
    return found


def _best(make: Callable[[Quality], Sheets], room: int) -> Sheets:
    """Returns the best sheets that take no more characters than `room`, or else the least."""
    for quality in LADDER[:-1]:
        if (sheets := make(quality)).characters <= room:
            return sheets
    return make(LADDER[-1])


def _distances(one: Measurement) -> list[dict[str, Any]]:
    """Returns the distances of images, by each network."""
    return [
        {"label": distance.label, "number": number_facts(distance.distance)}
        for distance in one.distances
    ]


def _measured(measured: PriorPictures | None, row: PriorRow) -> dict[str, Any] | None:
    """Returns what was measured of the images of a row; None if that is nothing.

    The share of the gap that it closes is left out where there is no gap to close: where N(0, I)
    is not above the limit.
    """
    one = None if measured is None else measured.rows.get(row)
    if measured is None or one is None:
        return None
    by = measured.limit.distances[-1].label
    closed = None
    if measured.lost["standard"][by].value > 0 and row.name in measured.closed:
        closed = f"{100 * measured.closed[row.name][by]:.0f} %".replace("-", MINUS)
    return {
        "distances": _distances(one),
        "above": number_facts(measured.lost[row.name][by]), "closed": closed,
    }
