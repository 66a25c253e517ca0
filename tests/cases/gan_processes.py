"""A GAN that two processes train together, as the tests and their subprocesses build it."""

from dataclasses import replace
from pathlib import Path

from cases.gan import SMALL, soft_images, tiny_scratch
from torch import Tensor

from genlab.configs.gan import GanConfig, projected
from genlab.gan.training.players import build_players
from genlab.gan.training.step import train_step


def tiny(folder: str) -> GanConfig:
    """Two epochs in batches of eight, with checkpoints and no images held out."""
    return tiny_scratch(
        Path(folder), batch=8, epochs=2, held_out=0.0, snapshots=(1,), measure_with=("pixels",),
        checkpoints=True,
    )


def first_rounds() -> dict[str, Tensor]:
    """The first round of the projected recipe, of eight real images and of one.

    Adam's first moments are the gradients themselves, for its beta_1 is 0.
    """
    config = replace(
        projected("none"), batch=8, latent=8, design_options=SMALL["projected"]
    )
    found = {}
    for count in (8, 1):
        players = build_players(config)
        found[f"{count} told"] = train_step(players, config, soft_images(count), 0)
        for name, adam in players.optimisers.items():
            for key, weight in players.modules[name].named_parameters():
                found[f"{count} {name} {key} gradient"] = adam.state[weight]["exp_avg"]
        for name, module in players.modules.items():
            for key, buffer in module.named_buffers():  # statistics and spectral norms' vectors
                found[f"{count} {name} {key}"] = buffer
    return found
