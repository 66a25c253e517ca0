"""The jackknife's error of a distance where both sets are of one law, against the truth.

    python benchmarks/equal_laws.py dogs/photos toydogs:4800 --features random pixels --n 300

Disjoint pairs of subsets of N and N images of one source: their distances scatter by the true
standard deviation. Beside it: the mean of the jackknife's error over pairs, and of the standard
deviation of permuted distances. Repeated images of a source are taken once.
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

PAIRS = 16
SINGLE = 5
PERMUTATIONS = 50


def permuted(x: Tensor, y: Tensor, seed: int) -> float:
    """The standard deviation of the distance over random exchanges of images."""
    subsets, random, values = Subsets(x, y), generator(seed, "permuted"), []
    for _ in range(PERMUTATIONS):
        order = torch.randperm(len(subsets.rows), generator=random)
        values.append(subsets.distance(order[: len(x)], order[len(x) :]))
    return stats.stdev(values)


def case(z: Tensor, n: int) -> dict[str, float]:
    """The truth over disjoint pairs, beside the mean of what single pairs say."""
    order = torch.randperm(len(z), generator=generator(0, "pairs"))
    parts = [z[p] for p in order[: 2 * PAIRS * n].split(n) if len(p) == n]
    pairs = list(zip(parts[::2], parts[1::2]))
    values = [frechet_distance(x, y) for x, y in pairs]
    some = pairs[:SINGLE]
    true = stats.stdev(values)
    jackknife = stats.mean(frechet_jackknife(x, y).error for x, y in some)
    exchanged = stats.mean(permuted(x, y, index) for index, (x, y) in enumerate(some))
    return {
        "n": n, "features": z.shape[1], "pairs": len(pairs), "mean": stats.mean(values),
        "sd": true, "sd_known_to": (2 * (len(pairs) - 1)) ** -0.5, "jackknife": jackknife,
        "jackknife_over_sd": jackknife / true, "permuted": exchanged,
        "permuted_over_sd": exchanged / true,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--features", nargs="+", default=["random", "pixels"])
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--images", type=int, default=2 * PAIRS * 300, help="of each, at most")
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
