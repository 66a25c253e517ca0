"""Several generators compared with the same real images, and with each other."""

__all__ = ["rank_sets"]

from collections.abc import Sequence
from itertools import pairwise

from genlab.common.progress import Progress
from genlab.features.extractor import Extractor
from genlab.features.extractors import FeatureExtractors
from genlab.fid.distance import difference_of
from genlab.fid.results import Measurement, Ranking
from genlab.fid.sets import ImageSets


def rank_sets(
    all_sets: Sequence[ImageSets], found: Sequence[Measurement], extractors: Sequence[Extractor],
    features: FeatureExtractors,
) -> list[Ranking]:
    """Ranks generators by each network, nearest first, with paired differences.

    Arguments:
        all_sets: The images of each generator, with the same real ones.
        found: Their measurements.
        extractors: The networks of these.
        features: Keeps what has been extracted.
    """
    rankings = []
    with Progress(len(extractors) * (len(found) - 1), "comparing", "pairs") as progress:
        for index, extractor in enumerate(extractors):
            values = [one.distances[index].distance.value for one in found]
            order = sorted(range(len(found)), key=values.__getitem__)
            real = features.features(extractor, all_sets[0].real)
            fakes = [features.features(extractor, sets.fake) for sets in all_sets]
            differences = []
            for a, b in pairwise(order):
                differences.append(difference_of(real, fakes[a], fakes[b]))
                progress.advance()
            rankings.append(Ranking(
                label=extractor.label, order=[found[g].fake.source for g in order],
                values=[values[g] for g in order], differences=differences,
            ))  # fmt: skip
    return rankings
