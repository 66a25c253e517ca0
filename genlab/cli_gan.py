"""The commands of GANs: train one, sample from it, draw its pictures."""

__all__ = ["gan"]

from dataclasses import replace
from pathlib import Path
from typing import Literal

from tyro.conf import Positional
from tyro.extras import SubcommandApp

from genlab.cli_base import DataDir, Json, end, use_data
from genlab.errors import InputError

gan = SubcommandApp()


@gan.command(name="train")
def gan_train(
    dogs: Positional[str],
    size: int = 64,
    recipe: Literal["projected", "projected-short", "scratch"] = "projected",
    epochs: int = 50,
    images: int | None = None,
    crop: Literal["centre", "subject"] = "centre",
    seed: int = 0,
    out: Path | None = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Train a GAN on images of dogs (or of anything else).

    Args:
        dogs: SOURCE of the images: a folder or a name (see: genlab data).
        size: Side of the images in pixels.
        recipe: projected sees through frozen ImageNet features; projected-short is the same for
            runs of minutes; scratch uses nothing pretrained.
        epochs: Passes over the images.
        images: Train on the first so many images only.
        crop: The square kept of a picture: its centre, or around what an ImageNet network sees.
        seed: Decides everything random.
        out: The run directory; runs/gan-RECIPE if not given.
    """
    from genlab.engine.gan import train_gan
    from genlab.figures.draw import draw_gan
    from genlab.recipes.gan import RECIPES

    use_data(data_dir)
    target = out or Path("runs") / f"gan-{recipe}"
    config = RECIPES[recipe](dogs, size=size, epochs=epochs, seed=seed, images=images)
    results = train_gan(replace(config, crop=crop), target)
    draw_gan(target)
    line = (
        f"{target}: {results['epochs']} epochs of {results['images']} images, "
        f"{results['seconds']:.0f} s, {results['images_per_second']:.0f} images/s"
    )
    end(results, line, json)


@gan.command(name="sample")
def gan_sample(
    run: Positional[Path],
    n: int | None = None,
    seed: int = 0,
    epoch: int | None = None,
    truncation: float = 1.0,
    grid: bool = False,
    walk: bool = False,
    out: Path | None = None,
    json: Json = False,
) -> None:
    """Generate images with a trained GAN: a folder of PNGs, one sheet, or a walk that moves.

    The same seed gives the same images, to the byte, however many.

    Args:
        run: The run directory of the GAN.
        n: How many images; 300 in a folder, 64 on a sheet, 6 that a walk leads through.
        seed: Decides the latents.
        epoch: A snapshot's epoch in place of the end of training.
        truncation: Psi, from 1 (none) to 0 (one mean image): better images, fewer kinds. Not
            for images that a distance is taken of.
        grid: One PNG with all of them side by side, pixel for pixel.
        walk: A closed walk from image to image, as .webp (every pixel as it is) or .gif.
        out: The folder or file; RUN/generated, RUN/grid.png or RUN/walk.webp if not given.
    """
    from genlab import sampling

    if grid and walk:
        raise InputError("--grid, --walk: give one of them")
    if walk:
        target, count = out or run / "walk.webp", 6 if n is None else n
        results = sampling.walk_file(run, count, seed, target, epoch, truncation)
        line = f"a walk through {count} images, {results['frames']} frames, in {target}"
    elif grid:
        target, count = out or run / "grid.png", 64 if n is None else n
        results = sampling.sheet(run, count, seed, target, epoch, truncation)
        line = f"{count} images on {target}"
    else:
        target, count = out or run / "generated", 300 if n is None else n
        results = sampling.generate(run, count, seed, target, epoch, truncation)
        line = f"{count} images in {target}"
    end(results, line, json)


@gan.command(name="draw")
def gan_draw(run: Positional[Path], data_dir: DataDir = None, json: Json = False) -> None:
    """Draw the pictures of a finished GAN run again, without training.

    Args:
        run: The run directory of the GAN.
    """
    from genlab.figures.draw import draw_gan

    use_data(data_dir)
    drawn = draw_gan(run)
    end({"pictures": drawn}, f"{run}: {', '.join(drawn)}", json)
