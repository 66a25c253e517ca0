"""An honest submission passes every level; each way of changing it is caught where it shows."""

import csv
import io
import json
import re
import shutil
import subprocess
import zipfile

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from cases.command import Ended, run_command
from cases.verify import (
    CODE,
    DOCX,
    SUPPORT,
    WHO,
    altered,
    rewrite,
    rows,
    submit_again,
)
from PIL import Image
from safetensors.torch import load, save

from genlab.common.errors import InputError
from genlab.configs.lab import seed_of
from genlab.lab.handin.archive import MANIFEST
from genlab.lab.handin.template import Template
from genlab.lab.verify.check import Report, alike_in, verify
from genlab.lab.verify.levels import recompute, replay
from genlab.lab.verify.levels.consistency import compare_texts
from genlab.lab.verify.levels.likeness import Prints, likeness
from genlab.lab.verify.readers.submissions import collect
from genlab.lab.verify.results.findings import LEVELS, Verdict, exit_code, worst
from genlab.lab.verify.results.page import class_page
from genlab.lab.verify.results.table import alike_as_text, as_csv, as_text
from genlab.runs.seal import seal

TEXT = "numbers and words of the report"
PICTURES = "pictures of the report"
BESIDE = "what is hidden or no text"
REPLAYED = ["vae/standard", "vae/mixture", "vae/vamp", "gan"]


@pytest.fixture
def digits(lab_run: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("GENLAB_DATA", raising=False)
    return str(lab_run.parent / "digits.npz")


def one(folder: Path, level: str = "recompute", **options: object) -> Report:
    (report,) = verify([folder], level, **options)  # pyright: ignore[reportArgumentType]
    return report


def code_of(report: Report) -> int:
    return exit_code(report.verdict)


def test_an_honest_submission_passes_every_level(handed_in: Path, digits: str) -> None:
    before = {p.name: p.read_bytes() for p in handed_in.iterdir()}
    report = one(handed_in, "replay", mnist=digits, minutes=2)
    assert report.verdict is Verdict.PASS, as_text(report, "en")
    assert [level for level in LEVELS if report.of(level)] == list(LEVELS)
    assert (report.who, report.lang) == (WHO, "zh")
    checks = rows(report)
    for name in REPLAYED:
        (found,) = [f.found.en for f in report.findings
                    if f.check.en == f"training replayed: {name}"]
        assert found.endswith("every digit is the same, and so are the weights at the end")
        assert checks[f"trained between two states: {name}"] is Verdict.PASS
    assert {"ELBO of the VAE, prior vamp", "FD (EfficientNet-Lite0)"} <= set(checks)
    assert {p.name: p.read_bytes() for p in handed_in.iterdir()} == before


def test_sha256sum_agrees_with_the_manifests(handed_in: Path, tmp_path: Path) -> None:
    for name in (CODE, SUPPORT):
        target = tmp_path / Path(name).stem
        with zipfile.ZipFile(handed_in / name) as archive:
            archive.extractall(target)
        done = subprocess.run(["sha256sum", "-c", "--quiet", MANIFEST], cwd=target)
        assert done.returncode == 0


def test_the_english_report_of_someone_else_passes(
    lab_run: Path, tmp_path: Path, digits: str
) -> None:
    run = shutil.copytree(lab_run, tmp_path / "run")
    folder = submit_again(run, tmp_path / "in", "O'Neil_Jr.", "7_b", lang="en")
    report = one(folder, "consistency")
    assert (code_of(report), report.verdict) == (0, Verdict.LOOK)  # begun in the name of 张三
    (look,) = [f for f in report.findings if f.verdict is Verdict.LOOK]
    assert look.check.en == "the author"
    assert "张三" in look.found.en


# integrity


@pytest.mark.parametrize("archive", [CODE, SUPPORT])
def test_any_changed_extra_or_missing_file_is_found(archive: str, handed_in: Path) -> None:
    name = "models/gan/config.json" if archive == CODE else "fid.json"
    cases: list[dict[str, object]] = [
        {"edits": {name: lambda data: data + b" "}}, {"drop": (name,)}, {"add": {"a.json": b"{}"}},
    ]
    good = (handed_in / archive).read_bytes()
    for case in cases:
        (handed_in / archive).write_bytes(good)
        rewrite(handed_in / archive, redo=False, **case)  # pyright: ignore[reportArgumentType]
        report = one(handed_in)
        assert code_of(report) == 2, case
        assert report.of("consistency") is None


def test_one_changed_weight_is_found_by_the_manifest(handed_in: Path) -> None:
    name = "models/gan/generator.safetensors"
    rewrite(handed_in / CODE, {name: lambda d: d[:-4] + bytes([d[-4] ^ 1]) + d[-3:]}, redo=False)
    assert code_of(one(handed_in)) == 2


def test_three_files_belong_together(handed_in: Path, tmp_path: Path) -> None:
    (handed_in / SUPPORT).rename(handed_in / SUPPORT.replace("2021", "2022"))
    reports = verify([handed_in], "integrity")
    assert [report.who for report in reports] == ["张三_2021", "张三_2022"]
    assert {code_of(report) for report in reports} == {2}
    (handed_in / SUPPORT.replace("2021", "2022")).rename(handed_in / SUPPORT)
    rewrite(handed_in / SUPPORT, {
        "results.json": lambda d: d.replace(b'"epochs": 4', b'"epochs": 5')
    })
    report = one(handed_in)
    assert rows(report)["both archives are of one run"] is Verdict.TAMPERED


def test_line_ends_of_the_source_do_not_count(handed_in: Path) -> None:
    """As in a student's checkout with Git for Windows' defaults, or after an editor."""
    names = [n for n in zipfile.ZipFile(handed_in / CODE).namelist()
             if n.endswith(".py") and n.startswith("genlab/cli/")]
    ways = [lambda d: d.replace(b"\n", b"\r\n"), lambda d: d.replace(b"\n", b"\r"),
            lambda d: b"\xef\xbb\xbf" + d]
    rewrite(handed_in / CODE, {name: ways[i % 3] for i, name in enumerate(names)})
    assert rows(one(handed_in, "integrity"))["the source"] is Verdict.PASS
    rewrite(handed_in / CODE, {names[0]: lambda d: d.replace(b"a", b"b", 1)})
    assert rows(one(handed_in, "integrity"))["the source"] is Verdict.LOOK


# consistency


def spoil_text(folder: Path, old: str, new: str) -> None:
    rewrite(folder / DOCX, {
        "word/document.xml": lambda data: data.replace(old.encode(), new.encode(), 1)
    })


def elbo_of(run: Path) -> str:
    """The ELBO of the standard prior as the report prints it."""
    elbo = json.loads((run / "vae/standard/results.json").read_text())["elbo"]["value"]
    return f"{abs(elbo):.1f}"[:-2]


def test_a_changed_number_fails(handed_in: Path, lab_run: Path) -> None:
    number = elbo_of(lab_run)
    spoil_text(handed_in, f"\u2212{number}.", f"\u2212{int(number) - 7}.")
    report = one(handed_in, "consistency")
    assert code_of(report) == 1
    assert rows(report)[TEXT] is Verdict.FAIL
    assert any(number in f.found.en for f in report.findings)


@pytest.mark.parametrize("mangle", [
    lambda stem: f"{stem}(1)", lambda stem: stem.replace("_", " "),
    lambda stem: f"张三_77_assignsubmission_file_{stem.replace('2021', '２０２１')} - 副本",
    lambda stem: f"{stem}_20231215120000",
])
def test_changed_names_of_files_change_nothing(
    mangle: Callable[[str], str], handed_in: Path
) -> None:
    for path in list(handed_in.iterdir()):
        path.rename(handed_in / f"{mangle(path.stem)}{path.suffix}")
    report = one(handed_in, "consistency")
    assert report.verdict is Verdict.PASS, as_text(report, "en")


def test_changed_words_are_shown_and_added_numbers_fail(handed_in: Path) -> None:
    spoil_text(handed_in, "可复现性", "怎样重复")
    report = one(handed_in, "consistency")
    assert (rows(report)[TEXT], code_of(report)) == (Verdict.LOOK, 0)
    more = "<w:p><w:r><w:t>My FID is 3.21.</w:t></w:r></w:p><w:sectPr"
    spoil_text(handed_in, "<w:sectPr", more)
    report = one(handed_in, "consistency")
    assert rows(report)[TEXT] is Verdict.FAIL
    assert any("3.21" in f.found.en for f in report.findings)


def test_texts_are_compared_by_paragraphs_and_their_numbers() -> None:
    report = ["The bound is −141.2 ± 0.4 nats.", "12.5", "13.5", "The end of it all."]
    assert not any(compare_texts(report, report))
    changes = compare_texts([report[0], "12.5", "13.4", report[3]], report)
    assert len(changes.numbers) == 1
    assert "13.4" in changes.numbers[0]
    changes = compare_texts([report[0].replace("bound", "ELBO"), *report[1:]], report)
    assert (len(changes.words), changes.numbers) == (1, [])
    changes = compare_texts([*report, "I took 3 hours and 12.5 cups."], report)
    assert (changes.added, changes.foreign) == (["I took 3 hours and 12.5 cups."], [])
    assert compare_texts([*report, "I got 99.5."], report).foreign == ["99.5"]
    assert compare_texts(report[1:], report).gone == report[:1]


def test_numbers_keep_their_places() -> None:
    prose, other = "The bound is −141.2 ± 0.4 nats.", "No surprise."
    rows = ["prior\tELBO\tNLL", "standard\t12.5\t144.2", "vamp\t13.5\t142.6", "seed\t7"]
    report = [prose, *rows, other]
    swapped = [prose, rows[0], "standard\t144.2\t12.5", *rows[2:], other]
    for changed in (
        swapped, [prose, rows[0], rows[2], *rows[1:2], *rows[3:], other],  # a row moved
        [prose, *rows[:2], rows[3], other], report[:4] + report[5:],  # a row left out
        [*rows, other, prose],  # prose with weighty numbers elsewhere
        [prose, *rows[:1], "standard", "12.5", "144.2", *rows[2:], other],  # a row no more
    ):
        changes = compare_texts(changed, report)
        assert changes.numbers or changes.displaced, changed
    for honest in (
        [prose, "My own 12.5 cups.", *rows, "I am glad.", other], [*rows, other], report[:-1],
        [prose.replace("bound", "ELBO"), *rows, other], [other, prose, *rows],
        [prose, rows[0], "mine\t12.5\t142.6", *rows[1:], other],
    ):
        changes = compare_texts(honest, report)
        assert not changes.numbers + changes.displaced + changes.foreign, honest
        assert changes.words or changes.added or changes.gone


def test_two_cells_swapped_in_the_document_fail(handed_in: Path) -> None:
    with zipfile.ZipFile(handed_in / DOCX) as archive:
        text = archive.read("word/document.xml").decode()
    row = next(r for r in re.findall(r"<w:tr>.*?</w:tr>", text, re.DOTALL) if "±" in r)
    first, second, *_ = re.findall(r"<w:t[^>]*>([^<]*±[^<]*)</w:t>", row)
    assert first != second
    swapped = row.replace(first, "?", 1).replace(second, first, 1).replace("?", second, 1)
    spoil_text(handed_in, row, swapped)
    report = one(handed_in, "consistency")
    assert (rows(report)[TEXT], code_of(report)) == (Verdict.FAIL, 1)


@pytest.mark.parametrize(("xml", "named"), [
    ("<w:r><w:rPr><w:vanish/></w:rPr></w:r>", "w:vanish"),
    ('<w:r><w:rPr><w:color w:val="FFFFFF"/></w:rPr></w:r>', "w:color FFFFFF"),
    ('<w:r><w:sym w:font="Symbol" w:char="0031"/></w:r>', "w:sym"),
    ('<w:del w:id="1" w:author="x"><w:r><w:delText>1</w:delText></w:r></w:del>', "w:del"),
    ('<w:ins w:id="1" w:author="x"><w:r/></w:ins>', "w:ins"),
    ("<w:r><w:pict/></w:r>", "w:pict"),
])
def test_what_hides_text_or_is_none_is_shown(
    xml: str, named: str, handed_in: Path
) -> None:
    spoil_text(handed_in, "</w:pPr><w:r>", f"</w:pPr>{xml}<w:r>")
    report = one(handed_in, "consistency")
    assert (rows(report)[BESIDE], code_of(report)) == (Verdict.LOOK, 0)
    assert any(named in f.found.en for f in report.findings)


def test_page_numbers_that_word_adds_to_the_contents_are_no_change(
    handed_in: Path
) -> None:
    """As Word leaves an entry when it updates the table (F9); another number is one."""
    good = (handed_in / DOCX).read_bytes()
    entry = ("<w:r><w:rPr><w:webHidden/></w:rPr><w:tab/></w:r>"
             '<w:r><w:fldChar w:fldCharType="begin"/></w:r>'
             "<w:r><w:instrText> PAGEREF _Toc9000 \\h </w:instrText></w:r>"
             '<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>{}</w:t></w:r>'
             '<w:r><w:fldChar w:fldCharType="end"/></w:r></w:hyperlink></w:p>')
    for page, verdict in (("12", Verdict.PASS), ("144.2", Verdict.FAIL)):
        (handed_in / DOCX).write_bytes(good)
        spoil_text(handed_in, "</w:hyperlink></w:p>", entry.format(page))
        checks = rows(one(handed_in, "consistency"))
        assert (checks[TEXT], checks[BESIDE]) == (verdict, Verdict.PASS)


def test_text_of_headers_notes_and_further_parts_is_seen(handed_in: Path) -> None:
    good = (handed_in / DOCX).read_bytes()
    note = ('<w:footnote w:id="2"><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:footnote>'
            "</w:footnotes>")
    cases: list[tuple[str, str, str, Verdict]] = [
        ("word/header1.xml", "</w:t>", "</w:t><w:t>, FID = 1.23</w:t>", Verdict.FAIL),
        ("word/footnotes.xml", "</w:footnotes>", note.format("FID = 1.23"), Verdict.FAIL),
        ("word/footnotes.xml", "</w:footnotes>", note.format("as I found"), Verdict.LOOK),
        ("word/footer1.xml", "<w:t>1</w:t>", "<w:t>23</w:t>", Verdict.PASS),  # Word's page number
    ]
    for name, old, new, verdict in cases:
        (handed_in / DOCX).write_bytes(good)
        rewrite(handed_in / DOCX, {name: lambda d: d.replace(old.encode(), new.encode(), 1)})  # noqa: B023
        assert rows(one(handed_in, "consistency"))[TEXT] is verdict, new
    (handed_in / DOCX).write_bytes(good)
    rewrite(handed_in / DOCX, {"word/_rels/document.xml.rels": lambda d: d.replace(
        b"</Rel", b'<Relationship Id="z" Type="http://x/chart" Target="c.xml"/></Rel')})
    assert rows(one(handed_in, "consistency"))[BESIDE] is Verdict.LOOK
    (handed_in / DOCX).write_bytes(good)
    rewrite(handed_in / DOCX, {"_rels/.rels": lambda d: d.replace(
        b"word/document.xml", b"word/other.xml")})
    assert code_of(one(handed_in, "consistency")) == 2


def test_records_of_which_no_report_can_be_made_are_tampered_with(
    handed_in: Path
) -> None:
    empty = b'{"data": {}, "sessions": []}'
    rewrite(handed_in / CODE, {"models/env.json": lambda _: empty})
    report = one(handed_in, "consistency")
    assert (rows(report)[TEXT], code_of(report)) == (Verdict.TAMPERED, 2)
    rewrite(handed_in / CODE, {"genlab/common/rng.py": lambda d: d + b"\n"})
    report = one(handed_in, "consistency")  # another version may write such records
    assert (rows(report)[TEXT], code_of(report)) == (Verdict.CANNOT, 3)


def test_a_replaced_figure_fails(handed_in: Path) -> None:
    with zipfile.ZipFile(handed_in / DOCX) as archive:
        names = sorted(n for n in archive.namelist() if n.startswith("word/media/"))
        first, second = archive.read(names[0]), archive.read(names[1])
    rewrite(handed_in / DOCX, {names[0]: lambda _: second})
    report = one(handed_in, "consistency")
    assert (rows(report)[PICTURES], code_of(report)) == (Verdict.FAIL, 1)
    retouched = io.BytesIO()
    with Image.open(io.BytesIO(first)) as image:
        image = image.convert("RGB")
        image.paste((255, 0, 0), (0, 0, 6, 6))
        image.save(retouched, format="PNG")
    rewrite(handed_in / DOCX, {names[0]: lambda _: retouched.getvalue()})
    assert rows(one(handed_in, "consistency"))[PICTURES] is Verdict.FAIL


def test_another_author_fails(handed_in: Path) -> None:
    old, new = "张三</dc:creator>".encode(), "李四</dc:creator>".encode()
    rewrite(handed_in / DOCX, {"docProps/core.xml": lambda data: data.replace(old, new)})
    report = one(handed_in, "consistency")
    assert (rows(report)["the author"], code_of(report)) == (Verdict.FAIL, 1)


def test_the_document_of_another_student_fails(
    handed_in: Path, handed_in_by_three: Path
) -> None:
    other = handed_in_by_three / "李四_2022"
    shutil.copy(other / DOCX.replace(WHO, "李四_2022"), handed_in / DOCX)
    report = one(handed_in, "consistency")
    assert code_of(report) == 1
    assert rows(report)["the author"] is rows(report)[TEXT] is Verdict.FAIL


def test_a_changed_record_fails_against_the_document(handed_in: Path) -> None:
    name = "models/vae/vamp/results.json"
    rewrite(handed_in / CODE, {name: lambda d: raised(d, "elbo.value", 9.0)})
    report = one(handed_in, "consistency")
    assert (rows(report)[TEXT], code_of(report)) == (Verdict.FAIL, 1)


def raised(data: bytes, key: str, by: float) -> bytes:
    record = json.loads(data)
    *way, last = key.split(".")
    inner = record[way[0]] if way else record
    inner[last] += by
    return json.dumps(record).encode()


def test_a_record_that_lacks_a_result_is_tampered_with(handed_in: Path) -> None:
    def emptied(data: bytes) -> bytes:
        return json.dumps({k: v for k, v in json.loads(data).items() if k != "elbo"}).encode()

    rewrite(handed_in / CODE, {"models/vae/vamp/results.json": emptied})
    assert code_of(one(handed_in, "consistency")) == 2


# recomputing


def test_a_changed_result_fails_though_the_report_was_made_from_it(
    lab_run: Path, tmp_path: Path, digits: str
) -> None:
    run = shutil.copytree(lab_run, tmp_path / "run")
    for file, key in (("vae/vamp/results.json", "elbo"), ("gan/fid.json", "distances")):
        record = json.loads((run / file).read_text())
        if key == "elbo":
            record["elbo"]["value"] += 5.0
        else:
            record["distances"][0]["distance"]["value"] *= 0.9
        (run / file).write_text(json.dumps(record))
    for folder in (run, run / "vae/vamp"):
        seal(folder)
    folder = submit_again(run, tmp_path / "in", "张三", "2021")
    report = one(folder, mnist=digits)
    assert report.of("consistency") is Verdict.PASS
    checks = rows(report)
    assert checks["ELBO of the VAE, prior vamp"] is Verdict.FAIL
    assert checks["ELBO of the VAE, prior standard"] is Verdict.PASS
    assert checks["FD (EfficientNet-Lite0)"] is Verdict.FAIL
    assert checks["FD (random convolutions)"] is Verdict.PASS
    assert code_of(report) == 1


def test_results_that_archived_values_contradict_fail(
    lab_run: Path, tmp_path: Path, digits: str
) -> None:
    run = shutil.copytree(lab_run, tmp_path / "run")
    changed = {
        "standard": "nll_exact.value", "mixture": "marginal_kl.error", "vamp": "identity_gap",
    }
    for prior, key in changed.items():
        path = run / "vae" / prior / "results.json"
        path.write_bytes(raised(path.read_bytes(), key, 0.03))
    path = run / "gan" / "fid.json"
    record = json.loads(path.read_text())
    record["recognised_fake"] = record["epochs"][-1]["recognised"] = 0.99
    path.write_text(json.dumps(record))
    for folder in (run, *(run / "vae" / prior for prior in changed)):
        seal(folder)
    report = one(submit_again(run, tmp_path / "in", "张三", "2021"), mnist=digits)
    checks = rows(report)
    for prior, key in changed.items():
        assert checks[f"ELBO of the VAE, prior {prior}"] is Verdict.FAIL
        assert any(f"results.json has {key} " in f.found.en for f in report.findings)
    assert checks["shares recognised as dogs"] is Verdict.FAIL
    assert checks["distances of the epochs"] is Verdict.PASS
    assert code_of(report) == 1


def test_the_last_epochs_row_is_that_of_the_images(
    handed_in: Path, digits: str
) -> None:
    def better(data: bytes) -> bytes:
        record = json.loads(data)
        record["epochs"][-1]["distances"]["FD (EfficientNet-Lite0)"]["distance"]["value"] *= 0.5
        return json.dumps(record).encode()

    rewrite(handed_in / SUPPORT, {"fid.json": better})
    assert rows(one(handed_in, mnist=digits))["distances of the epochs"] is Verdict.FAIL


def test_many_images_are_drawn_again_and_too_many_cannot_be_judged(
    handed_in: Path, digits: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert recompute.MOST_BYTES // (3 * 64**2) >= 20_000
    monkeypatch.setattr(recompute, "MOST_BYTES", 11 * 3 * 64**2)  # there are 12
    report = one(handed_in, mnist=digits)
    assert (rows(report)["the generated images"], code_of(report)) == (Verdict.CANNOT, 3)
    assert any("at most 11 are drawn" in f.found.en for f in report.findings)


def test_values_of_single_digits_must_be_there_and_of_the_model(
    handed_in: Path, digits: str
) -> None:
    def without(data: bytes) -> bytes:
        return save({k: v for k, v in load(data).items() if k != "nll_is"})

    def shifted(data: bytes) -> bytes:  # the ELBO is as it was, and so are all means
        values = load(data)
        for name, sign in (("re", 1.0), ("omega", -1.0)):
            values[name][0] += sign
            values[name][1] -= sign
        return save(values)

    rewrite(handed_in / CODE, {"models/vae/vamp/measures.safetensors": without,
                               "models/vae/standard/measures.safetensors": shifted})
    checks = rows(one(handed_in, mnist=digits))
    assert checks["ELBO of the VAE, prior vamp"] is Verdict.TAMPERED
    assert checks["ELBO of the VAE, prior standard"] is Verdict.FAIL


def test_one_changed_weight_fails_though_the_manifest_was_made_again(
    handed_in: Path, digits: str
) -> None:
    def changed(data: bytes) -> bytes:
        tensors = load(data)
        name = max(tensors, key=lambda key: tensors[key].ndim)
        tensors[name].view(-1)[:9] += 10.0  # one filter: one weight alone may do nothing
        return save(tensors)

    rewrite(handed_in / CODE, {"models/vae/standard/model.safetensors": changed,
                               "models/gan/generator.safetensors": changed})
    report = one(handed_in, mnist=digits)
    checks = rows(report)
    assert checks["ELBO of the VAE, prior standard"] is Verdict.FAIL
    assert checks["the generated images"] is Verdict.FAIL
    assert code_of(report) == 1


def test_a_replaced_image_fails_though_the_manifest_was_made_again(
    handed_in: Path, digits: str
) -> None:
    with zipfile.ZipFile(handed_in / SUPPORT) as archive:
        other = archive.read("generated/001.png")
    rewrite(handed_in / SUPPORT, {"generated/007.png": lambda _: other})
    report = one(handed_in, mnist=digits)
    checks = rows(report)
    assert checks["the generated images"] is Verdict.FAIL
    assert checks["the measured images are these"] is Verdict.FAIL
    assert any("007.png" in f.found.en for f in report.findings)
    assert code_of(report) == 1


def test_other_data_and_missing_data_cannot_be_judged(
    handed_in: Path, digits: str, tiny_digits: Path, picture_folder: Path
) -> None:
    missing = one(handed_in)
    other = one(handed_in, mnist=str(tiny_digits), dogs=str(picture_folder))
    assert rows(missing)["ELBO of the VAE, prior vamp"] is Verdict.CANNOT
    assert rows(missing)["the generated images"] is Verdict.PASS
    assert rows(other)["ELBO of the VAE, prior vamp"] is Verdict.CANNOT
    assert rows(other)["FD (EfficientNet-Lite0)"] is Verdict.CANNOT
    assert code_of(missing) == code_of(other) == 3


def test_weights_of_another_shape_are_refused_before_they_take_memory(
    handed_in: Path, digits: str
) -> None:
    def huge(data: bytes) -> bytes:
        record = json.loads(data)
        record["config"]["hidden"] = [8192] * 30  # 8 GB, were it built
        return json.dumps(record).encode()

    rewrite(handed_in / CODE, {"models/vae/vamp/config.json": huge})
    report = one(handed_in, mnist=digits)
    assert rows(report)["ELBO of the VAE, prior vamp"] is Verdict.TAMPERED


# replaying


def test_another_beginning_fails(handed_in: Path, digits: str) -> None:
    def other(data: bytes) -> bytes:
        lines = [json.loads(line) for line in data.splitlines()]
        lines[0] = {k: v if k == "step" else v * 1.05 + 0.05 for k, v in lines[0].items()}
        return "".join(json.dumps(line) + "\n" for line in lines).encode()

    rewrite(handed_in / CODE, {f"models/{name}/beginning.jsonl": other
                               for name in ("vae/vamp", "gan")})
    report = one(handed_in, "replay", mnist=digits)
    checks = rows(report)
    assert checks["training replayed: vae/vamp"] is Verdict.FAIL
    assert checks["training replayed: gan"] is Verdict.FAIL
    assert checks["training replayed: vae/standard"] is Verdict.PASS


def test_a_replay_stops_in_time_and_says_so(
    handed_in: Path, digits: str
) -> None:
    def without(data: bytes) -> bytes:
        record = json.loads(data)
        record["config"]["checkpoints"] = False
        return json.dumps(record).encode()

    rewrite(handed_in / CODE, {"models/vae/standard/config.json": without})
    report = one(handed_in, "replay", mnist=digits, minutes=1e-6)
    checks = rows(report)
    assert "trained between two states: vae/vamp" in checks
    assert "trained between two states: vae/standard" not in checks  # it kept none
    found = {f.verdict for f in report.findings if f.level == "replay"}
    assert found == {Verdict.CANNOT}
    assert all("--minutes" in f.found.en for f in report.findings if f.level == "replay")


def test_the_first_steps_decide_on_another_machine() -> None:
    def verdict(**values: object) -> Verdict:
        found = replay.Replayed(steps=8, epochs=2, exact=False, **values)  # pyright: ignore
        return replay.verdict_of(found, "vae", 50, 60.0)[0]

    assert verdict(step_off=1e-6, epoch_off=0.01) is Verdict.PASS
    assert verdict(step_off=3e-4, epoch_off=0.01) is Verdict.FAIL
    assert verdict(step_off=1e-6, epoch_off=0.2) is Verdict.LOOK


# likeness and classes


@pytest.fixture
def class_folder(handed_in_by_three: Path, tmp_path: Path) -> Path:
    return shutil.copytree(handed_in_by_three, tmp_path / "class")


def test_alike_submissions_are_told_once_a_group(class_folder: Path) -> None:
    """Two hand in one run that was begun for a student number."""
    reports = verify([class_folder], "integrity")
    numbers = {report.who: report.alike.number if report.alike else None for report in reports}
    assert numbers == {"张三_2021": 1, "李四_2022": 1, "王五_2023": None}
    (group,) = alike_in(reports)
    assert group.members == ("张三_2021", "李四_2022")
    assert "the same files of weights: gan, mixture, standard, vamp" in group.found.en
    assert "generated images that are the same: 12" in group.found.en
    assert "their seed 2021 is that of the student number 2021: nobody else" in group.found.en
    assert worst(r.verdict for r in reports) is Verdict.LOOK  # no exit code of its own
    for text in (as_csv(reports, [], "en"), "\n".join(alike_as_text(reports, "en"))):
        assert text.count("the same files of weights") == 1


def prints(seed: int, begun_for: str = "", weights: int | None = None) -> Prints:
    """Of a run whose weights follow from the seed, or are others."""
    key = f"{seed if weights is None else weights}"
    return Prints(
        who="x", files={"gan": key}, weights={}, pixels=[], small=np.zeros((0, 3)), seed=seed,
        settings={"gan config": {"seed": seed}}, begun_for=begun_for,
    )


def test_a_class_of_one_seed_is_one_line_and_says_what_explains_it() -> None:
    (group,) = likeness([prints(0) for _ in range(40)])
    assert group.members == tuple(range(40))
    assert "same seed (0), data and settings explain this" in group.found.en
    assert likeness([prints(seed_of(str(n)), str(n)) for n in range(2021001, 2021041)]) == []
    two = likeness([prints(7), prints(8), prints(7), prints(9), prints(8)])
    assert [group.members for group in two] == [(0, 2), (1, 4)]
    chain = [prints(1), prints(2, weights=1), prints(3), prints(4, weights=1)]
    (group,) = likeness(chain)
    assert group.members == (0, 1, 3)
    assert "their settings differ (gan config): these do not explain it" in group.found.en
    (group,) = likeness([prints(42, "42"), prints(42, "43")])
    assert "their seed 42 is that of the student number 42" in group.found.en


def test_near_identical_weights_and_images_are_shown(class_folder: Path) -> None:
    def near(data: bytes) -> bytes:
        return save({k: v * 1.0001 if v.is_floating_point() else v for k, v in load(data).items()})

    brighter = partial(altered, change=lambda value: min(255, value + 1))
    number = "李四_2022"
    second = class_folder / number
    rewrite(second / CODE.replace(WHO, number), {
        "models/gan/generator.safetensors": near,
        "models/gan/config.json": lambda d: d.replace(b'"seed": 2021', b'"seed": 5'),
    })
    rewrite(second / SUPPORT.replace(WHO, number), {
        "config.json": lambda d: d.replace(b'"seed": 2021', b'"seed": 5'),
        **{f"generated/{i:03d}.png": brighter for i in range(12)},
    })
    (group,) = alike_in(verify([class_folder], "integrity"))
    found = group.found.en
    assert "near-identical weights (correlation): gan 1.0000" in found
    assert "generated images that are near-identical: 12" in found
    assert "their settings differ (gan config): these do not explain it" in found


def test_a_class_is_found_in_folders_or_flat(class_folder: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in class_folder.rglob("*.*"):
        shutil.copy(path, flat / f"upload_{path.name}")  # as some platforms name them
    (flat / "notes.txt").write_text("x")
    who = ["张三_2021", "李四_2022", "王五_2023"]
    for folder in (class_folder, flat):
        found = collect([folder]).submissions
        assert sorted(one.who for one in found) == sorted(who)
        assert all(sorted(one.files) == ["code", "docx", "support"] for one in found)
    files = list((class_folder / WHO).iterdir())
    (single,) = collect(files).submissions
    assert single.authors()[0] == ("张三", "2021")
    for twice in ([*files, *files], [flat, flat], [*files, class_folder], [flat, flat / "."]):
        found = collect(twice).submissions
        assert all(len(paths) == 1 for one in found for paths in one.files.values())


def test_page_and_csv_of_a_class(class_folder: Path) -> None:
    reports = verify([class_folder], "integrity")
    page = class_page(reports, [], "zh")
    assert page.count("<section") == 3
    assert "不证明作者是谁" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    reports[0].who = "<b>=1+1"
    assert "<b>=1" not in class_page(reports, [], "en")
    table = list(csv.DictReader(io.StringIO(as_csv(reports, [], "en").lstrip("\ufeff"))))
    assert len(table) == sum(len(report.findings) for report in reports) + len(alike_in(reports))
    assert {row["verdict"] for row in table} == {"pass", "look"}
    reports[0].who = "=1+1"
    assert "'=1+1" in as_csv(reports, [], "en")


def test_the_worst_decides_in_the_documented_order() -> None:
    order = [Verdict.PASS, Verdict.LOOK, Verdict.CANNOT, Verdict.FAIL, Verdict.TAMPERED]
    assert [exit_code(worst(order[: n + 1])) for n in range(5)] == [0, 0, 3, 1, 2]


def test_the_command_ends_with_the_verdict(
    handed_in: Path, lab_run: Path, tmp_path: Path
) -> None:
    def run(*options: str) -> Ended:
        return run_command("verify", *options, cwd=tmp_path, GENLAB_DATA="")

    done = run(str(handed_in), "--level", "consistency", "--out", str(tmp_path / "out"), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["submissions"][0]["verdict"] == "pass"
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"class.csv", "class.html"}
    (handed_in / SUPPORT).unlink()
    done = run(*map(str, handed_in.iterdir()), "--level", "integrity", "--lang", "en")
    assert done.returncode == 2
    assert f"{SUPPORT} is missing" in done.stdout
    assert "neither authorship" in done.stdout
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        done = run(str(handed_in), "--out", str(out), "--json")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert f"--out {out}" in done.stderr
    done = run(str(tmp_path / "nowhere"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_a_template_of_the_teachers_names_is_read(tmp_path: Path) -> None:
    names = {"docx": "L3 {id}-{name}.docx", "code": "L3 code {id}-{name}.zip",
             "support": "L3 images {id}-{name}.zip"}  # fmt: skip
    for pattern in names.values():
        (tmp_path / pattern.format(name="An-Na", id="42")).touch()
    (found,) = collect([tmp_path], Template(names=names)).submissions
    assert (found.who, sorted(found.files)) == ("42-An-Na", ["code", "docx", "support"])
    assert found.authors()[:2] == [("Na", "42-An"), ("An-Na", "42")]
    with pytest.raises(InputError, match="no submission in it .*实验五_姓名_学号.docx"):
        collect([tmp_path])
    with pytest.raises(InputError, match="in the same order"):
        collect([tmp_path], Template(names=names | {"code": "{name}.zip"}))
