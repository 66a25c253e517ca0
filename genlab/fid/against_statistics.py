"""Distances to a file of statistics: no real images, so no error, floor or neighbours."""

__all__ = ["measure_against_statistics"]

from pathlib import Path

from genlab.common.errors import InputError
from genlab.common.quantities import Measured
from genlab.configs.fid import FidConfig
from genlab.features.extractors import FeatureExtractors
from genlab.features.sample import Sample
from genlab.fid.results import (
    Different,
    Distance,
    ExtractorIdentity,
    FidResults,
    Measurement,
)
from genlab.fid.sets import cropped, join, open_generated, require_images
from genlab.fid.statistics_file import (
    FeatureOrigin,
    LoadedStatistics,
    load_statistics,
    refuse_mismatch,
)
from genlab.fid.verdict import statistics_verdict
from genlab.metrics.frechet_distance import frechet_distance


def measure_against_statistics(config: FidConfig, features: FeatureExtractors) -> FidResults:
    """Compares generated images with a file of statistics.

    Arguments:
        config: What to compare; `real` is the file.
        features: Keeps what has been extracted.

    Raises:
        InputError: If the file is damaged, comes from another network, or does not give what is
            asked for.
    """
    path = Path(config.real)
    known = load_statistics(path, config.real_count, config.real_ddof)
    _refuse_options(config, known)
    if len(config.features) != 1:
        raise InputError(
            f"{path}: statistics are of one network; name it in `features` (inception-768, say)"
        )
    extractor = features[config.features[0]]
    origin = FeatureOrigin(extractor.key, extractor.dims, extractor.provenance)
    refuse_mismatch(known.origin, origin)
    size, crop = known.framing or (config.size, "centre")
    fakes, size, note = open_generated(config.fakes, size, config.n, config.seed)
    found = []
    for fake in fakes:
        require_images(fake, "generated", "a Fréchet distance")
        (sample,) = Sample.of(features.extracted(extractor, fake))
        distance = Distance(
            extractor=ExtractorIdentity(**extractor.identity),
            distance=Measured(frechet_distance(known.gaussian, sample.features)),
        )
        different = Different(real=known.different, fake=len(sample.first))
        n_real = known.gaussian.count
        said = n_real if known.provenance or config.real_count else None  # not by the rank alone
        found.append(Measurement(
            distances=[distance], different=different, n_real=n_real, n_fake=len(fake),
            size=None if size == "native" else size,
            real=None, statistics=str(path), fake=fake.identity,
            verdict=statistics_verdict(distance, len(fake), said, different),
        ))  # fmt: skip
    alike = ", as the real ones were" if known.framing else ""
    sized = f"the generated images are taken at size {size}{alike}"
    crops = cropped(crop) if crop != "centre" else ""
    alone = "from statistics alone: no standard error, no floor, no neighbours"
    unequal = ""
    if len({(one.n_fake, one.different.fake) for one in found}) > 1:
        unequal = "the generators' numbers of different images differ: do not rank the distances"
    return FidResults(
        generators=found, note=join(known.note, note, sized, crops, alone, unequal),
        verdict=" ".join(f"{_named(one, found)}{one.verdict}" for one in found),
    )  # fmt: skip


def _named(one: Measurement, found: list[Measurement]) -> str:
    return f"{one.fake.source}: " if len(found) > 1 else ""


def _refuse_options(config: FidConfig, known: LoadedStatistics) -> None:
    """Refuses what needs the real images, or another size or crop than they had."""
    for name in (
        "held_out", "compare", "permutations", "compare_preprocessing", "save_statistics"
    ):
        if getattr(config, name):
            raise InputError(f"`{name}` needs the real images, and {known.source} has none")
    size, crop = known.framing or (None, "centre")
    if size and config.size not in (None, size):
        raise InputError(
            f"`size` {config.size}: {known.source} is of images of size {size}; leave it out"
        )
    if config.crop not in ("centre", crop):
        origin = "of images cropped already"
        if known.framing:
            origin = f"of images cropped to the {crop}"
        raise InputError(f"`crop` {config.crop}: {known.source} is {origin}; leave it out")
