r"""What the numbers say: differences with their errors, and no more than that.

Two models saw the same test images, and an image that is hard for one is hard for the other. The
standard error of a difference of their means is therefore that of the paired differences,

    se(a - b) = sd_n(a_n - b_n) / sqrt(N)

which is several times below sqrt(se(a)^2 + se(b)^2), what it would be for independent images.

Shapes: N images.
"""

__all__ = ["CLEAR", "Change", "Difference", "Trend", "change", "clear_of_noise", "difference", "trend"]

import math

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genlab.lab.report.numbers.bound import like

CLEAR = 2.0
"""A difference of so many standard errors is called clear."""


@dataclass(frozen=True)
class Difference:
    """A difference of two measured values."""

    value: float
    se: float

    @property
    def clear(self) -> bool:
        """Whether it is more than two standard errors from zero."""
        return abs(self.value) > CLEAR * self.se


def difference(a: Mapping[str, Any], b: Mapping[str, Any], key: str) -> Difference:
    """Returns a - b of the value `key` of two results.

    Paired where both have the `values` of each image, arrays of shape `(N,)`; otherwise as if
    they came from independent images.
    """
    value = a[key] - b[key]
    if "values" in a and "values" in b:
        pairs = a["values"][key] - b["values"][key]
        files = [f"{one['measures']}#{key}" for one in (a, b) if "measures" in one]
        return Difference(value, like(float(pairs.std(ddof=1)) / math.sqrt(len(pairs)), *files))
    first, second = a[f"{key}_se"], b[f"{key}_se"]
    return Difference(value, like(math.hypot(first, second), first, second))


@dataclass(frozen=True)
class Change:
    """How an ELBO differs from another's, by ELBO = RE - I[x;z] - KL[q(z) || p(z)]."""

    elbo: Difference
    terms: dict[str, float]
    """The part of each term: "re", "mutual_information" and "marginal_kl", with their minus.

    None changes where latent space and prior are scaled together; the parts of equation 3 do.
    """

    @property
    def largest(self) -> str:
        """The term that moves the ELBO most in the direction in which it moved."""
        return max(self.terms, key=lambda k: math.copysign(1, self.elbo.value) * self.terms[k])


def change(a: Mapping[str, Any], b: Mapping[str, Any]) -> Change:
    """Returns how the ELBO of results `a` differs from that of `b`."""
    terms = {
        "re": a["re"] - b["re"],
        "mutual_information": b["mutual_information"] - a["mutual_information"],
        "marginal_kl": b["marginal_kl"] - a["marginal_kl"],
    }
    return Change(difference(a, b, "elbo"), terms)


def clear_of_noise(results: Mapping[str, Mapping[str, Any]], key: str, lowest: bool) -> list[str]:
    """Returns the names that may be the best by `key`: the best, and those not clearly worse."""
    pick = min if lowest else max
    best = pick(results, key=lambda name: results[name][key])
    others = [n for n in results if n != best]
    return [best] + [n for n in others if not difference(results[n], results[best], key).clear]


@dataclass(frozen=True)
class Trend:
    """How a distance went over the epochs at which it was taken."""

    first: float
    last: float
    best_epoch: int
    falling: bool
    """Whether each value is below the one before."""

    @property
    def drop(self) -> float:
        """The share of the first value by which the last is lower; negative if higher."""
        return 1 - self.last / self.first


def trend(epochs: Sequence[int], values: Sequence[float]) -> Trend:
    """Returns the trend of `values` at `epochs`, in order."""
    falling = all(b < a for a, b in zip(values, values[1:]))
    return Trend(values[0], values[-1], epochs[values.index(min(values))], falling)
