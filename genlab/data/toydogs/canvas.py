"""The brushes of the toy dogs: soft masks, noise, fur and light on a plane of float32 pixels.

A shape is a field that is positive inside, about the distance to its edge in the units of its
coordinates; a mask is such a field cut off softly. Light is Lambert's law on a height field h,

    n = (-dh/dx, -dh/dy, 1) / |.|,   shade = ambient + diffuse * max(0, n . l).

Only +, -, *, / and square roots touch pixels: IEEE 754 rounds these alike everywhere, which it
does not ask of sines and powers. Planes are float32; the numbers beside them are Python floats,
which NumPy 2 rounds to the planes' type.

Shapes: P pixels a side; fields and masks `(P, P)`, pictures `(3, P, P)`, colours `(3, 1, 1)`.
"""

__all__ = [
    "Array", "blend", "colour", "cover", "ellipse", "fur", "join", "lit", "noise", "ramp",
    "resized",
]

import numpy as np

from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.floating]


def colour(red: float, green: float, blue: float) -> Array:
    """Returns an sRGB colour given in 0..255 as `(3, 1, 1)` in 0..1."""
    return (np.array([red, green, blue], np.float32) / 255).reshape(3, 1, 1)


def ramp(x: Array, start: float, end: float) -> Array:
    """Returns 0 before `start`, 1 after `end` and the cubic 3t^2 - 2t^3 between."""
    t = np.clip((x - start) * (1 / (end - start)), 0, 1)
    return t * t * (3 - 2 * t)


def ellipse(x: Array, y: Array, a: float, b: float) -> Array:
    """Returns the field of the ellipse with half-axes `a` and `b` at the origin."""
    r = np.sqrt((x * (1 / a)) ** 2 + (y * (1 / b)) ** 2)
    return (1 - r) * min(a, b)


def join(p: Array, q: Array, width: float) -> Array:
    """Returns the smooth maximum (polynomial, of the given width) of two fields."""
    h = np.maximum(width - np.abs(p - q), 0)
    return np.maximum(p, q) + h * h * (0.25 / width)


def cover(field: Array, softness: float) -> Array:
    """Returns the mask of a field: a linear edge, `softness` wide."""
    return np.clip(field * (1 / softness) + 0.5, 0, 1)


def blend(picture: Array, mask: Array, paint: Array) -> None:
    """Lays `paint` (a colour or a picture) on `picture` where `mask` is, in place."""
    picture += (paint - picture) * mask


def noise(random: np.random.Generator, cells: int, pixels: int) -> Array:
    """Returns noise of standard deviation about 1 with `cells` bumps a side.

    What is drawn does not depend on `pixels`, so every size shows the same bumps.
    """
    grid = random.normal(size=(cells, cells)).astype(np.float32)
    return resized(grid, pixels)


def resized(field: Array, pixels: int) -> Array:
    """Returns a field at another number of pixels a side."""
    if len(field) == pixels:
        return field
    image = Image.fromarray(field).resize((pixels, pixels), Image.Resampling.BICUBIC)
    return np.asarray(image)


def fur(grain: Array, x: Array, y: Array, length: float, steps: int = 9) -> Array:
    """Returns strands: `grain` averaged along the direction `(x, y)` of growth at each pixel.

    It is line integral convolution (Cabral & Leedom, 1993) with straight lines.

    Arguments:
        grain: Noise with shape `(P, P)`.
        x: The direction's horizontal part, of any length, with shape `(P, P)`.
        y: The direction's vertical part, with shape `(P, P)`.
        length: The strands' length, in sides of the picture.
        steps: Samples along a strand.
    """
    pixels = len(grain)
    scale = length * pixels / (steps - 1) / np.sqrt(x * x + y * y + 1e-6)
    dx, dy = x * scale, y * scale
    columns = np.arange(pixels, dtype=np.float32)
    rows = columns[:, None]
    flat, total = grain.ravel(), np.zeros_like(grain)
    for step in range(steps):
        at = step - steps // 2
        row = np.clip(rows + at * dy + 0.5, 0, pixels - 1).astype(np.int32)
        column = np.clip(columns + at * dx + 0.5, 0, pixels - 1).astype(np.int32)
        total += flat[row * pixels + column]
    return total / steps**0.5


def lit(height: Array, spacing: float, light: tuple[float, float, float]) -> Array:
    """Returns max(0, n . l) of a height field, `spacing` being the distance between pixels."""
    down = np.gradient(height, spacing, axis=0)
    right = np.gradient(height, spacing, axis=1)
    lx, ly, lz = light
    facing = (lz - lx * right - ly * down) / np.sqrt(1 + right * right + down * down)
    return np.maximum(facing, 0)
