"""The result of a measurement in sentences that can be quoted.

Each sentence is true whatever the numbers are: it names the network, both numbers of images and
how many of them are different; calls a difference one only where a test finds it, with its p;
never concludes from "not distinguished" that images are alike, nor from "not nearer" that none is
copied. A test at the level of 5 % finds something in 5 % of the cases where there is nothing.

Report and page have words of their own, and take what these say from `distinguishes` and
`copying`.
"""

__all__ = [
    "LEVEL",
    "Copying",
    "copying",
    "distinguishes",
    "numbers_of_images",
    "ranking_words",
    "statistics_verdict",
    "verdict",
]

from collections.abc import Sequence
from enum import Enum

from genlab.common.quantities import Measured
from genlab.configs.fid import FEWEST
from genlab.fid.results import Copies, Different, Distance, Measurement, Null, Ranking

LEVEL = 0.05
"""The level of every test."""


class Copying(Enum):
    """What is known of copies of real images."""

    SAME = "generated images are real ones, pixel for pixel"
    NEARER = "generated images are nearer to the real ones than others are"
    NOT_NEARER = "they are not nearer, as far as the test finds"
    UNTESTED = "too few images are different"


def distinguishes(null: Null) -> bool:
    """Returns whether a distance is larger than by chance, at the level of the tests."""
    return null.p <= LEVEL


def copying(copies: Copies) -> Copying:
    """Returns what a count of copies and the test of memorisation say together."""
    if copies.duplicates:
        return Copying.SAME
    if copies.p is None:
        return Copying.UNTESTED
    return Copying.NEARER if copies.p <= LEVEL else Copying.NOT_NEARER


def verdict(
    distances: Sequence[Distance], n_real: int, n_fake: int, different: Different
) -> str:
    """Returns the sentences on one generator.

    Arguments:
        distances: One a network.
        n_real: The number of real images.
        n_fake: The number of generated ones.
        different: How many of them are different.
    """
    sizes = f" at {numbers_of_images(n_fake, n_real, different)}"
    plain = (n_real, n_fake, 0) == (different.real, different.fake, different.common)
    sentences = [_distance(d, "" if i else sizes, plain) for i, d in enumerate(distances)]
    if len({distinguishes(d.null) for d in distances if d.null}) == 2:
        sentences.append("The networks disagree: trust neither alone.")
    sentences += _too_few(n_real, n_fake, different)
    return " ".join([*sentences, *_copies(distances)])


def numbers_of_images(n_fake: int, n_real: int | None, different: Different) -> str:
    """Returns both numbers of images, with how many are different where not all are."""
    parts = []
    for name, count, unlike in (
        ("generated", n_fake, different.fake), ("real", n_real, different.real)
    ):
        many = "an unknown number of" if count is None else f"{count:,}"
        repeated = unlike is not None and unlike != count
        parts.append(f"{many} {name}" + (f" ({unlike:,} different)" if repeated else ""))
    return " and ".join(parts) + " images"


def _distance(d: Distance, sizes: str, plain: bool) -> str:
    found = f"{d.label} = {d.distance.text()}{sizes}"
    if d.null is None:
        return f"{found}."
    value, mean, high = map(d.distance.rounded_alike, (d.null.value, d.null.mean, d.null.high))
    mixed = f"mixed and split at random they give about {mean} (95 % of the splits below {high})"
    if not plain:
        found += (
            f"; of different images that are in one set only, {d.null.n_fake:,} generated and "
            f"{d.null.n_real:,} real ones, it is {value}"
        )
    if distinguishes(d.null):
        result = f"it distinguishes the generated images from the real ones (p {_p(d.null)})"
    else:
        result = (
            f"it does not distinguish the generated images from the real ones (p {_p(d.null)}), "
            "which does not prove that they are alike"
        )
    return f"{found}; {mixed}: {result}."


def _p(null: Null) -> str:
    """A p-value; the smallest possible one is a bound."""
    return f"{'<=' if null.is_smallest else '='} {null.p:.2g}"


def _too_few(n_real: int, n_fake: int, different: Different) -> list[str]:
    """What is said where images are too few to be independent."""
    assert different.real is not None  # images were compared
    found = []
    for name, count, unlike in (
        ("generated", n_fake, different.fake), ("real", n_real, different.real)
    ):
        if unlike == 1:
            found.append(f"All {count:,} {name} images are one and the same.")
        elif unlike < FEWEST:
            found.append(f"Only {unlike} of the {count:,} {name} images are different.")
    if found:
        return [*found, f"No error, floor or test: they need {FEWEST} different images a set."]
    own = different.fake - different.common, different.real - different.common
    if own == (0, 0):
        return ["Both sets are the same images: no error, floor or test."]
    if min(own) < FEWEST:
        return [
            f"The sets have {different.common:,} different images in common, which leaves "
            f"{own[0]:,} generated and {own[1]:,} real ones: no error, floor or test, for they "
            f"need {FEWEST} of either."
        ]
    return []


def _copies(distances: Sequence[Distance]) -> list[str]:
    """What is said of copies: of those by pixels once, of nearness by each network."""
    known = [(d.copies, d.extractor.network) for d in distances if d.copies]
    if not known:
        return []
    last, network = known[-1]
    if last.duplicates:
        return [_same(last.duplicates)]
    nearer = [
        f"The generated images are nearer to the real ones than {_others(one)} ({name}, "
        f"p = {one.p:.2g}): they may be copies, or merely similar to each other; inspect the "
        "closest pairs."
        for one, name in known if copying(one) is Copying.NEARER
    ]  # fmt: skip
    if nearer or last.p is None:
        return nearer
    weak = "" if last.reference == "held-out" else "; without held-out images this test is weak"
    return [
        f"By a rank test the generated images are not nearer to the real ones than "
        f"{_others(last)} ({network}, p = {last.p:.2g}{weak}), which does not exclude single "
        "copies."
    ]


def _same(count: int) -> str:
    images = "image is a real one" if count == 1 else "images are real ones"
    return f"{count:,} generated {images}, pixel for pixel at the size compared."


def _others(copies: Copies) -> str:
    if copies.reference == "held-out":
        return "held-out real images are"
    return "the real images are to each other"


def ranking_words(rankings: Sequence[Ranking], measured: Sequence[Measurement] = ()) -> str:
    """Returns the sentences on several generators.

    Arguments:
        rankings: One a network.
        measured: The generators; those are named that are near because they copy.
    """
    sentences, sure = [], False
    for ranking in rankings:
        steps = []
        for index, step in enumerate(ranking.differences):
            nearer, farther = ranking.order[index : index + 2]
            if ranking.equal[index]:
                steps.append(f"{nearer} and {farther} are the same images")
                continue
            gap = Measured(0.0 - step.distance.value, step.distance.error)  # 0, not -0
            verb = "is nearer than" if gap.clear else "is not clearly nearer than"
            sure |= gap.clear
            steps.append(f"{nearer} {verb} {farther} (difference {gap.text()}, paired)")
        if steps:
            many = f"at {ranking.n:,} different images of each"
            sentences.append(f"{ranking.label} {many}: {'; '.join(steps)}.")
    if sure and len({tuple(ranking.order) for ranking in rankings}) > 1:
        sentences.append("The networks rank them differently: trust neither alone.")
    sentences += [
        f"{source} is not ranked: fewer than {FEWEST} of its images are different."
        for source in rankings[0].left_out
    ]
    for one in measured:
        last = one.distances[-1].copies
        if last and last.duplicates:
            sentences.append(f"{one.fake.source}: {_same(last.duplicates)}")
    return " ".join(sentences)


def statistics_verdict(
    distance: Distance, n_fake: int, n_real: int | None, different: Different
) -> str:
    """Returns the sentence on a distance to a file of statistics."""
    numbers = numbers_of_images(n_fake, n_real, different)
    alike = ""
    if different.fake == 1:
        alike = f" All {n_fake:,} generated images are one and the same."
    return (
        f"{distance.label} = {distance.distance.text()} at {numbers}; without the real images "
        f"there is no error, floor or test.{alike}"
    )
