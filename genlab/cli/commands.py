"""The command line: a table of commands, each a function; tyro turns signatures into options.

Nothing heavy is imported before a command runs, so that `--help` answers at once.
"""

__all__ = ["run"]

import sys

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import tyro

from tyro.conf import Positional
from tyro.extras import SubcommandApp

from genlab.cli.base import DataDir, Json, alone_in, end, print_json, use_data
from genlab.cli.data import data, with_default
from genlab.cli.errors import every_error_is_3
from genlab.cli.fid import fid
from genlab.cli.gan import gan
from genlab.cli.gan import train_command as gan_train
from genlab.cli.vae import compare_command as vae_compare
from genlab.cli.vae import train_command as vae_train
from genlab.cli.vae import vae
from genlab.cli.verify import verify
from genlab.common.paths import within
from genlab.common.text import one_line
from genlab.configs import compare as compare_recipes
from genlab.configs import gan as gan_recipes
from genlab.configs import vae as vae_recipes
from genlab.configs.lab import LabConfig

app = SubcommandApp()


@app.command
def lab(
    config: Annotated[LabConfig, tyro.conf.arg(name="")],
    out: Path | None = None,
    data_dir: DataDir = None,
    dry_run: bool = False,
    json: Json = False,
) -> None:
    """Do the whole lab sheet: three VAEs, a GAN, its FID, the report and the archives.

    Given again with the same options, it goes on where it was stopped.

    Args:
        out: The run directory; runs/lab-PRESET if not given.
        dry_run: Print the resolved configuration and stop.
    """
    from genlab.lab import sheet

    use_data(data_dir)
    target = out or Path("runs") / f"lab-{config.preset}"
    if dry_run:
        print_json(sheet.plan(config, target))
        return
    results = sheet.run_lab(config, target)
    page = results.get("explorer")  # a run that an older version finished has none
    also = f"; to explore: {target / page}" if page else ""
    end(results, f"report: {target / results['report']['docx']}{also}", json)


@app.command
def resume(
    run: Positional[Path],
    data: str | None = None,
    mnist: str | None = None,
    dogs: str | None = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Go on with a stopped run, with the options it was started with.

    Args:
        run: The run directory.
        data: SOURCE of the images, if they have moved since the run began.
        mnist: Of a lab: SOURCE of the digits, if they have moved.
        dogs: Of a lab: SOURCE of the images, if they have moved.
    """
    from genlab.cli.resume import resume as go_on

    use_data(data_dir)
    results = go_on(run, data, mnist, dogs)
    end(results, f"{run}: done", json)


@app.command
def explore(
    run: Positional[Path],
    out: Path | None = None,
    lang: Literal["zh", "en"] | None = None,
    priors: tuple[str, ...] = (),
    data: str | None = None,
    open: bool = True,  # noqa: A002 - the option's name
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Make one interactive page of a run, a file that works offline, and open it.

    The reader moves over the latent planes of its VAEs and sees the image at each point, draws
    digits, walks between points, and watches its GAN learn. The networks run in the browser;
    VAEs with other networks than perceptrons, or of images in colour, are shown by pictures.

    Args:
        run: A VAE run, a comparison, a GAN run or a lab run.
        out: The HTML file; RUN/explorer.html if not given.
        lang: The language that it opens in; the run's own if not given. The page can switch.
        priors: Show only the VAEs with these priors.
        data: SOURCE of the VAEs' images, if they have moved since training.
        open: Open it in the browser, if this is a terminal.
    """
    from genlab.explorer.explore import explore as build
    from genlab.explorer.explore import lines_of

    use_data(data_dir)
    with alone_in(run) if out is None or within(out, run) else nullcontext():
        results = build(run, out, lang, data, priors)
    *notes, line = lines_of(results)
    for note in notes:
        print(one_line(f"note: {note}"), file=sys.stderr)
    end(results, line, json)
    if open and sys.stdout.isatty():
        import webbrowser

        webbrowser.open(Path(results["page"]).resolve().as_uri())


@app.command
@every_error_is_3()
def submit(
    run: Positional[Path],
    name: str | None = None,
    id: str | None = None,  # noqa: A002 - the option's name
    lang: Literal["zh", "en"] | None = None,
    template: Path | None = None,
    json: Json = False,
) -> None:
    """Build the report and the two archives of a finished lab run again, without training.

    Args:
        run: The lab's run directory.
        name: The author's name.
        id: The author's student number.
        lang: Language of the report; the run's own if not given.
        template: A TOML file with other file names, title or Word styles (docs/report.md).
    """
    from genlab.lab.handin.submission import submit as build
    from genlab.lab.refresh import refresh

    with alone_in(run):
        results = build(run, name, id, lang, template)
        refresh(run)
    end(results, f"report: {run / results['docx']}", json)


@app.command
def report(
    run: Positional[Path],
    lang: Literal["zh", "en"] | None = None,
    format: str = "docx",  # noqa: A002 - the option's name
    json: Json = False,
) -> None:
    """Write the report of a finished lab run as Word, HTML or PDF.

    Args:
        run: The lab's run directory.
        lang: Language of the report; the run's own if not given.
        format: docx, html, pdf, or several with commas.
    """
    from genlab.lab.handin.submission import make_report

    formats = tuple(part.strip() for part in format.split(",") if part.strip())
    with alone_in(run):
        results = make_report(run, lang, formats)
    end(results, f"report: {', '.join(str(run / results[one]) for one in formats)}", json)


@app.command
def doctor(run: Positional[Path | None] = None, json: Json = False) -> None:
    """Report what is found and what is missing on this machine, or in a run, and how to get it.

    Args:
        run: A run directory, whose files are then compared with what the run wrote.
    """
    from genlab.cli.doctor import check_machine
    from genlab.runs.examine import examine

    if run is not None:
        files = examine(run)
        bad = [one for one in files if one.found != "whole"]
        for one in files:
            if not json and (one.remedy or one in bad):
                print(one_line(f"{one.found:8} {one.file}: {one.remedy}"))
        line = f"{run}: {len(files) - len(bad)} of {len(files)} files are as the run wrote them"
        end({"files": files}, line, json)
        if bad:
            sys.exit(1)
        return
    checks = check_machine()
    if not json:
        for check in checks:
            mark = "ok     " if check["ok"] else "missing"
            print(f"{mark}  {check['what']}: {check['found']}")
            if not check["ok"]:
                print(f"         to get it: {check['remedy']}")
    bad = [check["what"] for check in checks if not check["ok"]]
    end({"checks": checks}, f"missing: {', '.join(bad)}" if bad else "all is well", json)


def of_photographs(source: str) -> bool:
    """Returns whether a SOURCE is the name of photographs, or of pictures like them."""
    from genlab.data.sources import SOURCES

    row = SOURCES.get(source.partition(":")[0])
    return row is not None and row.kind == "images"


def suiting(source: str) -> str:
    """Returns the recipe of VAEs that suits a SOURCE."""
    if source.lower().endswith((".csv", ".tsv")):
        return "table"
    return "pictures" if of_photographs(source) else "default"


@dataclass(frozen=True)
class SuitedDefaults:
    """The options of commands of VAEs that decide the defaults of the others."""

    recipe: str | None = None
    data: str = ""

    @property
    def name(self) -> str:
        """The recipe: that which is given, or what suits the data."""
        return self.recipe or suiting(self.data)


@dataclass(frozen=True)
class VaeDefaults(SuitedDefaults):
    """Those of `vae train`."""

    recipe: vae_recipes.RecipeName | None = None


@dataclass(frozen=True)
class CompareDefaults(SuitedDefaults):
    """Those of `vae compare`."""

    recipe: compare_recipes.RecipeName | None = None


@dataclass(frozen=True)
class GanDefaults:
    """The option of `gan train` that decides the defaults of the others."""

    recipe: gan_recipes.RecipeName = "projected"


Defaults = TypeVar("Defaults", VaeDefaults, CompareDefaults, GanDefaults)


def _parsed_first(options: type[Defaults], command: list[str], arguments: list[str]) -> Defaults:
    """Returns some options of a command, parsed before all others; defaults for other commands."""
    if arguments[:2] != command:
        return options()
    found, _ = tyro.cli(
        options, prog=" ".join(["genlab", *command]), args=arguments[2:], add_help=False,
        return_unknown_args=True,
    )
    return found


def run() -> None:
    """Runs the command that this process was given; errors are `ended_by_errors`'s to tell."""
    arguments = sys.argv[1:]
    for_vae = _parsed_first(VaeDefaults, ["vae", "train"], arguments)
    vae.command(name="train")(vae_train(vae_recipes.RECIPES[for_vae.name]().as_defaults()))
    for_compare = _parsed_first(CompareDefaults, ["vae", "compare"], arguments)
    vae.command(name="compare")(vae_compare(compare_recipes.RECIPES[for_compare.name]()))
    for_gan = _parsed_first(GanDefaults, ["gan", "train"], arguments)
    gan.command(name="train")(gan_train(gan_recipes.RECIPES[for_gan.recipe](tyro.MISSING)))
    app.cli(
        prog="genlab",
        args=with_default(arguments),
        description="A laboratory of small deep generative models: VAEs under many priors, "
        "GANs that learn from few images, Frechet distances, and the report of it all.",
    )


app.command(fid)
app.command(verify)
app.command(vae, name="vae", help="Train and measure variational auto-encoders.")
app.command(gan, name="gan", help="Train generative adversarial networks and sample from them.")
app.command(data, name="data", help="List the data sources; examine a folder of images.")
