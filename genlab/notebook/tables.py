"""The numbers of a run as tables: every value with its standard error where there is one."""

__all__ = ["Gan", "LabResults", "Results", "Table", "headline", "tables_of"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from genlab.common.errors import InputError
from genlab.common.quantities import QUANTITIES, Measured
from genlab.data.identity import Identity
from genlab.fid.metrics import DISTANCE, FLOOR, metric_rows
from genlab.fid.results import Distance, FidResults, GanMeasurement, Measurement
from genlab.fid.verdict import numbers_of_images
from genlab.gan.findings import findings as events
from genlab.gan.results import GanResults
from genlab.vae.findings import copies, findings
from genlab.vae.results import Comparison, VaeResults


@dataclass(frozen=True, kw_only=True)
class LabResults:
    """The `results.json` of a lab run."""

    vae: dict[str, VaeResults]
    """By the prior."""
    gan: GanResults
    fid: GanMeasurement
    report: dict[str, str] | None = None
    """What was made to be handed in (`genlab submit`)."""
    explorer: str = ""
    """The page to explore, relative to the run."""


class Gan(NamedTuple):
    """What is known of a GAN run."""

    results: GanResults
    distances: GanMeasurement | None
    """Its distances to the real images, if they were measured."""


Results = VaeResults | Comparison | FidResults | Gan | LabResults | None
"""What is known of a run; None where it is not complete."""

GAN = {
    "design": "design", "epochs": "epochs", "images": "training images",
    "images_per_second": "images a second", "seconds": "seconds",
    "pretrained": "pretrained network of the discriminator",
}  # fmt: skip


class Table(NamedTuple):
    """A table in words."""

    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]


def headline(kind: str, done: bool, results: Results | InputError) -> str:
    """Returns a run in one line."""
    if isinstance(results, InputError):
        return f"{kind}, damaged: {results}"
    if not done or results is None:
        return f"{kind}, not finished"
    if isinstance(results, VaeResults):
        return f"vae, prior {results.prior}, {QUANTITIES['elbo'].label()} {results.elbo}"
    if isinstance(results, Comparison):
        return f"compare, priors {', '.join(results.priors)}"
    if isinstance(results, FidResults):
        return f"fid, {results.verdict or results.note}"
    if isinstance(results, Gan):
        found = f"gan, {results.results.epochs} epochs of {results.results.images} images"
        first = results.distances.distances[:1] if results.distances else ()
        return found + "".join(f", {d.label} {d.distance}" for d in first)
    return f"lab, VAEs {', '.join(results.vae)}, a GAN and its distances"


def tables_of(kind: str, results: Results) -> list[Table]:
    """Returns the tables of a run of that kind; columns with nothing are left out."""
    tables = []
    if isinstance(results, VaeResults):
        tables = _of_vae(results)
    elif isinstance(results, Comparison):
        tables = _of_comparison(results)
    elif isinstance(results, FidResults):
        tables = [_of_measurement(one) for one in results.generators]
    elif isinstance(results, Gan):
        tables = _of_gan(results)
    elif isinstance(results, LabResults):
        tables = _of_lab(results)
    return [_filled(table) for table in tables if table.rows]


def _filled(table: Table) -> Table:
    kept = [column for column in zip(table.head, *table.rows) if any(column[1:])]
    head, *rows = zip(*kept)
    return Table(table.title, head, rows)


def _of_vae(results: VaeResults) -> list[Table]:
    rows = [(QUANTITIES[key].label(), str(value)) for key, value in results.measured().items()]
    title = f"{_name(results.data)}; {results.test_images:,} test images"
    found = *findings(results), *copies(results.images, results.reals)
    notes = [(one.capitalised().en,) for one in found]
    return [
        Table(title, ("quantity", "mean ± standard error"), rows),
        Table("to know before reading the numbers", ("",), notes),
    ]


def _of_gan(gan: Gan) -> list[Table]:
    facts = {name: getattr(gan.results, key) for key, name in GAN.items()}
    rows = [(name, str(fact)) for name, fact in facts.items() if fact is not None]
    distances = [_of_measurement(gan.distances)] if gan.distances else []
    said = [(one.capitalised().en,) for one in events(gan.results.events)]
    notes = Table("to know of the training", ("",), said)
    return [Table(_name(gan.results.data), ("", ""), rows), notes, *distances]


def _of_measurement(one: Measurement) -> Table:
    """A row a quantity, a column a network."""
    real = one.statistics if one.real is None else one.real.name
    numbers = numbers_of_images(one.n_fake, one.n_real, one.different)
    counts = f"{numbers}: {one.fake.name}; {real}"
    rows = [
        (DISTANCE.label(), *(d.distance.text() for d in one.distances)),
        (FLOOR.label(), *(_floor(d) for d in one.distances)),
        *((quantity.label(), *cells) for quantity, cells in metric_rows(one.distances)),
    ]
    head = ("", *(d.label for d in one.distances))
    return Table(counts, head, [row for row in rows if any(row[1:])])


def _floor(d: Distance) -> str:
    return "" if d.null is None else d.distance.rounded_alike(d.null.mean)


def _of_comparison(results: Comparison) -> list[Table]:
    rows = {
        prior: {key: one.over_seeds for key, one in row.quantities.items()}
        for prior, row in results.priors.items()
    }
    over = "seeds" if results.seeds > 1 else "images"
    means = _a_row_each(rows, f"{_name(results.data)}; nats, mean ± standard error over {over}")
    differences = [
        (prior, row.differences) for prior, row in results.priors.items() if row.differences
    ]
    keys = [key for key in QUANTITIES if any(key in found for _, found in differences)]
    body = [
        (prior, *(found[key].as_difference() if key in found else "" for key in keys))
        for prior, found in differences
    ]
    title = "differences to the standard Gaussian; nats, ± standard error, paired over images"
    return [means, Table(title, _heads(keys), body)]


def _a_row_each(rows: Mapping[str, Mapping[str, Measured]], title: str) -> Table:
    """A row a prior, a column a quantity that every prior has."""
    keys = [key for key in QUANTITIES if all(key in row for row in rows.values())]
    body = [(prior, *(row[key].text() for key in keys)) for prior, row in rows.items()]
    return Table(title, _heads(keys), body)


def _heads(keys: Sequence[str]) -> tuple[str, ...]:
    return ("prior", *(QUANTITIES[key].label() for key in keys))


def _of_lab(results: LabResults) -> list[Table]:
    vaes, gan = results.vae, _of_gan(Gan(results.gan, results.fid))
    if not vaes:
        return gan
    title = f"{_name(next(iter(vaes.values())).data)}; nats, mean ± standard error"
    return [_a_row_each({prior: one.measured() for prior, one in vaes.items()}, title), *gan]


def _name(data: Identity) -> str:
    """The name of a data set, with a remark where it is a stand-in."""
    return data.name + (" (a stand-in for the real thing)" if data.stand_in else "")
