"""All numbers of one feature network: the distance, how sure it is, and what stands beside it.

Shapes: N real images, M generated ones, F features.
"""

__all__ = ["Plan", "difference", "numbers", "without_direction"]

from dataclasses import dataclass
from typing import Any

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.progress import Progress
from genlab.common.rng import generator
from genlab.metrics.frechet_distance import frechet_parts
from genlab.metrics.jackknife import frechet_difference, frechet_jackknife
from genlab.metrics.kernel import gaussian_mmd, kid, kid_difference
from genlab.metrics.manifold import density_coverage, expected_coverage, precision_recall
from genlab.metrics.memorisation import memorisation_test
from genlab.metrics.resampling import SIZES, Subsets, limit, permutation_null, real_floor

PARTS = 20
"""Splits of the real images for their own floor."""
PERMUTATIONS = 200
SLOW = 2e10
"""(N + M + 20 F) F^2, what a distance of full rank costs, above which it takes a second or so."""
FEWER = 20
"""Permutations there."""
NEIGHBOURS = 5


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is computed besides the distance itself."""

    permutations: int | None = None
    """Of the null; 0 leaves out all that resamples. None: as many as are quickly had."""
    seed: int = 0
    """Decides every resampling."""


def numbers(real: Tensor, fake: Tensor, held_out: Tensor | None, plan: Plan) -> dict[str, Any]:
    """Returns everything that two sets of features say, as JSON values.

    Arguments:
        real: Features of the real images, with shape `(N, F)`.
        fake: Features of the generated images, with shape `(M, F)`.
        held_out: Features of real images that the generator did not see, `(H, F)`, if there are.
        plan: What is computed.

    Raises:
        InputError: As of `frechet_distance`.
    """
    parts = frechet_parts(real, fake)
    found: dict[str, Any] = {
        "value": parts.distance, "mean_part": parts.mean, "covariance_part": parts.covariance,
    }  # fmt: skip
    found |= _neighbours(real, fake, held_out)
    if plan.permutations != 0:
        found |= _resampled(real, fake, parts.distance, plan)
    return found


def _neighbours(real: Tensor, fake: Tensor, held_out: Tensor | None) -> dict[str, Any]:
    """What needs no resampling: KID and the metrics of nearest neighbours."""
    kernel = kid(real, fake)
    found: dict[str, Any] = {
        "kid": {"value": kernel.value, "error": kernel.error},
        "mmd": None if without_direction(torch.cat([real, fake])) else _mmd(real, fake),
    }
    k = min(NEIGHBOURS, len(real) - 1, len(fake) - 1)
    share, cover = precision_recall(real, fake, min(3, k)), density_coverage(real, fake, k)
    found |= {
        "precision": share.precision, "recall": share.recall,
        "density": cover.density, "coverage": cover.coverage,
        "expected_coverage": expected_coverage(len(real), len(fake), k),
    }  # fmt: skip
    copied = memorisation_test(real, fake, held_out)
    return found | {
        "memorisation": {
            "p": copied.test.p, "share_nearer": copied.test.share, "reference": copied.reference,
            "duplicates": copied.duplicates, "near_duplicates": copied.near,
            "threshold": copied.threshold, "authentic": copied.authentic,
            "closest": [
                [int(f), int(r), float(d)]
                for f, r, d in zip(*(part.tolist() for part in copied.pairs))
            ],
        }
    }  # fmt: skip


def _mmd(real: Tensor, fake: Tensor) -> dict[str, Any]:
    found = gaussian_mmd(real, fake)
    return {
        "biased": found.biased, "unbiased": found.unbiased.value, "error": found.unbiased.error
    }


def without_direction(features: Tensor) -> list[int]:
    """Returns the rows that are all 0: what compares directions cannot be had with them."""
    return (features == 0).all(1).nonzero()[:, 0].tolist()


def _resampled(real: Tensor, fake: Tensor, value: float, plan: Plan) -> dict[str, Any]:
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
    found: dict[str, Any] = {
        "error": known.error,
        "null": {"mean": null.mean, "high": null.high, "p": null.p, "permutations": count},
        "above_floor": value - null.mean,
        "real_floor": None,
        "influence": known.influence.tolist(),
    }
    if floor:
        n, m, mean, deviation = floor
        found["real_floor"] = {"n": n, "m": m, "mean": mean, "deviation": deviation}
    return found | _limit(subsets, random("limit"))


def _limit(subsets: Subsets, random: torch.Generator) -> dict[str, Any]:
    """The distance of infinitely many images, or why it is not given."""
    try:
        with Progress(SIZES, "towards infinitely many images", "distances") as progress:
            return {"limit": limit(subsets, random, progress.advance), "limit_refused": ""}
    except InputError as refusal:
        return {"limit": None, "limit_refused": str(refusal)}


def difference(real: Tensor, first: Tensor, second: Tensor) -> dict[str, Any]:
    """Returns how much farther the first generator is than the second, with paired errors."""
    found, kernel = frechet_difference(real, first, second), kid_difference(real, first, second)
    return {
        "value": found.value, "error": found.error,
        "kid_value": kernel.value, "kid_error": kernel.error,
    }  # fmt: skip
