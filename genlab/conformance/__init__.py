"""Checks for priors, distances and feature networks of your own.

    genlab.conformance.check_prior(MyPrior)              # integrates to one, samples from itself
    genlab.conformance.check_extractor(my_extractor)     # the same features in every batch
    for outcome in genlab.conformance.run(my_frechet, genlab.conformance.CASES["frechet"]):
        print(outcome)                                   # cases whose distance is known exactly

The first two raise a `ConformanceError` that says what is wrong. Each name is imported when it is
first used: the package itself loads no torch.
"""

__all__ = [
    "CASES", "ConformanceError", "check_extractor", "check_prior", "of_statistics", "run",
]  # fmt: skip

from typing import TYPE_CHECKING

from genlab.common.lazy import lazy_names

if TYPE_CHECKING:
    from genlab.conformance.densities import check_prior
    from genlab.conformance.distances import CASES, of_statistics, run
    from genlab.conformance.errors import ConformanceError
    from genlab.conformance.extractors import check_extractor

__getattr__, __dir__ = lazy_names(__name__, {
    "CASES": "distances",
    "ConformanceError": "errors",
    "check_extractor": "extractors",
    "check_prior": "densities",
    "of_statistics": "distances",
    "run": "distances",
})  # fmt: skip
