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
from genlab.features.extractor import Extractor
from genlab.fid.metrics import FeatureSets, metric_values
from genlab.fid.results import Copies, Difference, Distance, ExtractorIdentity, Null, RealFloor
from genlab.metrics.frechet_distance import frechet_parts
from genlab.metrics.jackknife import frechet_difference, frechet_jackknife
from genlab.metrics.kernel import kid_difference
from genlab.metrics.memorisation import memorisation_test
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
    extractor: Extractor, real: Tensor, fake: Tensor, held_out: Tensor | None, plan: Plan
) -> Distance:
    """Returns everything that two sets of features say.

    Arguments:
        extractor: The network that they come from.
        real: Features of the real images, with shape `(N, F)`.
        fake: Features of the generated images, with shape `(M, F)`.
        held_out: Features of real images that the generator was not trained on, `(H, F)`.
        plan: What is computed.

    Raises:
        InputError: As of `frechet_distance`.
    """
    parts = frechet_parts(real, fake)
    found = Distance(
        extractor=ExtractorIdentity(**extractor.identity),
        distance=Measured(parts.distance),
        mean_part=parts.mean,
        covariance_part=parts.covariance,
        metrics=metric_values(FeatureSets(real=real, fake=fake, logits=extractor.logits)),
        copies=_copies(real, fake, held_out),
    )
    if plan.permutations == 0:
        return found
    return replace(found, **_resampled(real, fake, parts.distance, plan))


def difference_of(real: Tensor, first: Tensor, second: Tensor) -> Difference:
    """Returns how much farther the first generator is than the second, with paired errors.

    Arguments:
        real: Features of the real images, with shape `(N, F)`.
        first: Features of one generator's images, with shape `(M, F)`.
        second: Features of another's, with shape `(K, F)`.
    """
    return Difference(
        distance=frechet_difference(real, first, second), kid=kid_difference(real, first, second)
    )


def _copies(real: Tensor, fake: Tensor, held_out: Tensor | None) -> Copies:
    found = memorisation_test(real, fake, held_out)
    rows = zip(*(part.tolist() for part in found.pairs))
    return Copies(
        reference=found.reference, p=found.test.p, share_nearer=found.test.share,
        duplicates=found.duplicates, near_duplicates=found.near, threshold=found.threshold,
        authentic=found.authentic, closest=[[int(f), int(r), float(d)] for f, r, d in rows],
    )  # fmt: skip


def _resampled(real: Tensor, fake: Tensor, value: float, plan: Plan) -> dict[str, Any]:
    """The fields of a `Distance` that need resampling."""
    subsets, count = Subsets(real, fake), plan.permutations
    if count is None:
        rows, features = subsets.rows.shape
        slow = subsets.gram is None and (rows + 20 * features) * features**2 > SLOW
        count = FEWER if slow else PERMUTATIONS

    def random(stream: str) -> torch.Generator:
        return generator(plan.seed, f"distance: {stream}")

    with Progress(1 + count + PARTS, "resampling", "distances") as progress:
        known = frechet_jackknife(real, fake)
        progress.advance()
        null = permutation_null(subsets, value, random("null"), count, progress.advance)
        floor = real_floor(subsets, random("floor"), PARTS, progress.advance)
    limit_value, refused = _limit(subsets, random("limit"))
    return {
        "distance": Measured(value, known.error),
        "null": Null(mean=null.mean, high=null.high, p=null.p, permutations=count),
        "above_floor": value - null.mean,
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
