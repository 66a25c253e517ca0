"""The command line: a table of commands, each a function; tyro turns signatures into options.

Nothing heavy is imported before a command runs, so that `--help` answers at once.
"""

__all__ = ["main"]

import json
import os
import sys

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from tyro.conf import OmitArgPrefixes, Positional
from tyro.extras import SubcommandApp

from genlab.errors import InputError
from genlab.prior_options import PriorName, PriorOptions
from genlab.recipes.compare import CompareConfig
from genlab.recipes.fid import FidConfig
from genlab.recipes.lab import LabConfig
from genlab.recipes.vae import RECIPES, RecipeName, VaeConfig

Json = Annotated[bool, tyro.conf.arg(help="Print the results as JSON on stdout.")]
DataDir = Annotated[
    Path | None,
    tyro.conf.arg(help="Folder with mnist/ and dogs/; the same as setting GENLAB_DATA."),
]

DEFAULT_OPTIONS, DEFAULT_COMPARISON = PriorOptions(), CompareConfig()

app, vae, gan = SubcommandApp(), SubcommandApp(), SubcommandApp()


@app.command
def lab(
    config: OmitArgPrefixes[LabConfig],
    out: Path | None = None,
    data_dir: DataDir = None,
    dry_run: bool = False,
    json: Json = False,
) -> None:
    """Do the whole lab sheet: three VAEs, a GAN, its FID, the report and the archives.

    Run it again with the same options and it goes on where it was stopped.

    Args:
        out: The run directory; runs/lab-PRESET if not given.
        dry_run: Print the resolved configuration and stop.
    """
    from genlab import lab as sheet

    _use(data_dir)
    target = out or Path("runs") / f"lab-{config.preset}"
    if dry_run:
        _print_json(sheet.plan(config, target))
        return
    results = sheet.run_lab(config, target)
    _end(results, f"report: {target / results['report']['docx']}", json)


@app.command
def resume(run: Positional[Path], data_dir: DataDir = None, json: Json = False) -> None:
    """Go on with a stopped run, with the options it was started with.

    Args:
        run: The run directory.
    """
    from genlab import lab as sheet

    _use(data_dir)
    results = sheet.resume(run)
    _end(results, f"{run}: done", json)


def train_command(named: VaeConfig) -> Callable[..., None]:
    """Returns the command `vae train`, whose options default to those of a recipe."""

    def vae_train(
        config: Annotated[VaeConfig, tyro.conf.arg(name="")] = named,
        recipe: RecipeName = "default",
        out: Path | None = None,
        data_dir: DataDir = None,
        json: Json = False,
    ) -> None:
        """Train a VAE on digits under a prior, measure it and draw its figures.

        Args:
            recipe: A set of defaults for all other options; --help shows those of the one given.
            out: The run directory; runs/vae-PRIOR if not given.
        """
        from genlab.engine.vae import train_vae
        from genlab.figures.draw import draw_vae

        del recipe  # its work is done: its values were the defaults of `config`
        _use(data_dir)
        target = out or Path("runs") / f"vae-{config.prior}"
        results = train_vae(config, target)
        draw_vae(target)
        _end(results, _vae_line(results, target), json)

    return vae_train


@vae.command(name="refit")
def vae_refit(
    run: Positional[Path],
    prior: PriorName,
    prior_options: Annotated[PriorOptions, tyro.conf.arg(name="prior")] = DEFAULT_OPTIONS,
    epochs: int = 20,
    learning_rate: float = 3e-3,
    em: bool = False,
    out: Path | None = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Learn a prior for a trained VAE post hoc: its encoder and decoder stay as they are.

    What it leaves is a run like any other.

    Args:
        run: The run directory of the trained VAE.
        prior: The prior to learn.
        prior_options: What it is built with.
        epochs: Passes over the training digits' codes.
        learning_rate: Highest learning rate of Adam.
        em: Fit a mixture by expectation-maximisation instead.
        out: The new run's directory; RUN-PRIOR beside RUN if not given.
    """
    from genlab.engine.vae import refit_config, train_vae
    from genlab.figures.draw import draw_vae

    _use(data_dir)
    config = refit_config(
        run, prior, prior_options, epochs=epochs, learning_rate=learning_rate, em=em
    )
    target = out or run.with_name(f"{run.name}-{prior}")
    results = train_vae(config, target)
    draw_vae(target)
    _end(results, _vae_line(results, target), json)


@vae.command(name="evaluate")
def vae_evaluate(
    run: Positional[Path],
    mnist: str | None = None,
    importance: int | None = None,
    annealed: int | None = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Measure a trained VAE on all test digits again.

    RE, Omega and the parts of eq. 3, mutual information and marginal KL, the likelihood exactly
    (one or two latent dimensions) and by importance sampling, each with its standard error.

    Args:
        run: The run directory.
        mnist: Where the digits are now, if they have moved since training.
        importance: Draws per digit of the importance-sampled likelihood; 0 leaves it out.
        annealed: Random digits whose likelihood is bracketed by annealing (minutes for 100).
    """
    from genlab.engine.vae import evaluate_vae

    _use(data_dir)
    results = evaluate_vae(run, mnist, importance, annealed)
    _end(results, _vae_line(results, run), json)


@vae.command(name="compare")
def vae_compare(
    config: OmitArgPrefixes[CompareConfig] = DEFAULT_COMPARISON,
    only: str | None = None,
    out: Path = Path("runs/compare"),
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Train and measure VAEs that differ in their prior alone, and table them.

    Each run can be made by itself (--only PRIOR/SEED), in any order and on any machine that sees
    the folder; the table is made by the call that finds all of them finished.

    Args:
        only: Train this run alone: PRIOR/SEED, say vamp/0.
        out: The run directory.
    """
    from genlab.engine.compare import compare, table
    from genlab.figures.draw import draw_comparison

    _use(data_dir)
    results = compare(config, out, only)
    if lacking := results.get("lacking"):
        _end(results, f"{out}: {results['done']} runs done, lacking {', '.join(lacking)}", json)
        return
    draw_comparison(out)
    print(table(results), file=sys.stderr if json else sys.stdout)
    _end(results, f"{out}: {len(results['priors'])} priors compared", json)


@gan.command(name="train")
def gan_train(
    dogs: Positional[str],
    size: int = 64,
    recipe: Literal["projected", "projected-short", "scratch"] = "projected",
    epochs: int = 50,
    images: int | None = None,
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
        seed: Decides everything random.
        out: The run directory; runs/gan-RECIPE if not given.
    """
    from genlab.engine.gan import train_gan
    from genlab.figures.draw import draw_gan
    from genlab.recipes.gan import RECIPES

    _use(data_dir)
    target = out or Path("runs") / f"gan-{recipe}"
    config = RECIPES[recipe](dogs, size=size, epochs=epochs, seed=seed, images=images)
    results = train_gan(config, target)
    draw_gan(target)
    line = (
        f"{target}: {results['epochs']} epochs of {results['images']} images, "
        f"{results['seconds']:.0f} s, {results['images_per_second']:.0f} images/s"
    )
    _end(results, line, json)


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
    _end(results, f"{n} images in {target}", json)


@app.command
def fid(
    config: OmitArgPrefixes[FidConfig],
    out: Path = Path("runs/fid"),
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Measure the Frechet distance of generated images to real ones.

    FID is the distance in the FID Inception's features; in EfficientNet-Lite0's (which come
    with the installation) it is called FD (EfficientNet-Lite0).

    Args:
        out: Where results.json goes.
    """
    from genlab import atomic
    from genlab.engine.fid import fid as frechet

    _use(data_dir)
    results = frechet(config)
    atomic.write_json(out / "results.json", results)
    numbers = ", ".join(f"{d['label']} {d['value']:.4g}" for d in results["distances"])
    line = f"{numbers} ({results['n_fake']} generated, {results['n_real']} real images)"
    if results["note"]:
        print(f"note: {results['note']}", file=sys.stderr)
    _end(results, line, json)


@app.command
def data(get: str | None = None, data_dir: DataDir = None, json: Json = False) -> None:
    """List the data sources: where each would come from on this machine, and who it is.

    Args:
        get: Fetch this source now (mnist, imagewoof-160), or identify any SOURCE given here.
    """
    from genlab.inventory import describe_source, inventory

    _use(data_dir)
    if get:
        results = describe_source(get)
        _end(results, f"{get}: {results['count']} images, SHA-256 {results['sha256']}", json)
        return
    rows = inventory()
    if not json:
        for row in rows:
            print(f"{row['name']:14} {row['role']:7} {row['size']}")
            print(f"{'':14} {'':7} licence: {row['licence']}")
            where = f"at hand: {row['place']}" if row["place"] else f"not at hand; {row['get']}"
            print(f"{'':14} {'':7} {where}")
            if identity := row["identity"]:
                shape = " x ".join(map(str, identity["shape"]))
                print(f"{'':14} {'':7} {identity['count']} of {shape}, "
                      f"SHA-256 {identity['sha256']}")
    here = [row["name"] for row in rows if row["place"]]
    _end({"sources": rows}, f"at hand: {', '.join(here)}", json)


@app.command
def submit(
    run: Positional[Path],
    name: str | None = None,
    id: str | None = None,  # noqa: A002 - the option's name
    lang: Literal["zh", "en"] | None = None,
    json: Json = False,
) -> None:
    """Build the report and the two archives of a finished lab run again, without training.

    Args:
        run: The lab's run directory.
        name: The author's name.
        id: The author's student number.
        lang: Language of the report; the run's own if not given.
    """
    from genlab.report.submission import submit as build

    results = build(run, name, id, lang)
    _end(results, f"report: {run / results['docx']}", json)


@app.command
def doctor(json: Json = False) -> None:
    """Say what is found and what is missing on this machine, and how to mend it."""
    from genlab.inventory import check_machine

    checks = check_machine()
    if not json:
        for check in checks:
            mark = "ok     " if check["ok"] else "missing"
            print(f"{mark}  {check['what']}: {check['found']}")
            if not check["ok"]:
                print(f"         mend: {check['mend']}")
    bad = [check["what"] for check in checks if not check["ok"]]
    _end({"checks": checks}, f"missing: {', '.join(bad)}" if bad else "all is well", json)


def _use(data_dir: Path | None) -> None:
    if data_dir is None:
        return
    if not data_dir.is_dir():
        raise InputError(f"--data-dir {data_dir}: no such folder")
    os.environ["GENLAB_DATA"] = str(data_dir)


def _vae_line(results: dict[str, Any], path: Path) -> str:
    return (
        f"{path}: ELBO {results['elbo']:.2f} = RE {results['re']:.2f} + Omega "
        f"{results['omega']:.2f}; Omega = -CE {results['cross_entropy']:.3f} + H "
        f"{results['conditional_entropy']:.3f} (off by {results['identity_gap']:+.4f}, "
        f"{'within' if results['identity_holds'] else 'BEYOND'} "
        f"{results['identity_tolerance']:.4f})"
        + (f"; exact NLL {results['nll_exact']:.2f}" if "nll_exact" in results else "")
        + f"; prior gap {results['prior_gap']:.3f}; nats, {results['test_images']} test digits"
    )


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=1, ensure_ascii=False))


def _end(results: dict[str, Any], line: str, as_json: bool) -> None:
    """Ends a command: its line of results, or its JSON with the line on standard error."""
    print(line, file=sys.stderr if as_json else sys.stdout)
    if as_json:
        _print_json(results)


def _recipe(arguments: list[str]) -> str:
    """Returns the recipe that the command line names; a wrong name is left to the parser."""
    for index, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "--recipe":
            value = value or "".join(arguments[index + 1 : index + 2])
            return value if value in RECIPES else "default"
    return "default"


def main() -> None:
    """Runs the command line; bad input ends with one line and exit code 2."""
    defaults = RECIPES[_recipe(sys.argv[1:])]()
    vae.command(name="train")(train_command(defaults))
    try:
        app.cli(
            prog="genlab",
            description="A laboratory of small deep generative models: VAEs under many priors, "
            "GANs that learn from few images, Frechet distances, and the report of it all.",
        )
    except (InputError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            sys.exit(1)
        print(f"genlab: error: {error}", file=sys.stderr)
        sys.exit(2)
    except FloatingPointError as error:
        print(f"genlab: training diverged: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("genlab: stopped; give the same command again to go on", file=sys.stderr)
        sys.exit(130)


app.command(vae, name="vae", help="Train and measure variational auto-encoders.")
app.command(gan, name="gan", help="Train generative adversarial networks and sample from them.")
