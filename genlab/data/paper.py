"""Whether grey images are ink on paper, as digits are, or light, as photographs are."""

__all__ = ["on_paper"]

from torch import Tensor

BLACK = 16
"""The highest level of a pixel without ink."""
SHARE = 0.9
"""The share of corners without ink from which on images are ink on paper."""


def on_paper(images: Tensor) -> bool:
    """Returns whether the corners of nearly all images are black.

    Digits, letters, clothes and silhouettes are published so: light strokes on black. They are
    shown dark on white; photographs are shown as they are.

    Arguments:
        images: Levels, uint8 with shape `(N, H, W)`.
    """
    corners = images[:, :: max(1, images.shape[1] - 1), :: max(1, images.shape[2] - 1)]
    return (corners <= BLACK).double().mean().item() >= SHARE
