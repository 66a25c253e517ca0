"""A quantity has one name, and a number one text, wherever it is shown."""

import html
import shutil

from pathlib import Path

import pytest

from cases.command import run_command
from cases.report import make_lab_run, plain_spaces, write

import genlab

from genlab.common.quantities import QUANTITIES
from genlab.common.typed_json import to_json
from genlab.explorer.explore import explore
from genlab.lab.report.text.text import write_markdown
from genlab.runs.run import Run
from genlab.vae.results import VaeResults, read_comparison, read_results

REPORTED = (
    "elbo", "re", "omega", "cross_entropy", "conditional_entropy", "marginal_kl", "prior_gap",
    "mutual_information", "nll_exact",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(explored: Path) -> Path:
    return explored / "lab" / "vae" / "standard"


@pytest.fixture(scope="module")
def results(run: Path) -> VaeResults:
    return read_results(Run(run))


def page_of(path: Path, out: Path, lang: str) -> str:
    """What a page shows without scripts."""
    explore(path, out, lang)
    return html.unescape(out.read_text(encoding="utf-8").partition("<noscript>")[2])


def test_in_a_notebook(run: Path, results: VaeResults) -> None:
    shown = html.unescape(genlab.Run(run)._repr_html_())
    for key, value in results.measured().items():
        assert QUANTITIES[key].label() in shown
        assert str(value) in shown
    assert f"ELBO {results.elbo}" in repr(genlab.Run(run))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_on_a_page(lang: str, explored: Path, results: VaeResults, tmp_path: Path) -> None:
    shown = page_of(explored / "lab", tmp_path / "page.html", lang)
    for key in (*REPORTED, "inference_gap"):
        assert f"<th>{QUANTITIES[key].label(lang)}</th>" in shown
        assert f"<td>{getattr(results, key).text()}</td>" in shown


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_in_a_report(lang: str, results: VaeResults, tmp_path: Path) -> None:
    lab = make_lab_run(tmp_path)
    write(lab / "vae" / "standard" / "results.json", to_json(results))
    shown = plain_spaces(write_markdown(Run(lab), lang))
    rows = [line[2:].split(" | ") for line in shown.splitlines() if line.startswith("| ")]
    for key in REPORTED:
        name = QUANTITIES[key].tex_label(lang).lower()
        (row,) = [row for row in rows if row[0].lower().startswith(name)]
        assert row[1] == getattr(results, key).text()


def test_on_the_command_line(run: Path, results: VaeResults, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    line = run_command("vae", "evaluate", "run", cwd=tmp_path).stdout
    for key in ("elbo", "re", "omega", "cross_entropy", "conditional_entropy", "prior_gap"):
        quantity = QUANTITIES[key]
        assert f"{quantity.symbol or quantity.en} {getattr(results, key).text()}" in line
    assert f"{QUANTITIES['nll_exact'].label()} {results.nll_exact.text()}" in line


def test_of_a_comparison(explored: Path, tmp_path: Path) -> None:
    folder = explored / "compare"
    results = read_comparison(Run(folder))
    table = (folder / "table.md").read_text(encoding="utf-8")
    notebook = html.unescape(genlab.Run(folder)._repr_html_())
    page = page_of(folder, tmp_path / "page.html", "en")
    for row in results.priors.values():
        for key, one in row.quantities.items():
            for shown in (table, notebook, page):
                assert QUANTITIES[key].label() in shown
                assert one.over_seeds.text() in shown
    assert len(results.shared()) > 5
    differences = [row.differences[results.headline] for row in results.priors.values()
                   if row.differences]
    assert differences
    for one in differences:
        assert one.as_difference() in table
        assert one.as_difference() in notebook
