"""Trains a GAN into a run directory.

A run leaves, beside what every run leaves,

    samples/epoch_010/00.png ...        ten images of the averaged generator, always of the same
                                        latents, at each snapshot
    snapshots/epoch_010.safetensors     that generator
    generator.safetensors               the last of them
    classes.json                        with classes: their names, counts and every image's
    best.safetensors                    the one nearest to the held-out images, where there are
                                        some; "best_epoch" in results.json says which
    progress/epoch_005.png              64 images, of the same latents each time it is measured
    events.jsonl                        what went wrong, if anything did (`course.py`)

An epoch's line in metrics.jsonl has "measured" where it was measured (`watch.py`).

Shapes: N images, B batch, Z latent dimensions, S pixels a side.
"""

__all__ = ["SAMPLES", "fit", "train_gan"]

import copy
import math
import time

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from torch import nn

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.progress import Progress, say
from genlab.common.rng import generator
from genlab.compute.distributed import barrier, gather_text, rank, world_size
from genlab.compute.hardware import CPU, Hardware, device_context, rows_on, stored
from genlab.configs.gan import GanConfig
from genlab.data.classes import Classes
from genlab.data.identity import Identity
from genlab.data.images import load_images
from genlab.gan.classes import find_classes, keep_classes
from genlab.gan.compile import compile_players
from genlab.gan.monitor import Watch, epochs_to_measure, grid
from genlab.gan.players import build_players
from genlab.gan.rollback import Course
from genlab.gan.sample import draw
from genlab.gan.split import Sides, refuse_within, sides
from genlab.gan.step import play
from genlab.runs.checkpoints import gan_kept, keep_if_due
from genlab.runs.lock import run_lock
from genlab.runs.run import BEGINNING, Run, open_run

SAVE_EVERY_S = 60.0

SAMPLES = 10
"""Images drawn at each snapshot."""

SUMS = ("loss_discriminator", "loss_generator", "score_real", "score_fake")


def train_gan(config: GanConfig, out: Path, on: Hardware = CPU) -> dict[str, Any]:
    """Trains into `out` (or goes on there) and returns the results.

    A run stopped at any moment and started again ends with the same weights, bit for bit on the
    processor of one machine; it may go on on other hardware. Under `torchrun` all processes call
    this: they share each batch, the first one writes.

    Raises:
        InputError: If the images or `out` cannot be used, or others train there.
        FloatingPointError: If training diverges again and again; the last good state stays.
    """
    if config.batch < world_size():
        raise InputError(f"--batch {config.batch}: for {world_size()} processes; start fewer")
    dogs = load_images(config.data, config.size, config.images, config.crop)
    refuse_within(config.data, out)
    classes, data = find_classes(config, dogs, out), {"images": dogs.identity}
    if classes is not None:
        data["classes"] = classes.identity(dogs.identity)
    images = sides(dogs.images, config, classes)
    with ExitStack() as stack:
        run = _open(out, config, data, on, stack)
        if not run.done:
            stack.enter_context(device_context(on))
            _train(config, run, images, on, dogs.identity)
            barrier()
        return run.results


def _train(
    config: GanConfig, run: Run, images: Sides, on: Hardware, identity: Identity
) -> None:
    """Trains to the end of an opened run, and finishes it."""
    out, classes = run.path, images.classes
    if classes is not None and rank() == 0:
        keep_classes(out, classes)
    epochs = epochs_to_measure(config, len(images.train))
    watch = Watch(config, images, on.device) if epochs else None
    players = build_players(config, classes.frequencies if classes else None, on)
    if on.compile:
        compile_players(players, config)
    course = Course(config, run, players, len(SUMS))
    images = images._replace(train=stored(images.train, on.device))
    fit(course, images, watch, epochs)
    if rank() == 0:
        average = course.players.average
        atomic.write_tensors(out / "generator.safetensors", average.state_dict())
        if course.best_epoch:
            atomic.write_tensors(out / "best.safetensors", course.best.state_dict())
        run.finish(_results(course, images, watch) | {"data": asdict(identity)})
        run.drop_state()


def _open(
    out: Path, config: GanConfig, data: dict[str, Identity], on: Hardware, stack: ExitStack
) -> Run:
    """Opens the run in the first process, for as long as `stack` lasts, then in the others."""
    problem, run = "", None
    if rank() == 0:
        try:
            stack.enter_context(run_lock(out))
            run = open_run(out, "gan", config, data, on.facts)
        except InputError as error:
            problem = str(error)
    (problem, *_) = gather_text(problem)
    if problem:
        raise InputError(problem)
    return run or Run(out)


def fit(
    course: Course, images: Sides, watch: Watch | None = None,
    measured: frozenset[int] = frozenset(),
) -> None:
    """Trains from where `course` is to the end; `watch` measures after the epochs `measured`."""
    config, count = course.config, len(images.train)
    steps = math.ceil(count / config.batch)

    def seen() -> int:
        return course.step // steps * count + course.step % steps * config.batch

    with Progress(config.epochs * count, "GAN", "images", seen()) as progress:
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
                    _end_epoch(course, images, record, watch if epoch in measured else None)
                sums.zero_()
                progress.advance(0, f"epoch {epoch}/{config.epochs}")
                if watch and epoch in measured:
                    course.settle(epoch)
                    progress.advance(seen() - progress.done)
                else:
                    course.save_if_due(SAVE_EVERY_S)
            except FloatingPointError as error:
                place = f"after step {course.step} ({course.step / steps:.2f} epochs)"
                course.fail(f"{error} {place}")
                progress.advance(seen() - progress.done)


def _play_epoch(course: Course, images: Sides, progress: Progress) -> None:
    """Plays what is left of an epoch."""
    config, count, labels = course.config, len(images.train), images.labels
    steps = math.ceil(count / config.batch)
    epoch, first = divmod(course.step, steps)
    order = torch.randperm(count, generator=generator(config.seed, "order", epoch))
    kept = gan_kept(config, count) if rank() == 0 else None
    for rows in order.split(config.batch)[first:]:
        of_rows = None if labels is None else labels[rows]
        real = rows_on(images.train, rows, course.players.on.device)
        parts = play(course.players, config, real, course.step, of_rows)
        course.sums += parts
        course.step += 1
        if course.step <= BEGINNING and rank() == 0:
            course.run.log_beginning({"step": course.step, **dict(zip(SUMS, parts.tolist()))})
        progress.advance(len(rows))
        players = course.players
        keep_if_due(course.run, kept, course.step, players.modules, players.optimisers)
        if course.step % steps:  # an epoch's last step is saved with what is measured after it
            course.save_if_due(SAVE_EVERY_S)


def _end_epoch(
    course: Course, images: Sides, record: dict[str, Any], watch: Watch | None
) -> None:
    """Writes what an epoch leaves; `watch` measures, if it is given."""
    epoch = record["epoch"]
    if epoch in course.config.snapshot_epochs:
        _keep_snapshot(course.run, course.config, course.players.average, epoch, images.classes)
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
    rest, part = first["floor_train_n"]
    parts = [f"{first['label']} {first['train']:.4g} to training images ({part} of them to the "
             f"other {rest}: {first['floor_train']:.4g})"]  # fmt: skip
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
        "snapshots": list(config.snapshot_epochs),
        "looks_through": "EfficientNet-Lite0 (ImageNet)" if projected else None,
        "classes": _facts_of(images.classes) if images.classes else None,
        "best_epoch": course.best_epoch,
        "measured_with": watch.networks if watch else [],
        "memorisation": watch.memorised(players.average) if watch else None,
        "events": course.events,
    }


def _facts_of(classes: Classes) -> dict[str, Any]:
    return {"by": classes.by, "names": list(classes.names), "counts": classes.counts}


def _keep_snapshot(
    run: Run, config: GanConfig, average: nn.Module, epoch: int, classes: Classes | None
) -> None:
    """Keeps the averaged generator of an epoch, and what it makes of the ten latents."""
    name = f"epoch_{epoch:03d}"
    atomic.write_tensors(run.path / "snapshots" / f"{name}.safetensors", average.state_dict())
    if next(average.parameters()).device.type != "cpu":  # as `gan sample` draws: the same bytes
        average = copy.deepcopy(average).cpu()
    images = draw(average, config, SAMPLES, config.seed, "snapshot", classes)
    for index, image in enumerate(images):
        path = run.path / "samples" / name / f"{index:02d}.png"
        atomic.write_png(path, image.permute(1, 2, 0).contiguous().numpy())
