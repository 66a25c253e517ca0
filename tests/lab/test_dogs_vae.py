"""`genlab lab --with dogs-vae`: the step, its part of the report, the archive and the verifier."""

import json
import re
import shutil
import zipfile

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cases.command import run_command
from cases.report import (
    DOGS_DISTANCES,
    FD,
    change_record,
    make_lab_run,
    pictures_record,
    plain_spaces,
    write,
)
from cases.verify import rewrite
from safetensors.numpy import save

from genlab.common.errors import InputError
from genlab.common.quantities import Measured
from genlab.common.typed_json import to_json
from genlab.configs.compare import CompareConfig, cells
from genlab.configs.gan import RECIPES
from genlab.configs.lab import DOGS_VAE, LabConfig, dogs_vae_config
from genlab.data.image_set import load_images
from genlab.fid.prior_pictures import PriorRow
from genlab.fid.results import Measurement
from genlab.figures import prior_pictures
from genlab.figures.language import twin
from genlab.figures.style import drawn_languages
from genlab.gan.training.train import train_gan_on
from genlab.lab import sheet
from genlab.lab.dogs_vae import require_dogs, run_dogs_vae
from genlab.lab.handin.contents import code_files
from genlab.lab.handin.submission import submit
from genlab.lab.report.numbers.facts import missing, read_facts
from genlab.lab.report.text.text import write_markdown
from genlab.lab.verify.check import verify
from genlab.lab.verify.levels.further import unchecked
from genlab.lab.verify.results.findings import Verdict
from genlab.runs.run import Run
from genlab.runs.seal import seal

PICTURES = f"{DOGS_VAE}/pictures.json"
EXTRA: dict[str, Any] = {"extra": (DOGS_VAE,)}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up lab run with the part."""
    return make_lab_run(tmp_path_factory.mktemp("lab"), **EXTRA)


@pytest.fixture
def copied(lab: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(lab, tmp_path / "run"))


def report_of(run: Path, lang: str) -> str:
    return plain_spaces(write_markdown(Run(run), lang))


# what the lab plans


def test_the_part_is_off_unless_asked_for() -> None:
    assert LabConfig().extra == ()
    assert DOGS_VAE not in sheet.plan(LabConfig(mnist="mnist-5k"), Path("nowhere"))
    with pytest.raises(InputError, match="cats-vae"):
        LabConfig(extra=("cats-vae",))  # pyright: ignore[reportArgumentType]


def test_the_comparison_is_of_the_labs_own_dogs_seed_and_number(tmp_path: Path) -> None:
    ended = run_command(
        "lab", "--with", "dogs-vae", "--dogs", "toydogs:60", "--fakes", "20", "--id", "2021",
        "--dry-run", cwd=tmp_path, GENLAB_DATA="",
    )
    assert ended.returncode == 0, ended.stderr
    planned = json.loads(ended.stdout)
    found = planned[DOGS_VAE]
    assert found["data"] == planned["gan"]["data"] == "toydogs:60"
    assert (found["size"], found["crop"]) == (planned["gan"]["size"], planned["gan"]["crop"])
    assert (found["first_seed"], found["pictures"], found["gan"]) == (2021, 20, "../gan")
    assert found["post_hoc"]
    assert found["net"] == "resnet"


def test_the_full_preset_has_the_recipes_own_settings() -> None:
    gan = RECIPES["projected"]("dogs", size=64)
    full = dogs_vae_config(LabConfig(preset="full", seed=5), "dogs", gan)
    quick = dogs_vae_config(LabConfig(seed=5, fakes=4), "toydogs:240", gan)
    assert len(full.priors) > len(quick.priors)
    assert full.epochs > quick.epochs
    assert (full.pictures, quick.pictures) == (300, 10)  # a distance needs ten


def test_seeds_begin_with_the_first() -> None:
    seeds = {row: one.seed for row, one in cells(CompareConfig(seeds=2, first_seed=7)).items()}
    assert seeds["standard/0"] == seeds["vamp/0"] == 7
    assert seeds["vamp/1"] == 8
    assert {one.seed for one in cells(CompareConfig()).values()} == {0}


def test_too_few_dogs_are_refused() -> None:
    gan = RECIPES["projected"]("toydogs:10", size=64)
    with pytest.raises(InputError, match=r"toydogs:10: 8 images to train on"):
        require_dogs(dogs_vae_config(LabConfig(), "toydogs:10", gan))
    with pytest.raises(InputError, match="toydogs:60: .* at most the 108 training images"):
        require_dogs(dogs_vae_config(LabConfig(preset="full"), "toydogs:60", gan))
    require_dogs(dogs_vae_config(LabConfig(), "toydogs:60", gan))


# the step itself


def test_the_step_goes_on_where_it_was_and_repeats_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gan = replace(
        RECIPES["scratch"]("toydogs:60", size=64, epochs=1, images=24), snapshots=(1,),
        design_options={"width": 8, "discriminator_width": 8},
    )
    train_gan_on(load_images("toydogs:60", 64, 24, "centre"), gan, tmp_path / "gan")
    config = replace(
        dogs_vae_config(LabConfig(seed=2021, fakes=12), "toydogs:60", gan), epochs=1, width=8,
        refit_epochs=1, latent="4x4x2", components=2, priors=("standard", "mixture"),
    )
    folder = tmp_path / DOGS_VAE

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(prior_pictures, "draw_prior_pictures", killed)
        with pytest.raises(KeyboardInterrupt):
            run_dogs_vae(config, folder)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.json")}
    assert folder / "pictures.json" in before
    run_dogs_vae(config, folder)
    for lang in drawn_languages():
        assert twin(folder / "pictures.png", lang).exists()
    whole = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    run_dogs_vae(config, folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == whole
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.json")} == before
    found = json.loads((folder / "pictures.json").read_text())
    assert (found["n"], found["limit"]["seed"], found["limit"]["n_real"]) == (12, 2021, 54)
    assert found["gan"]["n_fake"] == 12
    assert found["limit"]["held_out"] is None  # six are too few for a test


# the report


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_without_the_option_there_is_no_such_section(
    lab: Path, tmp_path: Path, lang: str
) -> None:
    """And nothing else of the report is another."""
    bare, whole = make_lab_run(tmp_path / "bare"), make_lab_run(tmp_path / "run", **EXTRA)
    without, there = report_of(bare, lang), report_of(whole, lang)
    assert "dogs-vae" not in without
    assert read_facts(Run(bare)).dogs_vae is None
    head = "# 附加部分" if lang == "zh" else "# Further part"
    assert head not in without
    assert there.startswith(without[: there.index(head)])


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_numbers_of_the_records_are_shown(lab: Path, lang: str) -> None:
    text = report_of(lab, lang)
    assert "(../dogs-vae/pictures.png)" in text
    for value in ("212.4 ± 4.0", "171.8 ± 3.2", "90.9 ± 2.2", "41.6 ± 2.2", "121.5 ± 2.3",
                  "104.2 ± 1.9", "45%", "54%", "412.7", "270.8 ± 7.3", "+122.6 ± 3.1"):
        assert value in text, value
    part = text[text.index("# 附加部分" if lang == "zh" else "# Further part") :]
    assert {
        "zh": "替代数据（程序绘制的玩具狗图像），不是真实的狗照片",
        "en": "of this part are of the embedded stand-in (drawn toy dogs)",
    }[lang] in part


@pytest.mark.parametrize(
    ("file", "values", "printed"),
    [
        (PICTURES, {"n": 1234}, "抽取1,234个隐变量"),
        (PICTURES, {"closed": {"mixture": {FD: 0.771}, "vamp": {FD: 0.9}}}, "| 77% |"),
        (PICTURES, {"lost": {p: {FD: {"value": 55.55, "error": 1.11}} for p in DOGS_DISTANCES}},
         "| 55.5 ± 1.1 |"),
        (f"{DOGS_VAE}/vamp/0/results.json", {"omega": {"value": -77.71, "error": 1.0}},
         "| 77.7 |"),
        (f"{DOGS_VAE}/vamp/0/results.json", {"prior_gap": {"value": 66.61, "error": 0.9}},
         "66.61 ± 0.90"),
        (f"{DOGS_VAE}/standard/0/results.json", {"train_images": 8181}, "8,181张训练图像"),
        (f"{DOGS_VAE}/standard/0/results.json", {"identity_holds": False},
         "标准高斯下式(3)的检验未通过"),
    ],
)  # fmt: skip
def test_the_report_changes_with_the_records(
    copied: Path, file: str, values: dict[str, Any], printed: str
) -> None:
    assert printed not in report_of(copied, "zh")
    assert printed in change_record(copied, file, **values)


def told(run: Path, lang: str, **values: Any) -> str:
    """The report on a run whose pictures have other results."""
    write(run / PICTURES, to_json(replace(pictures_record(), **values)))
    return report_of(run, lang)


def of_value(value: float, error: float | None = 2.0, **copies: Any) -> Measurement:
    """A measurement with another distance, or other counts of copies."""
    one = pictures_record().limit
    (distance,) = one.distances
    assert distance.copies is not None
    changed = replace(
        distance, distance=Measured(value, error), copies=replace(distance.copies, **copies)
    )
    return replace(one, distances=[changed])


@pytest.mark.parametrize(
    ("gan", "zh", "en"),
    [
        (104.0, "GAN比解码的编码还近", "the GAN is nearer even than decoded codes"),
        (122.0, "GAN与解码的编码分不出远近，但用先验抽样时GAN更近",
         "the GAN and decoded codes cannot be told apart, but the GAN is nearer than any prior"),
        (140.0, "解码的编码比GAN更近，但用先验抽样时GAN更近",
         "decoded codes are nearer than the GAN, but the GAN is nearer than any prior"),
        (164.0, "解码的编码比GAN更近；最好的先验与GAN分不出远近",
         "nearer than the GAN; the best prior and the GAN cannot be told apart"),
        (180.0, "最好的先验也比GAN更近", "and the best prior is nearer than the GAN, too"),
    ],
)  # fmt: skip
def test_vae_and_gan_are_compared_as_the_numbers_say(
    copied: Path, gan: float, zh: str, en: str
) -> None:
    assert zh in told(copied, "zh", gan=of_value(gan))
    assert en in told(copied, "en", gan=of_value(gan))


def losing(**values: float) -> dict[str, Any]:
    """Distances under the priors, and what they lose to decoded codes."""
    gap = values["standard"] - 121.5
    return {
        "priors": {prior: of_value(value) for prior, value in values.items()},
        "lost": {prior: {FD: Measured(v - 121.5, 2.0)} for prior, v in values.items()},
        "closed": {prior: {FD: (values["standard"] - v) / gap}
                   for prior, v in values.items() if prior != "standard"},
    }  # fmt: skip


def test_the_best_prior_is_told_as_the_numbers_say(copied: Path) -> None:
    alike = told(copied, "en", **losing(standard=212.0, mixture=161.0, vamp=160.0))
    assert "though not clearly smaller than under the mixture of Gaussians" in alike
    other = told(copied, "en", **losing(standard=212.0, mixture=140.0, vamp=160.0))
    assert "under the mixture of Gaussians have the smallest" in other
    assert "another prior than the distance prefers" in other
    fixed = told(copied, "en", **losing(standard=150.0, mixture=170.0, vamp=180.0))
    assert "no learned prior makes that smaller" in fixed
    unseen = told(copied, "en", **losing(standard=123.0, mixture=122.0, vamp=121.0))
    assert "which is not clearly above zero" in unseen
    assert "| 120% |" not in unseen
    assert "看不出先验使图像差了多少" in told(
        copied, "zh", **losing(standard=123.0, mixture=122.0, vamp=121.0)
    )


def guided(value: float, p: float = 0.4) -> dict[str, Any]:
    """Guided draws of one of the priors, with their distance."""
    found, row = pictures_record(), PriorRow("vamp", guided=True).name
    gap = DOGS_DISTANCES["standard"] - 121.5
    return {
        "guided": {"vamp": of_value(value, p=p)},
        "lost": found.lost | {row: {FD: Measured(value - 121.5, 2.0)}},
        "closed": found.closed | {row: {FD: (DOGS_DISTANCES["standard"] - value) / gap}},
    }


@pytest.mark.parametrize(
    ("value", "zh", "en"),
    [
        (131.5, "：更接近训练图像，闭合了差距的89%；比GAN更远",
         "to the training images, and close 89 % of the gap; they are farther than the GAN"),
        (162.5, "：二者分不出远近，闭合了差距的55%；比GAN更远",
         "the two cannot be told apart, and"),
        (181.5, "：反而更远，闭合了差距的34%；比GAN更远",
         "they are farther from the training images, and close 34 % of the gap"),
        (104.5, "闭合了差距的119%；与GAN分不出远近", "they cannot be told apart from the GAN"),
    ],
)  # fmt: skip
def test_guided_draws_are_told_beside_the_priors(
    copied: Path, value: float, zh: str, en: str
) -> None:
    assert "guide" not in report_of(copied, "en")
    assert zh in told(copied, "zh", **guided(value))
    text = told(copied, "en", **guided(value, p=0.0021))
    assert en in text
    assert "smallest distance to the training images" in text
    assert "the images under the VampPrior have the smallest" in text  # guided ones do not count
    assert f"| VampPrior, guided | — | — | {value} ± 2.0 |" in text
    assert "under the VampPrior with guidance lie nearer" in text


def test_a_bound_that_rises_under_no_prior_prefers_none(copied: Path) -> None:
    file = copied / DOGS_VAE / "results.json"
    record = json.loads(file.read_text())
    for row in record["priors"].values():
        for one in row["differences"].values():
            one["error"] = 500.0
    write(file, record)
    assert "so the bound prefers none" in report_of(copied, "en")
    assert "下界分不出先验的好坏" in report_of(copied, "zh")


def test_several_networks_have_a_table_of_their_own(copied: Path) -> None:
    """The last is the main one; the others are told as well."""

    def with_another(one: Measurement) -> Measurement:
        (first,) = one.distances
        extractor = replace(first.extractor, label="FID-768", network="FID Inception")
        second = replace(first, extractor=extractor, distance=Measured(3.21, 0.04))
        return replace(one, distances=[first, second])

    found = pictures_record()
    assert found.gan is not None
    values = {
        "limit": with_another(found.limit), "gan": with_another(found.gan),
        "priors": {prior: with_another(one) for prior, one in found.priors.items()},
        "lost": {p: one | {"FID-768": Measured(0.5, 0.01)} for p, one in found.lost.items()},
        "closed": {prior: one | {"FID-768": 0.33} for prior, one in found.closed.items()},
    }  # fmt: skip
    text = told(copied, "en", **values)
    assert "| Images | FD \\(EfficientNet\\-Lite0\\) | FID\\-768 |" in text
    assert "| VampPrior | 163.1 ± 3.0 | 3.210 ± 0.040 |" in text
    assert "| 33% |" in text
    assert r"By FD \(EfficientNet\-Lite0\) the smallest distance is under the VampPrior; " in text
    assert "is measured: that favours the GAN." in text
    assert "| Images | FD" not in told(copied, "en")


def test_distances_without_errors_are_not_compared(copied: Path) -> None:
    text = told(copied, "en", gan=of_value(104.0, None))
    assert "too few images are different for standard errors" in text
    assert "nearer even" not in text


def test_copies_are_told(copied: Path) -> None:
    priors = pictures_record().priors
    text = told(copied, "en", priors=priors | {
        "standard": of_value(212.4, duplicates=3), "vamp": of_value(163.1, p=0.0021),
    })
    assert "Under the standard Gaussian some images are training images" in text
    assert "images under the VampPrior lie nearer to the training images than test images" in text
    assert "under the mixture of Gaussians the test does not find" in text
    assert "| 0.002 |" in text
    text = told(copied, "en", priors=priors | {"vamp": of_value(163.1, None, p=None)})
    assert "under the VampPrior too few images are different" in text


def test_records_that_lack_something_are_refused(copied: Path) -> None:
    found = pictures_record()
    for changed, named in (
        (replace(found, gan=None), "gan"),
        (replace(found, lost={}), f"lost.standard.{FD}"),
        (replace(found, priors={"standard": found.limit}), "priors.mixture"),
        (replace(found, limit=replace(found.limit, distances=[])), "limit.distances"),
    ):
        write(copied / PICTURES, to_json(changed))
        with pytest.raises(InputError) as caught:
            write_markdown(Run(copied), "en")
        assert str(caught.value).startswith(f"{copied / PICTURES}: lacks `{named}`")
    for changed, problem in (
        (replace(found, guided={"vamp": found.limit}), f"lacks `lost.vamp, guided.{FD}`"),
        (replace(found, priors=found.priors | {"lars": found.limit}),
         "`priors.lars` is no prior of the comparison"),
    ):
        write(copied / PICTURES, to_json(changed))
        with pytest.raises(InputError, match=re.escape(problem)):
            write_markdown(Run(copied), "en")
    write(copied / PICTURES, to_json(found))
    (copied / DOGS_VAE / "vamp/0/model.safetensors").unlink()
    assert missing(copied) == [f"{DOGS_VAE}/vamp/0/model.safetensors"]


# what is handed in


def test_the_archive_has_the_records_and_the_weights_of_every_prior(
    lab: Path, tmp_path: Path
) -> None:
    files = code_files(lab)
    names = {name for name in files if name.startswith("models/dogs-vae/")}
    assert {f"models/{DOGS_VAE}/{name}" for name in (
        "config.json", "env.json", "results.json", "pictures.json", "pictures.png", "DONE",
        *(f"{prior}/0/{file}" for prior in DOGS_DISTANCES for file in (
            "config.json", "env.json", "results.json", "model.safetensors",
            "measures.safetensors", "DONE",
        )),
    )} == names
    assert not any("dogs-vae" in name for name in code_files(make_lab_run(tmp_path)))


def handed_in(run: Path, folder: Path) -> Path:
    """Hands a made-up run in, with weights that can be read, and returns the folder."""
    for path in run.rglob("*.safetensors"):
        path.write_bytes(save({"weight": np.arange(3.0)}))
    for path in [*run.glob("vae/*/"), run / "gan", *run.glob(f"{DOGS_VAE}/*/0")]:
        seal(path)
    made = submit(run, "张三", "2021")
    folder.mkdir()
    for kind in ("docx", "code", "support"):
        shutil.copy(run / made[kind], folder)
    return folder


def found_in(folder: Path) -> dict[tuple[str, str], Verdict]:
    """The verdicts of the first two levels by level and check."""
    (report,) = verify([folder], "consistency")
    return {(one.level, one.check.en): one.verdict for one in report.findings}


TEXT = "consistency", "numbers and words of the report"


def test_the_report_is_written_again_from_the_archives(copied: Path, tmp_path: Path) -> None:
    folder = handed_in(copied, tmp_path / "handed in")
    assert set(found_in(folder).values()) == {Verdict.PASS}
    code = next(folder.glob("*代码*"))
    with zipfile.ZipFile(code) as archive:
        assert f"models/{PICTURES}" in archive.namelist()

    def flattered(data: bytes) -> bytes:
        record = json.loads(data)
        record["closed"]["vamp"][FD] = 0.97
        return json.dumps(record).encode()

    honest = code.read_bytes()
    rewrite(code, {f"models/{PICTURES}": flattered})
    assert found_in(folder)[TEXT] is Verdict.FAIL
    code.write_bytes(honest)
    rewrite(code, drop=(f"models/{PICTURES}",))
    assert Verdict.TAMPERED in found_in(folder).values()


def test_a_submission_without_the_part_is_judged_as_before(tmp_path: Path) -> None:
    folder = handed_in(make_lab_run(tmp_path / "run"), tmp_path / "handed in")
    assert set(found_in(folder).values()) == {Verdict.PASS}


def test_the_verifier_says_what_it_does_not_check(lab: Path, tmp_path: Path) -> None:
    for level in ("recompute", "replay"):
        (row,) = unchecked(level, lab)
        assert (row.level, row.verdict) == (level, Verdict.LOOK)
        assert unchecked(level, tmp_path) == []
    assert "not recomputed" in unchecked("recompute", lab)[0].found.en
