"""Squares of images: the central one, and how a square becomes an image of its own.

The square is resized once, with an antialiasing (Lanczos) filter.

Shapes: W x H pixels an image, S the side of a resized square.
"""

__all__ = ["Box", "ChooseBox", "central_box", "central_square", "inside", "seen_whole", "square"]

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from PIL import Image
from torch import Tensor

from genlab.data.decode import require_side
from genlab.networks.pretrained.efficientnet_lite0 import SIZE, normalised

LONGEST = 4 * SIZE
"""A longer picture is squeezed to this for the network: bounds its memory."""


class Box(NamedTuple):
    """A square within an image, in pixels."""

    left: int
    top: int
    side: int


ChooseBox = Callable[[Image.Image], Box]
"""Returns the square to cut out of an upright RGB image."""


def central_box(width: int, height: int) -> Box:
    """Returns the largest square in the middle of an image."""
    side = min(width, height)
    return Box((width - side) // 2, (height - side) // 2, side)


def central_square(image: Image.Image) -> Box:
    """Returns the largest square in the middle of an image."""
    return central_box(*image.size)


def inside(x: float, y: float, side: float, width: int, height: int) -> Box:
    """Returns the square around (x, y), moved and made smaller until the image holds it."""
    whole = min(max(round(side), 1), width, height)
    left = min(max(round(x - whole / 2), 0), width - whole)
    top = min(max(round(y - whole / 2), 0), height - whole)
    return Box(left, top, whole)


def square(image: Image.Image, size: int, name: str, box: Box | None = None) -> np.ndarray:
    """Crops an RGB image to a square, the central one if none is given, and resizes it.

    Returns:
        The square's pixels, uint8 with shape `(S, S, 3)`.

    Raises:
        InputError: If its shorter side is under 16 pixels, naming it `name`.
    """
    require_side(*image.size, name)
    left, top, side = box or central_box(*image.size)
    edges = (left, top, left + side, top + side)
    if side != size:
        image = image.resize((size, size), Image.Resampling.LANCZOS, box=edges)
    else:
        image = image.crop(edges)
    return np.asarray(image)


def seen_whole(image: Image.Image) -> Tensor:
    """Returns an RGB image as EfficientNet-Lite0 takes it, `(1, 3, h, w)`.

    Its shorter side is resized to 224 pixels.
    """
    scale = SIZE / min(image.size)
    width, height = (min(round(side * scale), LONGEST) for side in image.size)
    small = image.resize((width, height), Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None].float()
    return normalised(pixels)
