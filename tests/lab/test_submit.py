"""What is handed in has the lab sheet's names, and anyone can check it."""

import hashlib
import json
import re
import subprocess
import sys
import tomllib
import zipfile

from pathlib import Path
from typing import Any

import docx
import pytest

from cases.report import VAES, make_lab_run
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import genlab

from genlab.common.errors import InputError
from genlab.common.typed_json import to_json
from genlab.lab.handin import submission
from genlab.lab.handin.archive import MANIFEST, pack
from genlab.lab.handin.submission import check_author, file_names, submit
from genlab.runs.examine import examine


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A run submitted first without a name, then with one, then in English."""
    run = make_lab_run(tmp_path_factory.mktemp("lab"))
    submit(run)
    assert sorted(p.name for p in (run / "report").iterdir()) == [
        "numbers.json", "report.md", "submission.json", "实验五_姓名_学号.docx",
        "实验五代码_姓名_学号.zip",
        "实验五支撑材料_姓名_学号.zip",
    ]
    return run, submit(run, "张三", "2021210000", "en")


def test_files_have_the_sheets_names_and_earlier_ones_are_gone(
    handed_in: tuple[Path, dict[str, Any]]
) -> None:
    run, result = handed_in
    assert {k: result[k] for k in ("markdown", "docx", "code", "support", "author", "hint")} == {
        "markdown": "report/report.md",
        "docx": "report/实验五_张三_2021210000.docx",
        "code": "report/实验五代码_张三_2021210000.zip",
        "support": "report/实验五支撑材料_张三_2021210000.zip",
        "author": "张三",
        "hint": "",
    }
    there = {f"report/{p.name}" for p in (run / "report").iterdir()}
    assert there == {"report/submission.json"} | {
        result[k] for k in ("markdown", "numbers", "docx", "code", "support")}
    core = docx.Document(str(run / result["docx"])).core_properties
    assert (core.author, core.last_modified_by) == ("张三", "张三")
    assert "# Part 1." in (run / "report/report.md").read_text(encoding="utf-8")


def test_without_a_name_the_placeholders_stay_and_the_hint_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authors = []
    monkeypatch.setattr(
        submission, "write_docx", lambda *a: (write_nothing(*a), authors.append(a[4]))
    )
    result = submit(make_lab_run(tmp_path / "bare"))
    assert result["docx"] == "report/实验五_姓名_学号.docx"
    assert f"genlab submit {tmp_path / 'bare'} --name" in result["hint"]
    result = submit(make_lab_run(tmp_path / "named", name="李四", id="7", lang="en"))
    assert result["docx"] == "report/实验五_李四_7.docx"
    assert (result["hint"], result["lang"]) == ("", "en")
    assert authors == ["", "李四"]


@pytest.mark.parametrize("kind", ["code", "support"])
def test_archives_can_be_checked(
    handed_in: tuple[Path, dict[str, Any]], kind: str, tmp_path: Path
) -> None:
    run, result = handed_in
    archive = zipfile.ZipFile(run / result[kind])
    names = archive.namelist()
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[A-Za-z0-9_./-]+", name) for name in names)
    assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    lines = archive.read(MANIFEST).decode().splitlines()
    listed = dict(reversed(line.split("  ", 1)) for line in lines)
    assert set(listed) == set(names) - {MANIFEST}
    for name, digest in listed.items():
        assert hashlib.sha256(archive.read(name)).hexdigest() == digest
    archive.extractall(tmp_path)
    done = subprocess.run(
        ["sha256sum", "-c", "--quiet", MANIFEST], cwd=tmp_path, capture_output=True
    )
    assert (done.returncode, done.stdout) == (0, b"")


def needs(requirements: list[str]) -> dict[str, SpecifierSet]:
    parsed = [Requirement(text) for text in requirements]
    return {canonicalize_name(need.name): need.specifier for need in parsed}


def test_the_code_archive_holds_the_source_and_the_models(
    handed_in: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    run, result = handed_in
    archive = zipfile.ZipFile(run / result["code"])
    package = Path(genlab.__file__).parent
    sources = {f"genlab/{p.relative_to(package).as_posix()}" for p in package.rglob("*.py")}
    assert sources <= set(archive.namelist())
    assert archive.read("genlab/vae/model.py") == (package / "vae/model.py").read_bytes()
    assert not any("__pycache__" in name for name in archive.namelist())
    for prior in VAES:
        weights = archive.read(f"models/vae/{prior}/model.safetensors")
        assert weights == b"weights of " + prior.encode()
        assert json.loads(archive.read(f"models/vae/{prior}/results.json")) == to_json(VAES[prior])
        assert f"models/vae/{prior}/config.json" in archive.namelist()
    assert archive.read("models/gan/generator.safetensors") == b"generator"

    project = tomllib.loads(archive.read("pyproject.toml").decode())["project"]
    root = tomllib.loads((package.parent / "pyproject.toml").read_text())["project"]
    # An installed package's metadata spells names and orders bounds in its own way.
    extras = root["optional-dependencies"]
    (lab,) = extras["lab"]  # genlab[downloads,figures,...]
    names = lab.removeprefix("genlab[").removesuffix("]").split(",")
    wanted = [*root["dependencies"], *(need for name in names for need in extras[name])]
    assert needs(project["dependencies"]) == needs(wanted)
    assert project["version"] == genlab.__version__
    assert "\n    genlab lab --preset quick\n" in archive.read("README.md").decode()

    archive.extractall(tmp_path)
    code = "import genlab.lab.handin.archive as a; print(a.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()) == tmp_path / "genlab/lab/handin/archive.py"


def test_the_support_archive_holds_all_images_of_the_gan(
    handed_in: tuple[Path, dict[str, Any]]
) -> None:
    run, result = handed_in
    archive = zipfile.ZipFile(run / result["support"])
    made = {p.relative_to(run / "gan").as_posix() for p in (run / "gan").rglob("*.png")}
    assert {name for name in archive.namelist() if name.endswith(".png")} == made
    assert {f"samples/epoch_030/{i:02d}.png" for i in range(10)} <= made
    name = "generated/007.png"
    assert archive.read(name) == (run / "gan" / name).read_bytes()


def test_the_same_files_give_the_same_archive(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for path in (one, two):
        path.write_bytes(b"same")
    assert pack({"a.txt": one, "b.png": b"x"}) == pack({"b.png": b"x", "a.txt": two})
    with pytest.raises(ValueError, match="ASCII"):
        pack({"图.png": b"x"})


@pytest.mark.parametrize("parameter", ["name", "id"])
@pytest.mark.parametrize(
    "value",
    ["", "  ", "a/b", "..\\x", "a\nb", "a\x00b", ".hidden", " a", "a ", "x" * 81, "a:b", "what?",
     "a\u202eb", "\udcff"],
)
def test_names_that_no_file_can_have_are_refused(parameter: str, value: str) -> None:
    name, number = (value, None) if parameter == "name" else (None, value)
    with pytest.raises(InputError, match=f"^`{parameter}`"):
        check_author(name, number)


def test_names_of_people_are_taken() -> None:
    check_author("阿卜杜拉·买买提", "2021-210_000")
    check_author("O'Neil Jr.", None)
    check_author(None, None)
    longest = max(len(name.encode()) for name in file_names("张" * 50, "1" * 12).values())
    assert longest < 255 - len(".tmp-12345678") - 1  # the temporary file's name is longer
    check_author("张" * 50, "1" * 12)
    with pytest.raises(InputError, match="`name` and `id`"):
        check_author("张" * 70, "1" * 12)


def test_a_bad_name_leaves_the_run_alone(tmp_path: Path) -> None:
    run = make_lab_run(tmp_path)
    with pytest.raises(InputError, match="`name`"):
        submit(run, "a/b", "1")
    assert not (run / "report").exists()


def test_a_submission_that_fails_or_is_killed_leaves_the_earlier_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_lab_run(tmp_path / "run")
    monkeypatch.setattr(submission, "write_docx", write_nothing)
    first = submit(run, "张三", "1")
    before = {p.name: p.read_bytes() for p in (run / "report").iterdir()}
    for at in ("write_bytes", "write_json"):
        with monkeypatch.context() as patch:
            patch.setattr(submission.atomic, at, disk_is_full)
            with pytest.raises(OSError, match="No space"):
                submit(run, "李四", "2")
        assert {p.name: p.read_bytes() for p in (run / "report").iterdir()} == before
    with monkeypatch.context() as patch:  # killed before the earlier files are removed
        patch.setattr(Path, "unlink", disk_is_full)
        with pytest.raises(OSError, match="No space"):
            submit(run, "李四", "2")
    assert all((run / first[kind]).exists() for kind in ("docx", "code", "support"))
    second = submit(run, "李四", "2")  # again: as if nothing had happened
    record = json.loads((run / "report" / "submission.json").read_text(encoding="utf-8"))
    assert (record["files"]["docx"], record["earlier"]) == (Path(second["docx"]).name, [])
    third = submit(run, "王五", "3")
    assert {p.name for p in (run / "report").iterdir()} == {
        "submission.json", "report.md", "numbers.json",
        *(Path(third[kind]).name for kind in ("docx", "code", "support")),
    }


SEALED = (
    "vae/standard/config.json", "vae/standard/env.json", "vae/standard/results.json",
    "vae/standard/model.safetensors", "vae/standard/measures.safetensors", "gan/config.json",
    "gan/env.json", "gan/results.json", "gan/generator.safetensors",
    "gan/samples/epoch_030/07.png",
)
"""A file of each kind that the fixture's runs keep."""


@pytest.mark.parametrize("file", SEALED)
def test_a_changed_or_missing_file_of_a_run_is_not_handed_in(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_lab_run(tmp_path / "run")
    monkeypatch.setattr(submission, "write_docx", write_nothing)
    data = (run / file).read_bytes()
    (run / file).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(InputError, match=f"{file}: changed since the run wrote it"):
        submit(run)
    (run / file).unlink()
    with pytest.raises(InputError, match=f"{file}"):
        submit(run)
    assert not (run / "report").exists()


def test_a_model_in_the_archive_is_sealed(
    handed_in: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    run, made = handed_in
    with zipfile.ZipFile(run / made["code"]) as archive:
        archive.extractall(tmp_path)
    parts = (tmp_path / "models" / part for part in ("vae/standard", "gan"))
    found = [one for part in parts for one in examine(part)]
    assert {one.found for one in found} == {"whole"}
    assert {"results.json", "model.safetensors", "generator.safetensors"} <= {
        one.file for one in found
    }


def write_nothing(*arguments: Any) -> None:
    arguments[1].parent.mkdir(exist_ok=True)
    arguments[1].write_bytes(b"docx")


def disk_is_full(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")
