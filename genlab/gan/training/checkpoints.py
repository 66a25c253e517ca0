"""The two states of a GAN's training that are kept for `genlab verify` to train between."""

__all__ = ["STEPS", "checkpoint_plan"]

from genlab.configs.gan import GanConfig
from genlab.runs.checkpoints import CheckpointPlan, plan

STEPS = 1
"""Steps between the two: rounding has hardly grown yet (lab/verify/levels/between.py)."""


def checkpoint_plan(config: GanConfig, images: int) -> CheckpointPlan | None:
    """Returns when a GAN that learns from so many images keeps its states; None if it keeps none.

    The epoch is the snapshot nearest to half way, in the middle half of the run, for its samples
    are on record; without one, half way.
    """
    def distance(epoch: int) -> int:
        return abs(2 * epoch - config.epochs)

    if not config.checkpoints:
        return None
    middle = [epoch for epoch in config.snapshot_epochs if 2 * distance(epoch) <= config.epochs]
    epoch = min(middle, key=distance, default=config.epochs // 2)
    return plan(epoch, config.epochs, images, config.batch, STEPS)
