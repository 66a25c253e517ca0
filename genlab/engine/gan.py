"""Trains a GAN into a run directory.

A run leaves, beside what every run leaves,

    samples/epoch_010/00.png ...        ten images of the averaged generator, always of the same
                                        latents, at each snapshot
    snapshots/epoch_010.safetensors     that generator
    generator.safetensors               the last of them
    best.safetensors                    the one nearest to the held-out images, where there are
                                        some; "best_epoch" in results.json says which
    progress/epoch_005.png              64 images, of the same latents each time it is measured
    events.jsonl                        what went wrong, if anything did (`gan_course`)

An epoch's line in metrics.jsonl has "measured" where it was measured (`gan_watch`).

Shapes: N images, B batch, Z latent dimensions, S pixels a side.
"""

__all__ = ["SAMPLES", "Sides", "sides", "train_gan"]

import math
import time

from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch

from torch import Tensor, nn

from genlab import atomic
from genlab.data.held_out import copies, held_out
from genlab.data.identity import Identity
from genlab.data.images import load_images
from genlab.engine.gan_course import Course
from genlab.engine.gan_sample import draw
from genlab.engine.gan_watch import Watch, epochs_to_measure, grid
from genlab.engine.players import build_players, play
from genlab.engine.processes import gather_text, rank, wait, world_size
from genlab.engine.progress import Progress, say
from genlab.engine.rng import generator
from genlab.engine.run import Run, open_run
from genlab.errors import InputError
from genlab.recipes.gan import GanConfig

SAVE_EVERY_S = 60.0

SAMPLES = 10
"""Images drawn at each snapshot."""

FEWEST = 16
"""Images that a GAN may be trained on at least."""

FEWEST_HELD_OUT = 10
"""Below, nothing can be said from the images held out."""

SPLIT_SEED = 0
"""The same images are held out of every run on a set, so that runs compare."""

SUMS = ("loss_discriminator", "loss_generator", "score_real", "score_fake")


def train_gan(config: GanConfig, out: Path) -> dict[str, Any]:
    """Trains into `out` (or goes on there) and returns the results.

    A run stopped at any moment and started again ends with the same weights, bit for bit on the
    same machine. Under `torchrun` all processes call this: they share each batch, the first one
    writes.

    Raises:
        InputError: If the images or `out` cannot be used.
        FloatingPointError: If training diverges again and again; the last good state stays.
    """
    if config.batch < world_size():
        raise InputError(f"--batch {config.batch}: for {world_size()} processes; start fewer")
    dogs = load_images(config.dogs, config.size, config.images, config.crop)
    images = sides(dogs.images, config)
    run = _open(out, config, dogs.identity)
    if run.done:
        return run.results
    epochs = epochs_to_measure(config, len(images.train))
    watch = Watch(config, *images) if epochs else None
    course = Course(config, run, build_players(config), len(SUMS))
    _fit(course, images.train, watch, epochs)
    if rank() == 0:
        average = course.players.average
        atomic.write_tensors(out / "generator.safetensors", average.state_dict())
        if course.best_epoch:
            atomic.write_tensors(out / "best.safetensors", course.best.state_dict())
        run.finish(_results(course, images, watch) | {"data": asdict(dogs.identity)})
        run.drop_state()
    wait()
    return run.results


def _open(out: Path, config: GanConfig, identity: Identity) -> Run:
    """Opens the run in the first process, then in the others."""
    problem, run = "", None
    if rank() == 0:
        try:
            run = open_run(out, "gan", config, {"dogs": identity})
        except InputError as error:
            problem = str(error)
    (problem, *_) = gather_text(problem)
    if problem:
        raise InputError(problem)
    return run or Run(out)


class Sides(NamedTuple):
    """The images of a run."""

    train: Tensor
    """Those learned from, uint8 with shape `(N, 3, S, S)`."""
    held_out: Tensor | None
    """Those kept from it, with shape `(H, 3, S, S)`."""


def sides(images: Tensor, config: GanConfig) -> Sides:
    """Sets images aside, as `config.held_out` says, and no copy of one that is learned from.

    Raises:
        InputError: If too few are left to learn from.
    """
    if len(images) < FEWEST:
        raise InputError(
            f"{config.dogs}: {len(images)} images; a GAN needs at least {FEWEST}, better 300"
        )
    if round(config.held_out * len(images)) < FEWEST_HELD_OUT:
        return Sides(images, None)
    try:
        kept = held_out(len(images), SPLIT_SEED, copies(images), config.held_out)
    except InputError as error:
        raise InputError(f"{config.dogs}: {error}; or hold out none: --held-out 0") from None
    if len(kept) < FEWEST_HELD_OUT:  # large groups of copies did not fit
        say(f"note: {config.dogs}: too many copies to hold images out; nothing is")
        return Sides(images, None)
    learned = torch.ones(len(images), dtype=torch.bool)
    learned[kept] = False
    if learned.sum() < FEWEST:
        raise InputError(
            f"{config.dogs}: {int(learned.sum())} images to learn from beside {len(kept)} held "
            f"out; a GAN needs at least {FEWEST}: give more, or --held-out 0"
        )
    return Sides(images[learned], images[kept])


def _fit(course: Course, images: Tensor, watch: Watch | None, measured: frozenset[int]) -> None:
    """Trains from where `course` is to the end."""
    config = course.config
    steps = math.ceil(len(images) / config.batch)

    def seen() -> int:
        return course.step // steps * len(images) + course.step % steps * config.batch

    with Progress(config.epochs * len(images), "GAN", "images", seen()) as progress:
        while course.step < config.epochs * steps:
            try:
                sums, began, done = course.sums, time.monotonic(), seen()
                _play_epoch(course, images, progress)
                course.check()
                epoch = course.step // steps
                record = {
                    "step": course.step, "epoch": epoch,
                    **dict(zip(SUMS, (sums / steps).tolist())),
                    "images_per_second": round((seen() - done) / (time.monotonic() - began), 2),
                    "seconds": round(course.clock.seconds, 1),
                }
                if rank() == 0:
                    _end_epoch(course, record, watch if epoch in measured else None)
                sums.zero_()
                progress.advance(0, f"epoch {epoch}/{config.epochs}")
                course.save_if_due(SAVE_EVERY_S)
            except FloatingPointError as error:
                place = f"after step {course.step} ({course.step / steps:.2f} epochs)"
                course.go_back(f"{error} {place}")
                progress.advance(seen() - progress.done)


def _play_epoch(course: Course, images: Tensor, progress: Progress) -> None:
    """Plays what is left of an epoch."""
    config = course.config
    steps = math.ceil(len(images) / config.batch)
    epoch, first = divmod(course.step, steps)
    order = torch.randperm(len(images), generator=generator(config.seed, "order", epoch))
    for rows in order.split(config.batch)[first:]:
        course.sums += play(course.players, config, images[rows], course.step)
        course.step += 1
        progress.advance(len(rows))
        if course.step % steps:  # an epoch's last step is saved with what is measured after it
            course.save_if_due(SAVE_EVERY_S)


def _end_epoch(course: Course, record: dict[str, Any], watch: Watch | None) -> None:
    """Writes what an epoch leaves; `watch` measures, if it is given."""
    epoch = record["epoch"]
    if epoch in course.config.snapshots:
        _keep_snapshot(course.run, course.config, course.players.average, epoch)
    if watch:
        record |= _measure(course, watch, epoch)
    course.run.log(record)


def _measure(course: Course, watch: Watch, epoch: int) -> dict[str, Any]:
    """Measures, shows and judges the generator of an epoch."""
    began = time.monotonic()
    found, fakes = watch.measure(course.players)
    path = course.run.path / "progress" / f"epoch_{epoch:03d}.png"
    atomic.write_png(path, grid(fakes).numpy())
    first = found["distances"][0]
    parts = [f"{first['label']} {first['train']:.4g} to training images (real ones "
             f"{first['floor_train']:.4g})"]  # fmt: skip
    if first["held_out"] is not None:
        parts.append(f"{first['held_out']:.4g} to held-out ones ({first['floor_held_out']:.4g})")
    parts.append(f"{found['diversity']:.0%} of the real images' variety")
    if found["overfit"] is not None:
        parts.append(f"over-fit {found['overfit']:.2f}")
    say(f"epoch {epoch}/{course.config.epochs}: {', '.join(parts)}")
    course.judge(found, epoch)
    return {"measured": found, "measure_seconds": round(time.monotonic() - began, 2)}


def _results(course: Course, images: Sides, watch: Watch | None) -> dict[str, Any]:
    """What results.json says, but for the data."""
    config, players, count = course.config, course.players, len(images.train)
    seconds = course.clock.seconds
    projected = config.recipe == "projected"
    return {
        "kind": "gan",
        "recipe": config.recipe,
        "size": config.size,
        "epochs": config.epochs,
        "images": count,
        "held_out": 0 if images.held_out is None else len(images.held_out),
        "batch": config.batch,
        "seconds": round(seconds, 1),
        "images_per_second": round(config.epochs * count / seconds, 2),
        "parameters_generator": sum(p.numel() for p in players.generator.parameters()),
        "parameters_discriminator": sum(p.numel() for p in players.discriminator.parameters()),
        "snapshots": list(config.snapshots),
        "looks_through": "EfficientNet-Lite0 (ImageNet)" if projected else None,
        "best_epoch": course.best_epoch,
        "measured_with": watch.networks if watch else [],
        "memorisation": watch.memorised(players.average) if watch else None,
        "events": course.events,
    }


def _keep_snapshot(run: Run, config: GanConfig, average: nn.Module, epoch: int) -> None:
    """Keeps the averaged generator of an epoch, and what it makes of the ten latents."""
    name = f"epoch_{epoch:03d}"
    atomic.write_tensors(run.path / "snapshots" / f"{name}.safetensors", average.state_dict())
    for index, image in enumerate(draw(average, config, SAMPLES, config.seed, "snapshot")):
        path = run.path / "samples" / name / f"{index:02d}.png"
        atomic.write_png(path, image.permute(1, 2, 0).contiguous().numpy())
