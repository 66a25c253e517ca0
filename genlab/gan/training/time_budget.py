"""The number of epochs that fit into a time, from a short trial with networks of its own.

    seconds = epochs (steps an epoch) s + measurements m + m,                                (1)

s and m being the times of a step and of a measurement in the trial; the last m is for the test of
memorisation at the end. The trial's own time counts too. A machine that gets busier, or slower as
it gets hot, takes longer than planned.
"""

__all__ = ["TimePlan", "describe_run", "fit_into", "plan_minutes"]

import math
import time

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from genlab.common.errors import InputError, TrainingError
from genlab.common.progress import say
from genlab.compute.distributed import broadcast, rank
from genlab.compute.hardware import CPU, Hardware, device_context, rows_on, stored
from genlab.configs.gan import GanConfig
from genlab.data.image_set import ImageSet
from genlab.gan.classes import find_classes
from genlab.gan.load import gan_config
from genlab.gan.split import Split, split_images
from genlab.gan.training.compile import compile_players
from genlab.gan.training.monitor import Monitor, epochs_to_measure
from genlab.gan.training.players import build_players
from genlab.gan.training.step import train_step
from genlab.runs.run import Run

WARM_UP, STEPS, SECONDS = 5, 30, 20.0
"""Steps that are not timed; then so many are, or as many as go into so many seconds."""
SHARES = (0.2, 0.6, 1.0)
"""The snapshots' epochs, as shares of the run."""


class TimePlan(NamedTuple):
    """A run that fits into a time."""

    config: GanConfig
    """With the epochs that fit, and snapshots within them."""
    step_seconds: float
    measure_seconds: float
    seconds: float
    """The expected time of the run, by (1)."""


def plan_minutes(
    images: ImageSet, config: GanConfig, minutes: float, out: Path, hardware: Hardware = CPU
) -> TimePlan:
    """Chooses the epochs of a run so that it takes `minutes`, this trial included.

    Snapshots that are not given are taken at 20 %, 60 % and 100 % of the run.

    Arguments:
        images: The images of the run.
        config: The configuration; its epochs do not count.
        minutes: The time in minutes.
        out: The run directory.
        hardware: The hardware of the run.

    Raises:
        InputError: If `minutes` is not above 0, or the images cannot be used.
    """
    began = time.monotonic()
    _require_time(minutes)
    split = _split(images, config, out)
    with device_context(hardware):
        step, measure = trial(config, split, hardware)
    left = broadcast(60 * minutes - (time.monotonic() - began))
    steps = math.ceil(len(split.rows) / config.batch)

    def seconds(epochs: int) -> float:
        measured = epochs_to_measure(replace(config, epochs=epochs), len(split.rows))
        return epochs * steps * step + (len(measured) + 1) * measure

    epochs = max(1, int(left / (steps * step)))
    while epochs > 1 and seconds(epochs) > left:
        epochs -= max(1, epochs // 200)
    if seconds(epochs) > left:
        say(f"note: one epoch takes {seconds(1) / 60:.2g} minutes, longer than what is left of "
            f"{minutes:g}")  # fmt: skip
    shares = tuple(max(1, round(share * epochs)) for share in SHARES)
    found = replace(config, epochs=epochs, snapshots=config.snapshots or shares)
    return TimePlan(found, step, measure, seconds(epochs))


def _require_time(minutes: float) -> None:
    if not 0 < minutes < math.inf:
        raise InputError(f"`minutes` must be above 0, not {minutes}")


def _split(images: ImageSet, config: GanConfig, out: Path) -> Split:
    return split_images(images.images, config, find_classes(config, images, out))


def trial(config: GanConfig, images: Split, hardware: Hardware) -> tuple[float, float]:
    """Returns the seconds of a step and of a measurement.

    Raises:
        TrainingError: If a loss or a gradient is not finite.
    """
    frequencies = images.classes.frequencies if images.classes else None
    players = build_players(config, frequencies, hardware)
    if hardware.compile:
        compile_players(players, config)
    every = stored(images.images, hardware.device)
    rows = torch.arange(max(config.batch, len(images.rows) // config.batch * config.batch))
    batches = (rows % len(images.rows)).split(config.batch)
    say("trying out how long a step takes")
    done, began = 0, time.monotonic()
    while done < WARM_UP + STEPS:
        if done == WARM_UP:
            began = time.monotonic()
        rows = batches[done % len(batches)]
        labels = None if images.labels is None else images.labels[rows]
        real = rows_on(every, images.rows[rows], hardware.device)
        try:
            train_step(players, config, real, done, labels)
        except TrainingError as error:
            raise TrainingError(
                f"{error} at step {done + 1} of the trial; give lower `learning_rate` and "
                "`discriminator_rate`", error.quantity, done + 1,
            ) from None  # fmt: skip
        done += 1
        late = done > WARM_UP and time.monotonic() - began > SECONDS
        if broadcast(late):
            break
    step = broadcast((time.monotonic() - began) / (done - WARM_UP))
    if config.measure_every == 0:
        return step, 0.0
    monitor = Monitor(config, images, hardware.device)
    began = time.monotonic()
    if rank() == 0:
        monitor.measure(players)
    return step, broadcast(time.monotonic() - began)


def fit_into(
    images: ImageSet, config: GanConfig, minutes: float, out: Path, hardware: Hardware = CPU
) -> tuple[GanConfig, TimePlan | None]:
    """Returns the configuration of a run of `minutes` in `out`, and its plan.

    A run that is there already keeps its epochs and snapshots; nothing is planned.

    Raises:
        InputError: If `minutes` is not above 0, or the images cannot be used.
    """
    _require_time(minutes)
    if (out / "config.json").exists() and Run(out).kind == "gan":
        before = gan_config(Run(out))
        return replace(config, epochs=before.epochs, snapshots=before.snapshots), None
    plan = plan_minutes(images, config, minutes, out, hardware)
    return plan.config, plan


def describe_run(
    images: ImageSet, config: GanConfig, plan: TimePlan | None, out: Path,
    hardware: Hardware = CPU,
) -> dict[str, Any]:
    """Returns the resolved configuration and extent of a run, as JSON values.

    Raises:
        InputError: If the images cannot be used.
    """
    split = _split(images, config, out)
    count = len(split.rows)
    return {
        "config": asdict(config),
        "runs_on": hardware.facts,
        "images": count,
        "held_out": 0 if split.held_out is None else len(split.held_out),
        "classes": split.classes and dict(zip(split.classes.names, split.classes.counts)),
        "steps": config.epochs * math.ceil(count / config.batch),
        "snapshot_epochs": list(config.snapshot_epochs),
        "measured_epochs": sorted(epochs_to_measure(config, count)),
        "expected_minutes": plan and round(plan.seconds / 60, 2),
        "seconds_a_step": plan and round(plan.step_seconds, 4),
    }
