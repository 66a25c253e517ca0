"""Generated images against real ones: distances, how sure they are, and what they cannot tell.

Both sets are brought to squares of the generated images' side first (central square, Lanczos):
what is compared is what was drawn, not how finely. `--size native` leaves all as they are.

Only the distance over the 2048 features of FID Inception is called "FID".

Shapes: N real images, M generated ones, F features.
"""

__all__ = ["Measured", "Sets", "fid", "measure", "networks_at_hand", "rank_generators"]

from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch

from torch import Tensor

from genlab.data.pictures import Pictures, open_pictures
from genlab.engine.fid.generated import of_run
from genlab.engine.fid.numbers import Plan, difference, numbers
from genlab.engine.fid.rounding import rounding
from genlab.engine.fid.statistics import (
    Origin,
    holds_statistics,
    load_statistics,
    refuse_mismatch,
    save_statistics,
)  # fmt: skip
from genlab.engine.fid.verdict import ranking_words, verdict
from genlab.engine.looking import Eyes
from genlab.engine.processes import rank
from genlab.engine.run import kind_of
from genlab.errors import InputError
from genlab.features import efficientnet_lite0, inception
from genlab.features.protocols import PROTOCOLS
from genlab.metrics.diversity import class_entropy, inception_score, vendi_score
from genlab.metrics.frechet import frechet_distance, statistics
from genlab.progress import Progress
from genlab.recipes.fid import FidConfig

FEWEST = 10
"""A covariance from fewer images says nothing."""


@dataclass(frozen=True, kw_only=True)
class Sets:
    """The images of a measurement."""

    real: Pictures
    fake: Pictures
    held_out: Pictures | None = None
    """Real images that the generator was not trained on."""


def measure(
    sets: Sets, eyes: Eyes, plan: Plan, features: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Compares generated images with real ones.

    Arguments:
        sets: The images.
        eyes: The networks.
        plan: What is computed besides the distance.
        features: Names of the networks (`Eyes.networks`); none: two of those at hand.

    Returns:
        JSON values: counts, sizes and identities; "distances", all numbers of one network each;
        "recognised_real" and "recognised_fake", the shares that EfficientNet-Lite0 takes for dogs
        with more than half of its probability; "note", what could not be had, or ""; "verdict".

    Raises:
        InputError: If a set has fewer than 10 images, or weights are not at hand.
    """
    for pictures, role in ((sets.real, "real"), (sets.fake, "generated")):
        _require_enough(pictures, role)
    names, note = (features, "") if features else networks_at_hand(eyes)
    distances = []
    for name in names:
        real, fake = eyes.features(name, sets.real), eyes.features(name, sets.fake)
        held = eyes.features(name, sets.held_out) if sets.held_out else None
        who, found = eyes.identity(name), numbers(real, fake, held, plan)
        assert not who.keys() & found.keys()  # one would hide the other
        if moved := rounding(eyes, name, sets.real, sets.fake):
            found["rounding"] = moved
        distances.append(who | found | _diversity(eyes, name, fake))
    results = _who(sets) | {
        "distances": distances,
        "recognised_real": _recognised(eyes, sets.real),
        "recognised_fake": _recognised(eyes, sets.fake),
        "seed": plan.seed,
        "note": note,
    }
    return results | {"verdict": verdict(results)}


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


def _require_enough(pictures: Pictures, role: str) -> None:
    if len(pictures) < FEWEST:
        raise InputError(
            f"{pictures.identity.source}: {len(pictures)} {role} images; a Fréchet distance "
            f"needs at least {FEWEST}, better 300"
        )


def _diversity(eyes: Eyes, name: str, fake: Tensor) -> dict[str, Any]:
    """The spread of the generated images alone, and over a classifier's classes."""
    found: dict[str, Any] = {"vendi": vendi_score(fake)}
    logits = eyes.loaded(name).logits
    if logits is not None:
        with torch.no_grad():
            probabilities = logits(fake).double().softmax(1)
        score = inception_score(probabilities).value
        found |= {"class_score": score, "class_entropy": class_entropy(probabilities)}
    return found


def _recognised(eyes: Eyes, pictures: Pictures) -> float:
    features = eyes.features("efficientnet-lite0", pictures)
    network = efficientnet_lite0.load_efficientnet_lite0()
    with torch.no_grad():
        probability = efficientnet_lite0.dog_probability(network.classify(features))
    return (probability > 0.5).double().mean().item()


def networks_at_hand(eyes: Eyes) -> tuple[tuple[str, ...], str]:
    """Returns the two networks to look with by default, and what is missing for FID proper."""
    missing = f"FID proper (2048 features) needs the whole FID Inception: {inception.HOW}"
    if eyes.inception is None and not inception.at_hand():
        return ("efficientnet-lite0", "random"), missing
    try:
        eyes.loaded("inception")
    except InputError:  # weights up to 768 features only, unless they are no weights at all
        eyes.loaded("inception-768")
        return ("efficientnet-lite0", "inception-768"), (
            f"FID-768 is taken at 768 features; {missing}"
        )
    return ("efficientnet-lite0", "inception"), ""


def rank_generators(
    all_sets: list[Sets], eyes: Eyes, plan: Plan, features: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Measures several generators against the same real images, and ranks them.

    Returns:
        JSON values: "generators", results as of `measure`; "rankings", one a network: the order,
        nearest first, and the paired difference of each to the next one; "verdict".

    Raises:
        InputError: As of `measure`.
    """
    found = [measure(sets, eyes, plan, features) for sets in all_sets]
    names = features or networks_at_hand(eyes)[0]
    rankings = []
    with Progress(len(names) * (len(found) - 1), "comparing", "pairs") as progress:
        for index, name in enumerate(names):
            order = sorted(range(len(found)), key=lambda g: found[g]["distances"][index]["value"])
            looks = [eyes.features(name, sets.fake) for sets in all_sets]
            real, steps = eyes.features(name, all_sets[0].real), []
            for a, b in pairwise(order):
                steps.append(difference(real, looks[a], looks[b]))
                progress.advance()
            rankings.append(
                {
                    "label": eyes.networks[name].label,
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
        InputError: If a set cannot be opened, or as of `measure`.
    """
    eyes = Eyes(config.inception, config.precision, config.protocol, device=config.device)
    if holds_statistics(Path(config.real)):
        return Measured(_from_statistics(config, eyes), [])
    plan = Plan(permutations=config.permutations, seed=config.seed)
    all_sets = _open(config)
    names = config.features or networks_at_hand(eyes)[0]
    for sets in all_sets:
        _require_enough(sets.real, "real")
        _require_enough(sets.fake, "generated")
        for name in dict.fromkeys((*names, "efficientnet-lite0")):  # in one order everywhere
            for pictures in filter(None, (sets.real, sets.fake, sets.held_out)):
                eyes.features(name, pictures)
    if rank() > 0:
        return None
    if len(all_sets) > 1:
        results = rank_generators(all_sets, eyes, plan, config.features)
    else:
        results = measure(all_sets[0], eyes, plan, config.features)
    if config.protocols:
        results["protocols"] = [_protocols(eyes, sets) for sets in all_sets]
    if config.save_statistics:
        results["statistics"] = _keep_statistics(eyes, all_sets[0].real, config, out)
    return Measured(results, all_sets)


def _open(config: FidConfig) -> list[Sets]:
    fakes, size = _open_fakes(config)
    real = open_pictures(config.real, size, config.crop)
    held_out = open_pictures(config.held_out, size, config.crop) if config.held_out else None
    return [Sets(real=real, fake=fake, held_out=held_out) for fake in fakes]


def _open_fakes(config: FidConfig) -> tuple[list[Pictures], int | None]:
    """Opens the generated images at the size asked for, or at the first one's own."""
    native = [_generated(source, config, None) for source in config.fakes]
    if config.size == "native":
        return native, None
    size = config.size or min(native[0].read(0).shape[1:])
    return [_generated(source, config, size) for source in config.fakes], size


def _generated(source: str, config: FidConfig, size: int | None) -> Pictures:
    if kind_of(Path(source)) in ("gan", "vae"):
        return of_run(Path(source), config.n, config.seed, size=size)
    return open_pictures(source, size)


def _from_statistics(config: FidConfig, eyes: Eyes) -> dict[str, Any]:
    """Distances to a file of statistics: no images, so no error, floor or neighbours."""
    path = Path(config.real)
    kept = load_statistics(path, config.real_count, config.real_ddof)
    if len(config.features) != 1:
        raise InputError(
            f"{path}: statistics are of one network; name it (say --features inception-768)"
        )
    (name,) = config.features
    refuse_mismatch(kept.origin, Origin(name, eyes.networks[name].dims, eyes.extractor(name)))
    found = []
    for fake in _open_fakes(config)[0]:
        _require_enough(fake, "generated")
        value = frechet_distance(kept.gaussian, eyes.features(name, fake))
        found.append(
            {
                "fake": asdict(fake.identity), "n_fake": len(fake), "n_real": kept.gaussian.count,
                "distances": [eyes.identity(name) | {"value": value}],
            }
        )  # fmt: skip
    note = f"{kept.note} " if kept.note else ""
    return {
        "generators": found, "real": {"source": str(path)},
        "note": f"{note}from statistics alone: no standard error, no floor, no neighbours",
    }  # fmt: skip


def _protocols(eyes: Eyes, sets: Sets) -> dict[str, Any]:
    """The same images by each of the ways to resize them."""
    name = networks_at_hand(eyes)[0][1]
    if not name.startswith("inception"):
        raise InputError(f"--protocols: these are of FID Inception; {inception.HOW}")
    values = {
        protocol: frechet_distance(
            eyes.features(name, sets.real, protocol), eyes.features(name, sets.fake, protocol)
        )
        for protocol in PROTOCOLS
    }
    return {
        "label": eyes.networks[name].label, "fake": sets.fake.identity.source, "values": values,
        "words": {protocol: row.words for protocol, row in PROTOCOLS.items()},
    }  # fmt: skip


def _keep_statistics(eyes: Eyes, real: Pictures, config: FidConfig, out: Path) -> dict[str, str]:
    """Writes the real images' statistics; returns the files' names by network."""
    files = {}
    for name in config.features or networks_at_hand(eyes)[0]:
        file = out / f"statistics-{name}.npz"
        found = statistics(eyes.features(name, real))
        save_statistics(file, found, eyes.extractor(name), real.identity.source)
        files[name] = file.name
    return files
