"""Trains a GAN into a run directory.

A run leaves, beside what every run leaves,

    samples/epoch_010/00.png ...        ten images of the averaged generator, always of the same
                                        latents, at each snapshot
    snapshots/epoch_010.safetensors     that generator
    generator.safetensors               the last of them

Shapes: N images, B batch, Z latent dimensions, S pixels a side.
"""

__all__ = ["SAMPLES", "fit", "train_gan"]

import math
import time

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from torch import Tensor, nn

from genlab import atomic
from genlab.data.images import load_images
from genlab.engine.gan_sample import draw
from genlab.engine.players import Players, build_players, play
from genlab.engine.progress import Progress
from genlab.engine.rng import generator
from genlab.engine.run import BEGINNING, Run, Stopwatch, open_run
from genlab.engine.state import pack, unpack
from genlab.errors import InputError
from genlab.recipes.gan import GanConfig

SAVE_EVERY_S = 60.0

SAMPLES = 10
"""Images drawn at each snapshot."""

FEWEST = 16
"""Images that a GAN may be trained on at least."""

SUMS = ("loss_discriminator", "loss_generator", "score_real", "score_fake")


def train_gan(config: GanConfig, out: Path) -> dict[str, Any]:
    """Trains into `out` (or goes on there) and returns the results.

    A run stopped at any moment and started again ends with the same weights, bit for bit on the
    same machine.

    Raises:
        InputError: If the images or `out` cannot be used.
        FloatingPointError: If training diverges; the last good state stays.
    """
    dogs = load_images(config.dogs, config.size, config.images, config.crop)
    if len(dogs.images) < FEWEST:
        raise InputError(
            f"{config.dogs}: {len(dogs.images)} images; a GAN needs at least {FEWEST}, better 300"
        )
    run = open_run(out, "gan", config, {"dogs": dogs.identity})
    if run.done:
        return run.results
    players = build_players(config)
    seconds = fit(config, run, players, dogs.images)
    atomic.write_tensors(out / "generator.safetensors", players.average.state_dict())
    projected = config.recipe == "projected"
    run.finish({
        "kind": "gan",
        "recipe": config.recipe,
        "size": config.size,
        "epochs": config.epochs,
        "images": len(dogs.images),
        "batch": config.batch,
        "seconds": round(seconds, 1),
        "images_per_second": round(config.epochs * len(dogs.images) / seconds, 2),
        "parameters_generator": sum(p.numel() for p in players.generator.parameters()),
        "parameters_discriminator": sum(p.numel() for p in players.discriminator.parameters()),
        "snapshots": list(config.snapshots),
        "looks_through": "EfficientNet-Lite0 (ImageNet)" if projected else None,
        "data": asdict(dogs.identity),
    })
    run.drop_state()
    return run.results


def fit(config: GanConfig, run: Run, players: Players, images: Tensor) -> float:
    """Trains from where `run` is; returns the seconds that took, over all sessions."""
    steps_per_epoch = math.ceil(len(images) / config.batch)
    step, watch = 0, Stopwatch()
    sums = torch.zeros(len(SUMS), dtype=torch.float64)  # over this epoch's steps
    if state := run.load_state():
        tensors, step, before = state
        unpack(tensors, players.modules, players.optimisers)
        sums, watch = tensors["sums"], Stopwatch(before)

    def save() -> None:
        tensors = pack(players.modules, players.optimisers) | {"sums": sums}
        run.save_state(tensors, step, watch.seconds)

    saved = watch.seconds
    done = step // steps_per_epoch * len(images) + step % steps_per_epoch * config.batch
    with Progress(config.epochs * len(images), "GAN", "images", done) as progress:
        for epoch in range(step // steps_per_epoch, config.epochs):
            seen, began = 0, time.monotonic()
            order = torch.randperm(len(images), generator=generator(config.seed, "order", epoch))
            for rows in order.split(config.batch)[step % steps_per_epoch :]:
                try:
                    parts = play(players, config, images[rows], step)
                except FloatingPointError as error:
                    raise FloatingPointError(
                        f"{error} in epoch {epoch + 1}, step {step + 1}; the last saved state is "
                        "kept; try a lower --learning-rate"
                    ) from None
                sums += parts
                step += 1
                if step <= BEGINNING:
                    run.log_beginning({"step": step, **dict(zip(SUMS, parts.tolist()))})
                seen += len(rows)
                if step % steps_per_epoch == 0:
                    means = dict(zip(SUMS, (sums / steps_per_epoch).tolist()))
                    speed = seen / (time.monotonic() - began)
                    run.log({
                        "step": step, "epoch": epoch + 1, **means,
                        "images_per_second": round(speed, 2), "seconds": round(watch.seconds, 1),
                    })
                    sums.zero_()
                    if epoch + 1 in config.snapshots:
                        _keep_snapshot(run, config, players.average, epoch + 1)
                    progress.advance(0, f"epoch {epoch + 1}/{config.epochs}")
                progress.advance(len(rows))
                if watch.seconds - saved > SAVE_EVERY_S:
                    save()
                    saved = watch.seconds
    return watch.seconds


def _keep_snapshot(run: Run, config: GanConfig, average: nn.Module, epoch: int) -> None:
    """Keeps the averaged generator of an epoch, and what it makes of the ten latents."""
    name = f"epoch_{epoch:03d}"
    atomic.write_tensors(run.path / "snapshots" / f"{name}.safetensors", average.state_dict())
    for index, image in enumerate(draw(average, config, SAMPLES, config.seed, "snapshot")):
        path = run.path / "samples" / name / f"{index:02d}.png"
        atomic.write_png(path, image.permute(1, 2, 0).contiguous().numpy())
