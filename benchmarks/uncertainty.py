"""Which error bar of a Fréchet distance is right, and how the distance falls with N.

    python benchmarks/uncertainty.py mnist RUN --features digits --size 28 --n 300 --out DIR
    python benchmarks/uncertainty.py dogs RUN --features efficientnet-lite0 --size 64 --out DIR

REAL is a large set of real images and FAKE a run that draws as many. Disjoint subsets of N and N
images repeat the experiment: their distances scatter by the true standard deviation, which the
estimates from single subsets are held against. "same law" compares real subsets with each other.

Writes uncertainty.json, and curve.png: the distance over N, with the floor.
"""

import argparse
import json
import statistics as stats

from pathlib import Path

import torch

from matplotlib.figure import Figure
from torch import Tensor

import genlab.data

from genlab.common import atomic
from genlab.common.progress import Progress
from genlab.common.rng import generator
from genlab.features.extractors import FeatureExtractors
from genlab.fid.generated import of_run
from genlab.figures.style import save
from genlab.metrics.frechet_distance import frechet_distance
from genlab.metrics.jackknife import frechet_jackknife
from genlab.metrics.resampling import Subsets, permutation_null

REPETITIONS = 16
SINGLE = 5
RESAMPLES = 25
SIZES = (30, 50, 100, 200, 300, 500, 1000, 2000, 4000)


def parts(z: Tensor, n: int, seed: int) -> list[Tensor]:
    """Returns up to `REPETITIONS` disjoint random subsets of n rows."""
    order = torch.randperm(len(z), generator=generator(seed, "parts"))
    return [z[p] for p in order.split(n) if len(p) == n][:REPETITIONS]


def single(x: Tensor, y: Tensor, seed: int) -> dict[str, float]:
    """Every way to get an error from one pair of subsets."""
    subsets, n = Subsets(x, y), len(x)
    random = generator(seed, "single")

    def draw(count: int, again: bool) -> list[float]:
        found = []
        for _ in range(RESAMPLES):
            rows = [
                torch.randint(n, (count,), generator=random) if again
                else torch.randperm(n, generator=random)[:count]
                for _ in range(2)
            ]  # fmt: skip
            found.append(subsets.distance(subsets.x[rows[0]], subsets.y[rows[1]]))
        return found

    bootstrap, half = draw(n, True), draw(n // 2, False)
    known = frechet_jackknife(x, y)
    null = permutation_null(subsets, known.value, random, 100)
    return {
        "value": known.value, "bootstrap_mean": stats.mean(bootstrap),
        "bootstrap_min": min(bootstrap), "bootstrap_sd": stats.stdev(bootstrap),
        "half_sd": stats.stdev(half), "jackknife": known.error, "null_mean": null.mean,
        "p": null.p,
    }  # fmt: skip


def case(left: list[Tensor], right: list[Tensor]) -> dict[str, float]:
    """The truth over repetitions, beside the mean of what single pairs say."""
    values = []
    pairs = list(zip(left, right))
    with Progress(len(pairs) + SINGLE * 20, "repeating", "steps") as progress:
        for x, y in pairs:
            values.append(frechet_distance(x, y))
            progress.advance()
        found = []
        for index, (x, y) in enumerate(pairs[:SINGLE]):
            found.append(single(x, y, index))
            progress.advance(20)
    truth = {"repetitions": len(values), "mean": stats.mean(values), "sd": stats.stdev(values)}
    return truth | {key: stats.mean(f[key] for f in found) for key in found[0]}


def curve(real: Tensor, fake: Tensor) -> dict[str, list[float]]:
    """Distances at growing N, each the mean of up to five random pairs."""
    sizes = [n for n in SIZES if 2 * n <= min(len(real), 2 * len(fake))]
    rows: dict[str, list[float]] = {"n": list(map(float, sizes)), "same": [], "fake": []}
    with Progress(len(sizes), "growing N", "sizes") as progress:
        for n in sizes:
            same, other = [], []
            for draw in range(5 if n <= 500 else 2):
                order = torch.randperm(len(real), generator=generator(draw, "curve", n))
                chosen = torch.randperm(len(fake), generator=generator(draw, "fakes", n))[:n]
                same.append(frechet_distance(real[order[:n]], real[order[n : 2 * n]]))
                other.append(frechet_distance(real[order[:n]], fake[chosen]))
            rows["same"].append(stats.mean(same))
            rows["fake"].append(stats.mean(other))
            progress.advance()
    return rows


def drawn(rows: dict[str, list[float]], label: str, features: int) -> Figure:
    figure = Figure(figsize=(4.6, 3.2), dpi=150, layout="constrained")
    axes = figure.subplots()
    axes.plot(rows["n"], rows["fake"], "o-", label="generated to real")
    axes.plot(rows["n"], rows["same"], "s--", color="grey", label="real to real (floor)")
    axes.axvline(features, color="tab:red", lw=0.8, ls=":")
    axes.set(xscale="log", xlabel="images in each set, N", ylabel=label, ylim=(0, None))
    late = features > rows["n"][len(rows["n"]) // 2]
    axes.text(
        features, 0.5 if late else 0.35, f" N = F = {features} ", fontsize=7,
        ha="right" if late else "left", transform=axes.get_xaxis_transform(), color="tab:red",
    )  # fmt: skip
    axes.legend(frameon=False, fontsize=8, loc="lower left" if late else "upper right")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("real")
    parser.add_argument("fake", type=Path)
    parser.add_argument("--features", default="efficientnet-lite0")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    extractors, pictures = FeatureExtractors(), genlab.data.images(options.real, options.size)
    extractor = extractors[options.features]
    real = extractors.features(extractor, pictures)
    fakes = of_run(options.fake, min(len(real), REPETITIONS * options.n), 0, size=options.size)
    fake = extractors.features(extractor, fakes)
    groups = parts(real, options.n, 0)
    half = len(groups) // 2
    result = {
        "real": pictures.identity.name, "n": options.n,
        "identity": extractor.identity,
        "generated": case(groups, parts(fake, options.n, 1)),
        "same law": case(groups[:half], groups[half : 2 * half]),
        "curve": curve(real, fake),
    }
    atomic.write_json(options.out / "uncertainty.json", result)
    figure = drawn(result["curve"], extractor.label, real.shape[1])
    save(figure, options.out / "curve.png")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
