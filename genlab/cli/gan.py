"""The commands of GANs: train one, sample from it, look for pictures, draw its pictures."""

__all__ = ["gan", "train_command"]

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from tyro.conf import Positional
from tyro.extras import SubcommandApp

from genlab.cli.base import DataDir, Json, alone_in, end, print_json, use_data
from genlab.cli.samples import write_samples
from genlab.common.identity import Crop
from genlab.common.paths import way_from
from genlab.common.text import many
from genlab.configs.design import DesignOptions
from genlab.configs.gan import LENGTH, GanConfig, RecipeName
from genlab.configs.hardware import HardwareConfig

if TYPE_CHECKING:
    from genlab.gan.results import GanResults

gan = SubcommandApp()
AUTO = HardwareConfig()
NO_OPTIONS: dict[str, Any] = {}


def train_command(named: GanConfig) -> Callable[..., None]:
    """Returns the command `gan train`, whose options default to those of a recipe."""

    def gan_train(
        config: Annotated[GanConfig, tyro.conf.arg(name="")] = named,
        design: DesignOptions = NO_OPTIONS,
        hardware: Annotated[HardwareConfig, tyro.conf.arg(name="")] = AUTO,
        recipe: RecipeName = "projected",
        minutes: Annotated[float | None, LENGTH] = None,
        out: Path | None = None,
        data_dir: DataDir = None,
        dry_run: bool = False,
        json: Json = False,
    ) -> None:
        """Train a GAN on images of dogs (or of anything else).

        A part of the images is held out; during training the distances to it are shown.

        Args:
            design: The options of the recipe's design.
            recipe: A set of defaults for all other options; --help shows those of the one given.
                projected uses frozen ImageNet features; projected-short is the same for runs of
                minutes; scratch uses nothing pretrained; dcgan is the textbook's design.
            minutes: In place of --epochs: train for about this time, planned by a short trial;
                snapshots at 20, 60 and 100 per cent of it, unless --snapshots is given.
            out: The run directory; runs/gan-RECIPE if not given.
            dry_run: Print the resolved configuration and stop; nothing is written.
        """
        from genlab.compute.distributed import processes, rank
        from genlab.compute.hardware import resolve_hardware
        from genlab.figures.draw import draw_gan
        from genlab.gan.build import build_design
        from genlab.gan.training.time_budget import describe_run, fit_into
        from genlab.gan.training.train import images_of, train_gan_on

        use_data(data_dir)
        config = replace(config, design_options={**named.design_options, **design})
        target = out or Path("runs") / f"gan-{recipe}"
        if config.start is not None:
            config = replace(config, start=way_from(target, Path(config.start)))
        with processes():
            first, plan, on = rank() == 0, None, resolve_hardware(hardware)
            build_design(config)  # bad options are refused before images are read
            images = images_of(config, target)
            if minutes is not None:
                config, plan = fit_into(images, config, minutes, target, on)
            if dry_run:
                if first:
                    print_json(describe_run(images, config, plan, target, on))
                return
            results = train_gan_on(images, config, target, on)
        if first:
            with alone_in(target):
                draw_gan(target, images)
            end(results, _line(results, target), json)

    return gan_train


def _line(results: "GanResults", target: Path) -> str:
    line = (
        f"{target}: {results.epochs} epochs of {results.images} images, "
        f"{results.seconds:.0f} s, {results.images_per_second:.0f} images/s"
    )
    if best := results.best_epoch:
        line += f"; nearest to {results.held_out} held-out images: epoch {best}"
    kinds = sorted({event.kind for event in results.events})
    return line + (f"; warnings: {', '.join(kinds)} (see events.jsonl)" if kinds else "")


@gan.command(name="sample")
def gan_sample(
    run: Positional[Path],
    n: int | None = None,
    seed: int = 0,
    epoch: int | None = None,
    best: bool = False,
    truncation: float = 1.0,
    of_class: Annotated[str | None, tyro.conf.arg(name="class")] = None,
    grid: bool = False,
    walk: bool = False,
    out: Path | None = None,
    json: Json = False,
) -> None:
    """Generate images with a trained GAN: a folder of PNGs, one sheet, or a walk that moves.

    The same seed gives the same images, to the byte, however many are drawn.

    Args:
        run: The run directory of the GAN.
        n: Number of images; if not given 300 in a folder, 64 on a sheet, 6 stops of a walk.
        seed: Decides the latents.
        epoch: A snapshot's epoch in place of the end of training.
        best: Use the generator that was nearest to the held-out images.
        truncation: Psi, from 1 (none) to 0 (one mean image): better images of fewer kinds. Do
            not measure such images.
        of_class: Images of this class only, of a run with classes.
        grid: One PNG with all of them side by side, pixel for pixel.
        walk: A closed walk from image to image, as .webp (exact pixels), .gif or, where ffmpeg is
            at hand, .mp4.
        out: The folder or file; RUN/generated, RUN/grid.png or RUN/walk.webp if not given. A
            place named here that holds anything else is left alone.
    """
    from genlab.figures.outputs.samples import of_gan
    from genlab.gan.load import Choice

    choice = Choice(epoch=epoch, best=best, truncation=truncation, of_class=of_class)
    end(*write_samples(of_gan(run, seed, choice), n, out, grid, walk), json)


@gan.command(name="project")
def gan_project(
    run: Positional[Path],
    source: Positional[str],
    n: int = 8,
    crop: Crop | None = None,
    seed: int = 0,
    epoch: int | None = None,
    best: bool = False,
    of_class: Annotated[str | None, tyro.conf.arg(name="class")] = None,
    walk: bool = False,
    out: Path | None = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Look for pictures among all that a GAN can make: the latents of the nearest images.

    Half a minute a picture at 64 pixels, on one core. The same is done for three images that the
    GAN itself drew: a picture that it could make would be found as nearly as they are.

    Args:
        run: The run directory of the GAN.
        source: The file of one picture, or a SOURCE of pictures (see: genlab data).
        n: Take at most so many, the first ones.
        crop: The square taken of each picture (see: genlab gan train --help); the run's own if
            not given.
        seed: Decides where the search begins.
        epoch: A snapshot's epoch in place of the end of training.
        best: Use the generator that was nearest to the held-out images.
        of_class: Look among the images of this class only, of a run with classes.
        walk: Also write walk.webp: a closed walk through the images that were found.
        out: The folder for projected.png, latents.npy and results.json; RUN/projected if not
            given. A folder named here must be new or empty.
    """
    from genlab.figures.outputs.inversion import project
    from genlab.gan.load import Choice

    use_data(data_dir)
    target, choice = out or run / "projected", Choice(epoch=epoch, best=best, of_class=of_class)
    found = project(run, source, n, target, seed, choice, crop, walk, new=out is not None)
    losses = [picture["loss"] for picture in found["pictures"]]
    random = [picture["random_loss"] for picture in found["pictures"]]
    line = (
        f"{target}: {many(len(losses), 'picture')}, found with losses of {_range(losses)} (best "
        f"of the random images: {_range(random)}; the GAN's own images are found with "
        f"{_range(found['own_losses'])})"
    )
    end(found, line, json)


def _range(values: list[float]) -> str:
    least, most = min(values), max(values)
    return f"{least:.2g}" if len(values) == 1 else f"{least:.2g} to {most:.2g}"


@gan.command(name="draw")
def gan_draw(run: Positional[Path], data_dir: DataDir = None, json: Json = False) -> None:
    """Draw the pictures of a finished GAN run again, without training.

    Args:
        run: The run directory of the GAN.
    """
    from genlab.figures.draw import draw_gan

    use_data(data_dir)
    with alone_in(run):
        drawn = draw_gan(run)
    end({"pictures": drawn}, f"{run}: {', '.join(drawn)}", json)
