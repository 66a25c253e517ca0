"""How fast GANs train, beside others' steps, in one run; and how soon they reach a quality.

    GENLAB_DATA=... python benchmarks/gan.py [--size 64] [--rounds 5] [--steps 8] [--threads 2]
    GENLAB_DATA=... python benchmarks/gan.py --to-quality [--distance 1.0] [--minutes 30]
    GENLAB_DATA=... python benchmarks/gan.py --gpu [--steps 100] [--batches 16 64]

One process, the same threads, float32, the same images (and, where the trial of
`genlab.compute.precision` finds bf16 worth it on this machine, genlab's recipes in bf16 too, as
`--precision auto` would train them); every round runs each contender for some steps, in turn, so
that a ratio compares what ran within the same minute. A ratio stands with its smallest, median
and largest value over the rounds. A step is one update of both players and of the average. The
others are restated from their papers and documents in plain PyTorch (`gan_peer_*.py`); they get
their reals as floating-point tensors, genlab as uint8. Speeds are images a second: the batch over
the seconds of a step.

Time to quality: each contender in turn trains `--every` epochs of all images, then is measured;
it is done when the Fréchet distance of its fakes to all the reals, over the 768 features of FID
Inception (Mixed_6e, preprocessed as by pytorch-fid), is at most `--distance`, and gives up after
`--minutes`. Its seconds are those of its steps; what drawing and measuring take is not counted.
Each is one seed.

On a GPU: genlab's recipes alone, at 64 and 128 pixels, in float32, bf16 and bf16 compiled, with
the images on the GPU. Each is warmed up (and compiled) first; every round ends with a copy to the
processor, so the clock sees all of it. Without a GPU nothing is measured.
"""

import argparse
import statistics
import sys
import time

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from gan_peer import Peer
from gan_peer_dcgan import DCGAN
from gan_peer_lightweight import LightweightGAN
from gan_peer_prototype import Prototype
from kept import keep
from torch import Tensor

import genlab.data

from genlab.common.errors import InputError
from genlab.compute.hardware import CPU, Hardware, device_context, resolve_hardware, stored
from genlab.configs.gan import RECIPES
from genlab.configs.hardware import HardwareConfig
from genlab.data.image_set import load_images
from genlab.features.extractors import FeatureExtractors
from genlab.gan.designs import Projected
from genlab.gan.sampling import draw
from genlab.gan.training.compile import compile_players
from genlab.gan.training.players import build_players
from genlab.gan.training.step import train_step
from genlab.metrics.frechet_distance import frechet_distance

OURS = ("projected", "scratch", "dcgan")
WARM = 2
"""Steps of each contender before the first round: they allocate."""

SLOW = "lightweight"
SLOW_STEPS = 4
"""Steps a round of the contender whose step takes seconds: one of four has its penalty."""

NETWORK = "inception-768"


class Contender(NamedTuple):
    batch: int
    step: Callable[[Tensor], None]
    """Updates both players on these rows of the images."""
    sample: Callable[[int], Tensor]
    """Draws so many images, uint8."""


def ours(recipe: str, size: int, images: Tensor, on: Hardware = CPU) -> Contender:
    config = RECIPES[recipe]("dogs", size=size)
    players, number = build_players(config, hardware=on), iter(range(sys.maxsize))
    return Contender(
        config.batch, lambda rows: train_step(players, config, images[rows], next(number)),
        lambda n: draw(players.average, config, n, 0, "benchmark"),
    )  # fmt: skip


def theirs(peer: Peer, batch: int, reals: Tensor) -> Contender:
    return Contender(batch, lambda rows: peer.step(reals[rows]), peer.sample)


def contenders(options: argparse.Namespace, images: Tensor) -> dict[str, Contender]:
    """Builds those that `--only` names; all if it names none."""
    size, reals = options.size, images.float() / 127.5 - 1
    batch = RECIPES["dcgan"]("dogs").batch
    feature_size = Projected().feature_side(size)
    makers: dict[str, Callable[[], Contender]] = {
        f"genlab {recipe}": lambda recipe=recipe: ours(recipe, size, images) for recipe in OURS
    }
    short = resolve_hardware(HardwareConfig(device="cpu", precision="auto"))
    if short != CPU:
        makers |= {
            f"genlab {recipe}, bf16": lambda recipe=recipe: ours(recipe, size, images, short)
            for recipe in OURS
        }
    for b in (batch, 64):
        makers[f"DCGAN example, batch {b}"] = lambda b=b: theirs(DCGAN(size), b, reals)
    makers["lightweight-gan-like, batch 16"] = lambda: theirs(LightweightGAN(size), 16, reals)
    makers["projected prototype, batch 16"] = lambda: theirs(
        Prototype(size, feature_size), 16, reals
    )
    chosen = options.only or [""]
    return {name: make() for name, make in makers.items() if any(c in name for c in chosen)}


# Speed


def step_speeds(options: argparse.Namespace) -> dict[str, Any]:
    """Runs the rounds; returns speeds and ratios."""
    images = load_images(options.dogs, options.size, 256).images
    field = contenders(options, images)
    for contender in field.values():
        seconds_of(contender, len(images), WARM)
    speeds: dict[str, list[float]] = {name: [] for name in field}
    for index in range(options.rounds):
        for name, contender in field.items():
            steps = min(options.steps, SLOW_STEPS) if SLOW in name else options.steps
            seconds = seconds_of(contender, len(images), steps)
            speeds[name].append(steps * contender.batch / seconds)
        print(f"round {index + 1}/{options.rounds}", file=sys.stderr)
    ratios = {
        mine: {
            other: spread([a / b for a, b in zip(speeds[mine], speeds[other])])
            for other in speeds if not other.startswith("genlab")
        }
        for mine in speeds if mine.startswith("genlab")
    }  # fmt: skip
    table = {
        name: {"batch": field[name].batch, "images_per_second": spread(speeds[name])}
        for name in field
    }
    return {
        "size": options.size, "rounds": options.rounds, "steps": options.steps,
        "speeds": table, "ratios": ratios,
    }  # fmt: skip


def seconds_of(contender: Contender, images: int, steps: int) -> float:
    began = time.perf_counter()
    for _ in range(steps):
        contender.step(torch.randint(images, (contender.batch,)))
    return time.perf_counter() - began


def spread(values: list[float]) -> dict[str, float]:
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def show_speeds(result: dict[str, Any]) -> None:
    for name, entry in result["speeds"].items():
        s = entry["images_per_second"]
        print(f"{name:34} {s['median']:8.2f} images/s  ({s['min']:.2f} to {s['max']:.2f})")
    for mine, others in result["ratios"].items():
        for other, r in others.items():
            print(f"{mine:22} / {other:34} x{r['median']:.2f}  ({r['min']:.2f} to {r['max']:.2f})")


# On a GPU

WAYS = {
    "float32": HardwareConfig(device="cuda"),
    "bf16": HardwareConfig(device="cuda", precision="bf16"),
    "bf16, compiled": HardwareConfig(device="cuda", precision="bf16", compile=True),
}
GPU_SIZES, GPU_WARM = (64, 128), 12


def gpu_speeds(options: argparse.Namespace) -> dict[str, Any]:
    """Times genlab's recipes on a GPU, at each size, batch and way."""
    if not torch.cuda.is_available():
        sys.exit("benchmarks/gan.py --gpu: no GPU here; nothing was measured, nothing is kept")
    rows = []
    for size in GPU_SIZES:
        images = load_images(options.dogs, size, 256).images
        for recipe in OURS:
            for batch in options.batches:
                for way, running in WAYS.items():
                    try:
                        speeds = gpu_rounds(options, recipe, batch, images, running)
                    except InputError as error:  # compiled, it is another network
                        print(f"{size} {recipe} {batch} {way}: {error}", flush=True)
                        continue
                    row = {"size": size, "recipe": recipe, "batch": batch, "way": way,
                           "images_per_second": spread(speeds)}  # fmt: skip
                    print(row, flush=True)
                    rows.append(row)
    return {"gpu": torch.cuda.get_device_name(), "rounds": options.rounds,
            "steps": options.steps, "rows": rows}  # fmt: skip


def gpu_rounds(
    options: argparse.Namespace, recipe: str, batch: int, images: Tensor, running: HardwareConfig
) -> list[float]:
    """Returns the images a second of each round."""
    torch.compiler.reset()  # one network's graphs do not count against another's limit
    on, number = resolve_hardware(running), iter(range(sys.maxsize))
    config = replace(RECIPES[recipe]("dogs", size=images.shape[2]), batch=batch)
    with device_context(on):
        players, kept = build_players(config, hardware=on), stored(images, on.device)
        if on.compile:
            compile_players(players, config)

        def step(rows: Tensor) -> None:
            train_step(players, config, kept[rows.to(kept.device)], next(number))

        contender = Contender(batch, step, lambda n: draw(players.average, config, n, 0, "b"))
        seconds_of(contender, len(images), GPU_WARM)
        return [
            options.steps * batch / seconds_of(contender, len(images), options.steps)
            for _ in range(options.rounds)
        ]


# Time to quality


class Course:
    """A contender's way to the quality: epochs, seconds, distances."""

    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        self.points: list[dict[str, float]] = []
        self.seconds = 0.0

    def epoch(self, images: int) -> None:
        """Trains on every image once."""
        for rows in torch.randperm(images).split(self.contender.batch):
            began = time.perf_counter()
            self.contender.step(rows)
            self.seconds += time.perf_counter() - began


def to_quality(options: argparse.Namespace, told: Callable[[dict[str, Any]], None]) -> None:
    """Trains and measures, some epochs at a time; hands over what there is after each."""
    found = load_images(options.dogs, options.size, options.images)
    extractors = FeatureExtractors(precision=options.precision)
    extractor = extractors[NETWORK]
    real = extractors.features(extractor, genlab.data.images(found.images, name="reals")).double()

    def distance(fakes: Tensor) -> float:
        found = torch.cat([extractor(part) for part in fakes.split(32)])
        return float(frechet_distance(real, found.double()))

    courses = {name: Course(c) for name, c in contenders(options, found.images).items()}
    running = dict(courses)
    while running:
        for name, course in list(running.items()):
            for _ in range(options.every):
                course.epoch(len(found.images))
            value = distance(course.contender.sample(options.fakes))
            epoch = options.every * (len(course.points) + 1)
            course.points.append({"epoch": epoch, "seconds": course.seconds, "distance": value})
            line = f"{name:34} epoch {epoch:3}  {course.seconds:7.1f} s  FD-768 {value:.3f}"
            print(line, flush=True)
            reached = value <= options.distance
            if reached or course.seconds > 60 * options.minutes:
                del running[name]
            told({
                "network": extractor.identity, "data": found.identity.name,
                "sha256": found.identity.sha256, "reals": len(found.images),
                "fakes": options.fakes, "size": options.size, "distance": options.distance,
                "minutes": options.minutes,
                "seconds": {n: seconds_to(c, options.distance) for n, c in courses.items()},
                "courses": {n: c.points for n, c in courses.items()},
            })  # fmt: skip


def seconds_to(course: Course, distance: float) -> float | None:
    """Returns the seconds of training until the distance; None if it is not reached."""
    reached = [p["seconds"] for p in course.points if p["distance"] <= distance]
    return reached[0] if reached else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dogs", default="dogs", help="SOURCE of the images")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8, help="a multiple of 4: of lazy penalties")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="*", help="parts of contenders' names")
    parser.add_argument("--to-quality", action="store_true")
    parser.add_argument("--gpu", action="store_true", help="genlab's recipes on a GPU")
    parser.add_argument("--batches", type=int, nargs="*", default=[16, 64], help="with --gpu")
    parser.add_argument("--distance", type=float, default=1.0)
    parser.add_argument("--minutes", type=float, default=30.0, help="of training, each")
    parser.add_argument("--every", type=int, default=1, help="epochs between two measurements")
    parser.add_argument("--precision", default="float32", help="of the network that measures")
    parser.add_argument("--fakes", type=int, default=1000)
    parser.add_argument("--images", type=int, help="train on the first so many images only")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/gan.json"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    part = "quality" if options.to_quality else "steps"
    part += "" if options.size == 64 else f"_{options.size}"

    if options.to_quality:
        to_quality(options, lambda result: keep(options.out, result, part))
        return
    if options.gpu:
        keep(options.out, gpu_speeds(options), "gpu")
        return
    result = step_speeds(options)
    show_speeds(result)
    keep(options.out, result, part)


if __name__ == "__main__":
    main()
