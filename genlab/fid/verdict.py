"""What the numbers of a measurement say, in sentences that can be quoted.

Each sentence is true whatever the numbers are: it names the network and both N, calls a
difference one only where the test does, and never takes "not told apart" for "alike".
"""

__all__ = ["is_smallest", "ranking_words", "verdict"]

from typing import Any

LEVEL = 0.05
"""Of every test."""


def verdict(results: dict[str, Any]) -> str:
    """Returns the sentences on one generator; `results` as of `engine.fid.measure.measure`."""
    sizes = f"{results['n_fake']} generated and {results['n_real']} real images"
    sentences = [_distance(d, sizes if index == 0 else "") for index, d in
                 enumerate(results["distances"])]  # fmt: skip
    apart = {d["null"]["p"] <= LEVEL for d in results["distances"] if "null" in d}
    if len(apart) == 2:
        sentences.append("The networks disagree: trust neither alone.")
    copied = [_copied(d) for d in results["distances"]]
    sentences += [sentence for sentence in copied if sentence]
    if not any(copied):
        sentences.append(_not_copied(results["distances"][-1]))
    return " ".join(sentences)


def _distance(d: dict[str, Any], sizes: str) -> str:
    at = f" at {sizes}" if sizes else ""
    if "null" not in d:
        return f"{d['label']} = {d['value']:.4g}{at}."
    null = d["null"]
    found = f"{d['label']} = {_pair(d['value'], d['error'])}{at}"
    floor = f"two samples of one law would give about {null['mean']:.3g} " \
            f"(95 % of them below {null['high']:.3g})"  # fmt: skip
    if null["p"] <= LEVEL:
        told = f"it tells the generated images from the real ones (p {_p(null)})"
    else:
        told = (
            f"it does not tell the generated images from the real ones (p {_p(null)}), which is "
            "no proof that they are alike"
        )
    return f"{found}; {floor}: {told}."


def _p(null: dict[str, Any]) -> str:
    """A p-value; the smallest possible one is a bound."""
    return f"{'<=' if is_smallest(null) else '='} {null['p']:.2g}"


def is_smallest(null: dict[str, Any]) -> bool:
    """Returns whether p is the smallest that so many permutations can give, hence a bound."""
    return null["p"] <= 1.0001 / (1 + null["permutations"])


def _pair(value: float, error: float) -> str:
    """A value and its standard error, to two digits of the error."""
    if error < 1e-8:  # rounding
        return f"{value:.4g}"
    digits = max(0, min(9, 2 - len(f"{error:.0f}") if error >= 1 else _decimals(error)))
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def _decimals(error: float) -> int:
    """Returns the decimal place of the second digit of an error below 1."""
    return 1 - int(f"{error:e}".partition("e")[2])


def _copied(d: dict[str, Any]) -> str:
    """A sentence if generated images may be copies, else nothing."""
    m = d["memorisation"]
    against = (
        "held-out real images are" if m["reference"] == "held-out"
        else "the real images are to each other"
    )  # fmt: skip
    if m["duplicates"]:
        count = m["duplicates"]
        which = "image has" if count == 1 else "images have"
        return f"{count} generated {which} exactly the features of a real one ({d['network']})."
    if m["p"] <= LEVEL:
        return (
            f"The generated images are nearer to the real ones than {against} "
            f"({d['network']}, p = {m['p']:.2g}): they may be copies, or alike among each other; "
            "look at the closest pairs."
        )
    return ""


def _not_copied(d: dict[str, Any]) -> str:
    if d["memorisation"]["reference"] == "held-out":
        return "Nothing suggests that real images were copied."
    return (
        "Nothing suggests that real images were copied (without held-out images this test is a "
        "weak one)."
    )


def ranking_words(rankings: list[dict[str, Any]]) -> str:
    """Returns the sentences on several generators; `rankings` as of `engine.fid.measure.rank`."""
    sentences = []
    for ranking in rankings:
        steps = []
        for index, step in enumerate(ranking["differences"]):
            nearer, farther = ranking["order"][index : index + 2]
            gap = _pair(0.0 - step["value"], step["error"])  # 0, not -0
            sure = -step["value"] > 2 * step["error"]
            verb = "is nearer than" if sure else "is not surely nearer than"
            steps.append(f"{nearer} {verb} {farther} (difference {gap}, paired)")
        sentences.append(f"{ranking['label']}: {'; '.join(steps)}.")
    orders = {tuple(ranking["order"]) for ranking in rankings}
    if len(orders) > 1:
        sentences.append("The networks rank them differently: trust neither alone.")
    return " ".join(sentences)
