"""The table of metrics: one row is enough, and everything that shows results reads it."""

import json

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from cases.report import make_lab_run, write

from genlab.cli.fid import table
from genlab.common.quantities import Measured, Quantity
from genlab.common.rng import generator
from genlab.common.typed_json import from_json, to_json
from genlab.features import Extractor
from genlab.features.sample import Sample
from genlab.fid.distance import Plan, distance_of
from genlab.fid.metrics import (
    METRICS,
    FeatureSets,
    Metric,
    Taken,
    metric_rows,
    metric_values,
    quantities,
)
from genlab.fid.results import Distance, FidResults, Measurement
from genlab.lab.report.text.text import write_markdown
from genlab.metrics import frechet, gaussian_mmd, kid, precision_recall
from genlab.notebook.tables import tables_of
from genlab.runs.run import Run

NAMES = ("shift of the mean", "均值之差")


def _shift(sets: FeatureSets) -> tuple[Measured]:
    return (Measured((sets.real.mean(0) - sets.fake.mean(0)).norm().item(), 0.25),)


@pytest.fixture
def row() -> Iterator[Metric]:
    """A metric of one's own: one row."""
    metric = Metric(
        quantities=(Quantity("shift", *NAMES),), compute=_shift,
        en="is how far the means are apart", zh="是两个均值之间的距离",
        reference="Somebody. A Metric of One Row.",
    )  # fmt: skip
    METRICS.append(metric)
    yield metric
    METRICS.remove(metric)


@pytest.fixture(scope="module")
def sets() -> FeatureSets:
    random = generator(0, "features")
    real, fake = (torch.randn(n, 6, generator=random) for n in (30, 20))
    return FeatureSets(real=real, fake=fake + 0.5)


def found(sets: FeatureSets) -> Distance:
    extractor = Extractor(torch.nn.Flatten().eval(), torch.Tensor.float, "mine", dims=6)
    real = Sample(sets.real, torch.arange(30))
    fake = Sample(sets.fake, torch.arange(30, 50))
    return distance_of(extractor, real, fake, None, Plan(permutations=19))


def test_a_row_appears_in_results_tables_and_report(
    row: Metric, sets: FeatureSets, tmp_path: Path
) -> None:
    one = found(sets)
    expected = (sets.real.mean(0) - sets.fake.mean(0)).norm().item()
    assert one.metrics["shift"] == Measured(expected, 0.25)
    lab = make_lab_run(tmp_path)
    record = json.loads((lab / "gan" / "fid.json").read_text())
    record["distances"][0]["metrics"]["shift"] = to_json(one.metrics["shift"])
    write(lab / "gan" / "fid.json", record)
    kept = {key: value for key, value in record.items() if key != "epochs"}
    results = from_json(Measurement, kept, "results.json")
    text = Measured(expected, 0.25).text()
    (line,) = [line for line in table(results).splitlines() if line.startswith(NAMES[0])]
    assert line.split()[-3:] == text.split()
    (shown,) = tables_of("fid", FidResults(generators=[results]))
    assert (NAMES[0], text) in shown.rows
    for lang, name, clause in (("en", NAMES[0], row.en), ("zh", NAMES[1], row.zh)):
        report = write_markdown(Run(lab), lang)
        (line,) = [line for line in report.splitlines() if line.startswith(f"| {name} |")]
        assert text.replace(" ", "\N{NO-BREAK SPACE}") in line
        assert clause in report
        assert row.reference in report


def test_without_the_row_nothing_of_it_is_left(sets: FeatureSets) -> None:
    assert "shift" not in found(sets).metrics


def test_the_values_are_those_of_the_metrics(sets: FeatureSets) -> None:
    values = metric_values(dict.fromkeys(Taken, sets))
    assert list(values) == [quantity.key for quantity in quantities()]
    assert len(set(values)) == len(values)
    assert values["kid"] == kid(sets.real, sets.fake)
    assert values["mmd"] == gaussian_mmd(sets.real, sets.fake).unbiased
    assert values["recall"] == Measured(precision_recall(sets.real, sets.fake, 3).recall)
    assert found(sets).distance == frechet(sets.real, sets.fake)
    assert values["class_score"] is None  # no classifier
    few = metric_values({Taken.ALL: sets, Taken.DIFFERENT: None, Taken.OWN: None})
    assert {key for key, value in few.items() if value is not None} == {"vendi"}
    names = [row.label() for row, _ in metric_rows([found(sets)])]
    assert "KID" in names
    assert "class score" not in names  # no network has one


def test_every_row_is_named_in_both_languages_and_cited() -> None:
    for metric in METRICS:
        assert metric.en
        assert metric.zh
        assert metric.reference.endswith(".")
        for quantity in metric.quantities:
            assert quantity.en
            assert quantity.zh
