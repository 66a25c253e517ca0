"""The report says what the records say, in both languages."""

import ast
import json
import math
import re

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cases.report import (
    FD,
    VAES,
    change_record,
    distance,
    fid_record,
    image_values,
    make_lab_run,
    plain_spaces,
    write,
)
from safetensors.numpy import save

import genlab

from genlab.common.errors import InputError
from genlab.common.quantities import Measured
from genlab.common.typed_json import to_json
from genlab.configs.gan import RECIPES
from genlab.configs.lab import LAB_PRIORS
from genlab.gan.losses import HINGE
from genlab.lab.report.numbers.compare import change, clear_of_noise, difference, trend
from genlab.lab.report.numbers.numbers import alike, duration, number, plus_minus
from genlab.lab.report.text.excerpts import LONGEST
from genlab.lab.report.text.prior_words import PRIOR_WORDS
from genlab.lab.report.text.references import REFERENCES
from genlab.lab.report.text.text import write_markdown
from genlab.lab.report.writer import Writer
from genlab.runs.run import Run
from genlab.vae.load import MEASURES

SPACED_CJK = re.compile(r"[\u2e80-\u2fff\u3001-\u9fff\uff00-\uffef] +[\u2e80-\u2fff\u3001-\u9fff]")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_lab_run(tmp_path_factory.mktemp("lab"))


# the numbers


PAIRS = (
    Measured(-141.2345, 0.4321), Measured(0.66166, 0.0512), Measured(3.6, 23.0), Measured(2.0)
)  # fmt: skip


def test_numbers_are_printed_with_two_digits_of_their_error() -> None:
    assert plus_minus(PAIRS[0]) == "−141.23\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.43"
    assert [plain_spaces(plus_minus(one)) for one in PAIRS] == [one.text() for one in PAIRS]
    assert plain_spaces(plus_minus(Measured(1.8, 0.162), sign=True)) == "+1.80 ± 0.16"
    assert alike(41.3333, PAIRS[0]) == "41.33"
    assert number(-0.0004, 2) == number(0.0004, 2, sign=True) == "0.00"
    assert number(12345.678, 1) == "12,345.7"


def test_durations_are_to_the_second() -> None:
    assert duration(431.2, "zh") == "7分11秒"
    assert duration(3599.6, "zh") == "1小时0分0秒"
    assert duration(0.4, "zh") == "0秒"
    assert duration(61.4, "en").replace("\N{NO-BREAK SPACE}", " ") == "1 min 1 s"


def test_a_difference_has_the_error_of_independent_means() -> None:
    a, b, c = (
        replace(VAES["vamp"], elbo=Measured(*one)) for one in ((-90, 0.3), (-92, 0.4), (-92, 1.0))
    )
    d = difference(a, b, "elbo")
    assert d.value == 2.0
    assert math.isclose(d.error, 0.5)
    assert d.clear
    assert not difference(a, c, "elbo").clear


def test_differences_of_the_same_images_are_paired() -> None:
    """What is common to both models drops out of the error."""
    hard = 10 * torch.from_numpy(np.random.default_rng(0).standard_normal(500))
    small = 0.1 * torch.from_numpy(np.random.default_rng(1).standard_normal(500))
    a = replace(VAES["vamp"], elbo=Measured(-3.0, 0.45), values={"elbo": hard + small})
    b = replace(VAES["standard"], elbo=Measured(-3.5, 0.45), values={"elbo": hard})
    d = difference(a, b, "elbo")
    assert d.value == 0.5
    assert math.isclose(d.error, small.numpy().std(ddof=1) / 500**0.5, rel_tol=1e-9)


def test_the_parts_of_a_change_add_up() -> None:
    c = change(VAES["vamp"], VAES["standard"])
    assert math.isclose(sum(c.terms.values()), c.elbo.value, abs_tol=1e-9)
    assert c.largest == "re"  # +3.0 of +3.4; the KL +0.51, the information -0.11
    down = change(VAES["standard"], VAES["vamp"])
    assert down.largest == "re"


def test_the_best_are_those_not_clearly_worse() -> None:
    assert clear_of_noise(VAES, "elbo", lowest=False) == ["vamp"]
    assert clear_of_noise(VAES, "marginal_kl", lowest=True) == ["vamp"]
    noisy = {k: replace(v, elbo=replace(v.elbo, error=5.0)) for k, v in VAES.items()}
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
        ("vae/vamp/results.json", {"re": {"value": -123.4567, "error": 0.0111}}, "−123.457"),
        ("vae/mixture/results.json", {"omega": {"value": -7.7654321, "error": 0.02}}, "−7.7654"),
        ("vae/standard/results.json", {"marginal_kl": {"value": 0.98765, "error": 0.013}},
         "0.988 ± 0.013"),
        ("vae/vamp/results.json", {"identity_gap": -0.00123}, "−0.0012"),
        ("vae/standard/results.json", {"seconds": 12_345.0}, "3小时25分45秒"),
        ("gan/results.json", {"parameters_generator": 7_654_321}, "7,654,321"),
        ("gan/results.json", {"images_per_second": 98.76}, "98.8"),
        ("gan/fid.json", {"recognised_fake": 0.8766}, "87.7%"),
        ("gan/fid.json", {"distances": [distance(FD, 87.654)]}, "**87.7** ± 1.6"),
        ("gan/fid.json", {"n_fake": 277}, "277张生成图像"),
    ],
)
def test_a_changed_record_changes_the_text(
    tmp_path: Path, file: str, values: dict[str, Any], printed: str
) -> None:
    run = make_lab_run(tmp_path)
    assert printed not in write_markdown(Run(run), "zh")
    assert printed in change_record(run, file, **values)


def test_images_that_are_no_digits_are_not_called_digits(tmp_path: Path) -> None:
    run = make_lab_run(tmp_path)
    assert "handwritten digits (" in write_markdown(Run(run), "en")
    data = json.loads((run / "vae/standard/env.json").read_text())["data"]
    data["images"] |= {"source": "fashion-mnist", "name": "Fashion-MNIST", "stand_in": False}
    text = change_record(run, "vae/standard/env.json", data=data)
    assert "灰度图像（Fashion-MNIST）" in text
    assert "手写数字" not in text


def test_the_verdict_follows_the_numbers(tmp_path: Path) -> None:
    run = make_lab_run(tmp_path)
    assert "ELBO最高的是VampPrior" in write_markdown(Run(run), "zh")
    write(run / "vae/standard/results.json", to_json(replace(VAES["vamp"], prior="standard")))
    swapped = to_json(replace(VAES["standard"], prior="vamp"))
    text = change_record(run, "vae/vamp/results.json", **swapped)
    assert "ELBO最高的是标准高斯" in text
    assert "ELBO最高的是VampPrior" not in text


def test_a_difference_within_noise_is_called_so(tmp_path: Path) -> None:
    run = make_lab_run(tmp_path)
    for prior, results in VAES.items():
        noisy = replace(results, elbo=replace(results.elbo, error=5.0))
        (run / "vae" / prior / MEASURES).write_bytes(save(image_values(noisy)))
        write(run / f"vae/{prior}/results.json", to_json(noisy))
    text = write_markdown(Run(run), "zh")
    assert "分不出高下" in text
    assert "（明显）" not in text
    assert "the ELBOs of all priors differ by no more than" in write_markdown(Run(run), "en")


def test_draws_are_said_where_they_differ(tmp_path: Path) -> None:
    run = make_lab_run(tmp_path)
    for prior in ("standard", "mixture"):
        text = change_record(run, f"vae/{prior}/results.json", importance_draws=200)
    text = change_record(run, "vae/vamp/results.json", importance_draws=200)
    assert "次抽样）" not in text
    text = change_record(run, "vae/vamp/results.json", importance_draws=5000)
    assert text.count("（200次抽样）") == 2
    assert text.count("（5,000次抽样）") == 1


def test_two_that_cannot_be_told_apart_are_named_together(tmp_path: Path) -> None:
    run = make_lab_run(tmp_path)
    near = {"value": VAES["vamp"].elbo.value - 0.1, "error": 0.31}
    text = change_record(run, "vae/mixture/results.json", elbo=near)
    assert "但与混合高斯之差在两倍标准误以内，不能分出高下；标准高斯明显较低" in text


def test_a_failed_check_is_said_aloud(tmp_path: Path) -> None:
    run = make_lab_run(tmp_path)
    text = change_record(run, "vae/vamp/results.json", identity_holds=False)
    assert "式(3)的检验未通过**：VampPrior的" in text
    assert "式(3)成立" not in text


def test_the_trend_of_the_distance_is_told_as_it_is(tmp_path: Path) -> None:
    run = make_lab_run(tmp_path)
    assert (
        "第10轮为190.3 ± 3.6，第50轮为104.2 ± 1.9，降低45%，为标准误的21.2倍，其间持续下降；"
        "末轮的下限为41.3，尚高出62.9"
    ) in plain_spaces(write_markdown(Run(run), "zh"))
    assert "45 % lower, 21.2 standard errors, falling all the way, with a floor of 41.3" in (
        write_markdown(Run(run), "en"))
    epochs = fid_record()["epochs"]
    epochs[1]["distances"][FD]["distance"]["value"] = 99.0
    text = change_record(run, "gan/fid.json", epochs=epochs)
    assert "并非持续下降" in text
    assert "最低值出现在第30轮" in text
    epochs[0]["distances"][FD]["distance"] = {"value": 104.5, "error": 2.0}
    assert "两者之差在两倍标准误以内，看不出变化" in change_record(
        run, "gan/fid.json", epochs=epochs)


def test_fid_proper_is_told_from_its_kin(lab: Path, tmp_path: Path) -> None:
    text = write_markdown(Run(lab), "zh")
    assert r"| 指标 | FD \(EfficientNet\-Lite0\) |" in text
    assert "所以不称为FID" in text
    assert "标准的FID需要完整的FID Inception权重" in text
    record = fid_record()
    record["distances"] += [distance("FID", 55.5)]
    for epoch in record["epochs"]:
        epoch["distances"]["FID"] = epoch["distances"][FD]
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


def test_what_went_wrong_in_the_gan_s_training_is_noted(lab: Path) -> None:
    assert "Note: after epoch 50 the generated images have 27 % of the real" in plain_spaces(
        write_markdown(Run(lab), "en")
    )
    assert "注意：第50轮时生成图像的多样性只有真实图像的27%" in write_markdown(Run(lab), "zh")


def test_the_design_decides_what_is_said_of_the_gan(lab: Path, tmp_path: Path) -> None:
    projected = write_markdown(Run(lab), "en")
    scratch, dcgan = (
        write_markdown(Run(make_lab_run(tmp_path / recipe, recipe)), "en")
        for recipe in ("scratch", "dcgan")
    )
    assert "this discriminator sees through ImageNet features" in projected
    assert "this discriminator sees through ImageNet features" not in scratch
    assert "R1 gradient penalty" in scratch
    gamma = RECIPES["scratch"]("dogs").design_options["r1_gamma"]
    assert rf"\gamma={gamma:g}" in scratch
    assert "transposed convolutions" in dcgan
    assert r"$\beta = (0.5, 0.999)$" in dcgan
    assert "$T$ is the identity" in dcgan
    cited = {key for text in (projected, scratch, dcgan) for key, work in REFERENCES.items()
             if work in text}
    assert cited == set(REFERENCES)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_references_figures_and_tables_are_numbered_in_order(lab: Path, lang: str) -> None:
    text = write_markdown(Run(lab), lang)
    body, references = re.split(r"\n# (?:参考文献|References) {#section-\d+}\n", text)
    first_uses = dict.fromkeys(re.findall(r"\\\[(\d+)\\\]", body))
    listed = re.findall(r"^\\\[(\d+)\\\] ", references, re.M)
    assert sorted(first_uses, key=int) == listed
    if lang == "zh":
        assert list(first_uses) == listed
    for style, name in (("Image", "图|Figure"), ("Table", "表|Table")):
        found = re.findall(rf'"{style} Caption"}}\n\[(?:{name}) (\d+)\]{{#(\S+)}}', text)
        assert [n for n, _ in found] == [str(i) for i in range(1, len(found) + 1)]
        mentioned = set(re.findall(rf"\[(?:{name}) (\d+)\]\(#(\S+?)\)", body))
        assert mentioned == set(found)  # each is referred to, and nothing else


def test_each_language_is_itself(lab: Path) -> None:
    english = write_markdown(Run(lab), "en")
    found = "".join(re.findall(r"[\u2e80-\u2fff\u3001-\u9fff]", english))
    assert found == ""
    chinese = write_markdown(Run(lab), "zh")
    assert SPACED_CJK.findall(chinese) == []
    assert "\n$$\n" in chinese


def test_pictures_of_the_text_are_files_of_the_run(lab: Path) -> None:
    paths = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", write_markdown(Run(lab), "zh"))
    assert len(paths) == len(set(paths)) == 1 + 5 * len(VAES) + 4
    assert [p for p in paths if not (lab / "report" / p).resolve().exists()] == []


def test_every_prior_has_words() -> None:
    assert set(PRIOR_WORDS) >= set(LAB_PRIORS)
    assert {words.source for words in PRIOR_WORDS.values()} <= set(REFERENCES)


def test_excerpts_are_the_source_without_docstrings(lab: Path) -> None:
    shown = re.findall(r"```python\n(.*?)\n```", write_markdown(Run(lab), "en"), flags=re.S)
    named = [[f.name for f in ast.walk(ast.parse(code)) if isinstance(f, ast.FunctionDef)]
             for code in shown]
    assert named[0] == ["terms"]
    assert [name for name in named if "hinge_real" in name] == [[f.__name__ for f in HINGE]]
    for code in shown:
        first, *lines = code.splitlines()
        source = (Path(genlab.__file__).parents[1] / first.removeprefix("# ")).read_text("utf-8")
        known = {line.strip() for line in source.splitlines()} | {""}
        assert 1 < len(lines) < LONGEST
        assert {line.strip() for line in lines if "more lines" not in line} <= known
        functions = [f for f in ast.walk(ast.parse(code)) if isinstance(f, ast.FunctionDef)]
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


def test_a_reference_to_nothing_is_an_error() -> None:
    w = Writer("en")
    w.add(w.fig("nowhere"))
    with pytest.raises(KeyError):
        w.text()
