"""The square of an image that holds its subject.

The subject is where EfficientNet-Lite0's class activation map
(`networks/pretrained/activation.py`) is positive. The square is the smallest that holds 85 % of
that activation, within 55 to 100 % of the shorter side; of squares of one size, the one that
holds most, and of those that hold the same the most central one.

Measured on 500 photographs of whole dogs, cut to 64 pixels and enlarged again (share recognised
as dogs and mean probability, central square, then subject's square; +- standard error of the
paired difference):

    EfficientNet-Lite0 (which chose the crop)   92.8 -> 94.2 % (+- 0.9),  0.812 -> 0.842 (+- 0.005)
    EfficientNet-Lite1 (which had no say)       87.2 -> 87.6 % (+- 1.3),  0.657 -> 0.676 (+- 0.005)

The share recognised grows little; heads that the central square cuts off are kept, and small dogs
become larger. The squares have 82 % of the shorter side on average.

Shapes: W x H pixels an image, h w rows and columns of a map, R x C cells of a
lattice.
"""

__all__ = ["VERSION", "smallest_square", "subject_box"]

import torch.nn.functional as F

from PIL import Image
from torch import Tensor

from genlab.data.crops.squares import Box, central_box, seen_whole
from genlab.networks.pretrained.activation import activation_map
from genlab.networks.pretrained.efficientnet_lite0 import SHA256, EfficientNetLite0

VERSION = f"subject-1-{SHA256[:12]}"
"""The version of the path from an image to its subject's square: part of cache keys."""

SHARE = 0.85
SMALLEST, LARGEST = 0.55, 1.0  # of the shorter side
CELLS = 48  # of the lattice along the shorter side: a square is placed to 2 % of it


def subject_box(network: EfficientNetLite0, image: Image.Image) -> Box:
    """Returns the square that holds the subject of an RGB image.

    It depends on the image alone: the network gets one at a time, its shorter side resized to
    224 pixels.
    """
    return smallest_square(activation_map(network, seen_whole(image)).map, *image.size)


def smallest_square(activation: Tensor, width: int, height: int) -> Box:
    """Returns the smallest allowed square that holds enough of an activation.

    Arguments:
        activation: A map over the whole image, with shape `(h, w)`; negative values do not
            count. A map that is nowhere positive gives the central square.
        width: The image's width W in pixels.
        height: Its height H.
    """
    short = min(width, height)
    rows, columns = round(CELLS * height / short), round(CELLS * width / short)
    density = F.interpolate(
        activation.double().clamp(min=0)[None, None], size=(rows, columns), mode="bilinear",
        align_corners=False,
    )[0, 0]
    total = density.sum()
    if not total > 0:
        return central_box(width, height)
    # sums[i, j] is the mass above and left of the corner (i, j): any square is four look-ups
    sums = F.pad((density / total).cumsum(0).cumsum(1), (1, 0, 1, 0))
    cells = range(round(SMALLEST * CELLS), round(LARGEST * CELLS) + 1)
    for side in cells:
        held = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side]
        held = held + sums[:-side, :-side]
        if held.max() >= SHARE:
            break
    row, column = _most_central(held)
    scale = short / CELLS
    side = min(round(side * scale), short)
    return Box(
        min(round(column * scale), width - side), min(round(row * scale), height - side), side
    )


def _most_central(held: Tensor) -> tuple[int, int]:
    """Returns the index of the largest value, of equal ones the nearest to the middle."""
    middle = [(n - 1) / 2 for n in held.shape]
    # equal up to rounding: sums of the same cells in another order
    places = (held >= held.max() - 1e-9).nonzero().tolist()
    row, column = min(places, key=lambda p: sum((a - m) ** 2 for a, m in zip(p, middle)))
    return row, column
