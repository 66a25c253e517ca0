"""Everything that one network's features say of two sets: the distance, its errors, the metrics.

Shapes: N real images, M generated ones, H held-out ones, F features.
"""

__all__ = ["Plan", "difference_of", "distance_of"]

from dataclasses import dataclass, replace
from typing import Any

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.progress import Progress
from genlab.common.quantities import Measured
from genlab.common.rng import generator
from genlab.configs.fid import FEWEST
from genlab.features.extractor import Extractor
from genlab.features.sample import Sample
from genlab.fid.copies import copies_of
from genlab.fid.metrics import FeatureSets, Taken, metric_values
from genlab.fid.results import Difference, Distance, ExtractorIdentity, Null, RealFloor
from genlab.metrics.frechet_distance import frechet_distance, frechet_parts
from genlab.metrics.jackknife import frechet_difference, frechet_jackknife
from genlab.metrics.kernel import kid_difference
from genlab.metrics.resampling import SIZES, Subsets, limit, permutation_null, real_floor

PARTS = 20
"""Splits of the real images for their own floor."""
PERMUTATIONS = 200
SLOW = 2e10
"""(N + M + 20 F) F^2, the cost of a distance of full rank, above which it takes a second or so."""
FEWER = 20
"""Permutations there."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is computed besides the distance and the metrics."""

    permutations: int | None = None
    """Permutations of the null; 0 leaves out all resampling; None: as many as are quickly done."""
    seed: int = 0
    """Decides every resampling."""


def distance_of(
    extractor: Extractor, real: Sample, fake: Sample, held_out: Sample | None, plan: Plan
) -> Distance:
    """Returns everything that two sets of features say.

    The distance is that of all images. What rests on independent ones is of one image of each
    kind (`features/sample.py`), and left out where fewer than `FEWEST` are different. Nor is there
    an error where fewer are in one set only, for the sets are then no two samples.

    Arguments:
        extractor: The network that they come from.
        real: The real images, N of them.
        fake: The generated images, M of them.
        held_out: H real images that the generator was not trained on.
        plan: What is computed.

    Raises:
        InputError: As of `frechet_distance`.
    """
    parts = frechet_parts(real.features, fake.features)
    own = real.apart_from(fake).features, fake.apart_from(real).features
    taken = {
        Taken.ALL: (real.features, fake.features),
        Taken.DIFFERENT: (real.different, fake.different),
        Taken.OWN: own,
    }
    sets = {
        which: None if which is not Taken.ALL and min(map(len, pair)) < FEWEST
        else FeatureSets(real=pair[0], fake=pair[1], logits=extractor.logits)
        for which, pair in taken.items()
    }  # fmt: skip
    found = Distance(
        extractor=ExtractorIdentity(**extractor.identity),
        distance=Measured(parts.distance),
        mean_part=parts.mean,
        covariance_part=parts.covariance,
        metrics=metric_values(sets),
        copies=copies_of(real, fake, held_out),
    )
    if plan.permutations == 0 or sets[Taken.DIFFERENT] is None:
        return found
    return replace(found, **_resampled(real, fake, parts.distance, own, plan))


def difference_of(real: Tensor, first: Tensor, second: Tensor) -> Difference:
    """Returns how much farther the first generator is than the second, with paired errors.

    Arguments:
        real: Features of different real images, with shape `(N, F)`.
        first: Features of as many different images of one generator, with shape `(M, F)`, ...
        second: ... as of another, with shape `(M, F)`.
    """
    return Difference(
        distance=frechet_difference(real, first, second), kid=kid_difference(real, first, second)
    )


def _resampled(
    real: Sample, fake: Sample, value: float, own: tuple[Tensor, Tensor], plan: Plan
) -> dict[str, Any]:
    """The fields of a `Distance` that need resampling.

    `value` is that of all images, `own` the features of those that are different and in one set
    only.
    """
    subsets, count = Subsets(real.different, fake.different), plan.permutations
    if count is None:
        rows, features = len(subsets.rows), subsets.rows.width
        slow = subsets.gram is None and (rows + 20 * features) * features**2 > SLOW
        count = FEWER if slow else PERMUTATIONS
    with Progress(1 + count + PARTS, "resampling", "distances") as progress:
        known = frechet_jackknife(real.features, fake.features, (real.kind, fake.kind))
        progress.advance()
        null = None
        if min(map(len, own)) >= FEWEST:
            same = (len(own[0]), len(own[1])) == (len(real), len(fake))
            exchanged = subsets if same else Subsets(*own)
            if not same:
                value = frechet_distance(*own)
            random = generator(plan.seed, "distance: null")
            null = permutation_null(exchanged, value, random, count, progress.advance)
        random = generator(plan.seed, "distance: floor")
        floor = real_floor(subsets, random, PARTS, progress.advance)
    limit_value, refused = _limit(subsets, generator(plan.seed, "distance: limit"))
    return {
        "distance": Measured(known.value, known.error if null else None),
        "null": null and Null(
            value=value, n_real=len(own[0]), n_fake=len(own[1]), permutations=count,
            **null._asdict(),
        ),
        "above_floor": value - null.mean if null else None,
        "real_floor": RealFloor(**floor._asdict()) if floor else None,
        "influence": known.influence.tolist(),
        "limit": limit_value,
        "limit_refused": refused,
    }


def _limit(subsets: Subsets, random: torch.Generator) -> tuple[float | None, str]:
    """The distance of infinitely many images, or why it is not given."""
    try:
        with Progress(SIZES, "towards infinitely many images", "distances") as progress:
            return limit(subsets, random, progress.advance), ""
    except InputError as refusal:
        return None, str(refusal)
