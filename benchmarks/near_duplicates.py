"""Precision and recall of `genlab.data.near_duplicates` on changed copies of photographs.

    python benchmarks/near_duplicates.py DIR [FACES] [COUNT]

Of the first COUNT (500) photographs in DIR one changed copy each is put beside all of them; a copy
counts as found if the pair (original, copy) is. Every other pair that is found counts as wrong,
unless the originals are near duplicates themselves. Then the pairs of all photographs in DIR, and
in FACES, are counted: they are to be looked at.
"""

import io
import random
import sys
import time

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from PIL import Image, ImageEnhance, ImageOps

from genlab.data.near_duplicates import SIDE, near_duplicates

Change = Callable[[Image.Image, random.Random], Image.Image]


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def crop(image: Image.Image, share: float, chance: random.Random) -> Image.Image:
    width, height = (side * (1 - share) for side in image.size)
    left, top = (chance.random() * share * side for side in image.size)
    return image.crop(tuple(map(round, (left, top, left + width, top + height))))


def turned_hue(image: Image.Image, turn: int) -> Image.Image:
    pixels = np.array(image.convert("HSV"))
    pixels[..., 0] += np.uint8(turn)
    return Image.fromarray(pixels, "HSV").convert("RGB")


def sepia(image: Image.Image) -> Image.Image:
    return ImageOps.colorize(ImageOps.grayscale(image), "#201008", "#ffeecc")


def gamma(image: Image.Image, power: float) -> Image.Image:
    return image.point(lambda value: 255 * (value / 255) ** power)


def several(image: Image.Image, chance: random.Random) -> Image.Image:
    return jpeg(turned_hue(ImageOps.mirror(crop(image, 0.1, chance)), 90), 40)


CHANGES: dict[str, Change] = {
    "grey": lambda i, r: ImageOps.grayscale(i).convert("RGB"),
    "another hue": lambda i, r: turned_hue(i, r.randrange(40, 210)),
    "sepia": lambda i, r: sepia(i),
    "red and blue changed": lambda i, r: Image.merge("RGB", i.split()[::-1]),
    "gamma 0.7 or 1.4": lambda i, r: gamma(i, r.choice((0.7, 1.4))),
    "half the contrast": lambda i, r: ImageEnhance.Contrast(i).enhance(0.5),
    "JPEG of quality 20": lambda i, r: jpeg(i, 20),
    "a third of the size": lambda i, r: i.resize((i.width // 3, i.height // 3)),
    "mirrored": lambda i, r: ImageOps.mirror(i),
    "3 % of each side cut": lambda i, r: crop(i, 0.03, r),
    "6 %": lambda i, r: crop(i, 0.06, r),
    "10 %": lambda i, r: crop(i, 0.10, r),
    "15 %": lambda i, r: crop(i, 0.15, r),
    "20 %": lambda i, r: crop(i, 0.20, r),
    "15 % of the width cut": lambda i, r: i.crop((0, 0, round(i.width * 0.85), i.height)),
    "mirrored, 10 % cut, hue, JPEG": several,
}


def thumbnail(image: Image.Image) -> torch.Tensor:
    small = image.convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(small))


def folder(path: Path, count: int | None = None) -> list[Image.Image]:
    return [Image.open(file).convert("RGB") for file in sorted(path.iterdir())[:count]]


def pairs(thumbs: torch.Tensor) -> set[tuple[int, int]]:
    return {(i, j) for i, j in near_duplicates(thumbs).pairs.tolist()}


def main() -> None:
    where, faces = Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None
    images = folder(where, int(sys.argv[3]) if len(sys.argv) > 3 else 500)
    n, chance = len(images), random.Random(0)
    originals = torch.stack([thumbnail(image) for image in images])
    known = pairs(originals)
    print(f"{n} photographs, {len(known)} pairs among them\n")
    print("| change | found | wrong |\n|---|---|---|")
    for name, change in CHANGES.items():
        copies = torch.stack([thumbnail(change(image, chance)) for image in images])
        found = pairs(torch.cat([originals, copies]))
        right = {(i, i + n) for i in range(n)}
        same = {tuple(sorted((i % n, j % n))) for i, j in found - right}
        print(f"| {name} | {len(found & right) / n:.1%} | {len(same - known)} |", flush=True)
    for place in filter(None, (where, faces)):
        thumbs = torch.stack([thumbnail(image) for image in folder(place)])
        began = time.process_time()
        found = near_duplicates(thumbs)
        print(f"\n{place}: {len(found.pairs)} of {len(thumbs) * (len(thumbs) - 1) // 2:,} pairs, "
              f"least {found.correlation.min():.2f}; {time.process_time() - began:.1f} CPU s")


main()
