"""No number in a report is typed by hand: each comes from a record and says from where."""

import json
import re
import shutil

from pathlib import Path
from typing import Any

import pytest

from cases.report import make_lab_run, plain_spaces, value_at, write

from genlab.common.errors import InputError
from genlab.common.quantities import Measured
from genlab.fid.metrics import METRICS
from genlab.lab.report.numbers.bound import MARKED, Shown, bind, like, origin, plain, release
from genlab.lab.report.numbers.numbers import duration, number, plus_minus
from genlab.lab.report.text.references import REFERENCES
from genlab.lab.report.text.text import compose, write_markdown
from genlab.lab.report.writer import Writer
from genlab.runs.run import Run

TYPED = (
    # layout: numbers of sections, figures, tables, equations, works; widths; marks of a list
    r"^#+ (?:Part )?\d(?:\.\d)?\.?", r"\[(?:图|表|Figure|Table) \d+\](?:\(#\S+?\)|\{#\S+\})",
    r"\{#section-\d+\}", r"\{width=\S+\}",
    r"\\\[\d+\\\]", r"\\tag\{\d\}", r"式\(?\d\)?", r"(?:eq\.|[Ee]quations?) \d(?: (?:to|and) \d)?",
    r"\*\*[（(]\d[)）]", r"^[（(]\d[)）]", r"\.\./\S+\.png",
    # the lab sheet: its course, its ten images a row
    r"2023—2024学年第一学期|2023–2024, term 1|Lab Assignment 5",
    r"生成的10张|10 images drawn|每行10张",
    # formulas: exponents, bounds and halves; Adam's betas; ranges of values that hold always
    r"\\frac\{\\?\w+\}\{\w\}", r"\\sum_\{\w=1\}", r"\^2", r"= 1(?=[$\n])", r"e\^\{l_i\}",
    r"\\left\(1 [+-]", r"2\\pi|- 2 \\sqrt", r"\\boldsymbol\{0\}|\\mathcal\{N\}\(0,",
    r"\\max\\left\(0, 1", r"\(n-1\)\(m-1\)", r"\(0, 0\.99\)", r"和为1|sum 1", r"方差为1",
    r"在0与1之间|between 0 and 1", r"降至0", r"\+ 128 –", r"\^\{-1/2\}", r"above 0|大于0|为0",
    r"平均为1|[01] on average", r"\[0, 1\]",
    # the field: names and facts of networks, tests and hash functions
    r"EfficientNet-Lite0", r"118", r"4个尺度（步长4、8、16、32）|strides 4, 8, 16 and 32",
    r"4×4|3×3", r"1280|2048|768|192维|192 features|64维|64 features", r"95 ?%",
    r"SHA-256|sha256", r"5万张|50,000 images", r"float64", r"imagewoof-160", r"R1",
    r"前60张|first 60", r"under 1 %|的1%",
)  # fmt: skip
"""All that a report says in digits of its own accord."""


@pytest.fixture(scope="module", params=[(), ("dogs-vae",)], ids=["sheet", "dogs-vae"])
def lab(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    return make_lab_run(tmp_path_factory.mktemp("lab"), extra=request.param)


def put(run: Path, place: str, value: Any) -> None:
    """Sets the value at FILE#POINTER."""
    file, _, pointer = place.partition("#")
    record = json.loads((run / file).read_text(encoding="utf-8"))
    *way, last = pointer.split("/")[1:]
    inner = record
    for token in way:
        inner = inner[int(token)] if isinstance(inner, list) else inner[token]
    inner[int(last) if isinstance(inner, list) else last] = value
    write(run / file, record)


@pytest.mark.parametrize(("recipe", "crop"), [("projected", "face"), ("scratch", "subject")])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_number_is_typed_by_hand(tmp_path: Path, lang: str, recipe: str, crop: str) -> None:
    """What is left when all that comes from records is taken out has no digits but the listed."""
    run = make_lab_run(tmp_path, recipe, extra=("dogs-vae",), crop=crop)
    text = MARKED.sub("§", compose(Run(run), lang).marked())
    text = re.sub(r"```.*?```", "", text, flags=re.S)  # the source itself
    for work in (*REFERENCES.values(), *(metric.reference for metric in METRICS)):
        text = text.replace(work, "")
    for allowed in TYPED:
        text = re.sub(allowed, "", text, flags=re.M)
    assert re.findall(r".{0,40}\d.{0,20}", text) == []


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_what_is_shown_is_what_stands_in_the_record(lab: Path, lang: str) -> None:
    shown = compose(Run(lab), lang).shown()
    direct = [one for one in shown if not one.derived]
    assert len(direct) > 100
    for one in direct:
        assert len(one.origin) == 1
        assert one.value == value_at(lab, one.origin[0]), one
        if isinstance(one.value, str):
            assert one.text == one.value
        elif not re.search(r"[分秒]|min|\bs\b", one.text):
            digits = one.text.replace("\N{MINUS SIGN}", "-").replace(",", "").strip("%")
            places = len(digits.partition(".")[2])
            scale = 100 if one.text.endswith("%") else 1
            if "times" in digits:
                first, power = re.findall(r"-?\d+", digits.replace("10", ""))
                assert float(f"{first}e{power}") == pytest.approx(one.value, rel=0.5)
            else:
                assert abs(float(digits) - scale * one.value) <= 0.5001 * 10**-places, one


def test_what_is_derived_follows_each_of_its_sources(lab: Path, tmp_path: Path) -> None:
    """Changing any number that a shown one is said to be made from changes the report."""
    run = tmp_path / "run"
    shutil.copytree(lab, run)
    before = compose(Run(run), "zh").shown()
    places = {place for one in before if one.derived for place in one.origin}
    places = {p for p in places if p.partition("#")[0].endswith(".json")}
    assert len(places) > 25
    for place in sorted(places):
        value = value_at(run, place)
        if isinstance(value, str):  # the priors, which are counted
            continue
        put(run, place, value + 1 if isinstance(value, int) else 1.3 * value + 0.01)
        after = compose(Run(run), "zh").shown()
        mine = [one.text for one in before if one.derived and place in one.origin]
        now = [one.text for one in after if one.derived and place in one.origin]
        assert mine != now, place
        put(run, place, value)


def test_numbers_keep_their_origin_through_arithmetic() -> None:
    record = bind({"a": 0.25, "n": 4, "words": "x_1"}, "f.json")
    a, n = record["a"], record["n"]
    for value, exact in ((100 * a, 25.0), (n - a, 3.75), (1 - a / n, 0.9375), (-a, -0.25),
                         (abs(-a), 0.25), (round(n * a), 1), (a + 1, 1.25)):
        assert plain(value) == exact
        assert origin(value) <= {"f.json#/a", "f.json#/n"}
        assert origin(value)
    with_error = plus_minus(Measured(a, a))
    text, shown = release(f"{number(100 * a, 1)} {n} {record['words']} {with_error}")
    assert plain_spaces(text) == r"25.0 4 x\_1 0.25 ± 0.25"
    assert shown[0] == Shown("25.0", 25.0, ["f.json#/a"], True)
    assert shown[1] == Shown("4", 4, ["f.json#/n"], False)
    assert shown[2] == Shown("x_1", "x_1", ["f.json#/words"], False)
    assert [one.derived for one in shown[2:]] == [False] * 3
    assert release(duration(61.0, "zh"))[1] == []
    assert max([n, a]) is n
    assert plain(like(2.0, "g.safetensors#x")) == 2.0
    assert origin(like(2.0, "g.safetensors#x", a)) == {"f.json#/a", "g.safetensors#x"}


def test_a_typed_number_would_be_found(lab: Path) -> None:
    """The test above has teeth."""
    w = Writer("en")
    w.para("", "The ELBO is −137.69.")
    assert w.shown() == []
    assert re.findall(r"\d", MARKED.sub("§", w.marked()))


# damaged runs


@pytest.mark.parametrize(
    ("file", "path", "named"),
    [
        ("gan/config.json", ("config", "average_share"), "average_share"),
        ("vae/standard/config.json", ("config", "fourier"), "fourier"),
        ("vae/mixture/results.json", ("prior_gap",), "prior_gap"),
        ("gan/results.json", ("pretrained",), "pretrained"),
        ("gan/fid.json", ("distances", 0, "extractor"), "extractor"),
        ("gan/fid.json", ("distances", 0, "copies", "duplicates"), "duplicates"),
        ("env.json", ("sessions", 0, "capability"), "capability"),
    ],
)  # fmt: skip
def test_a_record_that_lacks_a_field_is_refused(
    tmp_path: Path, file: str, path: tuple[Any, ...], named: str
) -> None:
    run = make_lab_run(tmp_path)
    record = json.loads((run / file).read_text())
    inner = record
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    write(run / file, record)
    with pytest.raises(InputError) as caught:
        write_markdown(Run(run), "zh")
    said = str(caught.value)
    assert f"{run / file}" in said
    assert re.search(f"['`.]{named}['`]", said)
    assert "\n" not in said


def test_a_finished_run_that_lacks_a_file_is_not_sent_to_resume(tmp_path: Path) -> None:
    run = make_lab_run(tmp_path)
    (run / "vae/vamp/measures.safetensors").unlink()
    with pytest.raises(InputError, match="the run is damaged; make it again in another folder"):
        write_markdown(Run(run), "zh")
    (run / "vae/vamp/DONE").unlink()
    with pytest.raises(InputError, match="finish it with: genlab resume"):
        write_markdown(Run(run), "zh")
