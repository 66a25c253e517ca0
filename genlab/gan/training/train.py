"""Training of a GAN in a run directory.

Beside the files of every run, it holds

    samples/epoch_010/00.png ...        ten images of the averaged generator, always of the same
                                        latents, at each snapshot
    snapshots/epoch_010.safetensors     that generator
    generator.safetensors               the last of them
    classes.json                        with classes: their names, counts and every image's
    best.safetensors                    the one nearest to the held-out images, where there are
                                        some; "best_epoch" in results.json says which
    progress/epoch_005.png              64 images of each measurement, of the same latents
    events.jsonl                        what went wrong, if anything did (`state.py`)

A measured epoch's line in metrics.jsonl has "measured" (`monitor.py`).

Shapes: N images, B batch, Z latent dimensions, S pixels a side.
"""

__all__ = ["SAMPLES", "images_of", "train_gan", "train_gan_on", "train_loop"]

import copy
import json
import math
import time

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from torch import Tensor, nn

from genlab.common import atomic
from genlab.common.errors import InputError, TrainingError
from genlab.common.interrupt import held
from genlab.common.progress import Progress, say
from genlab.common.quantities import Measured
from genlab.common.rng import generator
from genlab.common.typed_json import to_json
from genlab.compute.distributed import barrier, gather_text, rank, world_size
from genlab.compute.hardware import CPU, Hardware, device_context, rows_on, stored
from genlab.configs.gan import GanConfig
from genlab.data.classes import Classes
from genlab.data.identity import Identity
from genlab.data.image_set import ImageSet
from genlab.gan.build import build_design, config_with
from genlab.gan.classes import find_classes, keep_classes
from genlab.gan.designs import Design
from genlab.gan.images import training_images
from genlab.gan.results import ClassCounts, Event, GanResults, read_gan_results
from genlab.gan.sampling import draw
from genlab.gan.split import Split, refuse_within, split_images
from genlab.gan.training.checkpoints import checkpoint_plan
from genlab.gan.training.compile import compile_players
from genlab.gan.training.monitor import Monitor, epochs_to_measure, grid
from genlab.gan.training.origin import (
    PLAYERS,
    begin,
    keep_origin,
    players_bytes,
    refuse_more_epochs,
)
from genlab.gan.training.players import build_players
from genlab.gan.training.probe import require_shapes
from genlab.gan.training.state import TrainingState
from genlab.gan.training.step import train_step
from genlab.runs.checkpoints import keep_if_due
from genlab.runs.lock import resumable, run_lock
from genlab.runs.run import BEGINNING, Run, open_run
from genlab.runs.seal import write_kept

SAVE_EVERY_S = 60.0

SAMPLES = 10
"""Images drawn at each snapshot."""

SUMS = ("loss_discriminator", "loss_generator", "score_real", "score_fake")


def train_gan(
    config: GanConfig, out: Path, hardware: Hardware = CPU, design: Design | None = None
) -> GanResults:
    """Trains on the images that `config.data` names, as `train_gan_on` does.

    Raises:
        InputError: If the images cannot be used, `out` lies among them, or as of `train_gan_on`.
        TrainingError: As of `train_gan_on`.
    """
    design = design or build_design(config)
    return train_gan_on(images_of(config, out), config, out, hardware, design)


def images_of(config: GanConfig, out: Path) -> ImageSet:
    """Loads the images that `config.data` names, for a run in `out`.

    Raises:
        InputError: If the images cannot be used, or `out` lies among them.
    """
    refuse_within(config.data, out)
    return training_images(config)


def train_gan_on(
    images: ImageSet, config: GanConfig, out: Path, hardware: Hardware = CPU,
    design: Design | None = None,
) -> GanResults:
    """Trains in `out`, or resumes there, and returns the results.

    A run stopped at any moment and started again ends with the same weights, bit for bit on the
    processor of one machine; it may be resumed on other hardware. Under `torchrun` all processes
    call this: they share each batch, the first one writes.

    Arguments:
        images: The images, of the side `config.size`.
        config: The configuration.
        out: The run directory.
        hardware: What the networks run on.
        design: The design; it takes the place of the one that the configuration names.

    Raises:
        InputError: If the images or `out` cannot be used, or another process trains there.
        TrainingError: If numbers are not finite, or the generator collapses, after three attempts
            with halved learning rates; the last good state stays.
    """
    if config.batch < world_size():
        raise InputError(f"`batch` {config.batch}: for {world_size()} processes; start fewer")
    if design is None:
        design = build_design(config)
    config = config_with(config, design)
    classes, data = find_classes(config, images, out), {"images": images.identity}
    if classes is not None:
        data["classes"] = classes.identity(images.identity)
    split = split_images(images.images, config, classes)
    if split.classes is not None:
        found = split.classes
        say(f"{config.data}: {len(found.names)} classes by {found.by}, with their training "
            f"images: {found.text()}")  # fmt: skip
    with resumable(out), ExitStack() as stack:
        run = _open(out, config, data, hardware, stack)
        if not run.done:
            stack.enter_context(device_context(hardware))
            _train(config, design, run, split, hardware, images.identity)
            barrier()
        return read_gan_results(run)


def _train(
    config: GanConfig, design: Design, run: Run, images: Split, hardware: Hardware,
    identity: Identity,
) -> None:
    """Trains to the end of an opened run, and finishes it."""
    out, classes = run.path, images.classes
    if classes is not None and rank() == 0:
        keep_classes(out, classes)
    epochs = epochs_to_measure(config, len(images.rows))
    monitor = Monitor(config, images, hardware.device) if epochs else None
    players = build_players(config, classes.frequencies if classes else None, hardware, design)
    require_shapes(players, config)
    if hardware.compile:
        compile_players(players, config)
    origin = begin(config, run, players)
    barrier()  # until all have looked whether the run has begun
    if origin is not None and rank() == 0:
        keep_origin(origin, run)
    state = TrainingState(config, run, players, len(SUMS), origin)
    images = images._replace(images=stored(images.images, hardware.device))
    train_loop(state, images, monitor, epochs)
    if rank() == 0:
        final = {
            "generator.safetensors": atomic.tensor_bytes(players.average.state_dict()),
            PLAYERS: players_bytes(players),
        }
        if state.best_epoch:
            final["best.safetensors"] = atomic.tensor_bytes(state.best.state_dict())
        write_kept(out, final)
        run.finish(to_json(_results(state, images, monitor, identity)))


def _open(
    out: Path, config: GanConfig, data: dict[str, Identity], hardware: Hardware,
    stack: ExitStack,
) -> Run:
    """Opens the run in the first process, for as long as `stack` lasts, then in the others."""
    problem, run = "", None
    if rank() == 0:
        try:
            stack.enter_context(run_lock(out))
            refuse_more_epochs(out, config)
            run = open_run(out, "gan", config, data, hardware.facts)
        except InputError as error:
            problem = str(error)
    (problem, *_) = gather_text(problem)
    if problem:
        raise InputError(problem)
    return run or Run(out)


def train_loop(
    state: TrainingState, images: Split, monitor: Monitor | None = None,
    measured: frozenset[int] = frozenset(),
) -> None:
    """Trains from `state` to the end; `monitor` measures after the epochs `measured`."""
    config, count = state.config, len(images.rows)
    steps = math.ceil(count / config.batch)

    def seen() -> int:
        return state.step // steps * count + state.step % steps * config.batch

    with held(), Progress(config.epochs * count, "GAN", "images", seen()) as progress:
        while state.step < config.epochs * steps:
            try:
                sums, began, done = state.sums, time.monotonic(), seen()
                _train_epoch(state, images, progress)
                state.check()
                epoch = state.step // steps
                record = {
                    "step": state.step, "epoch": epoch,
                    **dict(zip(SUMS, (sums / steps).tolist())),
                    "images_per_second": round((seen() - done) / (time.monotonic() - began), 2),
                    "seconds": round(state.clock.seconds, 1),
                }
                _end_epoch(state, images, record, monitor if epoch in measured else None)
                sums.zero_()
                progress.advance(0, f"epoch {epoch}/{config.epochs}")
                if monitor and epoch in measured:
                    state.after_measurement(epoch)
                    progress.advance(seen() - progress.done)
                state.save_if_due(SAVE_EVERY_S)
            except TrainingError as error:
                state.fail(error, steps)
                progress.advance(seen() - progress.done)
        if state.saved_step < state.step:
            state.save()  # what is measured at the end may be stopped


def _train_epoch(state: TrainingState, images: Split, progress: Progress) -> None:
    """Trains for the rest of an epoch."""
    config, count, labels = state.config, len(images.rows), images.labels
    steps = math.ceil(count / config.batch)
    epoch, first = divmod(state.step, steps)
    order = torch.randperm(
        count, generator=generator(config.seed, "order", state.epochs_before + epoch)
    )
    plan = checkpoint_plan(config, count) if rank() == 0 else None
    players = state.players
    for rows in order.split(config.batch)[first:]:
        real = rows_on(images.images, images.rows[rows], players.hardware.device)
        parts = train_step(
            players, config, real, state.steps_before + state.step,
            None if labels is None else labels[rows],
        )
        state.sums += parts
        state.step += 1
        if state.step <= BEGINNING and rank() == 0:
            state.run.log_beginning({"step": state.step, **dict(zip(SUMS, parts.tolist()))})
        progress.advance(len(rows))
        keep_if_due(state.run, plan, state.step, players.modules, players.optimisers)
        if state.step % steps:  # an epoch's last step is saved with what is measured after it
            state.save_if_due(SAVE_EVERY_S)


def _end_epoch(
    state: TrainingState, images: Split, record: dict[str, Any], monitor: Monitor | None
) -> None:
    """Writes an epoch's files and record, in the first process; errors are raised in all.

    Arguments:
        state: The training.
        images: Its images.
        record: The epoch's record.
        monitor: Measures, if it is given.

    Raises:
        TrainingError: If an image or a score is not finite.
    """
    problem = ["", ""]
    if rank() == 0:
        try:
            _write_epoch(state, images, record, monitor)
        except TrainingError as error:
            problem = [str(error), error.quantity]
    (problem, *_) = map(json.loads, gather_text(json.dumps(problem)))
    if problem[0]:
        raise TrainingError(*problem)


def _write_epoch(
    state: TrainingState, images: Split, record: dict[str, Any], monitor: Monitor | None
) -> None:
    """Writes an epoch's files and record; `monitor` measures, if it is given."""
    epoch = record["epoch"]
    samples = None
    if epoch in state.config.snapshot_epochs:
        average = state.players.average
        samples = _keep_snapshot(state.run, state.config, average, epoch, images.classes)
    if monitor:
        record |= _measure(state, monitor, epoch)
    if samples is not None and epoch == state.config.epochs:
        state.assess_end(samples, record["loss_discriminator"])
    state.run.log(record)


def _measure(state: TrainingState, monitor: Monitor, epoch: int) -> dict[str, Any]:
    """Measures and shows the generator of an epoch."""
    began = time.monotonic()
    found, fakes = monitor.measure(state.players)
    picture = atomic.png_bytes(grid(fakes).numpy())
    write_kept(state.run.path, {f"progress/epoch_{epoch:03d}.png": picture})
    first = found["distances"][0]
    rest, part = first["floor_train_n"]
    distances = ("train", "floor_train", "held_out", "floor_held_out")
    shown = {key: Measured(first[key]).text() for key in distances if first[key] is not None}
    parts = [f"{first['label']} {shown['train']} to training images ({part} of them to the other "
             f"{rest}: {shown['floor_train']})"]  # fmt: skip
    if "held_out" in shown:
        parts.append(f"{shown['held_out']} to held-out ones ({shown['floor_held_out']})")
    parts.append(f"{found['diversity']:.0%} of the real images' variety")
    if found["overfit"] is not None:
        parts.append(f"over-fit {found['overfit']:.2f}")
    say(f"epoch {epoch}/{state.config.epochs}: {', '.join(parts)}")
    state.assess(found, epoch)
    return {"measured": found, "measure_seconds": round(time.monotonic() - began, 2)}


def _results(
    state: TrainingState, images: Split, monitor: Monitor | None, data: Identity
) -> GanResults:
    config, players, classes = state.config, state.players, images.classes
    count, seconds, design = len(images.rows), state.clock.seconds, state.players.design
    return GanResults(
        design=config.design,
        design_numbers=design.numbers(config.size),
        betas=list(design.betas),
        size=config.size,
        epochs=config.epochs,
        images=count,
        held_out=0 if images.held_out is None else len(images.held_out),
        batch=config.batch,
        seconds=round(seconds, 1),
        images_per_second=round(config.epochs * count / seconds, 2),
        parameters_generator=sum(p.numel() for p in players.generator.parameters()),
        parameters_discriminator=sum(p.numel() for p in players.discriminator.parameters()),
        snapshots=list(config.snapshot_epochs),
        pretrained=design.pretrained,
        classes=ClassCounts(by=classes.by, names=list(classes.names), counts=classes.counts)
        if classes else None,
        best_epoch=state.best_epoch,
        measured_with=monitor.networks if monitor else [],
        memorisation=monitor.memorised(players.average) if monitor else None,
        events=[Event(**event) for event in state.events],
        data=data, origin=state.origin,
    )  # fmt: skip


def _keep_snapshot(
    run: Run, config: GanConfig, average: nn.Module, epoch: int, classes: Classes | None
) -> Tensor:
    """Writes the averaged generator of an epoch; writes and returns images of the ten latents."""
    name = f"epoch_{epoch:03d}"
    files = {f"snapshots/{name}.safetensors": atomic.tensor_bytes(average.state_dict())}
    if next(average.parameters()).device.type != "cpu":  # as `gan sample` draws: the same bytes
        average = copy.deepcopy(average).cpu()
    images = draw(average, config, SAMPLES, config.seed, "snapshot", classes)
    for index, image in enumerate(images):
        picture = atomic.png_bytes(image.permute(1, 2, 0).contiguous().numpy())
        files[f"samples/{name}/{index:02d}.png"] = picture
    write_kept(run.path, files)
    return images
