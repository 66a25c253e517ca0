"""Two states of a training, kept for `genlab verify` to train between.

    checkpoint-STEP.safetensors    the first: weights and the optimisers' moments, all that the
                                   next step depends on; the second, some steps later: weights

The first is the state at the end of an epoch of which something is recorded that its weights
decide: of a VAE the test ELBO, of a GAN (where there is an earlier snapshot) ten samples. Names
are those of `genlab.runs.state`. What to compare, and how well it agrees:
`lab/verify/levels/between.py`. Which epoch: `vae/checkpoints.py`, `gan/training/checkpoints.py`.
"""

__all__ = ["CheckpointPlan", "keep_if_due", "plan"]

import math

from collections.abc import Mapping
from typing import NamedTuple

from torch import nn
from torch.optim import Optimizer

from genlab.runs.run import Run
from genlab.runs.state import pack


class CheckpointPlan(NamedTuple):
    """The steps of the two states."""

    epoch: int
    """The epoch at whose end the first is."""
    first: int
    second: int


def plan(epoch: int, epochs: int, images: int, batch: int, apart: int) -> CheckpointPlan:
    """Returns the plan of a training.

    Arguments:
        epoch: The epoch at whose end the first state is.
        epochs: Epochs of the training.
        images: Training images.
        batch: Images a step.
        apart: Steps from the first state to the second, which is no later than the end.
    """
    steps = math.ceil(images / batch)
    return CheckpointPlan(epoch, epoch * steps, min(epoch * steps + apart, epochs * steps))


def keep_if_due(
    run: Run, plan: CheckpointPlan | None, step: int,
    modules: Mapping[str, nn.Module], optimisers: Mapping[str, Optimizer],
) -> None:
    """Keeps the state after this step, if it is in the plan, before any later state counts."""
    if plan and step in (plan.first, plan.second):
        run.keep(pack(modules, optimisers if step == plan.first else {}), step)
