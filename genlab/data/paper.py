"""How images are shown: in colour, grey, or as ink on paper, as digits are."""

__all__ = ["as_rgb", "on_paper", "shown"]

from collections.abc import Sequence

import numpy as np

from torch import Tensor

BLACK = 16
"""The highest level of a pixel without ink."""
SHARE = 0.9
"""The share of corners without ink from which on images are ink on paper."""


def on_paper(images: Tensor) -> bool:
    """Returns whether images are grey and the corners of nearly all are black.

    Digits, letters, clothes and silhouettes are published so: light strokes on black. They are
    shown dark on white; photographs are shown as they are.

    Arguments:
        images: Levels, uint8 with shape `(N, H, W)` or `(N, 3, H, W)`.
    """
    if images.ndim == 4:
        return False
    corners = images[:, :: max(1, images.shape[1] - 1), :: max(1, images.shape[2] - 1)]
    return (corners <= BLACK).double().mean().item() >= SHARE


def as_rgb(images: Tensor, shape: Sequence[int]) -> Tensor:
    """Returns images of a shape, `(H, W)` or `(3, H, W)`, as `(*, 3, H, W)`, of rows `(*, X)`."""
    found = images.reshape(*images.shape[:-1], *shape)
    return found.unsqueeze(-3).expand(*found.shape[:-2], 3, -1, -1) if len(shape) == 2 else found


def shown(values: Tensor, shape: Sequence[int], paper: bool) -> np.ndarray:
    """Returns images as they are shown, uint8 with shape `(*, H, W, 3)`.

    Arguments:
        values: Rows of values in [0, 1], with shape `(*, X)`.
        shape: The shape of an image, `(H, W)` or `(3, H, W)`.
        paper: Whether they are ink on paper, which is dark on white.
    """
    levels = (255 * (1 - values if paper else values)).round().byte()
    return as_rgb(levels, shape).movedim(-3, -1).numpy()
