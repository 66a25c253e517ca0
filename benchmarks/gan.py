"""How fast GANs train, beside others' steps, in one run; and how soon they reach a quality.

    python benchmarks/gan.py [--size 64] [--rounds 5] [--steps 8] [--threads 2]

One process, the same threads, float32, the same images; every round runs each contender for some
steps, in turn, so that a ratio compares what ran within the same minute. A ratio stands with its
smallest, median and largest value over the rounds. A step is one update of both players and of
the average. The others are restated from their papers and documents in plain PyTorch
(`gan_peers.py`); they get their reals as floating-point tensors, genlab as uint8.

Speeds are images a second: the batch over the seconds of a step.
"""

import argparse
import json
import statistics
import sys
import time

from collections.abc import Callable
from pathlib import Path

import torch

from gan_peers import DCGAN, LightweightGAN, Peer, Prototype
from torch import Tensor

from genlab.data.images import load_images
from genlab.engine import environment
from genlab.engine.players import build_players, play
from genlab.recipes.gan import RECIPES

OURS = ("projected", "scratch", "dcgan")
WARM = 2
"""Steps of each contender before the first round: they allocate."""

SLOW = "lightweight"
SLOW_STEPS = 4
"""Steps a round of the contender whose step takes seconds: one of four has its penalty."""

Take = Callable[[int], None]
"""Takes so many steps."""


def ours(recipe: str, size: int, images: Tensor) -> tuple[Take, int]:
    config = RECIPES[recipe]("dogs", size=size)
    players, done = build_players(config), iter(range(sys.maxsize))

    def take(steps: int) -> None:
        for _ in range(steps):
            play(players, config, next_batch(images, config.batch), next(done))

    return take, config.batch


def theirs(peer: Peer, batch: int, images: Tensor) -> tuple[Take, int]:
    reals = images.float() / 127.5 - 1

    def take(steps: int) -> None:
        for _ in range(steps):
            peer.step(next_batch(reals, batch))

    return take, batch


def next_batch(images: Tensor, batch: int) -> Tensor:
    return images[torch.randint(len(images), (batch,))]


def contenders(size: int, images: Tensor, feature_size: int) -> dict[str, tuple[Take, int]]:
    found = {f"genlab {r}": ours(r, size, images) for r in OURS if r in RECIPES}
    batches = sorted({64, *(batch for _, batch in found.values())})
    found |= {f"DCGAN example, batch {b}": theirs(DCGAN(size), b, images) for b in batches}
    found["lightweight-gan-like, batch 16"] = theirs(LightweightGAN(size), 16, images)
    prototype = Prototype(size, feature_size)
    found["projected prototype, batch 16"] = theirs(prototype, 16, images)
    return found


def step_speeds(options: argparse.Namespace) -> dict[str, object]:
    """Runs the rounds; returns speeds and ratios."""
    images = load_images(options.dogs, options.size, 256).images
    feature_size = RECIPES["projected"]("dogs", size=options.size).feature_size or 96
    field = {
        name: entry for name, entry in contenders(options.size, images, feature_size).items()
        if not options.only or any(part in name for part in options.only)
    }  # fmt: skip
    for take, _ in field.values():
        take(WARM)
    speeds: dict[str, list[float]] = {name: [] for name in field}
    for index in range(options.rounds):
        for name, (take, batch) in field.items():
            steps = min(options.steps, SLOW_STEPS) if SLOW in name else options.steps
            began = time.perf_counter()
            take(steps)
            speeds[name].append(steps * batch / (time.perf_counter() - began))
        print(f"round {index + 1}/{options.rounds}", file=sys.stderr)
    ratios = {
        mine: {
            other: spread([a / b for a, b in zip(speeds[mine], speeds[other])])
            for other in speeds if not other.startswith("genlab")
        }
        for mine in speeds if mine.startswith("genlab")
    }  # fmt: skip
    table = {
        name: {"batch": field[name][1], "images_per_second": spread(speeds[name])}
        for name in field
    }
    return {
        "size": options.size, "feature_size": feature_size, "rounds": options.rounds,
        "steps": options.steps, "speeds": table, "ratios": ratios,
    }


def spread(values: list[float]) -> dict[str, float]:
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def show(result: dict[str, dict[str, dict[str, dict[str, float]]]]) -> None:
    for name, entry in result["speeds"].items():
        s = entry["images_per_second"]
        print(f"{name:34} {s['median']:8.2f} images/s  ({s['min']:.2f} to {s['max']:.2f})")
    for mine, others in result["ratios"].items():
        for other, r in others.items():
            print(f"{mine:18} / {other:34} x{r['median']:.2f}  ({r['min']:.2f} to {r['max']:.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dogs", default="dogs", help="SOURCE of the images")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8, help="a multiple of 4: of lazy penalties")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="*", help="parts of contenders' names")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/gan.json"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    head = environment.session() | {"command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])}
    result = step_speeds(options)
    show(result)  # pyright: ignore[reportArgumentType]
    options.out.write_text(json.dumps({"session": head, "steps": result}, indent=1) + "\n")


if __name__ == "__main__":
    main()
