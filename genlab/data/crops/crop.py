"""Crops by name: which square is taken of a photograph.

That is the central one, "centre"; the one around what an ImageNet network recognises, "subject"
(`crops/subject.py`); the one around a dog's head, "face" (`crops/heads.py`); or the one around a
rectangle that a file beside the photograph gives, "boxes" (`crops/annotations.py`). Photographs
without a head, or a rectangle, are left out then.
"""

__all__ = ["CROPS", "Crop", "box_chooser", "version_of"]

from functools import partial
from typing import get_args

from genlab.common.identity import Crop
from genlab.data.crops import annotations, heads, subject
from genlab.data.crops.squares import ChooseBox, central_square
from genlab.networks.pretrained.efficientnet_lite0 import load_efficientnet_lite0

CROPS: tuple[str, ...] = get_args(Crop)


def version_of(crop: Crop) -> str:
    """Returns the version of the path from an image to its square, "" of the central one."""
    return {
        "centre": "", "subject": subject.VERSION, "face": heads.VERSION,
        "boxes": annotations.VERSION,
    }[crop]


def box_chooser(crop: Crop) -> ChooseBox:
    """Returns the function that chooses an image's square; but for "centre" it loads a network.

    That of "boxes" does not follow from the image, and has none.
    """
    assert crop != "boxes"
    if crop == "centre":
        return central_square
    if crop == "face":
        finder = heads.HeadFinder()
        return lambda image: finder.find(image).box
    return partial(subject.subject_box, load_efficientnet_lite0())
