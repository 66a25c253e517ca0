"""A toy dog before it is drawn: its breed, coat, pose and light, and the plane to draw it on.

Shapes: P pixels a side; fields `(P, P)`.
"""

__all__ = ["Scene", "compose"]

import math

from dataclasses import dataclass

import numpy as np

from genlab.data.toydogs.breeds import BREEDS, COATS, RGB, Breed, Coat
from genlab.data.toydogs.canvas import Array, colour, fur, noise, resized

FUR = 128  # pixels a side of the field of fur, at every size of the picture


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """The values that all parts share. Lengths other than `x` and `y` are in head units."""

    breed: Breed
    coat: Coat
    chance: tuple[float, ...]
    """Uniform numbers in 0..1 for details."""
    odd: tuple[float, ...]
    """Normal numbers for asymmetries and for differences between dogs of one breed."""
    turn: tuple[float, float]
    """The shift of one unit of depth to the right and down, by the head's yaw and pitch."""
    light: tuple[float, float, float]
    """The unit vector towards the light."""
    scale: float
    """The length of a head unit on the picture, whose sides are at -1 and 1."""
    x: Array
    y: Array
    u: Array
    v: Array
    strands: Array
    """Fur: noise averaged along its growth, of standard deviation about 1."""
    lumps: Array
    spots: Array
    ticks: Array

    @property
    def soft(self) -> float:
        """The softness of a sharp edge: two pixels."""
        return 4 / len(self.x) / self.scale

    @property
    def spacing(self) -> float:
        """The distance between pixels."""
        return 2 / len(self.x) / self.scale

    def tone(self, rgb: RGB) -> Array:
        """Returns a colour of the coat, a little lighter, darker, warmer or cooler in each dog."""
        deeper = 1 + 0.1 * (self.chance[13] - 0.5) * (1 - min(rgb) / 255)
        warmer = 0.1 * (self.chance[14] - 0.5) * (1 - min(rgb) / 255)
        red, green, blue = rgb
        return colour(red * (deeper + warmer), green * deeper, blue * (deeper - warmer))

    def at(
        self, u: float, v: float, depth: float = 0.0, ruffled: bool = False
    ) -> tuple[Array, Array]:
        """Returns coordinates around the point `(u, v, depth)` of the head."""
        du = self.u - (u + self.turn[0] * depth)
        dv = self.v - (v + self.turn[1] * depth)
        if ruffled:
            ruffle = self.strands * (0.02 + 0.02 * self.breed.fluff)
            wave = self.lumps * 0.03
            return du + ruffle + wave, dv + ruffle - wave
        return du, dv


def compose(random: np.random.Generator, pixels: int) -> Scene:
    """Returns a random dog; it does not depend on `pixels`."""
    breeds = list(BREEDS.values())
    breed = breeds[random.integers(len(breeds))]
    coat = COATS[breed.coats[random.integers(len(breed.coats))]]
    chance, odd = random.random(16).tolist(), random.normal(size=16).clip(-2, 2).tolist()
    reach = breed.ear[0] if breed.ears == "prick" else 0.0  # height of prick ears
    scale = 0.68 - 0.09 * reach - 0.05 * min(breed.ear_out, 1) + 0.03 * odd[0]
    tilt = 0.13 * odd[1]
    centre = (0.05 * odd[2], -0.08 + 0.24 * reach + 0.03 * odd[3])
    turn = (0.16 * odd[4], 0.07 * odd[5])
    side, height = 0.55 * odd[6], -0.6 + 0.2 * odd[7]
    norm = math.hypot(side, height, 1)
    x, y, u, v = _plane(pixels, scale, tilt, centre)
    lumps, spots = noise(random, 7, pixels), noise(random, 13, pixels)
    ticks = noise(random, 40, pixels)
    return Scene(
        breed=breed, coat=coat, chance=tuple(chance), odd=tuple(odd), turn=turn,
        light=(side / norm, height / norm, 1 / norm),
        scale=scale, x=x, y=y, u=u, v=v, lumps=lumps, spots=spots, ticks=ticks,
        strands=resized(_strands(random, breed, scale, tilt, centre), pixels),
    )


def _plane(
    pixels: int, scale: float, tilt: float, centre: tuple[float, float]
) -> tuple[Array, Array, Array, Array]:
    """Returns the coordinates of the picture, and those of the head in it."""
    line = (np.arange(pixels, dtype=np.float32) + 0.5) * (2 / pixels) - 1
    x, y = np.broadcast_to(line, (pixels,) * 2), np.broadcast_to(line[:, None], (pixels,) * 2)
    c, s = math.cos(tilt) / scale, math.sin(tilt) / scale
    x0, y0 = x - centre[0], y - centre[1]
    return x, y, c * x0 + s * y0, c * y0 - s * x0


def _strands(
    random: np.random.Generator, breed: Breed, scale: float, tilt: float,
    centre: tuple[float, float],
) -> Array:
    """Returns fur that grows outwards from between the eyes, hangs down, and curls."""
    _, _, u, v = _plane(FUR, scale, tilt, centre)
    stray = 0.3 * breed.fluff + breed.curl
    u = u + stray * noise(random, 13, FUR)
    v = v + stray * noise(random, 13, FUR) + (0.15 + 0.4 * breed.fluff)
    strands = fur(noise(random, FUR, FUR), u, v, 0.05 + 0.05 * breed.fluff)
    return strands + 0.8 * breed.curl * noise(random, 30, FUR)
