"""Trains and measures a comparison of priors, one run a cell, and tables it.

A comparison leaves

    PRIOR/SEED/      a VAE run like any other
    results.json     the table as JSON
    table.md         the table
    comparison.png   all priors in one figure (drawn by genlab.figures)

Differences to the standard Gaussian are paired: the same test images, the same seed. Their
standard error over images is that of the differences, a tenth of what unpaired errors suggest; to
that of importance-sampled likelihoods the errors of their draws are added.
"""

__all__ = ["compare", "compare_config", "gather", "require_trainable", "tabulate"]

import math

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from torch import Tensor

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.progress import say
from genlab.common.quantities import QUANTITIES
from genlab.common.typed_json import to_json
from genlab.compute.hardware import CPU, Hardware
from genlab.configs.compare import CompareConfig, cells
from genlab.configs.vae import VaeConfig
from genlab.priors import PRIORS
from genlab.runs.lock import resumable, run_lock
from genlab.runs.run import Run, open_run
from genlab.vae.load import build_likelihood, first_vae, measured_values
from genlab.vae.results import (
    PAIRED,
    ComparedPrior,
    Comparison,
    Incomplete,
    MeanOverSeeds,
    read_results,
)
from genlab.vae.splits import Data, open_data, splits_of, suited
from genlab.vae.train import discard_parts, train_vae

TABLED = (
    "nll_exact", "nll_is", "elbo", "re", "omega", "prior_gap", "mutual_information",
    "inference_gap",
)  # fmt: skip
"""The quantities of the table."""


def compare_config(run: Run) -> CompareConfig:
    """Returns the configuration of a comparison.

    Raises:
        InputError: If it is not that of a comparison.
    """
    return run.config_as(CompareConfig)


def compare(
    config: CompareConfig, out: Path, only: str | None = None, on: Hardware = CPU
) -> Comparison | Incomplete:
    """Runs a comparison into `out`, or goes on there; returns its table once all runs are there.

    Arguments:
        config: The comparison.
        out: The run directory.
        only: A row, PRIOR/SEED: train that run alone. The table is made when all are there.
        on: What the runs train on.

    Raises:
        InputError: If `only` is no row, a prior cannot be built, or the images or `out` cannot
            be used.
    """
    rows = _rows(config)
    if only is not None and only not in rows:
        raise InputError(f"`only` {only}: the rows are {', '.join(rows)}")
    digits = open_data(config)
    if digits.reals and config.pictures:
        raise InputError(f"`pictures`: {config.data} is a table of numbers, which draws none")
    config = suited(config, digits)
    rows = _rows(config)
    if not (out / "config.json").exists():
        require_trainable(config, digits)  # what is refused is refused before hours of training
    with run_lock(out, wait=True):  # others may train other rows meanwhile
        run = open_run(out, "compare", config, {"images": digits.identity}, on.facts)
    if run.done:
        for row in rows:
            discard_parts(out / row)
        return gather(out)
    with resumable(out):
        for row in _order(rows, only):
            if not (out / row / "DONE").exists():
                say(f"{row}: run {list(rows).index(row) + 1} of {len(rows)}")
            # Two rows of one VAE may be asked for at once: the second waits for the first's.
            train_vae(
                rows[row], atomic.make_within(out, row), on, wait=only not in (None, row)
            )
    lacking = [row for row in rows if not (out / row / "DONE").exists()]
    if lacking:
        return Incomplete(done=len(rows) - len(lacking), lacking=lacking)
    return gather(out)


def require_trainable(config: CompareConfig, images: Data) -> None:
    """Builds every model of a comparison as its training begins.

    Raises:
        InputError: If one cannot be built of these images, or there are too few of them.
    """
    rows = list(_rows(config).values())
    splits = splits_of(images, rows[0], build_likelihood(rows[0]))  # the same for every row
    for cell in rows:
        first_vae(cell, splits)


def _rows(config: CompareConfig) -> dict[str, VaeConfig]:
    """Returns the configuration of every run; only priors fitted by EM keep `em`."""
    return {
        row: replace(cell, em=cell.em and PRIORS[cell.prior].fitted_by_em)
        for row, cell in cells(config).items()
    }


def gather(out: Path) -> Comparison:
    """Tables the rows, all finished; returns the table. A row may have been measured again."""
    run = Run(out)
    with run_lock(out, wait=True):
        results = tabulate(compare_config(run), out)
        atomic.write_bytes(out / "table.md", table(results).encode())
        run.finish(to_json(results))
    return results


def _order(rows: Mapping[str, Any], only: str | None) -> list[str]:
    """Returns the rows to train now: all, or one, after the VAE that it is a prior for."""
    if only is None:
        return list(rows)
    if rows[only].post_hoc is None:
        return [only]
    return [f"standard/{only.split('/')[1]}", only]


def tabulate(config: CompareConfig, out: Path) -> Comparison:
    """Returns means over the seeds, their standard errors, and the paired differences."""
    rows = {prior: _row(config, out, prior) for prior in config.priors}
    first = read_results(Run(out / "standard" / "0"))
    return Comparison(
        priors=rows, seeds=config.seeds, post_hoc=config.post_hoc, latent=first.latent,
        test_images=first.test_images, data=first.data, likelihood=first.likelihood,
        domain=first.domain,
    )


def _row(config: CompareConfig, out: Path, prior: str) -> ComparedPrior:
    runs = [read_results(Run(out / prior / str(seed))) for seed in range(config.seeds)]
    quantities = {}
    for name in TABLED:
        found = [getattr(run, name) for run in runs]
        if None not in found:
            mean, seeds_error = mean_and_seeds_error([one.value for one in found])
            quantities[name] = MeanOverSeeds(mean, found[0].error, found[0].unit, seeds_error)
    return ComparedPrior(
        quantities=quantities,
        differences={} if prior == "standard" else _differences(config, out, prior),
        parameters=runs[0].parameters, seconds=sum(run.seconds for run in runs) / len(runs),
        identity_holds=all(run.identity_holds for run in runs),
    )


def mean_and_seeds_error(values: list[float]) -> tuple[float, float | None]:
    """Returns the mean and its standard error over seeds (None for a single one)."""
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, None
    variance = sum((v - mean) ** 2 for v in values) / (len(values) - 1)
    return mean, math.sqrt(variance / len(values))


def _differences(config: CompareConfig, out: Path, prior: str) -> dict[str, MeanOverSeeds]:
    """Differences of a prior to the standard Gaussian, seed by seed and image by image."""
    seeds = [str(seed) for seed in range(config.seeds)]
    ours = [measured_values(out / prior / seed) for seed in seeds]
    theirs = [measured_values(out / "standard" / seed) for seed in seeds]
    runs = [read_results(Run(out / one / seed)) for one in (prior, "standard") for seed in seeds]
    draws = [run.nll_is_draws_error or 0.0 for run in runs]
    return {
        name: paired(
            name, [a[name] - b[name] for a, b in zip(ours, theirs)],
            draws if name == "nll_is" else (),
        )
        for name in PAIRED if all(name in run for run in ours + theirs)
    }  # fmt: skip


def paired(
    key: str, pairs: list[Tensor], draws_errors: Sequence[float] = ()
) -> MeanOverSeeds:
    """Returns the mean difference with its standard errors over images and over seeds.

    Arguments:
        key: The quantity that differs.
        pairs: For each seed the differences of all images, each with shape `(N,)`.
        draws_errors: Of every run, the error of its mean that comes from draws which images
            share: it does not show over images, and is added in quadrature.
    """
    stacked = torch.stack(pairs).double()
    over_images = stacked.mean(0)  # of an image, over seeds
    mean, seeds_error = mean_and_seeds_error(stacked.mean(1).tolist())
    error = (over_images.std() / math.sqrt(over_images.numel())).item()
    error = math.hypot(error, *(one / len(pairs) for one in draws_errors))
    return MeanOverSeeds(mean, error, QUANTITIES[key].unit, seeds_error)


def table(results: Comparison) -> str:
    """Returns the comparison as a Markdown table."""
    shown, main = results.shared(), results.headline
    how = "learned post hoc on one VAE a seed" if results.post_hoc else "trained jointly"
    heads = ["prior", *map(_head, shown)]
    lines = [
        f"Priors {how}; {results.data.name}, {results.test_images:,} test images "
        f"({results.domain}), D = {results.latent}, seeds: {results.seeds}; nats per image. ± is "
        "the standard error over seeds, where there are several, else over images; that of a "
        "difference is over images, the same for both.",
        "",
        f"| {' | '.join(heads)} | {QUANTITIES[main].label()} − standard |",
        f"|{'---|' * (len(heads) + 1)}",
    ]
    for prior, row in results.priors.items():
        cells = [row.quantities[key].over_seeds.text() for key in shown]
        difference = row.differences.get(main)
        last = "—" if difference is None else difference.as_difference()
        lines.append(f"| {' | '.join([prior, *cells, last])} |")
    return "\n".join(lines) + "\n"


def _head(key: str) -> str:
    """Returns a quantity's name, with its unit if that is not nats."""
    one = QUANTITIES[key]
    return one.label() if one.unit in ("", "nats") else f"{one.label()} ({one.unit})"
