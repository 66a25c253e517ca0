"""The whole lab sheet, small: what it leaves, that it goes on where it was, and resubmits."""

import json
import shutil
import zipfile

from pathlib import Path

import docx
import pytest

from cases.command import Ended, refused, run_command
from cases.lab import FAKES, SNAPSHOTS, lab_options, shrink_lab
from cases.report import value_at
from PIL import Image
from safetensors.torch import load

from genlab.common.typed_json import from_json
from genlab.fid.results import GanMeasurement
from genlab.figures.language import twin
from genlab.figures.style import drawn_languages
from genlab.lab.report.numbers.facts import VAE_FIGURES

PRIORS = ("standard", "mixture", "vamp")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands plan what the run was begun with."""
    shrink_lab(monkeypatch)


@pytest.fixture
def copied(lab_run: Path, tmp_path: Path) -> Path:
    """A copy of the run, to be changed."""
    return Path(shutil.copytree(lab_run, tmp_path / "run"))


def command(run: Path, *arguments: str) -> Ended:
    """Runs a command beside the run, where no data is but the run's own."""
    return run_command(*arguments, cwd=run.parent, GENLAB_DATA="")


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_what_a_run_leaves(lab_run: Path) -> None:
    for name in ("config.json", "env.json", "results.json", "DONE", "vae/priors.png",
                 "report/explorer.html"):
        assert (lab_run / name).exists(), name
    for prior in PRIORS:
        folder = lab_run / "vae" / prior
        results = json.loads((folder / "results.json").read_text())
        for key in ("re", "omega", "cross_entropy", "conditional_entropy", "elbo"):
            assert isinstance(results[key]["value"], float), key
            assert results[key]["error"] > 0, key
        elbo, re, omega = (results[key]["value"] for key in ("elbo", "re", "omega"))
        assert elbo == pytest.approx(re + omega)
        assert len((folder / "metrics.jsonl").read_text().split("\n")) == 4
        assert load((folder / "model.safetensors").read_bytes())
        drawn = {file.name for file in (folder / "figures").glob("*.png")}
        assert drawn == {
            twin(Path(f"{name}.png"), lang).name
            for name in VAE_FIGURES for lang in drawn_languages()
        }
    gan = lab_run / "gan"
    for epoch in ("002", "004"):
        names = sorted(p.name for p in (gan / "samples" / f"epoch_{epoch}").iterdir())
        assert names == [f"{i:02d}.png" for i in range(10)]
        assert size_of(gan / "samples" / f"epoch_{epoch}.png")[0] > 640
        assert size_of(gan / "samples" / f"epoch_{epoch}" / "00.png") == (64, 64)
    assert sorted(p.name for p in (gan / "generated").glob("*.png")) == [
        f"{i:03d}.png" for i in range(FAKES)
    ]
    for name in ("results.json", "metrics.jsonl", "generator.safetensors"):
        assert (gan / name).exists(), name
    assert not list(lab_run.rglob("*.tmp-*"))
    assert not list(lab_run.rglob("state*"))


def test_results_name_what_they_come_from(lab_run: Path) -> None:
    results = json.loads((lab_run / "results.json").read_text())
    found = from_json(GanMeasurement, results["fid"], "results.json")
    distance, _ = found.distances
    assert distance.label == "FD (EfficientNet-Lite0)"
    assert (found.n_fake, found.n_real) == (FAKES, 16)
    assert found.real is not None
    assert found.real.stand_in
    assert [one.epoch for one in found.epochs] == list(SNAPSHOTS)
    assert found.epochs[-1].distances[distance.label].distance == distance.distance
    assert results["gan"]["pretrained"] == "EfficientNet-Lite0 (ImageNet)"


def test_every_snapshot_shows_the_same_latents(lab_run: Path) -> None:
    """The last snapshot's pictures are what the final generator makes of those latents."""
    import numpy as np

    from genlab.gan.load import gan_config, load_generator
    from genlab.gan.sampling import draw
    from genlab.runs.run import Run

    config = gan_config(Run(lab_run / "gan"))
    images = draw(load_generator(lab_run / "gan"), config, 10, config.seed, "snapshot")
    for index, image in enumerate(images):
        kept = Image.open(lab_run / "gan" / "samples" / "epoch_004" / f"{index:02d}.png")
        np.testing.assert_array_equal(np.asarray(kept), image.permute(1, 2, 0).numpy())


def test_report_and_archives_bear_the_names_of_the_sheet(lab_run: Path) -> None:
    names = {p.name for p in (lab_run / "report").iterdir() if p.is_file()}
    assert names >= {
        "report.md", "numbers.json", "explorer.html", "实验五_张三_2021.docx",
        "实验五代码_张三_2021.zip",
        "实验五支撑材料_张三_2021.zip",
    }
    core = docx.Document(str(lab_run / "report" / "实验五_张三_2021.docx")).core_properties
    assert (core.author, core.last_modified_by) == ("张三", "张三")
    for kind in ("代码", "支撑材料"):
        with zipfile.ZipFile(lab_run / "report" / f"实验五{kind}_张三_2021.zip") as archive:
            assert archive.testzip() is None
            assert all(name.isascii() for name in archive.namelist())


def test_a_finished_run_is_not_repeated_and_a_changed_one_refused(lab_run: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in lab_run.rglob("*") if p.is_file()}
    options = lab_options(lab_run.parent / "digits.npz", lab_run)
    again = command(lab_run, "lab", *options)
    assert again.returncode == 0, again.stderr
    assert {p: p.stat().st_mtime_ns for p in lab_run.rglob("*") if p.is_file()} == before
    refused(command(lab_run, "lab", *options, "--seed", "7"), "seed: 2021 there, 7 now")


def test_the_page_is_of_this_run_and_is_named_at_the_end(lab_run: Path) -> None:
    results = json.loads((lab_run / "results.json").read_text())
    assert results["explorer"] == "report/explorer.html"
    page = (lab_run / results["explorer"]).read_text(encoding="utf-8")
    assert f">{lab_run.name}<" in page
    assert "http-equiv" in page
    again = command(lab_run, "lab", *lab_options(lab_run.parent / "digits.npz", lab_run))
    assert f"to explore: {lab_run / results['explorer']}" in again.stdout


def test_a_run_stopped_before_its_page_makes_it(copied: Path) -> None:
    """What was finished stays; the last steps are done again."""
    run = copied
    (run / "DONE").unlink()
    (run / "report" / "explorer.html").unlink()
    weights = (run / "gan" / "generator.safetensors").stat().st_mtime_ns
    again = command(run, "resume", str(run))
    assert again.returncode == 0, again.stderr
    assert (run / "report" / "explorer.html").exists()
    assert (run / "DONE").exists()
    assert (run / "gan" / "generator.safetensors").stat().st_mtime_ns == weights


def test_the_report_of_a_true_run_has_no_typed_number(lab_run: Path) -> None:
    """What the tests of the report show on records made for them holds for a true run's."""
    from genlab.lab.report.text.text import compose
    from genlab.runs.run import Run

    for lang in ("zh", "en"):
        shown = compose(Run(lab_run), lang).shown()
        assert len(shown) > 200
        for one in shown:
            if not one.derived:
                assert one.value == value_at(lab_run, one.origin[0])


def test_submit_renames_without_training(copied: Path) -> None:
    weights = (copied / "gan" / "generator.safetensors").stat().st_mtime_ns
    run = command(
        copied, "submit", str(copied), "--name", "李四", "--id", "42", "--lang", "en", "--json"
    )
    assert run.returncode == 0, run.stderr
    results = json.loads(run.stdout)
    assert (copied / results["docx"]).name == "实验五_李四_42.docx"
    assert not (copied / "report" / "实验五_张三_2021.docx").exists()
    text = (copied / "report" / "report.md").read_text(encoding="utf-8")
    assert "Standard Gaussian" in text or "standard Gaussian" in text
    assert (copied / "gan" / "generator.safetensors").stat().st_mtime_ns == weights


def test_the_results_of_a_lab_are_those_of_its_parts(
    copied: Path, lab_run: Path
) -> None:
    """After a part is measured again, and after the report is given another name."""
    vae = copied / "vae" / "vamp"
    measured = command(copied, "vae", "evaluate", str(vae), "--importance", "100")
    assert measured.returncode == 0, measured.stderr
    part = json.loads((vae / "results.json").read_text())
    assert part["importance_draws"] == 100
    assert json.loads((copied / "results.json").read_text())["vae"]["vamp"] == part
    assert command(copied, "submit", str(copied), "--name", "王五", "--id", "7").returncode == 0
    made = copied / "report" / "实验五_王五_7.docx"
    assert made.exists()
    results = json.loads((copied / "results.json").read_text())
    assert copied / results["report"]["docx"] == made
    text = (copied / "report" / "report.md").read_text(encoding="utf-8")
    assert "（100次抽样）" in text
    assert "（200次抽样）" in text
    again = command(copied, "lab", *lab_options(lab_run.parent / "digits.npz", copied))
    assert f"report: {made};" in again.stdout
