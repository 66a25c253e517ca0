"""How fast this machine multiplies matrices of float32: by MKL, by oneDNN, and as genlab does.

    python benchmarks/products.py [--threads 2] [--rounds 20]

The products are those of a VAE's step (784-300-300), of its likelihood and of the plane's lattice:
value and the two derivatives, in turn; rates are the best of the rounds, in G multiply-adds a
second. The error is the largest beside float64, in roundings of the sum of the terms' sizes.
"""

import argparse
import time

from collections.abc import Callable
from pathlib import Path

import torch

from kept import keep

from genlab.numerics.linear import _product, wide

SHAPES = {
    "a batch into a layer": (128, 784, 300),
    "pseudo-inputs into a layer": (500, 784, 300),
    "draws out of a layer": (1000, 300, 784),
    "a batch at a lattice": (256, 784, 4096),
}
"""Rows, what is summed over, columns."""


def mkl(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return a @ b.T


def onednn(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return _product(a, b, None)


def seconds(product: Callable, a: torch.Tensor, b: torch.Tensor) -> float:
    began = time.perf_counter()
    for _ in range(20):
        product(a, b)
    return (time.perf_counter() - began) / 20


def error(found: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> float:
    a, b = a.double(), b.double()
    sizes = a.abs() @ b.abs().T
    return ((found - a @ b.T).abs() / sizes).max().item() / torch.finfo(torch.float32).eps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/products.json"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cases = {}
    for name, (rows, inner, columns) in SHAPES.items():
        x, weight = torch.randn(rows, inner), torch.randn(columns, inner)
        upstream = torch.randn(rows, columns)
        for part, (a, b) in {
            "value": (x, weight),
            "derivative in x": (upstream, weight.T),
            "derivative in the weight": (upstream.T, x.T),
        }.items():
            best = dict.fromkeys((mkl, onednn), float("inf"))
            for _ in range(options.rounds):
                for product in best:
                    best[product] = min(best[product], seconds(product, a, b))
            work = rows * inner * columns / 1e9
            row = {p.__name__: work / least for p, least in best.items()}
            row |= {f"{p.__name__}, roundings off": error(p(a, b), a, b) for p in best}
            row["oneDNN / MKL"] = row["onednn"] / row["mkl"]
            cases[f"{name}, {part}"] = row
            print(f"{name:28} {part:26}", "  ".join(f"{k} {v:.3g}" for k, v in row.items()))
    keep(options.out, {"threads": options.threads, "genlab takes oneDNN": wide(), "cases": cases})


if __name__ == "__main__":
    main()
