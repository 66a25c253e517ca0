r"""What a prior is worth in pictures: the samples of a VAE under each prior of a comparison.

The Fréchet distance of a generator's images to the training images has two causes in a VAE. What
the decoder cannot draw is missing under every prior: decoded codes of training images, drawn from
q(z|x), are images under the best prior that there is for this encoder, the aggregated posterior,

    L  the distance of decoded codes,      D(p)  the distance of images drawn under the prior p.

So D(p) - L is what the prior p loses, and

    closed(p) = (D(standard) - D(p)) / (D(standard) - L)                                      (1)

the share of the gap of N(0, I) that p closes. L is that of codes of the very images that the
distance is to: no prior can be expected below it, and one that is as near may have copied them,
which the test of memorisation tells.

Differences are paired: the same real images in both distances (`metrics/jackknife.py`).
"""

__all__ = [
    "FIRST", "RESULTS", "PriorPictures", "PriorRow", "measure_priors", "pictures_table",
    "read_prior_pictures",
]  # fmt: skip

import math

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from genlab.common import atomic
from genlab.common.paths import from_way
from genlab.common.progress import say
from genlab.common.quantities import Measured
from genlab.common.text import Title, one_line
from genlab.common.typed_json import from_json, to_json
from genlab.configs.compare import CompareConfig
from genlab.configs.fid import FEWEST
from genlab.data.arrays.pictures import ArrayPictures
from genlab.data.identity import Origin
from genlab.data.image_splits import ImageSplits
from genlab.data.paper import as_rgb
from genlab.data.pictures import Pictures
from genlab.features.extractors import FeatureExtractors
from genlab.features.sample import Sample
from genlab.fid.defaults import default_extractors
from genlab.fid.distance import Plan, difference_of
from genlab.fid.generated import of_run
from genlab.fid.measurement import measure_sets
from genlab.fid.results import Measurement
from genlab.fid.sets import ImageSets
from genlab.priors import PRIORS
from genlab.runs.records import read_json
from genlab.runs.run import Run
from genlab.vae.compare import compare_config
from genlab.vae.latents.sampling import decoded_codes
from genlab.vae.load import load_vae
from genlab.vae.results import VaeResults, read_results

RESULTS = "pictures.json"
"""The file of the results, in the folder of the comparison."""
FIRST = "0"
"""Of the runs of each prior the one whose images are measured."""


class PriorRow(NamedTuple):
    """Images drawn under one prior."""

    prior: str
    guided: bool
    """Whether they are guided draws (`Prior.guided`), which are not those of p(z)."""

    @property
    def name(self) -> str:
        """What `lost` and `closed` call it: by the prior's name, or PRIOR, guided."""
        return f"{self.prior}, guided" if self.guided else self.prior

    @property
    def title(self) -> Title:
        """The prior's name, and whether these are guided draws."""
        title = PRIORS[self.prior].title
        return Title(f"{title.zh}（引导）", f"{title.en}, guided") if self.guided else title


@dataclass(frozen=True, kw_only=True)
class PriorPictures:
    """The `pictures.json` of a comparison."""

    n: int
    """Images of each."""
    limit: Measurement
    """Decoded codes of training images."""
    priors: dict[str, Measurement]
    """Images drawn under each prior."""
    guided: dict[str, Measurement] = field(default_factory=dict)
    """Guided draws of the priors that have a guide, if the comparison asks for them."""
    gan: Measurement | None = None
    """The images of a GAN."""
    lost: dict[str, dict[str, Measured]]
    """D(p) - L of each prior and of guided draws (`PriorRow.name`), by the distance's name."""
    closed: dict[str, dict[str, float]]
    """Equation 1 of all these but N(0, I), likewise."""

    @property
    def rows(self) -> dict[PriorRow, Measurement]:
        """What is measured under each prior, with its guided draws, if there are any, after it."""
        found = {}
        for prior, one in self.priors.items():
            found[PriorRow(prior, False)] = one
            if prior in self.guided:
                found[PriorRow(prior, True)] = self.guided[prior]
        return found


def read_prior_pictures(path: Path) -> PriorPictures:
    """Returns the results in the folder of a comparison.

    Raises:
        InputError: If there are none, or they are damaged.
    """
    return from_json(PriorPictures, read_json(path / RESULTS), str(path / RESULTS))


def measure_priors(
    path: Path, images: ImageSplits, inception: str | None = None
) -> PriorPictures:
    """Measures the images under each prior of a finished comparison, and writes the results.

    Results that are there already are returned. With fewer than 10 test images the test of
    memorisation compares with the training images among each other.

    Arguments:
        path: The folder of the comparison.
        images: Its images.
        inception: Where FID Inception's weights are, as `FidConfig.inception` says.

    Raises:
        InputError: If there are too few images, or something of the comparison is damaged.
    """
    if (path / RESULTS).exists():
        return read_prior_pictures(path)
    config = compare_config(Run(path))
    runs = {prior: path / prior / FIRST for prior in config.priors}
    seed = config.first_seed
    real = _pictures(images, "train")
    held_out = _pictures(images, "test") if len(images.test) >= FEWEST else None
    features = FeatureExtractors(inception)
    extractors, missing = default_extractors(features)
    plan = Plan(permutations=0, seed=seed)
    n = config.pictures

    def measured(fake: Pictures, what: str) -> Measurement:
        say(f"measuring {len(fake):,} images {what}")
        sets = ImageSets(real=real, fake=fake, held_out=held_out)
        return measure_sets(sets, extractors, features, plan, missing)

    side = images.shape[-1]
    fakes = _drawn(config, runs, side)
    codes = as_rgb(decoded_codes(runs["standard"], images, n, seed), images.shape)
    limit = ArrayPictures.open(codes, Origin("decoded codes", "decoded codes of training images"))
    every = {
        row: measured(fake, f"under {row.title.en}") for row, fake in fakes.items()
    }
    gan = None
    if config.gan is not None:
        gan = measured(of_run(from_way(path, config.gan), n, seed, size=side), "of the GAN")
    of_limit = measured(limit, "decoded from codes")
    lost: dict[str, dict[str, Measured]] = {row.name: {} for row in every}
    closed: dict[str, dict[str, float]] = {
        row.name: {} for row in every if row.prior != "standard"
    }
    for index, extractor in enumerate(extractors):
        given, least, *others = Sample.of(
            *(features.extracted(extractor, one) for one in (real, limit, *fakes.values()))
        )
        for row, other in zip(fakes, others):
            rows = min(len(least.first), len(other.first))
            difference = difference_of(
                given.different, other.different[:rows], least.different[:rows]
            )
            lost[row.name][extractor.label] = difference.distance
        values = {row.name: one.distances[index].distance.value for row, one in every.items()}
        gap = values["standard"] - of_limit.distances[index].distance.value
        for row in closed:
            closed[row][extractor.label] = (values["standard"] - values[row]) / gap
    results = PriorPictures(
        n=n, limit=of_limit, priors={row.prior: every[row] for row in every if not row.guided},
        guided={row.prior: every[row] for row in every if row.guided},
        gan=gan, lost=lost, closed=closed,
    )
    atomic.write_json(path / RESULTS, to_json(results))
    atomic.write_bytes(path / "pictures.md", pictures_table(path, results).encode())
    return results


def _drawn(
    config: CompareConfig, runs: Mapping[str, Path], side: int
) -> dict[PriorRow, Pictures]:
    """Returns the images under each prior, and those with guidance, if there is any."""
    n, seed, found = config.pictures, config.first_seed, {}
    for prior, run in runs.items():
        found[PriorRow(prior, False)] = of_run(run, n, seed, size=side)
        if config.guidance and load_vae(run)[0].prior.has_guide:
            found[PriorRow(prior, True)] = of_run(
                run, n, seed, size=side, guidance=config.guidance
            )
    return found


def _pictures(images: ImageSplits, split: str) -> ArrayPictures:
    """Returns the images of a split as pictures of the same origin."""
    who, levels = images.identity, getattr(images, split)
    origin = Origin(
        who.source, f"{who.name}, {'training' if split == 'train' else 'test'} images",
        who.licence, who.stand_in,
    )
    return ArrayPictures.open(as_rgb(levels.flatten(1), images.shape), origin)


def pictures_table(path: Path, results: PriorPictures) -> str:
    """Returns the results as a Markdown table."""
    rows = {prior: read_results(Run(path / prior / FIRST)) for prior in results.priors}
    first, labels = next(iter(rows.values())), [d.label for d in results.limit.distances]
    main = labels[-1]
    lines = [
        f"Images drawn under each prior: {results.n:,} of each, compared with the "
        f"{results.limit.n_real:,} training images of {one_line(first.data.name)}. Lost: the "
        "distance less that of decoded codes, the limit of every prior; closed: the share of the "
        f"gap of N(0, I) that is closed. Precision, recall, the images "
        f"that are near copies of training images, and p are by {main}.",
        "",
        _line(["prior", "ELBO (bits/dim)", *labels, "lost", "closed", "precision", "recall",
               "near copies", "p (not memorised)"]),
        "|" + "---|" * (8 + len(labels)),
    ]
    for row, one in results.rows.items():
        closed = results.closed.get(row.name)
        lines.append(_row(
            row.title.en, one, "" if row.guided else _bits(rows[row.prior]),
            results.lost[row.name][main].text(),
            "" if closed is None else f"{closed[main]:.0%}",
        ))
    lines.append(_row("*decoded codes*", results.limit, "", "0", "100%"))
    if results.gan is not None:
        lines.append(_row("*GAN*", results.gan, "", "", ""))
    return "\n".join(lines) + "\n"


def _row(name: str, one: Measurement, bits: str, lost: str, closed: str) -> str:
    main, p = one.distances[-1], one.distances[-1].copies
    metrics: Mapping[str, Measured | None] = main.metrics
    cells = [metrics[key] for key in ("precision", "recall")]
    return _line([
        name, bits, *(d.distance.text() for d in one.distances), lost, closed,
        *("" if cell is None else cell.text() for cell in cells),
        "" if p is None or p.near_duplicates is None else f"{p.near_duplicates:,}",
        "" if p is None or p.p is None else f"{p.p:.2g}",
    ])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _bits(results: VaeResults) -> str:
    """Returns -ELBO in bits a dimension; of a density, with 8 bits for a level of 256."""
    values = math.prod(results.data.shape)
    bits = Measured(-results.elbo.value, results.elbo.error)
    scale = 1 / (values * math.log(2))
    return Measured(
        bits.value * scale + (8 if results.density else 0), (bits.error or 0) * scale
    ).text()
