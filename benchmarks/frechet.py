"""The Fréchet distance by every known formula on the same features: time and error.

    pip install scipy torchmetrics
    python benchmarks/frechet.py

Features: 2,048 non-negative ones with falling variances, as Inception's are. Sizes: 300 against
300, 300 against 1,507, 2,048 against 2,048 and 10,000 against 10,000. Each peer gets what it
works on: (mean, covariance), computed outside its time. Ours gets the features, and computes all
from them inside its time; from statistics, as the peers, in a row of its own.

The error is relative to a reference of more digits. The distance needs the sum of singular values
of A, which is <A, U> for the orthogonal polar factor U, and an error d in U costs d^2. A and one
Newton step on U in 80-bit arithmetic thus give the sum to about 18 digits. At full rank A is made
of the factors of two QR decompositions in float64: 15 digits.

Peers, as published: pytorch-fid (`scipy.linalg.sqrtm` of the product; clean-fid has the same, and
drops the imaginary part unseen), torch-fidelity and torchmetrics (`eigvals` of the product; of
torchmetrics its own function if it is installed), and the symmetric form (two `eigh`).
"""

import argparse
import statistics as stats
import time

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from kept import keep
from torch import Tensor

from genlab.common.progress import say
from genlab.common.rng import generator
from genlab.metrics.frechet_distance import Statistics, frechet_distance
from genlab.metrics.frechet_distance import statistics as of_features

FEATURES = 2048
SIZES = ((300, 300), (300, 1507), (2048, 2048), (10_000, 10_000))
KEPT = Path("benchmarks/frechet.json")
Pair = tuple[Statistics, Statistics]


def features(name: str, count: int) -> Tensor:
    random = generator(0, name)
    spread = torch.arange(1, FEATURES + 1, dtype=torch.float64) ** -0.5
    mix = torch.linalg.qr(torch.randn(FEATURES, 64, generator=random, dtype=torch.float64)).Q
    x = torch.randn(count, FEATURES, generator=random, dtype=torch.float64) * spread
    return (x + (x @ mix) @ mix.T + 0.1).relu().float()


def reference(x: Tensor, y: Tensor) -> float:
    """Returns the distance with more digits than any formula in float64 gives."""
    x, y = x.double(), y.double()
    (n, f), m = x.shape, len(y)
    left, right = (v.numpy().astype(np.longdouble) for v in (x, y))
    left, right = left - left.mean(0), right - right.mean(0)
    squares = (left**2).sum() / (n - 1) + (right**2).sum() / (m - 1)
    shift = (
        (x.numpy().astype(np.longdouble).mean(0) - y.numpy().mean(0, dtype=np.longdouble)) ** 2
    ).sum()
    if min(n, m) > f:
        roots = [torch.linalg.qr(v - v.mean(0), mode="r").R for v in (x, y)]
        product = (roots[0] @ roots[1].T).numpy().astype(np.longdouble)
    else:
        product = left @ right.T
    u, _, vh = np.linalg.svd(product.astype(np.float64), full_matrices=False)
    polar = (u @ vh).astype(np.longdouble)
    if min(n, m) <= f:
        polar = 1.5 * polar - 0.5 * (polar @ polar.T) @ polar
    shared = (product * polar).sum() / np.sqrt(np.longdouble(n - 1) * np.longdouble(m - 1))
    return float(shift + squares - 2 * shared)


def ours(x: Tensor, y: Tensor, _: Pair) -> float:
    return frechet_distance(x, y)


def ours_from_statistics(_x: Tensor, _y: Tensor, pair: Pair) -> float:
    return frechet_distance(*pair)


def rest(one: Statistics, other: Statistics) -> float:
    shift = (one.mean - other.mean).square().sum()
    return (shift + one.covariance.trace() + other.covariance.trace()).item()


def pytorch_fid(_x: Tensor, _y: Tensor, pair: Pair) -> float:
    import scipy.linalg

    one, other = pair
    root = scipy.linalg.sqrtm((one.covariance @ other.covariance).numpy())
    return rest(one, other) - 2 * np.trace(np.asarray(root)).real


def eigvals(_x: Tensor, _y: Tensor, pair: Pair) -> float:
    one, other = pair
    values = torch.linalg.eigvals(one.covariance @ other.covariance)
    return rest(one, other) - 2 * values.sqrt().real.sum().item()


def symmetric(_x: Tensor, _y: Tensor, pair: Pair) -> float:
    one, other = pair
    values, vectors = torch.linalg.eigh(one.covariance)
    root = vectors * values.clamp(min=0).sqrt()
    inner = torch.linalg.eigvalsh(root.T @ other.covariance @ root)
    return rest(one, other) - 2 * inner.clamp(min=0).sqrt().sum().item()


def torchmetrics_own(_x: Tensor, _y: Tensor, pair: Pair) -> float:
    from torchmetrics.image.fid import _compute_fid

    one, other = pair
    return _compute_fid(one.mean, one.covariance, other.mean, other.covariance).item()


FORMULAS: dict[str, Callable[[Tensor, Tensor, Pair], float]] = {
    "genlab": ours,
    "genlab, from statistics": ours_from_statistics,
    "sqrtm (pytorch-fid, clean-fid)": pytorch_fid,
    "eigvals (torch-fidelity, torchmetrics)": eigvals,
    "torchmetrics": torchmetrics_own,
    "symmetric eigh": symmetric,
}


def measure(rounds: int, sizes: tuple[tuple[int, int], ...]) -> list[dict]:
    rows = []
    for n, m in sizes:
        x, y = features("x", n), 1.1 * features("y", m)
        pair = (of_features(x), of_features(y))
        exact = reference(x, y)
        times: dict[str, list[float]] = {}
        values: dict[str, float] = {}
        for _ in range(rounds):
            for name, formula in FORMULAS.items():
                begin = time.perf_counter()
                try:
                    values[name] = formula(x, y, pair)
                except ImportError as error:
                    say(f"{name}: not here ({error})")
                    continue
                times.setdefault(name, []).append(time.perf_counter() - begin)
        base = stats.median(times["genlab"])
        for name, value in values.items():
            seconds = stats.median(times[name])
            error = abs(value - exact) / exact
            rows.append(
                {
                    "n": n,
                    "m": m,
                    "formula": name,
                    "seconds": seconds,
                    "value": value,
                    "relative_error": error,
                    "times_genlab": seconds / base,
                }
            )
            say(f"{n}/{m} {name}: {seconds:.4f} s (x{seconds / base:.0f}), error {error:.1e}")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--sizes", type=int, default=len(SIZES),
        help="only so many of the sizes, and keep nothing without --out",
    )  # fmt: skip
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    ours(features("warm", 50), features("up", 50), (of_features(torch.eye(3)),) * 2)
    import scipy

    result = {
        "scipy": scipy.__version__,
        "rounds": options.rounds,
        "features": FEATURES,
        "rows": measure(options.rounds, SIZES[: options.sizes]),
    }
    if options.out or options.sizes >= len(SIZES):
        keep(options.out or KEPT, result)


if __name__ == "__main__":
    main()
