"""The whole lab sheet, small: what it leaves, that it goes on where it was, and resubmits."""

import json
import shutil
import zipfile

from collections.abc import Iterator
from pathlib import Path

import docx
import pytest

from cases.command import Ended, refused, run_command
from cases.lab import run_lab_until_killed, shrink_lab, write_digits
from cases.report import value_at
from PIL import Image
from safetensors.torch import load

from genlab.common.typed_json import from_json
from genlab.fid.results import GanMeasurement

PRIORS = ("standard", "mixture", "vamp")


def options(run: Path) -> list[str]:
    """The options that the run was begun with."""
    return [
        "--mnist", str(run.parent / "digits.npz"), "--dogs", "toydogs:16", "--vae-epochs", "3",
        "--gan-epochs", "50", "--gan-images", "16", "--fakes", "12", "--name", "张三",
        "--id", "2021", "--out", str(run),
    ]  # fmt: skip


def command(run: Path, *arguments: str) -> Ended:
    """Runs a command beside the run, where no data is but the run's own."""
    return run_command(*arguments, cwd=run.parent, GENLAB_DATA="")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A lab run that was killed inside the GAN's training and started again."""
    folder = tmp_path_factory.mktemp("lab")
    write_digits(folder / "digits.npz")
    out = folder / "run"
    run_lab_until_killed(25, *options(out))
    assert (out / "gan" / "samples" / "epoch_010" / "09.png").exists()
    assert not (out / "DONE").exists()
    vae = (out / "vae" / "vamp" / "model.safetensors").stat().st_mtime_ns
    with pytest.MonkeyPatch.context() as patch:
        shrink_lab(patch)
        again = command(out, "lab", *options(out))
        assert again.returncode == 0, again.stderr
        assert (out / "vae" / "vamp" / "model.safetensors").stat().st_mtime_ns == vae
        yield out


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_what_a_run_leaves(lab: Path) -> None:
    for name in ("config.json", "env.json", "results.json", "DONE", "vae/priors.png",
                 "report/explorer.html"):
        assert (lab / name).exists(), name
    for prior in PRIORS:
        folder = lab / "vae" / prior
        results = json.loads((folder / "results.json").read_text())
        for key in ("re", "omega", "cross_entropy", "conditional_entropy", "elbo"):
            assert isinstance(results[key]["value"], float), key
            assert results[key]["error"] > 0, key
        elbo, re, omega = (results[key]["value"] for key in ("elbo", "re", "omega"))
        assert elbo == pytest.approx(re + omega)
        assert len((folder / "metrics.jsonl").read_text().split("\n")) == 4
        assert load((folder / "model.safetensors").read_bytes())
        assert len(list((folder / "figures").glob("*.png"))) == 6
    gan = lab / "gan"
    for epoch in ("010", "030", "050"):
        names = sorted(p.name for p in (gan / "samples" / f"epoch_{epoch}").iterdir())
        assert names == [f"{i:02d}.png" for i in range(10)]
        assert size_of(gan / "samples" / f"epoch_{epoch}.png")[0] > 640
        assert size_of(gan / "samples" / f"epoch_{epoch}" / "00.png") == (64, 64)
    assert sorted(p.name for p in (gan / "generated").glob("*.png")) == [
        f"{i:03d}.png" for i in range(12)
    ]
    for name in ("results.json", "metrics.jsonl", "generator.safetensors"):
        assert (gan / name).exists(), name
    assert not list(lab.rglob("*.tmp-*"))
    assert not list(lab.rglob("state*"))


def test_results_name_what_they_come_from(lab: Path) -> None:
    results = json.loads((lab / "results.json").read_text())
    found = from_json(GanMeasurement, results["fid"], "results.json")
    distance, _ = found.distances
    assert distance.label == "FD (EfficientNet-Lite0)"
    assert (found.n_fake, found.n_real) == (12, 16)
    assert found.real is not None
    assert found.real.stand_in
    assert [one.epoch for one in found.epochs] == [10, 30, 50]
    assert found.epochs[-1].distances[distance.label].distance == distance.distance
    assert results["gan"]["pretrained"] == "EfficientNet-Lite0 (ImageNet)"


def test_every_snapshot_shows_the_same_latents(lab: Path) -> None:
    """The last snapshot's pictures are what the final generator makes of those latents."""
    import numpy as np

    from genlab.gan.load import gan_config, load_generator
    from genlab.gan.sample import draw
    from genlab.runs.run import Run

    config = gan_config(Run(lab / "gan"))
    images = draw(load_generator(lab / "gan"), config, 10, config.seed, "snapshot")
    for index, image in enumerate(images):
        kept = Image.open(lab / "gan" / "samples" / "epoch_050" / f"{index:02d}.png")
        np.testing.assert_array_equal(np.asarray(kept), image.permute(1, 2, 0).numpy())


def test_report_and_archives_bear_the_names_of_the_sheet(lab: Path) -> None:
    names = {p.name for p in (lab / "report").iterdir() if p.is_file()}
    assert names >= {
        "report.md", "numbers.json", "explorer.html", "实验五_张三_2021.docx",
        "实验五代码_张三_2021.zip",
        "实验五支撑材料_张三_2021.zip",
    }
    core = docx.Document(str(lab / "report" / "实验五_张三_2021.docx")).core_properties
    assert (core.author, core.last_modified_by) == ("张三", "张三")
    for kind in ("代码", "支撑材料"):
        with zipfile.ZipFile(lab / "report" / f"实验五{kind}_张三_2021.zip") as archive:
            assert archive.testzip() is None
            assert all(name.isascii() for name in archive.namelist())


def test_a_finished_run_is_not_repeated_and_a_changed_one_refused(lab: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in lab.rglob("*") if p.is_file()}
    again = command(lab, "lab", *options(lab))
    assert again.returncode == 0, again.stderr
    assert {p: p.stat().st_mtime_ns for p in lab.rglob("*") if p.is_file()} == before
    refused(command(lab, "lab", *options(lab), "--seed", "7"), "seed: 0 there, 7 now")


def test_the_page_is_of_this_run_and_is_named_at_the_end(lab: Path) -> None:
    results = json.loads((lab / "results.json").read_text())
    assert results["explorer"] == "report/explorer.html"
    page = (lab / results["explorer"]).read_text(encoding="utf-8")
    assert f">{lab.name}<" in page
    assert "http-equiv" in page
    again = command(lab, "lab", *options(lab))
    assert f"to explore: {lab / results['explorer']}" in again.stdout


def test_a_run_stopped_before_its_page_makes_it(lab: Path, tmp_path: Path) -> None:
    """What was finished stays; the last steps are done again."""
    run = tmp_path / "run"
    shutil.copytree(lab, run)
    (run / "DONE").unlink()
    (run / "report" / "explorer.html").unlink()
    weights = (run / "gan" / "generator.safetensors").stat().st_mtime_ns
    again = command(lab, "resume", str(run))
    assert again.returncode == 0, again.stderr
    assert (run / "report" / "explorer.html").exists()
    assert (run / "DONE").exists()
    assert (run / "gan" / "generator.safetensors").stat().st_mtime_ns == weights


def test_the_report_of_a_true_run_has_no_typed_number(lab: Path) -> None:
    """What the tests of the report show on records made for them holds for a true run's."""
    from genlab.lab.report.text.text import compose
    from genlab.runs.run import Run

    for lang in ("zh", "en"):
        shown = compose(Run(lab), lang).shown()
        assert len(shown) > 200
        for one in shown:
            if not one.derived:
                assert one.value == value_at(lab, one.origin[0])


def test_submit_renames_without_training(lab: Path) -> None:
    weights = (lab / "gan" / "generator.safetensors").stat().st_mtime_ns
    run = command(
        lab, "submit", str(lab), "--name", "李四", "--id", "42", "--lang", "en", "--json"
    )
    assert run.returncode == 0, run.stderr
    results = json.loads(run.stdout)
    assert (lab / results["docx"]).name == "实验五_李四_42.docx"
    assert not (lab / "report" / "实验五_张三_2021.docx").exists()
    text = (lab / "report" / "report.md").read_text(encoding="utf-8")
    assert "Standard Gaussian" in text or "standard Gaussian" in text
    assert (lab / "gan" / "generator.safetensors").stat().st_mtime_ns == weights


def test_the_results_of_a_lab_are_those_of_its_parts(lab: Path) -> None:
    """After a part is measured again, and after the report is given another name."""
    measured = command(lab, "vae", "evaluate", str(lab / "vae" / "vamp"), "--importance", "100")
    assert measured.returncode == 0, measured.stderr
    part = json.loads((lab / "vae" / "vamp" / "results.json").read_text())
    assert part["importance_draws"] == 100
    assert json.loads((lab / "results.json").read_text())["vae"]["vamp"] == part
    assert command(lab, "submit", str(lab), "--name", "王五", "--id", "7").returncode == 0
    made = lab / "report" / "实验五_王五_7.docx"
    assert made.exists()
    results = json.loads((lab / "results.json").read_text())
    assert lab / results["report"]["docx"] == made
    text = (lab / "report" / "report.md").read_text(encoding="utf-8")
    assert "（100次抽样）" in text
    assert "（200次抽样）" in text
    again = command(lab, "lab", *options(lab))
    assert f"report: {made};" in again.stdout
