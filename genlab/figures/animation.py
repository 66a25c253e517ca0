"""Animations: frames in, the bytes of a WebP or a GIF out.

A WebP keeps every pixel as it is; a GIF has 256 colours a frame, and plays anywhere. Both repeat
for ever. The same frames give the same bytes.

Shapes: N frames of H x W pixels, `(N, H, W, 3)`, uint8.
"""

__all__ = ["FORMATS", "animation", "captioned"]

import io

from collections.abc import Sequence

import numpy as np

from PIL import Image, ImageDraw, ImageFont

FORMATS = (".webp", ".gif")
"""The formats that `animation` writes, by the suffix of the file."""

BAND = 22
"""Height of the caption line, in pixels."""


def captioned(image: np.ndarray, caption: str) -> np.ndarray:
    """Returns an image `(H, W, 3)` with `caption` on a white line above it."""
    band = Image.new("RGB", (image.shape[1], BAND), "white")
    font = ImageFont.load_default(15)
    ImageDraw.Draw(band).text((4, BAND / 2), caption, "black", font, anchor="lm")
    return np.concatenate([np.asarray(band), image])


def animation(
    frames: Sequence[np.ndarray] | np.ndarray, suffix: str, milliseconds: int | Sequence[int]
) -> bytes:
    """Returns an animation that repeats for ever.

    Arguments:
        frames: Images of one size, uint8 with shape `(H, W, 3)` each.
        suffix: One of `FORMATS`.
        milliseconds: How long each frame is shown, or how long every frame; for a GIF in tens.

    Raises:
        ValueError: If `suffix` is another one.
    """
    if suffix not in FORMATS:
        raise ValueError(f"{suffix}: an animation is one of {', '.join(FORMATS)}")
    first, *others = (Image.fromarray(frame) for frame in frames)
    if not isinstance(milliseconds, int):
        milliseconds = list(milliseconds)
    buffer = io.BytesIO()
    if suffix == ".gif":
        first.save(
            buffer, format="GIF", save_all=True, append_images=others, loop=0,
            duration=milliseconds,
        )  # fmt: skip
    else:  # of more effort comes a tenth less, in several times the time
        first.save(
            buffer, format="WEBP", save_all=True, append_images=others, loop=0,
            duration=milliseconds, lossless=True, quality=50, method=2,
        )  # fmt: skip
    return buffer.getvalue()
