"""The two states of a VAE's training that are kept for `genlab verify` to train between."""

__all__ = ["STEPS", "checkpoint_plan"]

from genlab.configs.vae import TrainingConfig
from genlab.runs.checkpoints import CheckpointPlan, plan

STEPS = 8
"""Steps between the two: rounding has hardly grown yet (lab/verify/levels/between.py)."""


def checkpoint_plan(config: TrainingConfig, images: int) -> CheckpointPlan | None:
    """Returns when a VAE that learns from so many images keeps its states; None if it keeps none.

    The epoch is the last, up to half way, of which the test ELBO is recorded.
    """
    if not config.checkpoints:
        return None
    half = config.epochs // 2
    epoch = half - half % config.elbo_every
    return plan(epoch, config.epochs, images, config.batch, STEPS)
