"""The jackknife's error of a distance where both sets are of one law, against the truth.

    python benchmarks/equal_laws.py dogs/photos toydogs:4800 --features random pixels --n 300

A source is divided at random into disjoint pairs of subsets of N and N images. Their distances
scatter by the true standard deviation; its square is averaged over divisions. Beside it: the means
over pairs of the jackknife's error and of the standard deviation of permuted distances. Repeated
images of a source are taken once.
"""

import argparse
import json
import statistics as stats

from pathlib import Path

import torch

from torch import Tensor

import genlab.data

from genlab.common import atomic
from genlab.common.rng import generator
from genlab.features.extractors import FeatureExtractors
from genlab.features.sample import Sample
from genlab.metrics.frechet_distance import frechet_distance
from genlab.metrics.jackknife import frechet_jackknife
from genlab.metrics.resampling import Subsets

DIVISIONS = 10
SINGLE = 4
PERMUTATIONS = 50


def permuted(x: Tensor, y: Tensor, seed: int) -> float:
    """The standard deviation of the distance over random exchanges of images."""
    subsets, random, values = Subsets(x, y), generator(seed, "permuted"), []
    for _ in range(PERMUTATIONS):
        order = torch.randperm(len(subsets.rows), generator=random)
        values.append(subsets.distance(order[: len(x)], order[len(x) :]))
    return stats.stdev(values)


def pairs_of(z: Tensor, n: int, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Divides the images at random into disjoint pairs of n and n."""
    order = torch.randperm(len(z), generator=generator(seed, "pairs"))
    parts = [z[p] for p in order.split(n) if len(p) == n]
    return list(zip(parts[::2], parts[1::2]))


def case(z: Tensor, n: int) -> dict[str, float]:
    """The truth over disjoint pairs, beside the mean of what single pairs say."""
    divisions = [
        [frechet_distance(x, y) for x, y in pairs_of(z, n, seed)] for seed in range(DIVISIONS)
    ]
    true = stats.mean(stats.variance(values) for values in divisions) ** 0.5
    some = [pair for seed in range(SINGLE) for pair in pairs_of(z, n, seed)[:2]]
    jackknife = stats.mean(frechet_jackknife(x, y).error for x, y in some)
    exchanged = stats.mean(permuted(x, y, index) for index, (x, y) in enumerate(some))
    return {
        "n": n, "features": z.shape[1], "pairs": len(divisions[0]),
        "mean": stats.mean(map(stats.mean, divisions)), "sd": true, "jackknife": jackknife,
        "jackknife_over_sd": jackknife / true, "permuted": exchanged,
        "permuted_over_sd": exchanged / true,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--features", nargs="+", default=["random", "pixels"])
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--images", type=int, default=9600, help="of each, at most")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    extractors, rows = FeatureExtractors(), []
    for source in options.sources:
        pictures = genlab.data.images(source, options.size)
        order = torch.randperm(len(pictures), generator=generator(0, "images"))
        images = torch.stack([pictures.read(i) for i in order[: options.images].tolist()])
        for name in options.features:
            extractor = extractors[name]
            chosen = genlab.data.images(images, name=pictures.identity.name)
            (sample,) = Sample.of(extractors.extracted(extractor, chosen))
            found = case(sample.different.double(), options.n)
            rows.append({"source": source, "network": name, **found})
            print(json.dumps(rows[-1]), flush=True)
    if options.out:
        atomic.write_json(options.out, {"rows": rows})


if __name__ == "__main__":
    main()
