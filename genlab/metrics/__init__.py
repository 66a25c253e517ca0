"""Distances between sets of features, and what one set of features tells of itself.

Functions take features as NumPy arrays or torch tensors with shape `(N, F)`, of any real dtype,
and calculate in float64 on the processor:

    genlab.metrics.frechet(x, y)                      # Measured(value, error)
    genlab.metrics.kid(x, y)                          # Measured(value, error)
    genlab.metrics.precision_recall(real, fake)

`FrechetDistance` and `KernelDistance` collect features batch by batch, in a training loop for
example. Each name is imported when it is first used: the package itself loads no torch.
"""

__all__ = [
    "FrechetDistance",
    "KernelDistance",
    "Statistics",
    "class_entropy",
    "density_coverage",
    "expected_coverage",
    "frechet",
    "frechet_difference",
    "frechet_jackknife",
    "gaussian_mmd",
    "inception_score",
    "kid",
    "kid_difference",
    "memorisation_test",
    "precision_recall",
    "statistics",
    "vendi_score",
]

from typing import TYPE_CHECKING

from genlab.common.lazy import lazy_names

if TYPE_CHECKING:
    from genlab.metrics.diversity import class_entropy, inception_score, vendi_score
    from genlab.metrics.frechet_distance import Statistics, statistics
    from genlab.metrics.jackknife import frechet, frechet_difference, frechet_jackknife
    from genlab.metrics.kernel import gaussian_mmd, kid, kid_difference
    from genlab.metrics.manifold import density_coverage, expected_coverage, precision_recall
    from genlab.metrics.memorisation import memorisation_test
    from genlab.metrics.streaming import FrechetDistance, KernelDistance

__getattr__, __dir__ = lazy_names(__name__, {
    "FrechetDistance": "streaming",
    "KernelDistance": "streaming",
    "Statistics": "frechet_distance",
    "class_entropy": "diversity",
    "density_coverage": "manifold",
    "expected_coverage": "manifold",
    "frechet": "jackknife",
    "frechet_difference": "jackknife",
    "frechet_jackknife": "jackknife",
    "gaussian_mmd": "kernel",
    "inception_score": "diversity",
    "kid": "kernel",
    "kid_difference": "kernel",
    "memorisation_test": "memorisation",
    "precision_recall": "manifold",
    "statistics": "frechet_distance",
    "vendi_score": "diversity",
})  # fmt: skip
