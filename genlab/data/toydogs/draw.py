"""Toy dogs: procedural drawings of dogs' faces, where no photographs are at hand.

Dog number i is a pure function of i: a breed-like shape and coat, a pose, a light and a
background are sampled from a generator seeded with i, painted from back to front on a plane at
least twice as fine as the picture, and averaged down. There is no largest i. They are a stand-in:
wherever they are shown they are named as drawn, never as photographs.

Shapes: N dogs, S pixels a side, P = k S pixels of the plane; pictures `(S, S, 3)`, uint8, RGB.
"""

__all__ = ["VERSION", "draw_dog"]

import numpy as np

from genlab.common.errors import InputError
from genlab.data.toydogs import parts
from genlab.data.toydogs.canvas import Array, blend, colour, cover, ellipse, noise, ramp
from genlab.data.toydogs.scene import Scene, compose

VERSION = 1
"""Raised whenever the drawing changes."""

SMALLEST = 8
FINEST = 128  # pixels a side that the plane has at least
SEED = 0x70D06

GRASS, SKY = ((98, 128, 62), (70, 98, 48), (134, 150, 84)), ((188, 210, 230), (150, 184, 216))
ROOMS = ((196, 186, 170), (150, 128, 106), (112, 116, 124), (90, 74, 64), (214, 210, 204))
CLOTHS = (
    (128, 48, 46), (58, 78, 110), (196, 176, 140), (92, 110, 96), (48, 46, 52), (168, 160, 176),
)


def draw_dog(index: int, size: int = 64) -> np.ndarray:
    """Draws dog number `index`.

    Arguments:
        index: The number of the dog, 0 or more.
        size: The side S in pixels, at least 8. The same dog looks the same at every size.

    Returns:
        The picture, uint8 RGB with shape `(S, S, 3)`.

    Raises:
        InputError: If `index` is negative or `size` is under 8.
    """
    if index < 0:
        raise InputError(f"`index` must be 0 or more, not {index}")
    if size < SMALLEST:
        raise InputError(f"`size` must be at least {SMALLEST} pixels, not {size}")
    fine = max(2, -(-FINEST // size))
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence((SEED, index))))
    s = compose(random, size * fine)
    picture = _background(s, random)
    parts.body(s, picture)
    parts.ears_behind(s, picture)
    parts.head(s, picture)
    parts.eyes(s, picture)
    parts.ears_in_front(s, picture)
    parts.nose(s, picture)
    _expose(s, picture)
    small = picture.reshape(3, size, fine, size, fine).mean((2, 4), dtype=np.float64)
    return (small.transpose(1, 2, 0) * 255 + 0.5).clip(0, 255).astype(np.uint8)


def _background(s: Scene, random: np.random.Generator) -> Array:
    """Returns a blurred place: a lawn, a lawn under the sky, a room, a cloth, or night lights."""
    pixels = len(s.x)
    kind, pick = random.random(), random.random(4).tolist()
    rough, fine = noise(random, 5, pixels), noise(random, 12, pixels)
    wave = rough * 0.06 + fine * 0.03
    light = 1 - 0.12 * s.y + wave
    blank = np.zeros((3, pixels, pixels), np.float32)
    if kind < 0.4:
        tones = [colour(*tone) for tone in GRASS]
        picture = tones[0] + (tones[1] - tones[0]) * cover(rough, 4)
        blend(picture, cover(fine, 5) * 0.5, tones[2])
        if kind < 0.2:
            sky = colour(*SKY[int(pick[0] * len(SKY))])
            edge = (-0.1 - 0.5 * pick[1]) - s.y + rough * 0.06
            blend(picture, cover(edge, 0.25), sky)
    elif kind < 0.7:
        wall, floor = (colour(*ROOMS[int(p * len(ROOMS))]) for p in pick[:2])
        picture = wall + blank
        edge = s.y - (pick[2] - 0.3) + s.x * (0.3 * (pick[3] - 0.5))
        blend(picture, cover(edge, 0.12), floor)
        door = np.abs(s.x - (1.6 * pick[3] - 0.8)) - 0.25
        blend(picture, cover(np.minimum(-door, -edge), 0.1) * 0.3, floor)
    elif kind < 0.9:
        picture = colour(*CLOTHS[int(pick[0] * len(CLOTHS))]) + blank
        fold = fine * 0.08 + ramp(s.x * (pick[1] - 0.5), -0.5, 0.5)
        light = light * (0.75 + 0.5 * fold)
    else:
        picture = colour(52, 58, 50) + blank
        places, tones = random.random((2, 9, 3)).tolist()
        for (px, py, pr), tone in zip(places, tones):
            radius = 0.1 + 0.2 * pr
            disc = ellipse(s.x + 1 - 2 * px, s.y + 1 - 2 * py, radius, radius)
            blend(picture, cover(disc, 0.06) * 0.45, colour(*(110 + 90 * part for part in tone)))
    return picture * light


def _expose(s: Scene, picture: Array) -> None:
    """Gives the picture a light's colour, a brightness, a contrast and darker corners."""
    warm = 0.05 * s.odd[3]
    tint = np.array([1 + warm, 1, 1 - warm], np.float32).reshape(3, 1, 1)
    corners = 1 - 0.08 * (s.x * s.x + s.y * s.y)
    picture *= tint * corners * (1 + 0.08 * (s.chance[11] - 0.5))
    picture += s.ticks * 0.006
    np.clip(picture, 0, 1, out=picture)
    # towards the S-curve 3t^2 - 2t^3
    picture += 0.35 * s.chance[12] * (picture * picture * (3 - 2 * picture) - picture)
