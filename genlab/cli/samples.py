"""What `genlab gan sample` and `genlab vae sample` write."""

__all__ = ["write_samples"]

from pathlib import Path
from typing import TYPE_CHECKING, Any

from genlab.common.errors import InputError

if TYPE_CHECKING:
    from genlab.figures.outputs.samples import Draws


def write_samples(
    draws: "Draws", n: int | None, out: Path | None, grid: bool, walk: bool
) -> tuple[dict[str, Any], str]:
    """Writes a folder of images, one sheet or a walk; returns what was written, and a line of it.

    Arguments:
        draws: The images.
        n: Their number; if not given 300 in a folder, 64 on a sheet, 6 stops of a walk.
        out: The folder or file; one in the run directory if not given.
        grid: Whether it is to be one sheet.
        walk: Whether it is to be a walk.

    Raises:
        InputError: If both are asked for, or as of `genlab.figures.outputs.samples`.
    """
    from genlab.figures.outputs import samples

    if grid and walk:
        raise InputError("`grid`, `walk`: give one of them")
    if walk:
        target, count = out or draws.run / "walk.webp", 6 if n is None else n
        results = samples.walk_file(draws, count, target, new=out is not None)
        frames = results["frames"]
        return results, f"a walk through {count} images, {frames} frames, in {target}"
    if grid or (n == 1 and out is not None and out.suffix.lower() in samples.PICTURES):
        target, count = out or draws.run / "grid.png", 64 if n is None else n
        results = samples.sheet(draws, count, target, new=out is not None)
        return results, f"{count} images on {target}"
    target, count = out or draws.run / "generated", 300 if n is None else n
    return samples.generate(draws, count, target), f"{count} images in {target}"
