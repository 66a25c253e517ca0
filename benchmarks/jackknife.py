"""The jackknife over single images against that over groups: how large, how steady, how dear.

    python benchmarks/jackknife.py [--repetitions 60]

Gaussian features with falling variances (and a heavy-tailed case), drawn anew at every repetition:
the distances' scatter is the true standard deviation. For each way, over the first ten
repetitions: the mean of its estimates over the truth, their own relative scatter, and seconds.
"""

import argparse
import math
import statistics as stats
import time

from collections.abc import Callable

import torch

from torch import Tensor
from torch.distributions import Chi2

from genlab.common.rng import generator, seeded
from genlab.metrics.frechet_distance import frechet_distance
from genlab.metrics.jackknife import frechet_jackknife
from genlab.metrics.resampling import Subsets

GROUPS = 20
ESTIMATES = 10
CASES = {  # images, features, falling like i^-power, scale and shift of the second law, tails
    "variances like 1/i, changed law": (200, 1000, 0.5, 1.1, 0.02, None),
    "variances like i^-1.5, changed law": (200, 1000, 0.75, 1.1, 0.02, None),
    "variances like 1/i, one law": (200, 1000, 0.5, 1.0, 0.0, None),
    "variances like i^-1.5, one law": (200, 1000, 0.75, 1.0, 0.0, None),
    "N > F, changed law": (1000, 100, 0.5, 1.1, 0.02, None),
    "N > F, one law": (1000, 100, 0.5, 1.0, 0.0, None),
    "t with 5 degrees of freedom": (200, 1000, 0.75, 1.2, 0.05, 5.0),
}


def pair(name: str, case: tuple, step: int) -> tuple[Tensor, Tensor]:
    """One repetition's features of both laws."""
    n, f, power, scale, shift, tails = case
    spread = torch.arange(1, f + 1, dtype=torch.float64) ** -power
    with seeded(0, name, step):
        x, y = torch.randn(2, n, f, dtype=torch.float64)
        if tails is not None:
            x, y = (z / (Chi2(tails).sample((n, 1)) / tails).sqrt() for z in (x, y))
    return x * spread, (scale * y + shift) * spread


def grouped(x: Tensor, y: Tensor) -> float:
    """The standard error over random groups, each left out by a distance of its own."""
    subsets, variance = Subsets(x, y), 0.0
    for whole, pair in (
        (subsets.x, lambda kept: (kept, subsets.y)), (subsets.y, lambda kept: (subsets.x, kept)),
    ):  # fmt: skip
        order = whole[torch.randperm(len(whole), generator=generator(0, "groups"))]
        parts = order.tensor_split(GROUPS)
        left = [subsets.distance(*pair(torch.cat(parts[:g] + parts[g + 1 :])))
                for g in range(GROUPS)]  # fmt: skip
        variance += (GROUPS - 1) * stats.pvariance(left)
    return math.sqrt(variance)


def single(x: Tensor, y: Tensor) -> float:
    return frechet_jackknife(x, y).error


def estimates(way: Callable[[Tensor, Tensor], float], pairs: list[tuple[Tensor, Tensor]]) -> tuple:
    began = time.perf_counter()
    found = [way(x, y) for x, y in pairs[:ESTIMATES]]
    seconds = (time.perf_counter() - began) / ESTIMATES
    return stats.mean(found), stats.stdev(found) / stats.mean(found), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=60)
    options = parser.parse_args()
    for name, case in CASES.items():
        pairs = [pair(name, case, step) for step in range(options.repetitions)]
        true = stats.stdev(frechet_distance(x, y) for x, y in pairs)
        line = f"{name:36} true {true:.4g}"
        for label, way in (("groups", grouped), ("single", single)):
            mean, scatter, seconds = estimates(way, pairs)
            line += f" | {label} x{mean / true:.2f}, scatter {scatter:.2f}, {seconds:.3f} s"
        print(line, flush=True)


if __name__ == "__main__":
    main()
