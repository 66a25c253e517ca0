"""One toy dog before it is drawn: its breed, coat, pose, light, and the plane it is drawn on.

Shapes: P pixels a side; fields `(P, P)`.
"""

__all__ = ["Scene", "compose"]

import math

from dataclasses import dataclass

import numpy as np

from genlab.data.toydog_breeds import BREEDS, COATS, Breed, Coat
from genlab.data.toydog_canvas import Array, fur, noise


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """What the drawing parts share. All lengths but `x` and `y` are in head units."""

    breed: Breed
    coat: Coat
    chance: tuple[float, ...]
    """Uniform numbers in 0..1 that decide details."""
    odd: tuple[float, ...]
    """Normal numbers: what makes the left and right sides, and dogs of one breed, differ."""
    turn: tuple[float, float]
    """How far one unit of depth moves right and down: the head's yaw and pitch."""
    light: tuple[float, float, float]
    """The unit vector towards the light."""
    scale: float
    """The length of a head unit on the picture, whose sides are at -1 and 1."""
    x: Array
    y: Array
    u: Array
    v: Array
    strands: Array
    """Fur: noise drawn out along its growth, of standard deviation about 1."""
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

    def at(
        self, u: float, v: float, depth: float = 0.0, ruffled: bool = False
    ) -> tuple[Array, Array]:
        """Returns coordinates around the point `(u, v, depth)` of the head."""
        du = self.u - np.float32(u + self.turn[0] * depth)
        dv = self.v - np.float32(v + self.turn[1] * depth)
        if ruffled:
            ruffle = self.strands * np.float32(0.025 + 0.04 * self.breed.fluff)
            wave = self.lumps * np.float32(0.03)
            return du + ruffle + wave, dv + ruffle - wave
        return du, dv


def compose(random: np.random.Generator, pixels: int) -> Scene:
    """Returns a dog drawn by lot; what is drawn does not depend on `pixels`."""
    breeds = list(BREEDS.values())
    breed = breeds[random.integers(len(breeds))]
    coat = COATS[breed.coats[random.integers(len(breed.coats))]]
    chance, odd = random.random(16), random.normal(size=16).clip(-2, 2)
    scale = 0.56 + 0.035 * odd[0]
    scale -= 0.05 * (breed.ear_out > 0.7)  # wide ears need room
    tilt = 0.13 * odd[1]
    high = breed.ears == "prick"
    cx, cy = 0.05 * odd[2], (0.06 if high else -0.05) + 0.04 * odd[3]
    turn = (0.16 * odd[4], 0.07 * odd[5])
    side, height, front = 0.55 * odd[6], -0.6 + 0.2 * odd[7], 1.0
    norm = math.sqrt(side * side + height * height + front * front)
    line = (np.arange(pixels, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / pixels) - 1
    x, y = np.broadcast_to(line, (pixels, pixels)), np.broadcast_to(line[:, None], (pixels,) * 2)
    c, s = np.float32(math.cos(tilt) / scale), np.float32(math.sin(tilt) / scale)
    x0, y0 = x - np.float32(cx), y - np.float32(cy)
    u, v = c * x0 + s * y0, c * y0 - s * x0
    lumps, spots = noise(random, 7, pixels), noise(random, 13, pixels)
    ticks, curls = noise(random, 40, pixels), noise(random, 30, pixels)
    # fur grows from between the eyes outwards, then hangs; curls turn it about
    along = u + np.float32(0.3 * breed.fluff + breed.curl) * spots
    down = v - np.float32(0.25) + np.float32(0.4 + 0.4 * breed.fluff) + np.float32(
        0.3 * breed.fluff + breed.curl) * lumps
    strands = fur(noise(random, 176, pixels), along, down, 0.05 + 0.05 * breed.fluff)
    strands = strands + np.float32(0.8 * breed.curl) * curls
    return Scene(
        breed=breed, coat=coat, chance=tuple(chance), odd=tuple(odd), turn=turn,
        light=(side / norm, height / norm, front / norm), scale=scale, x=x, y=y, u=u, v=v,
        strands=strands, lumps=lumps, spots=spots, ticks=ticks,
    )
