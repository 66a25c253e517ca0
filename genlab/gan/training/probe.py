"""A design's networks, tried once before they are trained: what shapes do they return?

A shape that is wrong may broadcast, and train something else than what was meant.

Shapes: B = 2 images, Z latent dimensions, S pixels a side, P places that a head scores.
"""

__all__ = ["require_shapes"]

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.rng import seeded
from genlab.configs.gan import GanConfig
from genlab.gan.build import SingleHead
from genlab.gan.training.players import Players, call_with_labels

IMAGES = 2


@torch.no_grad()
def require_shapes(players: Players, config: GanConfig) -> None:
    """Raises an error that names the first network whose results have a wrong shape.

    Both networks are in evaluation mode, so that no statistics move, and stay as they were.

    Raises:
        InputError: If there is one.
    """
    device, labels = players.hardware.device, None
    if players.frequencies is not None:
        labels = torch.zeros(IMAGES, dtype=torch.int64, device=device)
    with seeded(config.seed, "probe"):
        z = torch.randn(IMAGES, config.latent).to(device)
        images = call_with_labels(players.average, z, labels)
        wanted = (IMAGES, 3, config.size, config.size)
        if not isinstance(images, Tensor) or tuple(images.shape) != wanted:
            raise InputError(
                f"`design`: its generator returns {_shape(images)} for {IMAGES} latents; it must "
                f"return images of shape {wanted}"
            )
        players.discriminator.eval()
        network = players.discriminator
        views = [view.float() for view in players.project(images.float())]
        if isinstance(network, SingleHead):  # which gives a score of any shape the shape it needs
            heads = [call_with_labels(network.discriminator, views[0], labels)]
        else:
            heads = call_with_labels(network.forward, views, labels)
        players.discriminator.train()
    for scores in heads:
        if not isinstance(scores, Tensor) or scores.shape[:1] != (IMAGES,):
            raise InputError(
                f"`design`: its discriminator returns {_shape(scores)} for {IMAGES} images; it "
                f"must return scores of shape ({IMAGES}, P)"
            )


def _shape(found: object) -> str:
    return f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
