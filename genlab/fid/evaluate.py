"""A measurement as a configuration describes it: images are opened, compared and ranked."""

__all__ = ["Evaluation", "evaluate"]

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from genlab.common.errors import InputError
from genlab.compute.distributed import rank
from genlab.configs.fid import FidConfig
from genlab.data.pictures import Pictures
from genlab.features.extractor import Extractor
from genlab.features.extractors import FeatureExtractors
from genlab.features.preprocessing import PREPROCESSINGS
from genlab.features.sample import Sample
from genlab.fid.against_statistics import measure_against_statistics
from genlab.fid.defaults import default_extractors, inception_of
from genlab.fid.distance import Plan
from genlab.fid.measurement import measure_sets
from genlab.fid.ranking import rank_sets
from genlab.fid.results import FidResults, PreprocessingComparison
from genlab.fid.sets import (
    ImageSets,
    Size,
    cropped,
    join,
    open_generated,
    open_real,
    refuse_run,
    require_enough,
    require_room,
)
from genlab.fid.statistics_file import Framing, holds_statistics, save_statistics
from genlab.fid.verdict import ranking_words
from genlab.metrics.frechet_distance import frechet_distance, statistics
from genlab.networks.pretrained.inception import HOW


class Evaluation(NamedTuple):
    """The results of a measurement, and its images."""

    results: FidResults
    sets: list[ImageSets]
    """One a generator; none where statistics stood for the real images."""


def evaluate(config: FidConfig, out: Path) -> Evaluation | None:
    """Compares images as a configuration says.

    Under `torchrun` all processes extract features, and the first does the rest.

    Arguments:
        config: What to compare, and how.
        out: The folder for the real images' statistics, if they are to be kept.

    Returns:
        The results; None in all processes but the first.

    Raises:
        InputError: If a set cannot be opened or has fewer than 10 images, an option does not
            apply to it, or a network's weights are not at hand.
    """
    features = FeatureExtractors(
        config.inception, config.precision, config.preprocessing, config.device
    )
    if holds_statistics(Path(config.real)):
        found = measure_against_statistics(config, features)
        return Evaluation(found, []) if rank() == 0 else None
    if config.real_count is not None or config.real_ddof != 1:
        raise InputError(
            f"`real_count` and `real_ddof` are for a file of statistics, which {config.real} is "
            "not; leave them out"
        )
    if config.compare_preprocessing and inception_of(features)[0] is None:
        raise InputError(f"`compare_preprocessing`: needs FID Inception; {HOW}")
    missing, extractors = "", [features[key] for key in config.features]
    if not extractors:
        extractors, missing = default_extractors(features)
    all_sets, size, note = _open(config)
    _extract_all(all_sets, extractors, features)
    if rank() > 0:
        return None
    plan = Plan(permutations=config.permutations, seed=config.seed)
    found = [measure_sets(sets, extractors, features, plan, missing) for sets in all_sets]
    several = len(found) > 1
    rankings = rank_sets(all_sets, extractors, features, config.seed) if several else []
    results = FidResults(
        generators=found,
        rankings=rankings,
        preprocessings=[
            _by_preprocessing(features, sets) for sets in all_sets if config.compare_preprocessing
        ],
        statistics_files={} if not config.save_statistics else _save_statistics(
            features, extractors, all_sets[0].real, Framing(size, config.crop), out
        ),
        note=note,
        verdict=ranking_words(rankings, found) if rankings else found[0].verdict,
    )  # fmt: skip
    return Evaluation(results, all_sets)


def _open(config: FidConfig) -> tuple[list[ImageSets], Size, str]:
    """Opens all images at one size; returns that too, and a note on size and crop."""
    for name, source in (("REAL", config.real), ("`held_out`", config.held_out)):
        if source:
            refuse_run(source, name)
    fakes, size, note = open_generated(config.fakes, config.size, config.n, config.seed)
    real = open_real(config.real, size, config.crop)
    held = open_real(config.held_out, size, config.crop) if config.held_out else None
    if config.crop != "centre":
        note = join(note, cropped(config.crop))
    return [ImageSets(real=real, fake=fake, held_out=held) for fake in fakes], size, note


def _extract_all(
    all_sets: Sequence[ImageSets], extractors: Sequence[Extractor], features: FeatureExtractors
) -> None:
    """Extracts all features, in one order in all processes."""
    require_room(all_sets, extractors)
    for sets in all_sets:
        require_enough(sets)
        for extractor in extractors:
            for pictures in filter(None, (sets.real, sets.fake, sets.held_out)):
                features.features(extractor, pictures)


def _by_preprocessing(features: FeatureExtractors, sets: ImageSets) -> PreprocessingComparison:
    """The distance of the same images by each way of preparing FID Inception's input."""
    network, _ = inception_of(features)
    assert network is not None  # refused before
    values = {}
    for name, preprocessing in PREPROCESSINGS.items():
        extractor = network.with_preprocessing(preprocessing)
        values[name] = frechet_distance(
            features.features(extractor, sets.real), features.features(extractor, sets.fake)
        )
    return PreprocessingComparison(
        label=network.label, fake=sets.fake.identity.source, values=values,
        words={name: preprocessing.words for name, preprocessing in PREPROCESSINGS.items()},
    )  # fmt: skip


def _save_statistics(
    features: FeatureExtractors, extractors: Sequence[Extractor], real: Pictures, framing: Framing,
    out: Path,
) -> dict[str, str]:
    """Writes the real images' statistics; returns the files' names by network."""
    files = {}
    out.mkdir(parents=True, exist_ok=True)
    for extractor in extractors:
        file = out / f"statistics-{extractor.key}.npz"
        (sample,) = Sample.of(features.extracted(extractor, real))
        save_statistics(
            file, statistics(sample.features), extractor.provenance, real.identity.source,
            framing, len(sample.first),
        )
        files[extractor.key] = file.name
    return files
