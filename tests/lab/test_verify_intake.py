"""No file that is given is lost: each is part of a submission, or named with the reason."""

import io
import json
import os
import struct
import zipfile

from dataclasses import replace
from pathlib import Path

import pytest

from cases.command import run_command

from genlab.common.errors import InputError
from genlab.lab.handin.archive import MANIFEST, pack
from genlab.lab.verify.check import verify
from genlab.lab.verify.readers import given
from genlab.lab.verify.readers.given import Given, members_of
from genlab.lab.verify.readers.submissions import HandedIn, collect
from genlab.lab.verify.results.findings import Verdict

KINDS = ["code", "docx", "support"]


class GbkEntry(zipfile.ZipInfo):
    """An entry with a name in GBK and without the flag of UTF-8, as on Chinese Windows."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - the library's name
        return self.filename.encode("gbk"), self.flag_bits


def zipped(entries: dict[str, bytes], entry: type[zipfile.ZipInfo] = zipfile.ZipInfo) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(entry(name), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


DOCX = zipped({"[Content_Types].xml": b"<a/>", "word/document.xml": b"<a/>"})
PACK = pack({"models/a.json": b"{}"})
SUPPORT = pack({"a.json": b"{}"})


def three(who: str, mark: str = "") -> dict[str, bytes]:
    return {
        f"实验五_{who}{mark}.docx": DOCX,
        f"实验五代码_{who}{mark}.zip": PACK,
        f"实验五支撑材料_{who}{mark}.zip": SUPPORT,
    }


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def kinds(found: HandedIn) -> dict[str, list[str]]:
    return {one.who: sorted(one.files) for one in found.submissions}


def paths(found: HandedIn) -> set[str]:
    """All that stands in the result."""
    return {one.path for one in found.left} | {
        file.shown for one in found.submissions for files in one.files.values() for file in files
    }


def test_every_file_stands_in_the_result(tmp_path: Path) -> None:
    write(
        tmp_path,
        three("张三_1")
        | {f"b/{n}": d for n, d in three("李四 2", "(1)").items()}
        | {
            "notes.txt": b"x",
            "photo.jpg": b"",
            "实验五_王五_3.pdf": b"%PDF",
            "实验五代码_王五_3.rar": b"Rar!",
            "__MACOSX/._a": b"",
            "b/.DS_Store": b"",
            "b/~$实验五_李四_2.docx": b"",
            "report.docx": DOCX,
            "empty.zip": b"",
            f"{'长' * 80}.docx": b"",
            "a/b/c/d/e/f/g/deep.txt": b"",
            "unpacked/" + MANIFEST: b"",
            "unpacked/models/a.json": b"{}",
            "bad.zip": b"PK\x03\x04" + b"1" * 99,
        },
    )
    (tmp_path / "实验五_链接_4.docx").symlink_to(tmp_path / "notes.txt")
    (tmp_path / "link").symlink_to(tmp_path / "b")
    os.mkfifo(tmp_path / "实验五_管道_5.docx")
    found = collect([tmp_path])
    assert kinds(found) == {"张三_1": KINDS, "李四 2": KINDS}
    there = {str(p) for p in tmp_path.rglob("*") if p.is_symlink() or not p.is_dir()}
    lost = (
        there
        - paths(found)
        - {str(tmp_path / "unpacked" / n) for n in (MANIFEST, "models/a.json")}
    )
    assert lost - {str(tmp_path / "a/b/c/d/e/f/g/deep.txt")} == set()
    verdicts = {Path(one.path).name: one.verdict for one in found.left}
    for name in (
        "实验五_王五_3.pdf", "实验五代码_王五_3.rar", "实验五_链接_4.docx", "report.docx", "g",
        "unpacked", "bad.zip", "empty.zip", "实验五_管道_5.docx",
    ):  # fmt: skip
        assert verdicts[name] is Verdict.CANNOT, name
    assert {verdicts[name] for name in ("notes.txt", "photo.jpg")} == {Verdict.LOOK}
    assert {verdicts[name] for name in ("._a", ".DS_Store", "~$实验五_李四_2.docx")} == {
        Verdict.PASS
    }


@pytest.mark.parametrize("entry", [zipfile.ZipInfo, GbkEntry])
def test_a_zip_of_a_class_is_looked_into(entry: type[zipfile.ZipInfo], tmp_path: Path) -> None:
    own = zipped({f"张三/{n}": d for n, d in three("张三_1").items()}, entry)
    files = {f"实验五/李四_77_file_/{n}": d for n, d in three("李四_2").items()}
    more = {"实验五/张三_1.zip": own, "实验五/notes.txt": b"", "__MACOSX/._实验五": b""}
    write(tmp_path, {"class.zip": zipped(files | more, entry)})
    found = collect([tmp_path / "class.zip"])
    assert kinds(found) == {"张三_1": KINDS, "李四_2": KINDS}
    assert {one.path.removeprefix(f"{tmp_path}/") for one in found.left} == {
        "class.zip/实验五/notes.txt",
        "class.zip/__MACOSX/._实验五",
    }
    (first, _) = found.submissions
    assert first.files["docx"][0].read() == DOCX
    assert first.place.endswith("class.zip/实验五/张三_1.zip/张三/实验五_张三_1.docx")


def test_files_of_one_student_belong_together_wherever_they_lie(tmp_path: Path) -> None:
    names = list(three("张三_1"))
    slots = {f"{index}/{name}": data for index, (name, data) in enumerate(three("张三_1").items())}
    assert kinds(collect([write(tmp_path / "slots", slots)])) == {"张三_1": KINDS}
    whole = zipped(three("张三_1"))
    for archive in ("实验五_张三_1.zip", "实验五代码_张三_1.zip", "张三.zip"):
        assert kinds(collect([write(tmp_path / archive[:-4], {archive: whole})])) == {
            "张三_1": KINDS
        }
    renamed = dict(
        zip(("实验五_张三_1.docx.zip", names[1].upper(), names[2][:-4]), three("x").values())
    )
    assert kinds(collect([write(tmp_path / "renamed", renamed)])) == {"张三_1": KINDS}
    times = {
        n.replace(".", f"_2023121512000{i}."): d
        for i, (n, d) in enumerate(three("张三_1").items())
    }
    assert kinds(collect([write(tmp_path / "times", times)])) == {"张三_1": KINDS}


def test_versions_of_one_student_are_told(tmp_path: Path) -> None:
    write(
        tmp_path,
        three("张三_1")
        | {
            "实验五_张三_1 (1).docx": DOCX + b"\0",
            "实验五代码_张三_1 (1).zip": PACK,
            "实验五_张三_1.pdf": b"",
        },
    )
    found = collect([tmp_path])
    (one,) = found.submissions
    assert one.files["docx"][0].name == "实验五_张三_1 (1).docx"
    assert [Path(p).name for p in one.others] == ["实验五_张三_1.pdf", "实验五_张三_1.docx"]
    assert {Path(left.path).name: left.verdict for left in found.left} == {
        "实验五_张三_1.docx": Verdict.LOOK,
        "实验五代码_张三_1.zip": Verdict.PASS,
        "实验五_张三_1.pdf": Verdict.LOOK,
    }
    assert one.is_of("张三", "1")
    assert not one.is_of("张三", "2")


def test_limits_hold_before_anything_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def listed(data: bytes) -> list[tuple[Given, str]]:
        path = tmp_path / "a.zip"
        path.write_bytes(data)
        return members_of(Given("a.zip", "a.zip", path))

    bomb = listed(zipped({"a.docx": b"0" * (32 << 20)}))
    assert "unpack to" in bomb[0][1]
    lying = bytearray(zipped({"a.docx": b"0" * 100_000}))
    at = lying.index(b"PK\x01\x02")
    lying[at + 24 : at + 28] = struct.pack("<L", 1000)
    ((member, why),) = listed(bytes(lying))
    assert not why
    with pytest.raises(InputError):
        member.read()
    many = zipped({f"{i}.docx": b"" for i in range(40)})
    for limits, data in (
        (replace(given.LIMITS, entries=30), many),
        (replace(given.LIMITS, total=10), zipped({"a": b"1" * 11})),
        (replace(given.LIMITS, directory=100), many),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(given, "LIMITS", limits)
            with pytest.raises(InputError):
                listed(data)
    deep = zipped(three("张三_1"))
    for _ in range(5):
        deep = zipped({"a.zip": deep})
    with pytest.raises(InputError, match="too many archives deep"):
        collect([write(tmp_path / "deep", {"a.zip": deep}) / "a.zip"])


def test_an_archive_packed_again_by_another_program(tmp_path: Path) -> None:
    """A folder on top with a Chinese name, system files, paths with backslashes."""
    with zipfile.ZipFile(io.BytesIO(PACK)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    top = "实验五代码_张三_1"
    macos = {
        f"{top}/": b"",
        **{f"{top}/{n}": d for n, d in files.items()},
        f"{top}/.DS_Store": b"1",
        f"__MACOSX/{top}/._a.json": b"2",
    }
    for way, data in (
        ("macOS", zipped(macos)),
        ("windows", zipped({f"{top}/x/{n}": d for n, d in files.items()}, GbkEntry)),
        ("backslashes", zipped({f"{top}\\{n}": d for n, d in files.items()})),
    ):
        (report,) = verify(
            [write(tmp_path / way, three("张三_1") | {f"{top}.zip": data})], "integrity"
        )
        (row,) = [f for f in report.findings if f.check.en == "the code archive and its manifest"]
        assert row.verdict is Verdict.PASS, (way, row)
        assert ("__MACOSX" in row.found.en or ".DS_Store" in row.found.en) == (way == "macOS")
    for extra in ({"beside.json": b"{}"}, {f"{top}/extra.json": b"{}"}):
        data = zipped({f"{top}/{n}": d for n, d in files.items()} | extra)
        (report,) = verify(
            [write(tmp_path / "bad", three("张三_1") | {f"{top}.zip": data})], "integrity"
        )
        assert report.verdict is Verdict.TAMPERED


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"Rar!" + bytes(50), "a RAR archive"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "with a password"),
        (b"", "empty, 0 bytes"),
        (b"<!DOCTYPE html>" + bytes(50), "a web page"),
        (SUPPORT[:-30], "cut off"),
        (SUPPORT, "are the two archives exchanged"),
    ],
)
def test_what_a_file_is_instead_is_said(data: bytes, said: str, tmp_path: Path) -> None:
    files = three("张三_1") | {"实验五代码_张三_1.zip": data}
    (report,) = verify([write(tmp_path, files)], "integrity")
    assert report.verdict is Verdict.TAMPERED
    assert any(said in finding.found.en for finding in report.findings)


def test_the_command_names_every_file_in_table_json_csv_and_page(tmp_path: Path) -> None:
    twice = {f"{place}/{n}": d for place in "ab" for n, d in three("张三_1").items()}
    folder = write(tmp_path / "in", twice | {"report.docx": DOCX, "x.txt": b""})
    ended = run_command("verify", str(folder), "--level", "integrity", "--json", "--lang", "en",
                        "--out", str(tmp_path / "out"), cwd=tmp_path)  # fmt: skip
    found = json.loads(ended.stdout)
    assert (ended.returncode, found["exit_code"]) == (3, 3)  # report.docx was not judged
    assert [Path(one["path"]).parent.name for one in found["submissions"]] == ["a", "b"]
    assert [Path(one["path"]).name for one in found["left"]] == ["report.docx", "x.txt"]
    table = (tmp_path / "out" / "class.csv").read_text(encoding="utf-8-sig")
    page = (tmp_path / "out" / "class.html").read_text(encoding="utf-8")
    text = run_command("verify", str(folder), "--level", "integrity", cwd=tmp_path).stdout
    for path in folder.rglob("*.*"):
        assert all(str(path) in place for place in (text, table, page)), path
    ended = run_command("verify", str(folder / "x.txt"), cwd=tmp_path)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "x.txt: not named as asked" in ended.stderr
