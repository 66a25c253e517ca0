r"""Comparisons of numbers: differences with their standard errors.

Two models saw the same test images, and an image that is hard for one is hard for the other. The
standard error of a difference of their means is therefore that of the paired differences,

    se(a - b) = sd_n(a_n - b_n) / sqrt(N)

which is several times below sqrt(se(a)^2 + se(b)^2), what it would be for independent images.

Shapes: N images.
"""

__all__ = ["Change", "Trend", "change", "clear_of_noise", "difference", "trend"]

import math

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from genlab.common.quantities import Measured
from genlab.lab.report.numbers.bound import like, plain
from genlab.vae.load import MEASURES
from genlab.vae.results import VaeResults


def difference(a: VaeResults, b: VaeResults, key: str) -> Measured:
    """Returns a - b of a quantity of two results.

    Paired where both have the values of each image; otherwise as if they came from independent
    images.
    """
    first, second = getattr(a, key), getattr(b, key)
    value = first.value - second.value
    if key in a.values and key in b.values:
        pairs = (a.values[key] - b.values[key]).numpy()
        files = [f"vae/{plain(one.prior)}/{MEASURES}#{key}" for one in (a, b)]
        return Measured(value, like(float(pairs.std(ddof=1)) / math.sqrt(len(pairs)), *files))
    error = math.hypot(first.error, second.error)
    return Measured(value, like(error, first.error, second.error))


@dataclass(frozen=True)
class Change:
    """How an ELBO differs from another's, by ELBO = RE - I[x;z] - KL[q(z) || p(z)]."""

    elbo: Measured
    terms: dict[str, float]
    """The part of each term: "re", "mutual_information" and "marginal_kl", with their minus.

    None changes where latent space and prior are scaled together; the parts of equation 3 do.
    """

    @property
    def largest(self) -> str:
        """The term that moves the ELBO most in the direction in which it moved."""
        return max(self.terms, key=lambda k: math.copysign(1, self.elbo.value) * self.terms[k])


def change(a: VaeResults, b: VaeResults) -> Change:
    """Returns how the ELBO of results `a` differs from that of `b`."""
    terms = {
        "re": a.re.value - b.re.value,
        "mutual_information": b.mutual_information.value - a.mutual_information.value,
        "marginal_kl": b.marginal_kl.value - a.marginal_kl.value,
    }
    return Change(difference(a, b, "elbo"), terms)


def clear_of_noise(results: Mapping[str, VaeResults], key: str, lowest: bool) -> list[str]:
    """Returns the names that may be the best by `key`: the best, and those not clearly worse."""
    pick = min if lowest else max
    best = pick(results, key=lambda name: getattr(results[name], key).value)
    others = [n for n in results if n != best]
    return [best] + [n for n in others if not difference(results[n], results[best], key).clear]


@dataclass(frozen=True)
class Trend:
    """The change of a distance over the epochs at which it was measured."""

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
