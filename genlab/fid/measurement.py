"""Generated images compared with real ones: distances, their errors, and what they cannot tell.

Only the distance over the 2048 features of FID Inception is called "FID".
"""

__all__ = ["measure", "measure_sets"]

from collections.abc import Sequence
from dataclasses import replace

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.configs.fid import FEWEST
from genlab.data.pictures import Pictures
from genlab.features.extraction import Images
from genlab.features.extractor import Extractor
from genlab.features.extractors import FeatureExtractors
from genlab.features.sample import Sample
from genlab.fid.defaults import default_extractors
from genlab.fid.distance import Plan, distance_of
from genlab.fid.results import Different, Measurement
from genlab.fid.rounding import rounding
from genlab.fid.sets import (
    ImageSets,
    Size,
    compression,
    join,
    open_generated,
    open_real,
    require_enough,
    require_room,
)
from genlab.fid.verdict import verdict
from genlab.metrics.rows import ROWS
from genlab.networks.pretrained import efficientnet_lite0


def measure(
    real: Images, fake: Images, extractors: Sequence[Extractor] | None = None, *,
    held_out: Images | None = None, size: Size | None = None, n: int = 300,
    permutations: int | None = None, seed: int = 0,
) -> Measurement:
    """Compares generated images with real ones.

    Arguments:
        real: The real images: a SOURCE (`genlab data` lists the names), an array or tensor of
            images, or `Pictures`.
        fake: The generated images, or the run of a GAN or VAE.
        extractors: The feature networks; by default two of those at hand.
        held_out: Real images that the generator was not trained on, for the test of
            memorisation; without them the real images are compared with each other.
        size: The side of the squares that all images become; by default the shorter side of the
            smallest generated image; "native" leaves every image as it is.
        n: The number of images drawn from a run.
        permutations: Permutations of the null distribution; 0 leaves out all resampling; by
            default 200, or 20 where each takes seconds.
        seed: Decides everything random.

    Returns:
        The result; `verdict` states it in sentences, `distances` has the numbers.

    Raises:
        InputError: If images cannot be opened, a set has fewer than 10, or a network's weights
            are not at hand.
    """
    (generated,), side, note = open_generated([fake], size, n, seed)
    held = None if held_out is None else open_real(held_out, side, name="`held_out`")
    sets = ImageSets(real=open_real(real, side), fake=generated, held_out=held)
    features = FeatureExtractors()
    if extractors is None:
        extractors, missing = default_extractors(features)
        note = join(missing, note)
    require_room([sets], extractors)
    plan = Plan(permutations=permutations, seed=seed)
    return measure_sets(sets, extractors, features, plan, note)


def measure_sets(
    sets: ImageSets, extractors: Sequence[Extractor], features: FeatureExtractors, plan: Plan,
    note: str = "",
) -> Measurement:
    """Compares opened images, as `measure` does.

    Arguments:
        sets: The images.
        extractors: The feature networks.
        features: Keeps what has been extracted.
        plan: What is computed besides the distances and the metrics.
        note: What is to be said of the images and networks.

    Raises:
        InputError: If a set has fewer than 10 images.
    """
    require_enough(sets)
    note = join(note, compression(sets))
    distances, different = [], None
    for extractor in extractors:
        several = [s for s in (sets.real, sets.fake, sets.held_out) if s]
        real, fake, *held = Sample.of(*(features.extracted(extractor, s) for s in several))
        note = join(note, _in_training(real, held, sets)) if different is None else note
        different = _different(real, fake)
        found = distance_of(extractor, real, fake, held[0] if held else None, plan)
        moved = rounding(features, extractor, sets.real, sets.fake)
        distances.append(replace(found, rounding=moved))
        for rows, pictures in ((real.features, sets.real), (fake.features, sets.fake)):
            note = join(note, _without_direction(extractor, rows, pictures))
    assert different is not None  # there is at least one network
    return Measurement(
        distances=distances, different=different,
        n_real=len(sets.real), n_fake=len(sets.fake), size=_side(sets.fake),
        real=sets.real.identity, fake=sets.fake.identity,
        held_out=sets.held_out.identity if sets.held_out else None,
        recognised_real=_recognised(extractors, features, sets.real),
        recognised_fake=_recognised(extractors, features, sets.fake),
        seed=plan.seed, note=note,
        verdict=verdict(distances, len(sets.real), len(sets.fake), different),
    )  # fmt: skip


def _different(real: Sample, fake: Sample) -> Different:
    return Different(
        real=len(real.first), fake=len(fake.first),
        common=int(fake.is_in([real])[fake.first].sum()),
    )  # fmt: skip


def _in_training(real: Sample, held: list[Sample], sets: ImageSets) -> str:
    """What is to be said of held-out images that are real ones as well, and not counted.

    Raises:
        InputError: If too few are left.
    """
    if not held or sets.held_out is None:
        return ""
    (new,), source = held, sets.held_out.identity.source
    left, known = len(new.apart_from(real)), int(new.is_in([real]).sum())
    if left < FEWEST:
        raise InputError(
            f"`held_out` {source}: only {left} of its {len(new)} images are different from each "
            f"other and none of the real images; the test of memorisation needs at least {FEWEST}"
        )
    if not known:
        return ""
    return f"{known} of the {len(new)} held-out images are among the real ones and do not count"


def _side(pictures: Pictures) -> int | None:
    """Returns the side of the squares that pictures are, or None where they are as they come."""
    shape = pictures.identity.shape
    return int(shape[-1]) if len(shape) == 3 and shape[1] == shape[2] else None


def _without_direction(extractor: Extractor, features: Tensor, pictures: Pictures) -> str:
    """What is not defined where an image has features that are all 0 (`pixels` of a black one)."""
    rows = (features == 0).all(1).nonzero()[:, 0].tolist()
    if not rows:
        return ""
    return (
        f"{extractor.label}: no Gaussian MMD and, of generated images, no Vendi score, for the "
        f"features of {pictures.names[rows[0]]} are all 0"
    )


@torch.no_grad()
def _recognised(
    extractors: Sequence[Extractor], features: FeatureExtractors, pictures: Pictures
) -> float | None:
    """The share of images whose most probable classes are dogs; None unless the network looks."""
    for extractor in extractors:
        if extractor.key == "efficientnet-lite0" and extractor.logits is not None:
            rows = features.features(extractor, pictures).split(ROWS)
            dogs = [efficientnet_lite0.dog_probability(extractor.logits(part)) for part in rows]
            return (torch.cat(dogs) > 0.5).double().mean().item()
    return None
