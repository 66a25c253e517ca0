"""The commands of GANs: train one, draw images from it."""

__all__ = ["gan"]

from dataclasses import replace
from pathlib import Path
from typing import Literal

from tyro.conf import Positional
from tyro.extras import SubcommandApp

from genlab.cli_base import DataDir, Json, end, use_data

gan = SubcommandApp()


@gan.command(name="train")
def gan_train(
    dogs: Positional[str],
    size: int = 64,
    recipe: Literal["projected", "projected-short", "scratch", "dcgan"] = "projected",
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
            runs of minutes; scratch uses nothing pretrained; dcgan is the textbook's.
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
    n: int = 300,
    seed: int = 0,
    epoch: int | None = None,
    out: Path | None = None,
    json: Json = False,
) -> None:
    """Generate images with a trained GAN, into a folder of PNGs.

    Args:
        run: The run directory of the GAN.
        n: How many images.
        seed: Decides the latents: the same seed, the same images.
        epoch: A snapshot's epoch in place of the end of training.
        out: The folder; RUN/generated if not given.
    """
    from genlab.lab import generate

    target = out or run / "generated"
    results = generate(run, n, seed, target, epoch)
    end(results, f"{n} images in {target}", json)
