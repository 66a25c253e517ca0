"""The images of a measurement, opened at one size.

All sets are brought to squares of one side first (central square, Lanczos), the shorter side of
the smallest generated image: what is compared is what was drawn, not how finely. `--size native`
leaves all as they are.
"""

__all__ = ["Sets", "Size", "cropped", "joined", "open_fakes", "open_generated", "open_sets"]

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import genlab.data

from genlab.common.errors import InputError
from genlab.configs.fid import FidConfig
from genlab.data.open import folder_of
from genlab.data.pictures import Pictures, shorter_sides
from genlab.fid.generated import of_run
from genlab.runs.records import kind_of

Size = int | Literal["native"]
"""The side of the squares that images become; "native": each stays as it is."""


@dataclass(frozen=True, kw_only=True)
class Sets:
    """The images of a measurement."""

    real: Pictures
    fake: Pictures
    held_out: Pictures | None = None
    """Real images that the generator was not trained on."""


def open_sets(config: FidConfig) -> tuple[list[Sets], Size, str]:
    """Opens all images at one size; returns that too, and what is to be said of size and crop."""
    for option, source in (("REAL", config.real), ("`held_out`", config.held_out)):
        folder = folder_of(source) if source else None
        if folder and kind_of(folder):
            raise InputError(f"{option} {source}: a genlab run; name a source of real images")
    fakes, size, note = open_fakes(config, config.size)
    squares = None if size == "native" else size
    real = genlab.data.images(config.real, squares, config.crop)
    held_out = None
    if config.held_out:
        held_out = genlab.data.images(config.held_out, squares, config.crop)
    if config.crop != "centre":
        note = joined(note, cropped(config.crop))
    return [Sets(real=real, fake=fake, held_out=held_out) for fake in fakes], size, note


def cropped(crop: str) -> str:
    """Returns what is to be said of real images that are not cropped as generated ones are."""
    return f"real images are cropped to the {crop}'s square, generated ones to the central square"


def open_fakes(config: FidConfig, size: Size | None) -> tuple[list[Pictures], Size, str]:
    """Opens the generated images at a size, or without one at that of the smallest of all.

    Returns:
        The images, the size, and what is to be said of it.
    """
    if size == "native":
        return [open_generated(source, config, None) for source in config.fakes], size, ""
    if size is not None:
        return [open_generated(source, config, size) for source in config.fakes], size, ""
    natives = [open_generated(source, config, None) for source in config.fakes]
    sides = {side for native in natives for side in shorter_sides(native)}
    size, note = min(sides), ""
    if len(sides) > 1:
        note = (
            f"the generated images' shorter sides are from {size} to {max(sides)} px: all images, "
            f"real ones too, are brought to {size} px (`size` sets another)"
        )
    return [native.squares(size) for native in natives], size, note


def open_generated(source: str, config: FidConfig, size: int | None) -> Pictures:
    """Opens or draws the generated images of a source, as squares of `size` or as they are.

    Raises:
        InputError: If it is a run that draws no images.
    """
    kind = kind_of(Path(source))
    if kind in ("gan", "vae"):
        return of_run(Path(source), config.n, config.seed, size=size)
    if kind is not None:
        raise InputError(
            f"FAKES {source}: a run of kind {kind!r}, which draws no images; name a GAN's or "
            "VAE's run, say one in it"
        )
    return genlab.data.images(source, size)


def joined(*notes: str) -> str:
    """Returns those notes that say something as one."""
    return "; ".join(note for note in notes if note)
