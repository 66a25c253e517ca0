"""Going on with a run of any kind."""

__all__ = ["KINDS", "Kind", "resume"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from genlab.common.errors import InputError
from genlab.compute.hardware import Hardware, resolve_hardware
from genlab.figures.draw import draw_gan, draw_vae
from genlab.figures.prior_pictures import show_comparison
from genlab.gan.load import gan_config
from genlab.gan.results import GanResults, read_gan_results
from genlab.gan.training.train import images_of, train_gan_on
from genlab.lab.refresh import EXPLORER, gather
from genlab.lab.report.numbers.facts import lab_config
from genlab.lab.sheet import VAE_FIGURE, run_lab
from genlab.runs.hardware import hardware_of_last_session
from genlab.runs.lock import run_lock
from genlab.runs.run import Run
from genlab.vae.compare import compare, compare_config
from genlab.vae.load import vae_config
from genlab.vae.results import (
    Comparison,
    Incomplete,
    VaeResults,
    read_comparison,
    read_results,
)
from genlab.vae.splits import open_data
from genlab.vae.train import train_vae

Sources = Mapping[str, str]
"""SOURCEs that have moved since a run began, by the name of their parameter."""


@dataclass(frozen=True)
class Kind:
    """What the command line knows of a kind of run."""

    last: str
    """The file that is made last, below the run."""
    go_on: Callable[[Run, Sources, Hardware], Any]
    """Trains to the end, measures and draws; returns the results, a dataclass or JSON values."""
    results: Callable[[Run], Any] = lambda run: run.results
    """Returns the results of a finished run."""


def resume(
    path: Path, data: str | None = None, mnist: str | None = None, dogs: str | None = None
) -> Any:
    """Goes on with any run, with the options it was started with.

    A run that is done and drawn needs no data, and is left as it is.

    Arguments:
        path: The run directory.
        data: The SOURCE of the images now, if they have moved; they must be the same.
        mnist: In place of `data`, the SOURCE of a lab's digits.
        dogs: In place of `data`, the SOURCE of a lab's images.

    Raises:
        InputError: If `path` is not a run, has no such data, or its data is not at hand.
    """
    run = Run(path)
    kind = KINDS.get(run.kind)
    if kind is None:
        raise InputError(f"{path}: a run of unknown kind {run.kind!r}")
    if run.done and (path / kind.last).exists():
        return kind.results(run)
    given = {"data": data, "mnist": mnist, "dogs": dogs}
    moved = {name: source for name, source in given.items() if source is not None}
    for name in moved:
        if name not in run.config:
            has = " and ".join(f"`{known}`" for known in given if known in run.config)
            raise InputError(f"{path}: a {run.kind} run has no `{name}`; it has {has}")
    return kind.go_on(run, moved, resolve_hardware(hardware_of_last_session(run)))


def _vae(run: Run, moved: Sources, on: Hardware) -> VaeResults:
    config = replace(vae_config(run), **moved)
    results = train_vae(config, run.path, on)
    with run_lock(run.path):
        draw_vae(run.path, open_data(config))
    return results


def _gan(run: Run, moved: Sources, on: Hardware) -> GanResults:
    config = replace(gan_config(run), **moved)
    images = images_of(config, run.path)
    results = train_gan_on(images, config, run.path, on)
    with run_lock(run.path):
        draw_gan(run.path, images)
    return results


def _comparison(run: Run, moved: Sources, on: Hardware) -> Comparison | Incomplete:
    config = replace(compare_config(run), **moved)
    results = compare(config, run.path, on=on)
    with run_lock(run.path, wait=True):
        show_comparison(run.path, open_data(config))
    return results


def _lab(run: Run, moved: Sources, on: Hardware) -> dict[str, Any]:
    del on  # the lab trains on the processor
    return run_lab(replace(lab_config(run), **moved), run.path)


KINDS: dict[str, Kind] = {
    "vae": Kind(VAE_FIGURE, _vae, read_results),
    "gan": Kind("neighbours.png", _gan, read_gan_results),
    "compare": Kind("comparison.png", _comparison, read_comparison),
    "lab": Kind(EXPLORER, _lab, lambda run: gather(run.path)),
}
"""The kinds of runs that are trained."""
