"""The result of a measurement in sentences that can be quoted.

Each sentence is true whatever the numbers are: it names the network and both numbers of images,
calls a difference one only where a test finds it, and never concludes from "not distinguished"
that the images are alike.
"""

__all__ = ["LEVEL", "ranking_words", "verdict"]

from collections.abc import Sequence

from genlab.common.quantities import Measured
from genlab.fid.results import Copies, Distance, Null, Ranking

LEVEL = 0.05
"""The level of every test."""


def verdict(distances: Sequence[Distance], n_real: int, n_fake: int) -> str:
    """Returns the sentences on one generator."""
    sizes = f" at {n_fake} generated and {n_real} real images"
    sentences = [_distance(d, "" if index else sizes) for index, d in enumerate(distances)]
    if len({d.null.p <= LEVEL for d in distances if d.null}) == 2:
        sentences.append("The networks disagree: trust neither alone.")
    copied = [_copied(d.copies, d.extractor.network) for d in distances if d.copies]
    sentences += filter(None, copied)
    last = distances[-1].copies
    if last and not any(copied):
        sentences.append(_not_copied(last))
    return " ".join(sentences)


def _distance(d: Distance, sizes: str) -> str:
    found = f"{d.label} = {d.distance.text()}{sizes}"
    if d.null is None:
        return f"{found}."
    floor = (
        f"two samples of one distribution would give about {d.distance.rounded_alike(d.null.mean)}"
        f" (95 % of them below {d.distance.rounded_alike(d.null.high)})"
    )
    if d.null.p <= LEVEL:
        result = f"it distinguishes the generated images from the real ones (p {_p(d.null)})"
    else:
        result = (
            f"it does not distinguish the generated images from the real ones (p {_p(d.null)}), "
            "which does not prove that they are alike"
        )
    return f"{found}; {floor}: {result}."


def _p(null: Null) -> str:
    """A p-value; the smallest possible one is a bound."""
    return f"{'<=' if null.is_smallest else '='} {null.p:.2g}"


def _copied(copies: Copies, network: str) -> str:
    """A sentence if generated images may be copies, else nothing."""
    if copies.duplicates:
        which = "image has" if copies.duplicates == 1 else "images have"
        return (
            f"{copies.duplicates} generated {which} exactly the features of a real one "
            f"({network})."
        )
    if copies.p > LEVEL:
        return ""
    against = (
        "held-out real images are" if copies.reference == "held-out"
        else "the real images are to each other"
    )  # fmt: skip
    return (
        f"The generated images are nearer to the real ones than {against} ({network}, "
        f"p = {copies.p:.2g}): they may be copies, or merely similar to each other; inspect the "
        "closest pairs."
    )


def _not_copied(copies: Copies) -> str:
    if copies.reference == "held-out":
        return "Nothing suggests that real images were copied."
    return (
        "Nothing suggests that real images were copied (without held-out images this test is "
        "weak)."
    )


def ranking_words(rankings: Sequence[Ranking]) -> str:
    """Returns the sentences on several generators."""
    sentences = []
    for ranking in rankings:
        steps = []
        for index, step in enumerate(ranking.differences):
            nearer, farther = ranking.order[index : index + 2]
            gap = Measured(0.0 - step.distance.value, step.distance.error)  # 0, not -0
            sure = gap.error is not None and gap.value > 2 * gap.error
            verb = "is nearer than" if sure else "is not clearly nearer than"
            steps.append(f"{nearer} {verb} {farther} (difference {gap.text()}, paired)")
        sentences.append(f"{ranking.label}: {'; '.join(steps)}.")
    if len({tuple(ranking.order) for ranking in rankings}) > 1:
        sentences.append("The networks rank them differently: trust neither alone.")
    return " ".join(sentences)
