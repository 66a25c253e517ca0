"""Generated images against real ones: distances, how sure they are, and what they cannot tell.

Only the distance over the 2048 features of FID Inception is called "FID".

Shapes: N real images, M generated ones, F features.
"""

__all__ = ["Measured", "Sets", "extractors_at_hand", "fid", "measure", "rank_generators"]

from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.progress import Progress
from genlab.compute.distributed import rank
from genlab.configs.fid import FidConfig
from genlab.data.pictures import Pictures
from genlab.features.extractor import Extractor
from genlab.features.extractors import FeatureExtractors
from genlab.features.preprocessing import PREPROCESSINGS
from genlab.fid.numbers import Plan, difference, numbers, without_direction
from genlab.fid.rounding import rounding
from genlab.fid.sets import Sets, cropped, joined, open_fakes, open_sets
from genlab.fid.statistics_file import (
    Framing,
    LoadedStatistics,
    Origin,
    holds_statistics,
    load_statistics,
    refuse_mismatch,
    save_statistics,
)  # fmt: skip
from genlab.fid.verdict import ranking_words, verdict
from genlab.metrics.diversity import class_entropy, inception_score, vendi_score
from genlab.metrics.frechet_distance import frechet_distance, statistics
from genlab.networks.pretrained import efficientnet_lite0, inception

FEWEST = 10
"""A covariance from fewer images says nothing, nor does a test of ranks."""


def measure(
    sets: Sets, extractors: FeatureExtractors, plan: Plan, features: Sequence[Extractor] = ()
) -> dict[str, Any]:
    """Compares generated images with real ones.

    Arguments:
        sets: The images.
        extractors: The networks.
        plan: What is computed besides the distance.
        features: The networks; none: two of those at hand.

    Returns:
        JSON values: counts, sizes and identities; "distances", all numbers of one network each;
        "recognised_real" and "recognised_fake", the shares that EfficientNet-Lite0 takes for dogs
        with more than half of its probability; "note", what could not be had, or ""; "verdict".

    Raises:
        InputError: If a set has fewer than 10 images, or weights are not at hand.
    """
    _require_enough(sets)
    chosen, note = (features, "") if features else extractors_at_hand(extractors)
    distances = []
    for extractor in chosen:
        real, fake = (extractors.features(extractor, s) for s in (sets.real, sets.fake))
        held = extractors.features(extractor, sets.held_out) if sets.held_out else None
        who, found = _identity(extractor), numbers(real, fake, held, plan)
        assert not who.keys() & found.keys()  # one would hide the other
        if moved := rounding(extractors, extractor, sets.real, sets.fake):
            found["rounding"] = moved
        distances.append(who | found | _diversity(extractor, fake))
        for rows, pictures in ((real, sets.real), (fake, sets.fake)):
            note = joined(note, _undirected(who["label"], rows, pictures))
    results = _who(sets) | {
        "distances": distances,
        "recognised_real": _recognised(extractors, sets.real),
        "recognised_fake": _recognised(extractors, sets.fake),
        "seed": plan.seed,
        "note": note,
    }
    return results | {"verdict": verdict(results)}


def _identity(extractor: Extractor) -> dict[str, Any]:
    found = extractor.identity
    return {
        **{key: found[key] for key in (
            "network", "dims", "layer", "preprocessing", "preprocessing_words", "device",
        )},
        "label": extractor.label, "weights_sha256": found["sha256"],
        "computed_in": found["precision"],
    }  # fmt: skip


def _who(sets: Sets) -> dict[str, Any]:
    return {
        "n_real": len(sets.real),
        "n_fake": len(sets.fake),
        "size": _side(sets.fake),
        "real": asdict(sets.real.identity),
        "fake": asdict(sets.fake.identity),
        "held_out": asdict(sets.held_out.identity) if sets.held_out else None,
    }


def _side(pictures: Pictures) -> int | None:
    """Returns the side of the squares that pictures are, or None where they are as they come."""
    shape = pictures.identity.shape
    return int(shape[-1]) if len(shape) == 3 and shape[1] == shape[2] else None


def _require_enough(sets: Sets) -> None:
    _require(sets.real, "real", "a Fréchet distance")
    _require(sets.fake, "generated", "a Fréchet distance")
    if sets.held_out:
        _require(sets.held_out, "held-out", "the test of memorisation")


def _require(pictures: Pictures, role: str, what: str) -> None:
    if len(pictures) < FEWEST:
        raise InputError(
            f"{pictures.identity.source}: {len(pictures)} {role} images; {what} needs at least "
            f"{FEWEST}, better 300"
        )


def _undirected(label: str, features: Tensor, pictures: Pictures) -> str:
    """What cannot be had where an image has features that are all 0 (`pixels` of a black one)."""
    rows = without_direction(features)
    if not rows:
        return ""
    return (
        f"{label}: no Gaussian MMD and, of generated images, no Vendi score, for the features of "
        f"{pictures.names[rows[0]]} are all 0"
    )


def _diversity(extractor: Extractor, fake: Tensor) -> dict[str, Any]:
    """The spread of the generated images alone, and over a classifier's classes."""
    found: dict[str, Any] = {"vendi": None if without_direction(fake) else vendi_score(fake)}
    if extractor.logits is not None:
        with torch.no_grad():
            probabilities = extractor.logits(fake).double().softmax(1)
        score = inception_score(probabilities).value
        found |= {"class_score": score, "class_entropy": class_entropy(probabilities)}
    return found


def _recognised(extractors: FeatureExtractors, pictures: Pictures) -> float:
    features = extractors.features(extractors["efficientnet-lite0"], pictures)
    network = efficientnet_lite0.load_efficientnet_lite0()
    with torch.no_grad():
        probability = efficientnet_lite0.dog_probability(network.classify(features))
    return (probability > 0.5).double().mean().item()


def extractors_at_hand(extractors: FeatureExtractors) -> tuple[list[Extractor], str]:
    """Returns the two extractors to use by default, and what is missing for FID proper."""
    first = extractors["efficientnet-lite0"]
    missing = f"FID proper (2048 features) needs the whole FID Inception: {inception.HOW}"
    if extractors.inception is None and not inception.at_hand():
        return [first, extractors["random"]], missing
    try:
        return [first, extractors["inception"]], ""
    except InputError:  # weights up to 768 features only, unless they are no weights at all
        second = extractors["inception-768"]
        return [first, second], f"FID-768 is taken at 768 features; {missing}"


def rank_generators(
    all_sets: list[Sets], extractors: FeatureExtractors, plan: Plan,
    features: Sequence[Extractor] = (),
) -> dict[str, Any]:
    """Measures several generators against the same real images, and ranks them.

    Returns:
        JSON values: "generators", results as of `measure`; "rankings", one a network: the order,
        nearest first, and the paired difference of each to the next one; "verdict".

    Raises:
        InputError: As of `measure`.
    """
    found = [measure(sets, extractors, plan, features) for sets in all_sets]
    chosen = features or extractors_at_hand(extractors)[0]
    rankings = []
    with Progress(len(chosen) * (len(found) - 1), "comparing", "pairs") as progress:
        for index, extractor in enumerate(chosen):
            order = sorted(range(len(found)), key=lambda g: found[g]["distances"][index]["value"])
            of_fakes = [extractors.features(extractor, sets.fake) for sets in all_sets]
            real, steps = extractors.features(extractor, all_sets[0].real), []
            for a, b in pairwise(order):
                steps.append(difference(real, of_fakes[a], of_fakes[b]))
                progress.advance()
            rankings.append(
                {
                    "label": extractor.label,
                    "order": [all_sets[g].fake.identity.source for g in order],
                    "values": [found[g]["distances"][index]["value"] for g in order],
                    "differences": steps,
                }
            )
    return {"generators": found, "rankings": rankings, "verdict": ranking_words(rankings)}


class Measured(NamedTuple):
    """What a measurement found, and the images it looked at."""

    results: dict[str, Any]
    sets: list[Sets]
    """One a generator; none where statistics stood for the real images."""


def fid(config: FidConfig, out: Path) -> Measured | None:
    """Opens the sets and compares them.

    Under `torchrun` all processes look at the images, and the first does the rest.

    Arguments:
        config: What to compare, and how.
        out: Where the real images' statistics go, if they are to be kept.

    Returns:
        Results as of `measure`, or of `rank_generators` for several; None in all processes but
        the first.

    Raises:
        InputError: If a set cannot be opened, an option does not apply to it, or as of `measure`.
    """
    extractors = FeatureExtractors(
        config.inception, config.precision, config.preprocessing, device=config.device
    )
    if holds_statistics(Path(config.real)):
        found = _from_statistics(config, extractors)
        return Measured(found, []) if rank() == 0 else None
    if config.real_count is not None or config.real_ddof != 1:
        raise InputError(
            f"`real_count` and `real_ddof` are for a file of statistics, which {config.real} is "
            "not; leave them out"
        )
    if config.compare_preprocessing and _inception(extractors) is None:
        raise InputError(f"`compare_preprocessing`: needs FID Inception; {inception.HOW}")
    plan = Plan(permutations=config.permutations, seed=config.seed)
    all_sets, size, note = open_sets(config)
    features = [extractors[key] for key in config.features]
    chosen = features or extractors_at_hand(extractors)[0]
    for sets in all_sets:
        _require_enough(sets)
        # in one order everywhere
        for extractor in dict.fromkeys((*chosen, extractors["efficientnet-lite0"])):
            for pictures in filter(None, (sets.real, sets.fake, sets.held_out)):
                extractors.features(extractor, pictures)
    if rank() > 0:
        return None
    if len(all_sets) > 1:
        results = rank_generators(all_sets, extractors, plan, features)
    else:
        results = measure(all_sets[0], extractors, plan, features)
    if config.compare_preprocessing:
        results["preprocessings"] = [_preprocessings(extractors, sets) for sets in all_sets]
    if config.save_statistics:
        framing = Framing(size, config.crop)
        results["statistics"] = _keep_statistics(
            extractors, chosen, all_sets[0].real, framing, out
        )
    results["note"] = joined(results.get("note", ""), note)
    return Measured(results, all_sets)


def _refuse_options(config: FidConfig, kept: LoadedStatistics) -> None:
    """Refuses what a file of statistics cannot do: it has no images, and they had their size."""
    for name in (
        "held_out", "compare", "permutations", "compare_preprocessing", "save_statistics"
    ):
        if getattr(config, name):
            raise InputError(f"`{name}` needs the real images, and {kept.source} has none")
    size, crop = kept.framing or (None, "centre")
    if size and config.size not in (None, size):
        raise InputError(
            f"`size` {config.size}: {kept.source} is of images of size {size}; leave it out"
        )
    if config.crop not in ("centre", crop):
        known = f"of images cropped to the {crop}" if kept.framing else "of images cropped already"
        raise InputError(f"`crop` {config.crop}: {kept.source} is {known}; leave it out")


def _from_statistics(config: FidConfig, extractors: FeatureExtractors) -> dict[str, Any]:
    """Distances to a file of statistics: no images, so no error, floor or neighbours."""
    path = Path(config.real)
    kept = load_statistics(path, config.real_count, config.real_ddof)
    _refuse_options(config, kept)
    if len(config.features) != 1:
        raise InputError(
            f"{path}: statistics are of one network; name it in `features` (inception-768, say)"
        )
    extractor = extractors[config.features[0]]
    refuse_mismatch(
        kept.origin, Origin(extractor.key, extractor.dims, extractor.provenance)
    )
    found = []
    size, crop = kept.framing or (config.size, "centre")
    fakes, size, note = open_fakes(config, size)
    for fake in fakes:
        _require(fake, "generated", "a Fréchet distance")
        value = frechet_distance(kept.gaussian, extractors.features(extractor, fake))
        found.append(
            {
                "fake": asdict(fake.identity), "n_fake": len(fake), "n_real": kept.gaussian.count,
                "distances": [_identity(extractor) | {"value": value}],
            }
        )  # fmt: skip
    alike = ", as the real ones were" if kept.framing else ""
    note = joined(note, f"the generated images are taken at size {size}{alike}")
    if crop != "centre":
        note = joined(note, cropped(crop))
    alone = "from statistics alone: no standard error, no floor, no neighbours"
    return {
        "generators": found, "real": {"source": str(path)}, "size": size,
        "note": joined(kept.note, note, alone),
    }  # fmt: skip


def _preprocessings(extractors: FeatureExtractors, sets: Sets) -> dict[str, Any]:
    """The same images by each of the ways to resize them."""
    network = _inception(extractors)
    assert network is not None  # refused before
    values = {}
    for name, preprocessing in PREPROCESSINGS.items():
        extractor = network.with_preprocessing(preprocessing)
        values[name] = frechet_distance(
            extractors.features(extractor, sets.real), extractors.features(extractor, sets.fake)
        )
    return {
        "label": network.label,
        "fake": sets.fake.identity.source,
        "values": values,
        "words": {preprocessing: row.words for preprocessing, row in PREPROCESSINGS.items()},
    }  # fmt: skip


def _inception(extractors: FeatureExtractors) -> Extractor | None:
    """FID Inception with as many features as there are weights for."""
    second = extractors_at_hand(extractors)[0][1]
    return second if second.key.startswith("inception") else None


def _keep_statistics(
    extractors: FeatureExtractors, chosen: Sequence[Extractor], real: Pictures, framing: Framing,
    out: Path,
) -> dict[str, str]:
    """Writes the real images' statistics; returns the files' names by network."""
    files = {}
    for extractor in chosen:
        file = out / f"statistics-{extractor.key}.npz"
        found = statistics(extractors.features(extractor, real))
        save_statistics(file, found, extractor.provenance, real.identity.source, framing)
        files[extractor.key] = file.name
    return files
