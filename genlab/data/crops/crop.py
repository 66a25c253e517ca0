"""Crops by name: which square is taken of a photograph.

That is the central one, "centre"; the one around what an ImageNet network recognises, "subject"
(`crops/subject.py`); or the one around a dog's head, "face" (`crops/heads.py`). Photographs in
which no head is found are left out then.
"""

__all__ = ["CROPS", "Crop", "box_chooser", "version_of"]

from functools import partial
from typing import Literal, get_args

from genlab.data.crops import heads, subject
from genlab.data.crops.squares import ChooseBox, central_square
from genlab.networks.pretrained.efficientnet_lite0 import load_efficientnet_lite0

Crop = Literal["centre", "subject", "face"]
CROPS: tuple[str, ...] = get_args(Crop)


def version_of(crop: Crop) -> str:
    """Returns the version of the path from an image to its square, "" of the central one."""
    return {"centre": "", "subject": subject.VERSION, "face": heads.VERSION}[crop]


def box_chooser(crop: Crop) -> ChooseBox:
    """Returns the function that chooses an image's square; but for "centre" it loads a network."""
    if crop == "centre":
        return central_square
    if crop == "face":
        finder = heads.HeadFinder()
        return lambda image: finder.find(image).box
    return partial(subject.subject_box, load_efficientnet_lite0())
