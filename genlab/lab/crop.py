"""Which square of the dogs' photographs a lab takes, where its user does not say.

Cropped faces are taken as they are. Of whole photographs the GAN would have to learn dogs that
stand, lie and turn away, and learns few; the square around the head makes them cropped faces.
"""

__all__ = ["chosen_crop"]

import math

import genlab.data

from genlab.common.progress import say
from genlab.common.rng import some
from genlab.data.crops.crop import Crop
from genlab.data.crops.found_heads import heads_of
from genlab.data.files.pictures import FilePictures
from genlab.networks.pretrained.efficientnet_lite0 import at_hand

SAMPLE = 64
"""Images, drawn at random, that are looked at."""
SMALL = 0.5
"""The part of a picture that the head's square fills, at most, in a whole photograph."""


def chosen_crop(source: str) -> Crop:
    """Returns "face" where most images are whole photographs of dogs, else "centre"; says why.

    Most are, where in most images of a random sample a head is found, and most of these heads
    fill less than half of the picture.

    Raises:
        InputError: As of `genlab.data.images`; or if an image is unreadable.
    """
    pictures = genlab.data.images(source)
    if not isinstance(pictures, FilePictures) or not at_hand():
        return "centre"
    sample = some(len(pictures), SAMPLE, "sample for the crop")
    digests = [pictures.digests[index] for index in sample]
    heads = heads_of(digests, lambda place: pictures.decoded(sample[place]), source)
    found = [(index, head) for index, head in zip(sample, heads) if head.is_head]
    small = sum(
        head.box.side**2 < SMALL * math.prod(pictures.size_of(index)) for index, head in found
    )
    if 2 * len(found) <= len(sample) or 2 * small <= len(found):
        return "centre"
    say(
        f"note: {source}: of {len(sample)} images looked at, {len(found)} show a dog's head, and in "
        f"{small} it fills less than half of the picture. These are whole photographs, so the GAN "
        "learns from the squares around the heads (--crop face); --crop centre takes the middle"
    )
    return "face"
