"""The commands of `genlab vae`: train, refit, evaluate, compare, sample, encode, interpolate."""

__all__ = ["compare_command", "train_command", "vae"]

import sys

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from tyro.conf import Positional
from tyro.extras import SubcommandApp

from genlab.cli.base import DataDir, Device, Json, alone_in, end, use_data
from genlab.cli.samples import write_samples
from genlab.common.paths import way_from
from genlab.common.quantities import QUANTITIES, Measured, fixed
from genlab.common.text import one_line
from genlab.configs.compare import CompareConfig
from genlab.configs.compare import RecipeName as CompareRecipe
from genlab.configs.hardware import HardwareConfig
from genlab.configs.prior import PriorName, PriorOptions
from genlab.configs.vae import RecipeName, VaeConfig

if TYPE_CHECKING:
    from genlab.vae.results import Measurement

DEFAULT_OPTIONS: dict[str, Any] = {}

vae = SubcommandApp()


def train_command(named: VaeConfig) -> Callable[..., None]:
    """Returns the command `vae train`, whose options default to those of a recipe."""

    def vae_train(
        config: Annotated[VaeConfig, tyro.conf.arg(name="")] = named,
        recipe: RecipeName = "default",
        device: Device = "auto",
        out: Path | None = None,
        data_dir: DataDir = None,
        json: Json = False,
    ) -> None:
        """Train a VAE on images, or rows of numbers, under a prior, measure it and draw figures.

        Args:
            recipe: A set of defaults for all other options; --help shows those of this recipe.
                pictures, which --data dogs, toydogs and imagewoof-160 choose by themselves, is
                for photographs; table, which a .csv or .tsv chooses, for tables of numbers.
            out: The run directory; runs/vae-PRIOR if not given.
        """
        from genlab.compute.hardware import resolve_hardware
        from genlab.figures.draw import draw_vae
        from genlab.vae.splits import open_data
        from genlab.vae.train import train_vae

        del recipe  # its work is done: its values were the defaults of `config`
        use_data(data_dir)
        target = out or Path("runs") / f"vae-{config.prior}"
        if config.post_hoc is not None:
            config = replace(config, post_hoc=way_from(target, Path(config.post_hoc)))
        results = train_vae(config, target, resolve_hardware(HardwareConfig(device=device)))
        with alone_in(target):
            draw_vae(target, open_data(config))
        end(results, _vae_line(results, target), json)

    return vae_train


@vae.command(name="refit")
def vae_refit(
    run: Positional[Path],
    prior: PriorName,
    prior_options: PriorOptions = DEFAULT_OPTIONS,
    epochs: int = 20,
    learning_rate: float = 3e-3,
    em: bool = True,
    data: str | None = None,
    device: Device = "auto",
    out: Path | None = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Learn a prior for a trained VAE post hoc: its encoder and decoder stay as they are.

    The result is a run like any other.

    Args:
        run: The run directory of the trained VAE.
        prior: The prior to learn.
        prior_options: The prior's options; each has its own defaults.
        epochs: Passes over the training images' codes.
        learning_rate: Highest learning rate of Adam.
        em: Fit a prior that is a mixture by expectation-maximisation, instead of gradients or
            before them; --no-em: gradients alone, started from a few images.
        data: SOURCE of the images, if they have moved since training.
        out: The new run's directory; RUN-PRIOR beside RUN if not given.
    """
    from genlab.compute.hardware import resolve_hardware
    from genlab.figures.draw import draw_vae
    from genlab.vae.train import refit_config, train_vae

    use_data(data_dir)
    target = out or run.with_name(f"{run.name}-{prior}")
    config = refit_config(
        run, target, prior, prior_options, epochs=epochs, learning_rate=learning_rate,
        em=em,
    )
    if data is not None:
        config = replace(config, data=data)
    results = train_vae(config, target, resolve_hardware(HardwareConfig(device=device)))
    with alone_in(target):
        draw_vae(target)
    end(results, _vae_line(results, target), json)


@vae.command(name="evaluate")
def vae_evaluate(
    run: Positional[Path],
    data: str | None = None,
    importance: int | None = None,
    annealed: int | None = None,
    device: Device = "auto",
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Measure a trained VAE on all test images again, or one that is still training.

    RE, Omega and the parts of eq. 3, mutual information and marginal KL, the likelihood exactly
    (one or two latent dimensions) and by importance sampling, each with its standard error. For
    an unfinished run the weights saved so far are measured, and nothing is written.

    Args:
        run: The run directory.
        data: SOURCE of the images, if they have moved since training.
        importance: Draws per image of the importance-sampled likelihood; 0 leaves it out.
        annealed: Number of random images whose likelihood is bracketed by annealing (100 take
            minutes).
    """
    from genlab.compute.hardware import resolve_hardware
    from genlab.lab.refresh import refresh
    from genlab.vae.train import evaluate_vae

    use_data(data_dir)
    hardware = resolve_hardware(HardwareConfig(device=device))
    with alone_in(run) if (run / "DONE").exists() else nullcontext():  # else nothing is written
        results = evaluate_vae(run, data, importance, annealed, hardware)
    refresh(run, data)  # the lab or the comparison that it may be a part of
    end(results, _vae_line(results, run), json)


def compare_command(named: CompareConfig) -> Callable[..., None]:
    """Returns the command `vae compare`, whose options default to those of a recipe."""

    def vae_compare(
        config: Annotated[CompareConfig, tyro.conf.arg(name="")] = named,
        recipe: CompareRecipe = "default",
        only: str | None = None,
        inception: str | None = None,
        device: Device = "auto",
        out: Path = Path("runs/compare"),
        data_dir: DataDir = None,
        json: Json = False,
    ) -> None:
        """Train and measure VAEs that differ only in their prior, and print a table of them.

        Each run can be made by itself (--only PRIOR/SEED), in any order and on any machine that
        sees the folder; the call that finds all of them finished makes the table.

        Args:
            recipe: A set of defaults for all other options; --help shows those of this recipe.
                pictures, which --data dogs, toydogs and imagewoof-160 choose by themselves, is
                for photographs; table, which a .csv or .tsv chooses, for tables of numbers.
            only: Train this run alone: PRIOR/SEED, say vamp/0.
            inception: With --pictures: file with FID Inception's weights; "download" fetches it.
            out: The run directory.
        """
        from genlab.compute.hardware import resolve_hardware
        from genlab.fid.prior_pictures import pictures_table
        from genlab.figures.prior_pictures import show_comparison
        from genlab.runs.lock import run_lock
        from genlab.vae.compare import compare, table
        from genlab.vae.results import Incomplete
        from genlab.vae.splits import open_data

        del recipe
        use_data(data_dir)
        if config.gan is not None:
            config = replace(config, gan=way_from(out, Path(config.gan)))
        results = compare(config, out, only, resolve_hardware(HardwareConfig(device=device)))
        if isinstance(results, Incomplete):
            lacking = ", ".join(results.lacking)
            end(results, f"{out}: {results.done} runs done, lacking {lacking}", json)
            return
        tables = [table(results)]
        with run_lock(out, wait=True):  # others may end with the same table
            found = show_comparison(out, open_data(config), inception)
            if found is not None:
                tables.append(pictures_table(out, found))
        lines = map(one_line, "\n".join(tables).split("\n"))
        print("\n".join(lines), file=sys.stderr if json else sys.stdout)
        end(results, f"{out}: {len(results.priors)} priors compared", json)

    return vae_compare


@vae.command(name="sample")
def vae_sample(
    run: Positional[Path],
    n: int | None = None,
    seed: int = 0,
    grid: bool = False,
    walk: bool = False,
    guidance: float = 0.0,
    out: Path | None = None,
    json: Json = False,
) -> None:
    """Generate images with a trained VAE: a folder of PNGs, one sheet, or a walk that moves.

    They are the decoded draws of its prior, the mean of p(x|z) each, with the grey values of the
    data. The same seed gives the same images, to the byte, however many are drawn.

    A VAE of a table draws rows, in the table's own units and with the noise of p(x|z), into a
    .csv or .tsv.

    Args:
        run: The run directory of the VAE.
        n: Number of images; if not given 300 in a folder, 64 on a sheet, 6 stops of a walk; 1000
            rows.
        seed: Decides the latents, and the noise of rows.
        grid: One PNG with all of them side by side, pixel for pixel.
        walk: A closed walk from image to image, as .webp (exact pixels), .gif or, where ffmpeg is
            at hand, .mp4.
        guidance: Sharper draws, away from the guide of a diffusion prior on a latent map, by so
            much: 1, say. They are no draws of the prior itself any more; 0 is.
        out: The folder or file; RUN/generated, RUN/grid.png, RUN/walk.webp or RUN/generated.csv
            if not given. A place named here that holds anything else is left alone.
    """
    from genlab.figures.outputs.samples import of_vae
    from genlab.runs.run import Run
    from genlab.vae.latents.rows import write_rows
    from genlab.vae.load import of_table, require_images

    found = Run(run)
    if found.kind == "vae" and of_table(found):
        if grid or walk or guidance:
            asked = "grid" if grid else "walk" if walk else "guidance"
            require_images(found, f"`{asked}`")
        target, count = out or run / "generated.csv", 1000 if n is None else n
        results = write_rows(run, count, seed, target, new=out is not None)
        end(results, f"{count:,} rows in {target}", json)
        return
    end(*write_samples(of_vae(run, seed, guidance), n, out, grid, walk), json)


@vae.command(name="encode")
def vae_encode(
    run: Positional[Path],
    source: Positional[str | None] = None,
    out: Path | None = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Write the codes of images: mean and standard deviation of q(z|x), with labels, as .npz.

    Args:
        run: The run directory of the VAE.
        source: SOURCE of images (see: genlab data), which are brought to the same square, or a
            table with the same columns; the run's own if not given.
        out: The file; RUN/codes.npz if not given.
    """
    from genlab.runs.run import Run
    from genlab.vae.latents.encoding import encode, write_codes
    from genlab.vae.load import of_table

    use_data(data_dir)
    target = out or run / "codes.npz"
    codes = encode(run, source)
    write_codes(codes, target, run)
    shapes = {name: list(array.shape) for name, array in codes.items()}
    what = "rows" if of_table(Run(run)) else "images"
    counts = ", ".join(
        f"{len(array):,} {name.removesuffix('_mean')}"
        for name, array in codes.items() if name.endswith("_mean")
    )
    end({"file": str(target), "arrays": shapes}, f"codes of {counts} {what} in {target}", json)


@vae.command(name="interpolate")
def vae_interpolate(
    run: Positional[Path],
    first: Positional[str],
    second: Positional[str],
    steps: int = 11,
    out: Path | None = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Draw what lies on the straight way between the codes of two images, as one PNG.

    Args:
        run: The run directory of the VAE.
        first: A picture file, or the number of a test image, from 0 on.
        second: Likewise.
        steps: Pictures on the way, the two ends among them.
        out: The file; RUN/interpolation.png if not given.
    """
    from genlab.figures.outputs.interpolation import interpolation

    use_data(data_dir)
    target = out or run / "interpolation.png"
    interpolation(run, (first, second), steps, target)
    end({"file": str(target), "steps": steps}, f"{steps} pictures on {target}", json)


def _vae_line(results: "Measurement", path: Path) -> str:
    """The most important results in one line."""
    q = QUANTITIES

    def shown(key: str) -> str:
        return f"{q[key].symbol or q[key].en} {getattr(results, key).text()}"

    unfinished = f" ({results.unfinished})" if results.unfinished else ""
    holds = "within" if results.identity_holds else "BEYOND"
    return (
        f"{path}{unfinished}: {shown('elbo')} = {shown('re')} + {shown('omega')}; "
        f"{q['omega'].symbol} = −{shown('cross_entropy')} + {shown('conditional_entropy')} "
        f"(off by {fixed(results.identity_gap, 4, sign=True)}, {holds} "
        f"{fixed(results.identity_tolerance, 4)})"
        + _exact(results)
        + f"; {shown('prior_gap')}; nats, {results.test_images:,} test "
        + ("rows" if results.reals else "images")
        + _own_units(results)
    )


def _own_units(results: "Measurement") -> str:
    """What turns a density of standardised rows into one in the table's units."""
    volume = getattr(results, "log_volume", None)
    if volume is None:
        return ""
    return f"; for the table's own units add {fixed(volume, 4, sign=True)} to −ln p(x)"


def _exact(results: "Measurement") -> str:
    if results.nll_exact is None:
        return ""
    found = f"; {QUANTITIES['nll_exact'].en} {results.nll_exact.text()}"
    if results.bits_per_pixel is not None:
        found += f" ({results.bits_per_pixel.text()} bits per pixel)"
    if results.density:
        found += f", of a density of {results.domain}"
    if results.nll_exact_trusted:
        return found
    assert results.nll_exact_error is not None
    assert results.nll_exact_rounding is not None
    error = results.nll_exact_error + results.nll_exact_rounding
    return (
        f"{found}, NOT to be trusted (the error of quadrature is {Measured(error).text()}, or "
        "importance sampling finds more)"
    )
