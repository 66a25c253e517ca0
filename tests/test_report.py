"""The report says what the records say, in both languages, and Word shows it as meant."""

import ast
import json
import math
import re
import zipfile
import zlib

from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from PIL import Image
from safetensors.numpy import save

import genlab

from genlab.engine.run import Run
from genlab.engine.vae import MEASURES
from genlab.errors import InputError
from genlab.prior_options import PriorOptions
from genlab.recipes.gan import RECIPES
from genlab.recipes.lab import PRIORS, LabConfig
from genlab.recipes.vae import VaeConfig
from genlab.report.compare import change, clear_of_noise, difference, trend
from genlab.report.docx import write_docx
from genlab.report.excerpts import EXCERPTS, LONGEST, excerpt
from genlab.report.facts import GAN_FILES, VAE_FIGURES
from genlab.report.numbers import duration, number, plus_minus
from genlab.report.prior_words import PRIOR_WORDS
from genlab.report.references import REFERENCES
from genlab.report.text import write_markdown
from genlab.report.writer import Writer, escape

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
WP = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
PIC = "{http://schemas.openxmlformats.org/drawingml/2006/picture}"
SPACED_CJK = re.compile(r"[\u2e80-\u2fff\u3001-\u9fff\uff00-\uffef] +[\u2e80-\u2fff\u3001-\u9fff]")


def identity(name: str, source: str, shape: tuple[int, ...], stand_in: bool) -> dict[str, Any]:
    return {
        "name": name, "source": source, "count": 5000, "shape": list(shape), "sha256": "ab" * 32,
        "licence": "CC0", "stand_in": stand_in,
    }


def vae_results(prior: str, re_: float, ce: float, entropy: float, kl: float) -> dict[str, Any]:
    errors = {"re": 0.3, "omega": 0.02, "cross_entropy": 0.011, "conditional_entropy": 0.012,
              "elbo": 0.31, "marginal_kl": 0.013, "prior_gap": 0.012, "mutual_information": 0.02,
              "nll_exact": 0.3, "nll_is": 0.3, "inference_gap": 0.05}
    values = {"re": re_, "omega": entropy - ce + 0.0004, "cross_entropy": ce,
              "conditional_entropy": entropy, "elbo": re_ + entropy - ce + 0.0004,
              "marginal_kl": kl, "prior_gap": kl - 0.1, "mutual_information": 6.5,
              "nll_exact": -re_ + 1.2, "nll_is": -re_ + 1.3, "inference_gap": 5.1}
    return {
        **values, **{f"{k}_se": v for k, v in errors.items()}, "prior": prior, "latent": 2,
        "components": None if prior == "standard" else 32, "epochs": 7, "train_images": 4000,
        "test_images": 1000, "seconds": 61.4, "parameters": 1_333_012, "identity_gap": 0.0004,
        "identity_tolerance": 0.0021, "identity_holds": True, "binarisation": "dynamic",
        "nll_exact_error": 0.00004,
    }


def image_values(results: dict[str, Any]) -> dict[str, np.ndarray]:
    """Values of 1,000 images with the means and errors of the results; common to all, half."""
    common, own = np.random.default_rng(0), np.random.default_rng(len(results["prior"]))
    values = {}
    for name in ("elbo", "nll_exact", "marginal_kl"):
        noise = (common.standard_normal(1000) + own.standard_normal(1000)) / 2**0.5
        values[name] = results[name] + results[f"{name}_se"] * 1000**0.5 * noise
    return values


VAES = {
    "standard": vae_results("standard", -140.0, 3.9, -0.9, 0.62),
    "mixture": vae_results("mixture", -139.8, 3.7, -0.8, 0.35),
    "vamp": vae_results("vamp", -137.0, 5.1, 0.7, 0.11),
}
FD = "FD (EfficientNet-Lite0)"


def distance(label: str, value: float) -> dict[str, Any]:
    network, dims = {FD: ("EfficientNet-Lite0", 1280), "FID": ("FID Inception", 2048),
                     "FID-768": ("FID Inception", 768)}[label]
    return {"network": network, "label": label, "dims": dims, "protocol": "pytorch-fid",
            "protocol_words": "uint8 / 255, bilinear", "layer": "spatial mean",
            "weights_sha256": "cd" * 32, "value": value, "error": 0.0187 * value,
            "null": {"mean": 41.3, "high": 43.7, "p": 0.005, "permutations": 199},
            "kid": {"value": 0.0112, "error": 0.0011}, "precision": 0.77, "recall": 0.31,
            "coverage": 0.42, "expected_coverage": 0.6,
            "memorisation": {"p": 0.62, "share_nearer": 0.48, "reference": "leave-one-out",
                             "duplicates": 0, "near_duplicates": 0}}


def fid_record() -> dict[str, Any]:
    dogs = identity("toy dogs (drawn)", "toydogs:256", (3, 64, 64), True)
    return {
        "n_real": 256, "n_fake": 300, "size": 64, "real": dogs, "fake": dogs,
        "distances": [distance(FD, 104.21)], "recognised_real": 0.97, "recognised_fake": 0.9433,
        "note": "", "epochs": [
            {"epoch": e, "n": 300, "recognised": r,
             "distances": {FD: {"value": d, "error": 0.0187 * d}}}
            for e, r, d in ((10, 0.71, 190.34), (30, 0.91, 120.05), (50, 0.9433, 104.21))
        ],
    }


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def picture(path: Path, width: int = 24, height: int = 12) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = zlib.crc32(str(path).encode()).to_bytes(4)[:3]  # equal ones would be one file in Word
    Image.new("RGB", (width, height), tuple(colour)).save(path)


def make_lab_run(out: Path, recipe: str = "projected", **options: Any) -> Path:
    """A finished lab run in small: the records of a real one, with pictures of a few pixels."""
    session = {
        "started": "2024-01-15T10:00:00+0800", "command": "genlab lab --preset quick",
        "genlab": "0.1.0", "python": "3.11.7", "torch": "2.13.0", "numpy": "2.4.6",
        "system": "Linux x86_64", "processor": "Some CPU_1", "capability": "AVX2", "cores": 2,
        "threads": 2,
    }
    digits = identity("MNIST, 5,000 digits (embedded)", "mnist-5k", (28, 28), True)
    dogs = identity("toy dogs (drawn)", "toydogs:256", (3, 64, 64), True)
    write(out / "config.json", {"kind": "lab", "config": asdict(LabConfig(**options))})
    write(out / "env.json", {"data": {"mnist": digits, "dogs": dogs}, "sessions": [session]})
    for prior, results in VAES.items():
        folder = out / "vae" / prior
        options = PriorOptions(components=None if prior == "standard" else 32)
        config = VaeConfig(prior=prior, prior_options=options, mnist="mnist-5k", epochs=7)
        write(folder / "config.json", {"kind": "vae", "config": asdict(config)})
        write(folder / "env.json", {"data": {"mnist": digits}, "sessions": [session]})
        write(folder / "results.json", results)
        (folder / "model.safetensors").write_bytes(b"weights of " + prior.encode())
        (folder / MEASURES).write_bytes(save(image_values(results)))
        for name in VAE_FIGURES:
            picture(folder / "figures" / f"{name}.png")
    picture(out / "vae" / "priors.png", 3000, 900)
    gan = out / "gan"
    write(gan / "config.json", {"kind": "gan", "config": asdict(RECIPES[recipe]("toydogs:256"))})
    write(gan / "env.json", {"data": {"dogs": dogs}, "sessions": [session]})
    write(gan / "results.json", {
        "kind": "gan", "recipe": recipe, "size": 64, "epochs": 50, "images": 256, "batch": 16,
        "seconds": 431.2, "images_per_second": 29.7, "parameters_generator": 2_010_035,
        "parameters_discriminator": 512_004, "snapshots": [10, 30, 50],
        "looks_through": "EfficientNet-Lite0 (ImageNet)" if recipe == "projected" else None,
    })
    write(gan / "fid.json", fid_record())
    (gan / "generator.safetensors").write_bytes(b"generator")
    for name in GAN_FILES:
        if name.endswith(".png"):
            picture(gan / name)
    for index in range(1, 12):
        picture(gan / "generated" / f"{index:03d}.png")
    for epoch in (10, 30, 50):
        picture(gan / "samples" / f"epoch_{epoch:03d}.png")
        for index in range(10):
            picture(gan / "samples" / f"epoch_{epoch:03d}" / f"{index:02d}.png")
    return out


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_lab_run(tmp_path_factory.mktemp("lab"))


def change_record(run: Path, file: str, **values: Any) -> str:
    """Changes a record of a copy of the run's numbers and returns the Chinese report."""
    record = json.loads((run / file).read_text(encoding="utf-8"))
    write(run / file, record | values)
    return write_markdown(Run(run), "zh")


# the numbers


def test_numbers_are_printed_with_two_digits_of_their_error() -> None:
    assert plus_minus(-141.2345, 0.4321) == "−141.23 ± 0.43"
    assert plus_minus(0.66166, 0.0512) == "0.662 ± 0.051"
    assert plus_minus(-165.02, 1.62, sign=True) == "−165.0 ± 1.6"
    assert plus_minus(3.5, 23.0) == "3.5 ± 23.0"
    assert number(-0.0004, 2) == number(0.0004, 2, sign=True) == "0.00"
    assert number(12345.678, 1) == "12,345.7"


def test_durations_are_to_the_second() -> None:
    assert duration(431.2, "zh") == "7分11秒"
    assert duration(3599.6, "zh") == "1小时0分0秒"
    assert duration(0.4, "zh") == "0秒"
    assert duration(61.4, "en").replace("\N{NO-BREAK SPACE}", " ") == "1 min 1 s"


def test_a_difference_has_the_error_of_independent_means() -> None:
    a, b = {"elbo": -90.0, "elbo_se": 0.3}, {"elbo": -92.0, "elbo_se": 0.4}
    d = difference(a, b, "elbo")
    assert d.value == 2.0
    assert math.isclose(d.se, 0.5)
    assert d.clear
    assert not difference(a, b | {"elbo_se": 1.0}, "elbo").clear


def test_differences_of_the_same_images_are_paired() -> None:
    """What is common to both models drops out of the error."""
    hard = 10 * np.random.default_rng(0).standard_normal(500)
    small = 0.1 * np.random.default_rng(1).standard_normal(500)
    a = {"elbo": -3.0, "elbo_se": 0.45, "values": {"elbo": hard + small}}
    b = {"elbo": -3.5, "elbo_se": 0.45, "values": {"elbo": hard}}
    d = difference(a, b, "elbo")
    assert d.value == 0.5
    assert math.isclose(d.se, small.std(ddof=1) / 500**0.5, rel_tol=1e-9)


def test_the_parts_of_a_change_add_up() -> None:
    c = change(VAES["vamp"], VAES["standard"])
    assert math.isclose(sum(c.terms.values()), c.elbo.value, abs_tol=1e-9)
    assert c.largest == "re"  # +3.0 of +3.4; the others +1.6 and -1.2
    down = change(VAES["standard"], VAES["vamp"])
    assert down.largest == "re"


def test_the_best_are_those_not_clearly_worse() -> None:
    assert clear_of_noise(VAES, "elbo", lowest=False) == ["vamp"]
    assert clear_of_noise(VAES, "marginal_kl", lowest=True) == ["vamp"]
    noisy = {k: v | {"elbo_se": 5.0} for k, v in VAES.items()}
    assert clear_of_noise(noisy, "elbo", lowest=False) == ["vamp", "standard", "mixture"]


def test_a_trend_knows_whether_it_falls() -> None:
    t = trend([10, 30, 50], [2.0, 1.0, 0.5])
    assert t.falling
    assert t.drop == 0.75
    t = trend([10, 30, 50], [2.0, 0.5, 1.0])
    assert not t.falling
    assert (t.best_epoch, t.drop) == (30, 0.5)


# the text follows the records


@pytest.mark.parametrize(
    ("file", "values", "printed"),
    [
        ("vae/vamp/results.json", {"re": -123.4567, "re_se": 0.0111}, "−123.46"),
        ("vae/mixture/results.json", {"omega": -7.7654321}, "−7.7654"),
        ("vae/standard/results.json", {"marginal_kl": 0.98765}, "0.988 ± 0.013"),
        ("vae/vamp/results.json", {"identity_gap": -0.00123}, "−0.0012"),
        ("vae/standard/results.json", {"seconds": 12_345.0}, "3小时25分45秒"),
        ("gan/results.json", {"parameters_generator": 7_654_321}, "7,654,321"),
        ("gan/results.json", {"images_per_second": 98.76}, "98.8"),
        ("gan/fid.json", {"recognised_fake": 0.8766}, "87.7%"),
        ("gan/fid.json", {"distances": [distance(FD, 87.654)]}, "**87.65**"),
        ("gan/fid.json", {"n_fake": 777}, "777张生成图像"),
    ],
)
def test_a_changed_record_changes_the_text(
    tmp_path: Path, file: str, values: dict[str, Any], printed: str
) -> None:
    run = make_lab_run(tmp_path)
    assert printed not in write_markdown(Run(run), "zh")
    assert printed in change_record(run, file, **values)


def test_the_verdict_follows_the_numbers(tmp_path: Path) -> None:
    run = make_lab_run(tmp_path)
    assert "ELBO最高的是VampPrior" in write_markdown(Run(run), "zh")
    write(run / "vae/standard/results.json", VAES["vamp"] | {"prior": "standard"})
    text = change_record(run, "vae/vamp/results.json", **{**VAES["standard"], "prior": "vamp"})
    assert "ELBO最高的是标准高斯" in text
    assert "ELBO最高的是VampPrior" not in text


def test_a_difference_within_noise_is_called_so(tmp_path: Path) -> None:
    run = make_lab_run(tmp_path)
    for prior, results in VAES.items():
        noisy = results | {"elbo_se": 5.0}
        write(run / f"vae/{prior}/results.json", noisy)
        (run / "vae" / prior / MEASURES).write_bytes(save(image_values(noisy)))
    text = write_markdown(Run(run), "zh")
    assert "分不出高下" in text
    assert "（明显）" not in text
    assert "the ELBOs of all priors differ by no more than" in write_markdown(Run(run), "en")


def test_two_that_cannot_be_told_apart_are_named_together(tmp_path: Path) -> None:
    run = make_lab_run(tmp_path)
    near = VAES["vamp"]["elbo"] - 0.1
    text = change_record(run, "vae/mixture/results.json", elbo=near)
    assert "但与混合高斯之差在两倍标准误以内，不能分出高下；标准高斯明显较低" in text


def test_a_failed_check_is_said_aloud(tmp_path: Path) -> None:
    run = make_lab_run(tmp_path)
    text = change_record(run, "vae/vamp/results.json", identity_holds=False)
    assert "式(3)的检验未通过**：VampPrior的" in text
    assert "式(3)成立" not in text


def test_the_trend_of_the_distance_is_told_as_it_is(tmp_path: Path) -> None:
    run = make_lab_run(tmp_path)
    falling = "持续下降，由第10轮的190.3降到第50轮的104.2（降低45%）"
    assert falling in write_markdown(Run(run), "zh")
    epochs = fid_record()["epochs"]
    epochs[1]["distances"][FD]["value"] = 99.0
    text = change_record(run, "gan/fid.json", epochs=epochs)
    assert "并非持续下降" in text
    assert "最低值出现在第30轮" in text


def test_fid_proper_is_told_from_its_kin(lab: Path, tmp_path: Path) -> None:
    text = write_markdown(Run(lab), "zh")
    assert "| FD (EfficientNet-Lite0) |" in text
    assert "所以不称为FID" in text
    assert "标准的FID需要完整的FID Inception权重" in text
    record = fid_record()
    record["distances"] += [distance("FID", 55.5)]
    for epoch in record["epochs"]:
        epoch["distances"]["FID"] = {"value": 60.0, "error": 1.0}
    text = change_record(make_lab_run(tmp_path), "gan/fid.json", **record)
    assert "即标准的FID" in text
    assert "标准的FID需要" not in text


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_stand_in_is_named_where_the_numbers_are(tmp_path: Path, lang: str) -> None:
    run = make_lab_run(tmp_path)
    word = {"zh": "替代数据", "en": "stand-in"}[lang]
    sections = re.split(r"\n## ", write_markdown(Run(run), lang))
    for number_of_section in ("1.5", "2.1", "2.5"):
        section = next(s for s in sections if s.startswith(number_of_section))
        assert word in section
    for env in (run / "vae/standard/env.json", run / "gan/env.json"):
        write(env, json.loads(env.read_text().replace('"stand_in": true', '"stand_in": false')))
    assert word not in write_markdown(Run(run), lang)


def test_the_recipe_decides_what_is_said_of_the_gan(lab: Path, tmp_path: Path) -> None:
    projected = write_markdown(Run(lab), "en")
    scratch = write_markdown(Run(make_lab_run(tmp_path, "scratch")), "en")
    assert "this discriminator sees through ImageNet features" in projected
    assert "this discriminator sees through ImageNet features" not in scratch
    assert "R1 gradient penalty" in scratch
    gamma = RECIPES["scratch"]("dogs").r1_gamma
    assert rf"\gamma={gamma:g}" in scratch
    cited = {key for text in (projected, scratch) for key, work in REFERENCES.items()
             if work in text}
    assert cited == set(REFERENCES)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_references_figures_and_tables_are_numbered_in_order(lab: Path, lang: str) -> None:
    text = write_markdown(Run(lab), lang)
    body, references = re.split(r"\n# (?:参考文献|References)\n", text)
    first_uses = dict.fromkeys(re.findall(r"\\\[(\d+)\\\]", body))
    listed = re.findall(r"^\\\[(\d+)\\\] ", references, re.M)
    assert sorted(first_uses, key=int) == listed
    if lang == "zh":
        assert list(first_uses) == listed
    for style, name in (("Image", "图|Figure"), ("Table", "表|Table")):
        found = re.findall(rf'"{style} Caption"}}\n(?:{name}) (\d+)', text)
        assert found == [str(i) for i in range(1, len(found) + 1)]
        mentioned = {n for n in re.findall(rf"(?:{name}) (\d+)", body)}
        assert mentioned <= set(found)


def test_each_language_is_itself(lab: Path) -> None:
    english = write_markdown(Run(lab), "en")
    found = "".join(re.findall(r"[\u2e80-\u2fff\u3001-\u9fff]", english))
    assert found == "实验五代码实验五支撑材料"  # the archives' names
    chinese = write_markdown(Run(lab), "zh")
    assert SPACED_CJK.findall(chinese) == []
    assert "\n$$\n" in chinese


def test_pictures_of_the_text_are_files_of_the_run(lab: Path) -> None:
    paths = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", write_markdown(Run(lab), "zh"))
    assert len(paths) == len(set(paths)) == 1 + 5 * len(VAES) + 4
    assert [p for p in paths if not (lab / "report" / p).resolve().exists()] == []


def test_every_prior_has_words() -> None:
    assert set(PRIOR_WORDS) >= set(PRIORS)
    assert {words.source for words in PRIOR_WORDS.values()} <= set(REFERENCES)


@pytest.mark.parametrize("key", EXCERPTS)
def test_excerpts_are_the_source_without_docstrings(key: str) -> None:
    file, names = EXCERPTS[key]
    source = (Path(genlab.__file__).parent / file).read_text(encoding="utf-8")
    shown = excerpt(key)
    lines = shown.splitlines()
    assert lines[0] == f"# genlab/{file}"
    assert len(lines) <= LONGEST
    assert {line.strip() for line in lines[1:]} <= {s.strip() for s in source.splitlines()} | {""}
    functions = [n for n in ast.walk(ast.parse(shown)) if isinstance(n, ast.FunctionDef)]
    assert [f.name for f in functions] == [name.rpartition(".")[2] for name in names]
    assert all(ast.get_docstring(f) is None for f in functions)


def test_gaps_of_a_run_are_listed(tmp_path: Path) -> None:
    run = make_lab_run(tmp_path)
    (run / "vae/mixture/results.json").unlink()
    (run / "gan/samples/epoch_030.png").unlink()
    with pytest.raises(InputError) as caught:
        write_markdown(Run(run), "zh")
    assert "vae/mixture/results.json" in str(caught.value)
    assert "gan/samples/epoch_030.png" in str(caught.value)
    with pytest.raises(InputError, match="a 'vae' run"):
        write_markdown(Run(run / "vae" / "standard"), "zh")


def test_text_from_outside_is_taken_literally() -> None:
    assert escape("a_b*c$d") == r"a\_b\*c\$d"
    w = Writer("en")
    w.add(w.fig("nowhere"))
    with pytest.raises(KeyError):
        w.text()


# the Word document


@pytest.fixture(scope="module")
def markdown(lab: Path) -> str:
    return write_markdown(Run(lab), "zh", "张_三*", "2021")


@pytest.fixture(scope="module")
def document(lab: Path, markdown: str) -> zipfile.ZipFile:
    target = lab / "report" / "report.docx"
    target.parent.mkdir()
    write_docx(markdown, target, lab / "report", "zh", "张_三*", "标题")
    return zipfile.ZipFile(target)


def xml(document: zipfile.ZipFile, name: str) -> ElementTree.Element:
    return ElementTree.fromstring(document.read(name))


def paragraphs(document: zipfile.ZipFile) -> list[str]:
    body = xml(document, "word/document.xml")
    return ["".join(t.text or "" for t in p.iter(f"{W}t")) for p in body.iter(f"{W}p")]


def test_every_style_names_its_fonts(document: zipfile.ZipFile) -> None:
    styles = xml(document, "word/styles.xml")
    found = styles.findall(f"{W}style")
    assert len(found) > 40
    for element in [*found, styles.find(f"{W}docDefaults")]:
        if element.get(f"{W}type") == "numbering":
            continue
        fonts = element.find(f".//{W}rFonts")
        assert fonts is not None, element.get(f"{W}styleId")
        assert fonts.get(f"{W}eastAsia") in ("宋体", "黑体")
        assert fonts.get(f"{W}ascii") in ("Times New Roman", "Consolas")
    assert [k for f in styles.iter(f"{W}rFonts") for k in f.attrib if "Theme" in k] == []
    headings = {s.get(f"{W}styleId"): s.find(f".//{W}rFonts") for s in found}
    assert headings["Heading1"].get(f"{W}eastAsia") == "黑体"
    assert headings["BodyText"].get(f"{W}eastAsia") == "宋体"


def test_every_equation_is_native(document: zipfile.ZipFile, markdown: str) -> None:
    body = xml(document, "word/document.xml")
    displayed = len(re.findall(r"^\$\$\n.*?\n\$\$$", markdown, re.M | re.S))
    inline = len(re.findall(r"(?<!\$)\$[^$\n]+\$(?!\$)", markdown))
    assert displayed >= 12
    assert len(list(body.iter(f"{M}oMathPara"))) == displayed
    assert len(list(body.iter(f"{M}oMath"))) == displayed + inline
    assert "$" not in "".join(paragraphs(document))
    rows = [t for t in body.iter(f"{W}tbl") if t.find(f".//{M}oMathPara") is not None]
    numbers = ["".join(t.text for t in row.iter(f"{W}t")) for row in rows]
    assert numbers == ["(1)", "(2)", "(3)", "(4)"]


def test_pictures_have_words_and_no_needless_pixels(
    document: zipfile.ZipFile, markdown: str
) -> None:
    body = xml(document, "word/document.xml")
    words = [p.get("descr") for p in body.iter(f"{WP}docPr")]
    assert words == re.findall(r"!\[([^\]]+)\]", markdown)
    assert words == [p.get("descr") for p in body.iter(f"{PIC}cNvPr")]
    widths = []
    for name in document.namelist():
        if name.startswith("word/media/"):
            with document.open(name) as file, Image.open(file) as image:
                widths.append(image.width)
    assert len(widths) == len(words)
    assert max(widths) == pytest.approx(16 / 2.54 * 260, abs=4)  # priors.png had 3000 pixels
    most = 9072 * 635  # the text's width, in EMU
    assert all(int(e.get("cx")) <= most for e in body.iter(f"{WP}extent"))


def test_no_space_between_chinese_characters(document: zipfile.ZipFile) -> None:
    assert [p for p in paragraphs(document) if SPACED_CJK.search(p)] == []


def test_the_author_is_the_one_given(document: zipfile.ZipFile) -> None:
    core = document.read("docProps/core.xml").decode()
    values = dict(re.findall(r"<\w+:(\w+)[^>]*>([^<]+)<", core))
    assert values["creator"] == values["lastModifiedBy"] == "张_三*"
    assert values["title"] == "标题"
    assert "description" not in values
    assert "keywords" not in values
    assert any("姓名：张_三*" in p and "学号：2021" in p for p in paragraphs(document))


def test_tables_have_three_lines_and_pages_are_a4(document: zipfile.ZipFile) -> None:
    body = xml(document, "word/document.xml")
    tables = [t for t in body.iter(f"{W}tbl") if t.find(f".//{M}oMathPara") is None]
    assert len(tables) == 8
    for table in tables:
        borders = table.find(f"{W}tblPr/{W}tblBorders")
        assert {b.tag.removeprefix(W): b.get(f"{W}sz") for b in borders} == {
            "top": "12", "bottom": "12"
        }
        header, *others = table.findall(f"{W}tr")
        assert header.find(f".//{W}tcBorders/{W}bottom").get(f"{W}sz") == "6"
        assert all(row.find(f".//{W}tcBorders") is None for row in others)
    page = body.find(f".//{W}sectPr/{W}pgSz")
    sides = [int(page.get(f"{W}{side}")) / 1440 * 25.4 for side in "wh"]
    assert [round(side) for side in sides] == [210, 297]


def test_a_missing_picture_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="nowhere"):
        write_docx("![x](nowhere.png)", tmp_path / "a.docx", tmp_path, "en", "", "")
    assert list(tmp_path.iterdir()) == []
