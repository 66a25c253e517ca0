"""The parts of a toy dog, from back to front: body, ears, head, mouth, eyes, nose.

Every part paints itself, lit, on the picture. Lengths are in head units (`toydog_breeds`).

Shapes: P pixels a side; fields `(P, P)`, pictures `(3, P, P)`.
"""

__all__ = ["body", "ears_behind", "ears_in_front", "eyes", "head", "nose"]

import math

import numpy as np

from genlab.data.toydogs.breeds import WHITE
from genlab.data.toydogs.canvas import Array, blend, colour, cover, ellipse, join, lit, ramp
from genlab.data.toydogs.coat import MARKS, muzzle
from genlab.data.toydogs.scene import Scene

TONGUE, MOUTH, PINK = (214, 120, 124), (58, 26, 28), (196, 140, 126)
COLLARS = (
    (168, 38, 40), (38, 72, 140), (40, 40, 44), (120, 72, 36), (54, 120, 82), (206, 120, 160),
)
ALL_OVER = ("brindle", "spots", "ticks")  # markings that the body has too
PALE_CHEST = ("blaze", "white blaze", "face", "points", "chest")
# half-widths along an ear, from root to tip
PROFILES = {
    "drop": ((0, 0.08, 0.25, 0.5, 0.78, 0.93, 1), (0.3, 0.62, 0.92, 0.95, 0.7, 0.42, 0)),
    "prick": ((0, 0.3, 0.6, 0.85, 1), (1.1, 1, 0.72, 0.34, 0)),
    "flap": ((0, 0.1, 0.3, 0.6, 0.85, 1), (0.35, 0.8, 1, 0.74, 0.38, 0)),
}


def _shade(s: Scene, height: Array, ambient: float = 0.5, deep: float = 1.0) -> Array:
    light = ambient + 1.25 * (1 - ambient) * lit(height, s.spacing, s.light)
    hair = 1 + s.strands * (0.05 + 0.035 * s.breed.fluff) + s.lumps * 0.03
    return light * hair * deep


def _shadow(picture: Array, field: Array, width: float, strength: float) -> None:
    picture *= 1 - cover(field, width) * strength


def _furry(s: Scene, field: Array, amount: float = 1.0) -> Array:
    tufts = s.strands * 0.04 + s.spots * 0.025
    return field + (tufts * s.breed.fluff + s.strands * 0.005) * amount


def _edge(s: Scene) -> float:
    return s.soft * 1.3 + 0.1 * s.breed.fluff


def body(s: Scene, picture: Array) -> None:
    """Paints neck, shoulders and chest, and sometimes a collar."""
    u, v = s.u - 0.25 * s.odd[8], s.v
    trunk = ellipse(u, v - 2.3, 1.3 + 0.2 * s.breed.fluff, 1.2)
    neck = np.minimum(0.7 + 0.25 * s.breed.fluff - np.sqrt(u * u + 0.04), v)
    field = join(trunk, neck, 0.6)
    height = np.sqrt(np.maximum(field, 0) + 0.01) * 0.9
    paint = s.tone(s.coat.base) + np.zeros_like(picture)
    for mark in s.coat.marks:
        if mark in ALL_OVER:
            MARKS[mark](s, paint)
    if any(mark in PALE_CHEST for mark in s.coat.marks):
        tone = s.coat.second if "white blaze" not in s.coat.marks else WHITE
        bib = 0.45 + 0.15 * s.chance[4] - np.abs(u) + s.lumps * 0.05
        blend(paint, cover(_furry(s, bib), 0.2), s.tone(tone))
    blend(picture, cover(_furry(s, field), _edge(s)), paint * _shade(s, height, 0.5, 0.92))
    if s.chance[5] < 0.35 and s.breed.fluff < 0.7:
        tone = colour(*COLLARS[int(s.chance[6] * len(COLLARS))])
        band = 0.09 - np.abs(v - 1.28 + 0.25 * u * u)
        gloss = 0.75 + 0.5 * ramp(band, 0.0, 0.09)
        blend(picture, cover(np.minimum(band, field), s.soft), tone * gloss)


def _ear(
    s: Scene, side: int, root: tuple[float, float], way: tuple[float, float], length: float,
    half: float, profile: str, bend: float = 0.0,
) -> tuple[Array, Array, Array]:
    """Returns an ear's field, the position from root (0) to tip (1), and its height."""
    norm = math.hypot(*way)
    wx, wy = side * way[0] / norm, way[1] / norm
    du, dv = s.at(side * root[0], root[1], -0.1)
    along = (du * wx + dv * wy) * (1 / length)
    across = (du * -wy + dv * wx) * side
    across = across - bend * length * along * along
    places, widths = PROFILES[profile]
    width = np.interp(along, places, widths, left=-1, right=-1).astype(np.float32) * half
    field = np.minimum(width - np.abs(across),
                       np.minimum(along + 0.02, 1 - along) * length)
    height = np.maximum(1 - (across / np.maximum(width, 0.02)) ** 2, 0) * (0.45 * half)
    return field, along, height


def _paint_ear(
    s: Scene, picture: Array, ear: tuple[Array, Array, Array], deep: float
) -> None:
    field, along, height = ear
    tone = s.tone(s.coat.ears or s.coat.base)
    paint = tone * (1.04 - 0.12 * along)
    blend(picture, cover(_furry(s, field, 0.8), _edge(s)), paint * _shade(s, height, 0.5, deep))


def ears_behind(s: Scene, picture: Array) -> None:
    """Paints the parts of the ears behind the head."""
    (length, half), out, top = s.breed.ear, s.breed.ear_out, -0.72 * s.breed.skull
    for side in (-1, 1):
        lop = 0.12 * s.odd[9 if side < 0 else 10]
        if s.breed.ears == "prick":
            root, way = (0.58, top + 0.25), (out + lop, -1)
            ear = field, along, _ = _ear(s, side, root, way, length + 0.3, half, "prick", -0.12)
            _paint_ear(s, picture, ear, 0.92)
            inner = field - 0.1 + s.strands * 0.03
            pink = colour(*PINK) * 0.55 + s.tone(s.coat.base) * 0.22
            blend(picture, cover(inner, 0.12) * 0.85, pink * (0.75 + 0.3 * along))
        elif s.breed.ears == "button":
            ear = _ear(s, side, (0.6, top + 0.2), (out + 0.1, -1), 0.62, half * 0.95, "flap")
            _paint_ear(s, picture, ear, 0.8)


def ears_in_front(s: Scene, picture: Array) -> None:
    """Paints the parts of the ears in front of the head, with their shadow."""
    (length, half), out, top = s.breed.ear, s.breed.ear_out, -0.72 * s.breed.skull
    for side in (-1, 1):
        lop = 0.1 * s.odd[9 if side < 0 else 10]
        if s.breed.ears == "drop":
            root, way, profile, bend = (0.78, top + 0.04), (out + 0.08 + lop, 1.0), "drop", 0.12
        elif s.breed.ears == "button":
            root, way, profile, bend = (0.68 + 0.45 * out, top - 0.26), (0.1 + lop, 1), "flap", 0.0
        elif s.breed.ears == "rose":
            root, way, profile, bend = (0.66, top + 0.06), (1, 0.8 - 0.5 * out + lop), "flap", 0.3
        else:
            return
        ear = field, _, _ = _ear(s, side, root, way, length, half, profile, bend)
        _shadow(picture, field + 0.03, 0.2, 0.45)
        _paint_ear(s, picture, ear, 0.95)


def _bump(x: Array, y: Array, a: float, b: float) -> Array:
    q = np.maximum(1 - (x * (1 / a)) ** 2 - (y * (1 / b)) ** 2, 0)
    return q * q


def _dome(x: Array, y: Array, a: float, b: float, depth: float) -> Array:
    q = 1 - (x * (1 / a)) ** 2 - (y * (1 / b)) ** 2
    return depth * (np.sqrt(np.maximum(q, 0.02)) + np.minimum(q, 0))


def _relief(s: Scene) -> tuple[Array, Array]:
    """Returns the head's silhouette and its height towards the viewer."""
    b = s.breed
    half, high = b.muzzle
    u, v = s.at(0, -0.1, 0)
    flat = np.maximum(np.abs(u) - 0.22, 0)  # flat above, as dogs are, not a ball
    skull = ellipse(flat, v, 0.72, b.skull)
    x, y = s.at(0, 0.3, 0)
    cheeks = ellipse(np.abs(x) - 0.36, y, b.cheeks, 0.55)
    mx, my = s.at(0, b.nose_y + 0.1, b.length * 0.7)
    snout = ellipse(mx, my, half, high)
    outline = join(join(skull, cheeks, 0.3), snout, 0.25)
    height = join(_dome(flat, v, 0.74, b.skull + 0.02, 0.75),
                  _dome(np.abs(x) - 0.36, y, b.cheeks, 0.55, 0.62), 0.25)
    front = _dome(mx, my, half * 1.05, high * 1.1, 0.35) + (0.3 + b.length)
    height = join(height, front, 0.2)
    px, py = s.at(0, b.nose_y * 0.5, 0.6)
    bridge = _dome(px, py, half * 0.62, b.nose_y * 0.5 + 0.3, 0.35) + 0.6
    height = join(height, bridge, 0.3)
    fx, fy = s.at(0, b.nose_y + 0.24, b.length)
    flews = _bump(np.abs(fx) - half * 0.45, fy, half * 0.6, high * 0.75)
    ex, ey = s.at(0, 0, 0.3)
    ax = np.abs(ex) - b.eye_x
    sockets = _bump(ax, ey, b.eye * 2.2, b.eye * 2.0)
    brows = _bump(ax, ey + 0.26, 0.3, 0.2)
    furrow = _bump(ex, ey + 0.45, 0.16, 0.5)
    height = height + 0.12 * flews - 0.1 * sockets
    return outline, height + 0.06 * brows - 0.03 * furrow


def head(s: Scene, picture: Array) -> None:
    """Paints the head with its coat, and the mouth."""
    outline, height = _relief(s)
    paint = s.tone(s.coat.base) + np.zeros_like(picture)
    paint *= 1 - 0.1 * ramp(-s.v, 0.1, 1.0)
    for mark in s.coat.marks:
        MARKS[mark](s, paint)
    picture *= 1 - cover(outline + 0.05, 0.5) * ramp(s.v, 0.5, 1.0) * 0.5
    open_mouth = s.chance[7] < 0.4
    if open_mouth:
        _jaw(s, picture)
    shade = _shade(s, height, 0.42)
    shade *= 1 - 0.25 * ramp(-outline, -0.22, 0.02)
    snout = muzzle(s, 1.05)
    crease = cover(snout + 0.12, 0.3) - cover(snout - 0.02, 0.16)
    shade *= 1 - 0.3 * np.maximum(crease, 0)
    sheen = ramp(shade, 0.85, 1.15) * 0.07
    blend(picture, cover(_furry(s, outline), _edge(s)), paint * shade + sheen)
    _lips(s, picture, open_mouth)


def _jaw(s: Scene, picture: Array) -> None:
    b = s.breed
    drop = 0.22 + 0.18 * s.chance[8]
    u, v = s.at(0, b.nose_y + 0.32, b.length * 0.6)
    width = b.muzzle[0] * 0.78
    jaw = ellipse(u, v, width, b.muzzle[1] * 0.6 + drop)
    tone = s.tone(WHITE if "blaze" in " ".join(s.coat.marks) else s.coat.base)
    blend(picture, cover(_furry(s, jaw, 0.5), s.soft), tone * _shade(s, jaw, 0.5, 0.75))
    blend(picture, cover(jaw - 0.07, s.soft), colour(*MOUTH))
    lolling = 0.1 + 0.3 * s.chance[9]
    tx, ty = s.at(0.05 * s.odd[11], b.nose_y + 0.4 + drop * 0.6, b.length * 0.6)
    tongue = ellipse(tx, ty, width * 0.56, b.muzzle[1] * 0.4 + drop * 0.5 + lolling * 0.6)
    shade = 0.85 + 0.9 * np.maximum(tongue, 0) - 0.25 * ramp(0.03 - np.abs(tx), 0, 0.03)
    blend(picture, cover(tongue, s.soft), colour(*TONGUE) * shade)


def _lips(s: Scene, picture: Array, open_mouth: bool) -> None:
    b = s.breed
    half, high = b.muzzle
    u, v = s.at(0, b.nose_y, b.length)
    a = np.abs(u)
    foot = b.nose * 0.7 + high * 0.5  # where the lips part, below the nose
    groove = np.minimum(0.018 - a, np.minimum(v - b.nose * 0.5, foot - v))
    curve = v - foot - 0.1 * ramp(a, 0, half * 0.45) + 0.26 * ramp(a, half * 0.35, half * 1.0)
    line = np.minimum(0.024 - np.abs(curve), half * 0.92 - a)
    strength = 0.75 if open_mouth else 0.6
    dark = np.maximum(cover(groove, s.soft) * 0.5, cover(line, s.soft * 1.5))
    blend(picture, dark * strength, colour(44, 28, 28))
    below = cover(np.minimum(curve, muzzle(s, 0.9, 1.05)), 0.12)
    if not open_mouth:
        picture *= 1 - below * 0.3  # the chin lies in the lips' shadow


def eyes(s: Scene, picture: Array) -> None:
    """Paints the eyes: dark rims, irises, pupils and the light in them."""
    size = s.breed.eye * (1 + 0.08 * s.odd[12])
    slant = 0.06 * s.odd[13] - 0.04
    look = (0.03 * s.odd[14], 0.02 * s.odd[15])
    for side in (-1, 1):
        u, v = s.at(side * s.breed.eye_x, 0, 0.32)
        v = v + u * (side * slant)
        lid = v + size * (0.78 + 0.3 * s.chance[10])
        rim = np.minimum(ellipse(u, v, size * 1.28, size * 1.08), lid + 0.04)
        ball = np.minimum(ellipse(u, v, size * 1.0, size * 0.86), lid - 0.015)
        _shadow(picture, rim, 0.16, 0.35)
        blend(picture, cover(rim, s.soft * 1.3) * 0.92, colour(30, 22, 20))
        iu, iv = u - look[0], v - look[1]
        iris = np.minimum(ellipse(iu, iv, size * 1.05, size * 1.0), ball)
        blend(picture, cover(ball, s.soft), colour(120, 104, 92))
        glow = 0.35 + 0.75 * ramp(iv, -size, size)  # light falls through the iris to its foot
        blend(picture, cover(iris, s.soft), colour(*s.coat.eyes) * glow)
        blend(picture, cover(ellipse(iu, iv, size * 0.56, size * 0.56), s.soft), colour(12, 9, 9))
        gu, gv = u - size * 0.6 * s.light[0], v + size * 0.38
        spark = cover(np.minimum(ellipse(gu, gv, size * 0.25, size * 0.22), ball), s.soft)
        blend(picture, spark * 0.95, colour(255, 252, 246))


def nose(s: Scene, picture: Array) -> None:
    """Paints the nose: broad above, narrow below, two nostrils, and a gloss."""
    size, tone = s.breed.nose, colour(*s.coat.nose)
    u, v = s.at(0, s.breed.nose_y, s.breed.length + 0.1)
    a = np.abs(u)
    top = ellipse(u, v + size * 0.18, size * 1.15, size * 0.68)
    foot = ellipse(u, v - size * 0.22, size * 0.72, size * 0.62)
    field = join(top, foot, size * 0.35)
    _shadow(picture, field + 0.03, 0.12, 0.35)
    height = np.sqrt(np.maximum(field, 0) + 0.002) * 0.5
    shade = 0.6 + 0.75 * lit(height, s.spacing, s.light)
    blend(picture, cover(field, s.soft), tone * shade)
    holes = ellipse(a - size * 0.5, v - size * 0.1, size * 0.26, size * 0.2)
    blend(picture, cover(holes, s.soft) * 0.85, colour(8, 6, 6))
    gu, gv = u - size * 0.5 * s.light[0], v + size * 0.45
    gloss = cover(ellipse(gu, gv, size * 0.55, size * 0.2), size * 0.3)
    blend(picture, gloss * 0.5, colour(226, 226, 232))
