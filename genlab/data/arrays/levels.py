"""The meaning of the values of images in arrays: how they become 256 levels.

    pixel = floor(scale (v + shift) + 1/2)

Floating-point values lie in [0, 1], integers in [0, 255]; 0 and 1 alone are paper and ink. Other
ranges are converted where there is one way to read them, which is said, and refused otherwise. The
range is that of all images together.
"""

__all__ = ["PIXELS", "Levels", "levels_of"]

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from genlab.common.errors import InputError
from genlab.common.progress import say_once

NEARLY_BLACK = 64
"""Integers that stop below are of another scale than 0 to 255."""
CHUNK = 1 << 24
"""Values that are looked at together."""


class Levels(NamedTuple):
    """How values become levels."""

    scale: float = 1.0
    shift: float = 0.0

    def of(self, values: np.ndarray) -> np.ndarray:
        """Returns the levels of values, uint8 of the same shape."""
        if values.dtype == np.uint8 and self == PIXELS:
            return values
        found, done = np.empty(values.shape, np.uint8), 0
        for part in _chunks([values]):
            exact = self.scale * (part.astype(np.float64) + self.shift)
            found[done : done + len(part)] = np.floor(exact + 0.5)
            done += len(part)
        return found


PIXELS = Levels()
"""Of values that are levels."""
UNIT = Levels(255.0)
SIGNED = Levels(127.5, 1.0)
SIXTEEN_BITS = Levels(1 / 257)


def levels_of(arrays: Sequence[np.ndarray], name: str, *, ink: bool = True) -> Levels:
    """Returns how the values of images become levels, and says it where it is not plain.

    Arguments:
        arrays: Images, or the splits of one set, of one dtype.
        name: What messages call them.
        ink: Whether integers 0 and 1 can be paper and ink, as those of grey images.

    Raises:
        InputError: If values are NaN or infinite, or their range has no plain meaning.
    """
    dtype = arrays[0].dtype
    if dtype.kind == "b":
        return UNIT
    low, high = _extent(arrays, name)
    found = f"{name}: {dtype} values in [{low:.6g}, {high:.6g}]"
    read = _floating if dtype.kind == "f" else _whole
    levels, words, advice = read(low, high, ink)
    if levels is None:
        raise InputError(f"{found}; {advice}")
    if words:
        say_once(f"note: {found} are taken as {words}")
    return levels


def _floating(low: float, high: float, ink: bool) -> tuple[Levels | None, str, str]:
    del ink
    if 0 <= low and high <= 1:
        return UNIT, "", ""
    if -1 <= low <= -0.5 and high <= 1:
        return SIGNED, "images in [-1, 1]: -1 black, 1 white", ""
    if 0 <= low and NEARLY_BLACK <= high <= 255:
        return PIXELS, "levels of 0 to 255", ""
    if low < 0 and high <= 1:
        advice = "clip them to [0, 1]"
    elif low < 0:
        advice = "undo the standardisation, x * std + mean"
    else:
        advice = f"divide them by the value of white, {high:.6g} perhaps"
    return None, "", f"floating-point images lie in [0, 1]: {advice}"


def _whole(low: float, high: float, ink: bool) -> tuple[Levels | None, str, str]:
    if low < 0:
        return None, "", (
            "images are not negative: give uint8 in [0, 255], or floating-point in [0, 1]"
        )
    if high == 0:
        return PIXELS, "", ""
    if high == 1:
        if ink:
            return UNIT, "", ""
        return None, "", (
            "nearly black: give the floating-point values that they were before, or uint8 in "
            "[0, 255]"
        )
    if high < NEARLY_BLACK:
        return None, "", (
            f"nearly black of 255; if {high:.0f} is white, give them divided by {high:.0f} as "
            "floating-point values"
        )
    if high <= 255:
        return PIXELS, "", ""
    if 32767 < high <= 65535:
        return SIXTEEN_BITS, "16-bit levels of 0 to 65535", ""
    return None, "", "give uint8 in [0, 255], or the values divided by that of white"


def _extent(arrays: Sequence[np.ndarray], name: str) -> tuple[float, float]:
    low, high, first = np.inf, -np.inf, 0
    for part in _chunks(arrays):
        if not part.size:
            continue
        least, most = float(part.min()), float(part.max())  # NaN comes through both
        if not np.isfinite([least, most]).all():
            index = first + int((~np.isfinite(part.reshape(len(part), -1)).all(1)).argmax())
            raise InputError(f"{name}: holds NaN or infinite values, the first in image {index}")
        low, high, first = min(low, least), max(high, most), first + len(part)
    return (low, high) if low <= high else (0.0, 0.0)


def _chunks(arrays: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    for array in arrays:
        rows = max(1, CHUNK // max(1, array[:1].size))
        for start in range(0, len(array), rows):
            yield array[start : start + rows]
