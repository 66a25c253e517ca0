"""The markings of the toy dogs' coats, one function each, painted on the unlit head.

Each takes the scene and the picture of the head's colour, and paints in place. Coordinates are
head units, their edges ruffled by the fur.

Shapes: P pixels a side; fields `(P, P)`, the picture `(3, P, P)`.
"""

__all__ = ["MARKS", "muzzle"]

import numpy as np

from genlab.data.toydogs.breeds import BLACK, WHITE
from genlab.data.toydogs.canvas import Array, blend, cover, ellipse, join, ramp
from genlab.data.toydogs.scene import Scene

EDGE = 0.1  # the softness of a marking's edge


def muzzle(s: Scene, wider: float = 1.0, higher: float = 1.0) -> Array:
    """Returns the field of the muzzle, or of a part of the face around it."""
    half, height = s.breed.muzzle
    u, v = s.at(0, s.breed.nose_y + 0.1, s.breed.length * 0.7, ruffled=True)
    return ellipse(u, v, half * wider, height * higher)


def _around_eyes(s: Scene, up: float, a: float, b: float) -> Array:
    u, v = s.at(0, -up, 0.3, ruffled=True)
    return ellipse(np.abs(u) - s.breed.eye_x, v, a, b)


def _blaze(s: Scene, picture: Array) -> None:
    u, v = s.at(s.odd[0] * 0.05, 0, 0.35, ruffled=True)
    width = 0.05 + 0.09 * s.chance[0] + 0.16 * ramp(-v, 0.2, 0.9) * s.chance[1]
    stripe = width + 0.22 * ramp(v, 0.1, 0.5) - np.abs(u)
    white = join(stripe, muzzle(s, 1.05 + 0.1 * s.chance[2], 1.1), 0.2)
    blend(picture, cover(white, EDGE), s.tone(s.coat.second))


def _white_blaze(s: Scene, picture: Array) -> None:
    u, v = s.at(0, 0, 0.35, ruffled=True)
    stripe = 0.06 + 0.1 * s.chance[0] - np.abs(u) - ramp(-v, 0.4, 1.2)
    pad = muzzle(s, 0.8 + 0.2 * s.chance[2], 0.95)
    blend(picture, cover(join(stripe, pad, 0.2), EDGE), s.tone(WHITE))


def _face(s: Scene, picture: Array) -> None:
    u, v = s.at(0, 0.68, 0.3, ruffled=True)
    stripe = 0.12 + 0.3 * ramp(-v, 0.35, 0.7) - np.abs(u)
    lower = np.minimum(ellipse(u, v, 0.9, 0.62), 0.1 - stripe * ramp(-v, 0.0, 0.3))
    pad = muzzle(s, 1.05, 1.0)
    pad = np.minimum(pad, 0.12 - (0.1 + s.chance[0] * 0.06 - np.abs(u)) * ramp(-v, 0.15, 0.4) * 3)
    blend(picture, cover(join(lower, pad, 0.1), EDGE * 1.4), s.tone(s.coat.second))
    brows = _around_eyes(s, 0.22, 0.17, 0.1)
    blend(picture, cover(brows, EDGE * 2) * 0.6, s.tone(s.coat.second))


def _mask(s: Scene, picture: Array) -> None:
    dark = join(muzzle(s, 1.12, 1.15), _around_eyes(s, 0.02, 0.23, 0.2), 0.25)
    blend(picture, cover(dark, EDGE * 3) * 0.9, s.tone(s.coat.second))


def _cap(s: Scene, picture: Array) -> None:
    u, v = s.at(0, -0.42, 0.2, ruffled=True)
    stripe = 0.1 - np.abs(u) - ramp(v, 0.3, 1.0)
    cap = join(-v - 0.25 * np.abs(u), stripe, 0.2)
    blend(picture, cover(cap, EDGE * 3) * 0.85, s.tone(s.coat.second))


def _points(s: Scene, picture: Array) -> None:
    u, _ = s.at(0, 0, s.breed.length, ruffled=True)
    bridge = 0.13 - np.abs(u)
    sides = np.minimum(muzzle(s, 1.12, 1.0), 0.03 - bridge)
    x, y = s.at(0, 0.5, 0.1, ruffled=True)
    cheeks = ellipse(np.abs(x) - 0.55, y, 0.22, 0.3)
    spots = _around_eyes(s, 0.25, 0.13, 0.085)
    tan = np.maximum(join(sides, cheeks, 0.12), spots)
    blend(picture, cover(tan, EDGE), s.tone(s.coat.second))


def _beard(s: Scene, picture: Array) -> None:
    beard = muzzle(s, 1.2, 1.3)
    blend(picture, cover(beard, EDGE * 4) * 0.85, s.tone(s.coat.second))


def _brows(s: Scene, picture: Array) -> None:
    brows = _around_eyes(s, 0.22, 0.24, 0.12)
    blend(picture, cover(brows, EDGE), s.tone(s.coat.second))


def _brindle(s: Scene, picture: Array) -> None:
    phase = s.v * 6 + np.abs(s.u) * 3 + s.lumps * 0.5 + s.spots * 0.5
    wave = np.abs(phase - np.floor(phase) - 0.5) * 2 + s.ticks * 0.15
    blend(picture, ramp(wave, 0.1, 0.8) * 0.62, s.tone(s.coat.second))


def _spots(s: Scene, picture: Array) -> None:
    mask = cover(s.spots + 0.5 * s.ticks - (0.8 + 0.3 * s.chance[0]), 0.3)
    blend(picture, mask, s.tone(s.coat.second))


def _ticks(s: Scene, picture: Array) -> None:
    mask = cover(s.ticks - 1.0, 0.8) * 0.7
    blend(picture, mask, s.tone(s.coat.second))


def _sides(s: Scene, picture: Array) -> None:
    u, v = s.at(0, 0, 0.3, ruffled=True)
    field = np.abs(u) - 0.2 - 0.1 * s.chance[0] - 0.7 * ramp(v, 0.1, 0.8)
    blend(picture, cover(field, EDGE), s.tone(s.coat.second))


def _patch(s: Scene, picture: Array) -> None:
    side = 1 if s.chance[3] < 0.5 else -1
    u, v = s.at(side * 0.62, -0.15, 0.2, ruffled=True)
    patch = ellipse(u, v, 0.42, 0.42 + 0.15 * s.chance[0])
    if s.chance[1] < 0.5:  # the other side too, so that a white blaze remains
        u, v = s.at(-side * 0.72, -0.2, 0.2, ruffled=True)
        patch = np.maximum(patch, ellipse(u, v, 0.42, 0.5))
    blend(picture, cover(patch, EDGE), s.tone(s.coat.second))


def _chest(s: Scene, picture: Array) -> None:
    pad = muzzle(s, 0.6, 0.5)
    blend(picture, cover(pad - 0.05, EDGE * 2), s.tone(WHITE))


def _wrinkles(s: Scene, picture: Array) -> None:
    u, v = s.at(0, -0.1, 0.4)
    for rise, reach in ((0.28, 0.42), (0.43, 0.5)):
        fold = 0.03 - np.abs(v + rise - 0.35 * u * u)
        fold = np.minimum(fold, reach - np.abs(u))
        blend(picture, cover(fold, 0.06) * (0.35 * s.chance[1]), s.tone(BLACK))


MARKS = {
    "beard": _beard,
    "blaze": _blaze,
    "brindle": _brindle,
    "brows": _brows,
    "cap": _cap,
    "chest": _chest,
    "face": _face,
    "mask": _mask,
    "patch": _patch,
    "points": _points,
    "sides": _sides,
    "spots": _spots,
    "ticks": _ticks,
    "white blaze": _white_blaze,
    "wrinkles": _wrinkles,
}
