"""Two states of a training, kept for `genlab verify` to train between.

    checkpoint-STEP.safetensors    the first: weights and the optimisers' moments, all that the
                                   next step depends on; the second, some steps later: weights

The first is the state at the end of an epoch of which something is recorded that its weights
decide: of a VAE the test ELBO, of a GAN (where there is an earlier snapshot) ten samples. Names
are those of `genlab.runs.state`. What to compare, and how well it agrees:
`lab/verify/levels/between.py`.
"""

__all__ = ["Kept", "gan_kept", "keep_if_due", "vae_kept"]

import math

from collections.abc import Mapping
from typing import NamedTuple

from torch import nn
from torch.optim import Optimizer

from genlab.configs.gan import GanConfig
from genlab.configs.vae import VaeConfig
from genlab.runs.run import Run
from genlab.runs.state import pack

VAE_STEPS, GAN_STEPS = 8, 1
"""Steps between the two: rounding has hardly grown yet (lab/verify/levels/between.py)."""


class Kept(NamedTuple):
    """The steps of the two states."""

    epoch: int
    """At whose end the first is."""
    first: int
    second: int


def vae_kept(config: VaeConfig, images: int) -> Kept | None:
    """Returns when a VAE that learns from so many images keeps its states; None if it does not.

    The epoch is the last, up to half way, of which the test ELBO is recorded.
    """
    half = config.epochs // 2
    return _kept(config, half - half % config.elbo_every, images, VAE_STEPS)


def gan_kept(config: GanConfig, images: int) -> Kept | None:
    """Returns when a GAN keeps its states, as `vae_kept` does.

    The epoch is the snapshot nearest to half way, in the middle half of the run; without one, half
    way.
    """
    def far(epoch: int) -> int:
        return abs(2 * epoch - config.epochs)

    middle = [epoch for epoch in config.snapshot_epochs if 2 * far(epoch) <= config.epochs]
    epoch = min(middle, key=far, default=config.epochs // 2)
    return _kept(config, epoch, images, GAN_STEPS)


def _kept(config: VaeConfig | GanConfig, epoch: int, images: int, apart: int) -> Kept | None:
    if not config.checkpoints:
        return None
    steps = math.ceil(images / config.batch)
    return Kept(epoch, epoch * steps, min(epoch * steps + apart, config.epochs * steps))


def keep_if_due(
    run: Run, kept: Kept | None, step: int,
    modules: Mapping[str, nn.Module], optimisers: Mapping[str, Optimizer],
) -> None:
    """Keeps what is to be kept after this step, before any later state counts."""
    if kept and step in (kept.first, kept.second):
        run.keep(pack(modules, optimisers if step == kept.first else {}), step)
