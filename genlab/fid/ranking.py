"""Several generators compared with the same real images, and with each other.

A distance falls as the number of images grows, so generators are compared at one number: that of
the one with the fewest different images, of which the others take as many at random.
"""

__all__ = ["rank_sets"]

from collections.abc import Sequence
from itertools import pairwise

import torch

from torch import Tensor

from genlab.common.progress import Progress
from genlab.common.rng import generator
from genlab.configs.fid import FEWEST
from genlab.features.extractor import Extractor
from genlab.features.extractors import FeatureExtractors
from genlab.features.sample import Sample
from genlab.fid.distance import difference_of
from genlab.fid.results import Ranking
from genlab.fid.sets import ImageSets
from genlab.metrics.frechet_distance import frechet_distance


def rank_sets(
    all_sets: Sequence[ImageSets], extractors: Sequence[Extractor], features: FeatureExtractors,
    seed: int = 0,
) -> list[Ranking]:
    """Ranks generators by each network, nearest first, with paired differences.

    Arguments:
        all_sets: The images of each generator, with the same real ones.
        extractors: The networks.
        features: Keeps what has been extracted.
        seed: Decides which images are compared where a generator has more than another.
    """
    rankings = []
    with Progress(len(extractors) * (len(all_sets) - 1), "comparing", "pairs") as progress:
        for extractor in extractors:
            pictures = [all_sets[0].real, *(sets.fake for sets in all_sets)]
            real, *fakes = Sample.of(*(features.extracted(extractor, one) for one in pictures))
            enough = [len(fake.first) >= FEWEST for fake in fakes]
            names = [sets.fake.identity.source for sets in all_sets]
            ranking = _ranked(
                [name for name, good in zip(names, enough) if good], real.different,
                [fake for fake, good in zip(fakes, enough) if good], extractor.label, seed,
                progress,
            )
            left_out = [name for name, good in zip(names, enough) if not good]
            rankings.append(Ranking(**ranking, left_out=left_out))
    return rankings


def _ranked(
    names: list[str], real: Tensor, fakes: list[Sample], label: str, seed: int,
    progress: Progress,
) -> dict:
    """The fields of a `Ranking` of generators that have enough different images."""
    n = min((len(fake.first) for fake in fakes), default=0)
    rows = [_some(fake, n, seed) for fake in fakes]
    values = [frechet_distance(real, one) for one in rows]
    order = sorted(range(len(fakes)), key=values.__getitem__)
    differences = []
    for a, b in pairwise(order):
        differences.append(difference_of(real, rows[a], rows[b]))
        progress.advance()
    return {
        "label": label, "n": n, "order": [names[g] for g in order],
        "values": [values[g] for g in order], "differences": differences,
        "equal": [
            torch.equal(fakes[a].kind.sort().values, fakes[b].kind.sort().values)
            for a, b in pairwise(order)
        ],
    }  # fmt: skip


def _some(fake: Sample, n: int, seed: int) -> Tensor:
    """Returns the features of n of the different images: the same choice for every network."""
    random = generator(seed, "ranking")
    chosen = torch.randperm(len(fake.first), generator=random)[:n].sort().values
    return fake.different[chosen]
