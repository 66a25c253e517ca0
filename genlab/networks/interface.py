"""What a VAE needs of its two networks.

Images and natural parameters are rows of numbers, whatever the network makes of them inside: an
image `(C, H, W)` is a row of X = C H W numbers, channel by channel.

Shapes: B batch, X values of an image, K natural parameters, D latent dimensions; `*` any leading
dimensions.
"""

__all__ = ["LOG_STD_RANGE", "ImageDecoder", "ImageEncoder", "Shape"]

from abc import ABC, abstractmethod

import torch
import torch.nn as nn

from torch import Tensor

Shape = tuple[int, int, int]
"""Channels, height, width."""
LOG_STD_RANGE = (-6.0, 0.0)
"""Bounds on ln sigma of q(z|x).

The upper one fixes the scale of the latent. Under a learned prior that scale is free (enlarge z,
the posteriors and the prior alike, and nothing changes), and early in training, when the
posteriors say nothing yet, it would drift off to wherever the bound is.
"""


class ImageEncoder(nn.Module, ABC):
    """Maps images to the mean and log standard deviation of a diagonal Gaussian q(z|x)."""

    pixels: int
    """The values X of an image."""
    latent: int
    """The latent dimensions D."""
    latent_map: Shape | None = None
    """Channels, height and width of the latent, if it is a map."""
    hidden: int | None = None
    """The width of the last hidden layer, where `describe` returns that."""

    @abstractmethod
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns mean and log standard deviation, each with shape `(B, D)`, of `(B, X)`."""

    def describe(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns what `forward` returns, and the last hidden layer, with shape `(B, hidden)`.

        A posterior that is a flow is conditioned on that. Encoders need not have it.
        """
        raise NotImplementedError(f"{type(self).__name__} does not show its hidden layer")


class ImageDecoder(nn.Module, ABC):
    """Maps latents to the natural parameters of p(x|z)."""

    @abstractmethod
    def forward(self, z: Tensor) -> Tensor:
        """Returns natural parameters `(*, K)`, of latents `(*, D)`."""

    @torch.no_grad()
    def write(self, z: Tensor, sheet: Tensor) -> Tensor:
        """Returns natural parameters, written over the `(*, K)` of `sheet` where that helps.

        Where many latents are decoded and little is kept, memory that is asked for anew each time
        can cost more than some of the layers.
        """
        del sheet
        return self(z)
