"""File names are understood as browsers, mail programs and learning platforms deliver them."""

import tempfile
import unicodedata

from itertools import product
from pathlib import Path

import pytest

from hypothesis import given, settings
from hypothesis import strategies as st

from genlab.lab.handin.template import Template
from genlab.lab.verify.readers.names import Named, Naming, Unread, person, system_file, unflagged
from genlab.lab.verify.readers.submissions import collect

NAMING = Naming()
KINDS = {"docx": "实验五_{}.docx", "code": "实验五代码_{}.zip", "support": "实验五支撑材料_{}.zip"}
WHO = "张三_2021210000"

COPIES = [
    "(1)", " (2)", "（1）", " （12）", "[1]", "【2】", " - 副本", "- 副本 (2)", "_副本", " 副本 2",
    "的副本", "（副本）", " (第 3 个副本)", " - 複製", "复件", " - 复制", "拷贝", " copy",
    " copy 2", " - Copy", " - Copy (3)", "_copy", "-copy", " (copy)", " (another copy)",
    " (3rd copy)", " (copy 1)", " - コピー", " - コピー (2)", "のコピー", "のコピー 2",
    " - Kopie", " Kopie 2",
    " - Kopie (2)", " — копия", " — копия (2)", " копия", " - Copie", " - copia", " - Copia (2)",
    " - Cópia", " - kopia", " - Kopya", " - Kopi", " - kopio", " 복사본", " - 복사본 (2)",
    "의 사본", " - Másolat", " - αντίγραφο", " - نسخة", " - bản sao", "~1", "~", "(1)(1)",
    " (1. Kopie)", " (conflicted copy 2023-12-15)", " (冲突副本)", "(自动保存的)", "-已压缩",
    " (Autosaved)", "_", "%20", " (1) - 副本", " - 副本 - 副本", " copy copy",
]
"""What systems put behind the name of a copy."""
PREFIXES = [
    "张三_12345_assignsubmission_file_", "张三 Zhang San_12345_assignsubmission_file_",
    "zhangsan_LATE_123_456_", "zhangsan_123_456_", "2021210000-张三-", "2021210000_张三_",
    "张三+2021210000+", "计科1班-2021210000-张三-实验五-", "20231215120000_", "附件1_", "副本",
    "副本 ", "Copy of ", "Kopie von ", "【作业】", "1. ", "upload_", "fwd_", "实验五_",
]
"""What platforms put before a name."""
TRAILERS = [
    "_20231215120000", "_20231215", "-2023-12-15", "_2023-12-15 12_00_00", " 2023-12-15 12-00-00",
    "_1702612800", "_1702612800123", "-1", "_2", "_LATE", "_final", "_v2", "_最终版", "_修改版",
    "_3f2504e0-4f89-11d3-9a0c-0305e82c3301", "_3f2504e04f8911d39a0c0305e82c3301", "_2023.12.15",
    "(20231215)",
]
"""What platforms and people put behind a name."""
SUFFIXES = ["{0}", "{0}{0}", "{0}{0}{0}", "{0}.", "{0} ", "{0}. .", " {0}", "{0}.1", ".{0}", ""]


def upper(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem + dot + suffix.upper()


def full_width(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in stem) + dot + suffix


WAYS = {
    "as it is": lambda n: n, "spaces": lambda n: n.replace("_", " "),
    "dashes": lambda n: n.replace("_", "-"), "pluses": lambda n: n.replace("_", "+"),
    "em dashes": lambda n: n.replace("_", "—"), "no separators": lambda n: n.replace("_", ""),
    "two spaces": lambda n: n.replace("_", "  "), "dots": lambda n: n.replace("_", "."),
    "ideographic spaces": lambda n: n.replace("_", "\u3000"),
    "no-break spaces": lambda n: n.replace("_", "\u00a0"),
    "full width": full_width, "NFD": lambda n: unicodedata.normalize("NFD", n), "upper": upper,
    "invisible": lambda n: "\u202a\ufeff" + n.replace("_", "_\u200b"),
    "GBK as cp437": lambda n: n.encode("gbk", "replace").decode("cp437"),
    "UTF-8 as cp437": lambda n: n.encode().decode("cp437"),
    "GBK as latin-1": lambda n: n.encode("gbk", "replace").decode("latin-1"),
    "UTF-8 as latin-1": lambda n: n.encode().decode("latin-1"),
    "GBK bytes": lambda n: n.encode("gbk", "replace").decode("utf-8", "surrogateescape"),
    "per cent": lambda n: "".join(
        c if c.isascii() else "".join(f"%{b:02X}" for b in c.encode()) for c in n),
    "#U": lambda n: "".join(c if c.isascii() else f"#U{ord(c):04x}" for c in n),
    "HTML": lambda n: "".join(c if c.isascii() else f"&#{ord(c)};" for c in n),
}  # fmt: skip
"""What programs make of a whole name."""


def names(kind: str, who: str, prefix: str = "", behind: str = "", suffix: str = "{0}") -> str:
    stem, dot, end = KINDS[kind].format(who).rpartition(".")
    return f"{prefix}{stem}{behind}{suffix.format(dot + end)}"


def assert_read(name: str, kind: str, who: str = WHO) -> Named:
    found = NAMING.read(name)
    assert isinstance(found, Named), (name, found)
    assert found.kind == kind, name
    assert person(who) in map(person, found.authors), (name, found)
    return found


def test_hundreds_of_mangled_names_are_read() -> None:
    count = 0
    for kind, behind in product(KINDS, ["", *COPIES]):
        found = assert_read(names(kind, WHO, behind=behind), kind)
        assert person(found.authors[0]) == person(WHO)  # a copy's mark is never part of a number
        count += 1
    for kind, prefix, behind in product(KINDS, PREFIXES, ["", "(1)", *TRAILERS[:4]]):
        assert_read(names(kind, WHO, prefix, behind), kind)
        count += 1
    for kind, behind, suffix in product(KINDS, TRAILERS, SUFFIXES[:4]):
        assert_read(names(kind, WHO, behind=behind, suffix=suffix), kind)
        count += 1
    for kind, way, suffix in product(KINDS, WAYS, SUFFIXES):
        if suffix.startswith(".") and way == "upper":
            continue
        assert_read(WAYS[way](names(kind, WHO, suffix=suffix)), kind)
        count += 1
    assert count > 1000


AUTHORS = [
    "张三_2021210000", "欧阳娜娜_2021", "O'Neil_Jr._7_b", "Zoë Ångström_42", "Anna-Maria_20A7",
    "阿卜杜拉·买买提_2021210001", "李四_B20190301", "Ng_1",
]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(AUTHORS), st.sampled_from(sorted(KINDS)), st.sampled_from(["", *PREFIXES]),
    st.lists(st.sampled_from(COPIES), max_size=2), st.sampled_from(SUFFIXES[:7]),
    st.lists(st.sampled_from(["as it is", "spaces", "dashes", "full width", "NFD", "invisible"]),
             max_size=3),
    st.sampled_from(["as it is", "UTF-8 as cp437", "per cent", "#U", "HTML"]),
)
def test_a_mangled_honest_name_is_read_as_its_author(
    who: str, kind: str, prefix: str, copies: list[str], suffix: str, ways: list[str], last: str
) -> None:
    name = names(kind, who, prefix, "".join(copies), suffix)
    for way in ways:
        name = WAYS[way](name)
    if "full width" in ways and last != "as it is":
        return  # no program does both
    assert_read(WAYS[last](name), kind, who)


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_the_mangled_files_of_a_class_are_grouped_by_student(data: st.DataObject) -> None:
    """Each file is renamed in its own way; all lie in one folder."""
    students = ["张三_2021210000", "张三_2021210001", "张三_20212100", "李四_2021210000", "Ng_7_b"]
    ways = ["as it is", "spaces", "dashes", "full width", "NFD", "invisible", "no separators"]
    with tempfile.TemporaryDirectory() as folder:
        for who, kind in product(students, KINDS):
            behind = data.draw(st.sampled_from(["", *COPIES, *TRAILERS]))
            prefix = data.draw(st.sampled_from(["", *PREFIXES]))
            suffix = data.draw(st.sampled_from(SUFFIXES[:5]))
            name = names(kind, who, prefix, behind, suffix)
            way = data.draw(st.sampled_from(ways[: 6 if behind in TRAILERS else 7]))
            mangled = WAYS[way](name)
            fits = len(mangled.encode()) <= 255
            (Path(folder) / (mangled if fits else name)).write_bytes(b"x")
        found = collect([Path(folder)])
    assert {person(one.who) for one in found.submissions} == set(map(person, students))
    assert all(len(one.files) == 3 for one in found.submissions)
    assert found.left == []


@pytest.mark.parametrize("name", [
    "notes.txt", "实验五.docx", "实验四_张三_2021.docx", "report.docx", "代码.zip", "", ".",
    "张三_2021.docx", "实验五_.docx", "张三_77_assignsubmission_file_实验五代码.zip",
    "实验五代码.zip", "图é", "\udcff\udcfe", "%ZZ", "=?utf-8?b?!!?=",
    "&#99999999;", "#UFFFFFF",
])
def test_other_names_are_not_taken(name: str) -> None:
    assert isinstance(NAMING.read(name), Unread)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(), max_size=40), st.sampled_from(["", "实验五_", "%", "\ud800"]))
def test_any_text_is_read_without_an_error(text: str, begin: str) -> None:
    found = NAMING.read(begin + text)
    assert isinstance(found, Unread) or person(found.authors[0])


@pytest.mark.parametrize(("name", "suffix"), [
    ("实验五_张三_2021.pdf", "pdf"), ("实验五_张三_2021.doc", "doc"),
    ("实验五代码_张三_2021.rar", "rar"), ("实验五代码_张三_2021.7z", "7z"),
    ("实验五支撑材料_张三_2021.docx", "docx"),
    ("实验五_张三_2021.wps", "wps"), ("实验五代码 张三 2021 (1).RAR", "rar"),
])
def test_a_wrong_suffix_is_the_reason_and_the_author_is_known(name: str, suffix: str) -> None:
    found = NAMING.read(name)
    assert isinstance(found, Unread)
    assert f".{suffix}" in found.en
    assert person(found.author) == person("张三_2021")


@pytest.mark.parametrize(("first", "second", "same"), [
    ("张三_2021", "张 三 ２０２１", True), ("Zoë_1", unicodedata.normalize("NFD", "ZOË-1"), True),
    ("张三_2021", "张三_2022", False), ("张三_2021", "李四_2021", False), ("a_1", "a_11", False),
])
def test_a_person_is_letters_and_digits(first: str, second: str, same: bool) -> None:
    assert (person(first) == person(second)) is same


@pytest.mark.parametrize(("name", "kind", "who"), [
    ("2021-张三-实验五.docx", "docx", "2021张三"), ("實驗五_张三_2021.docx", "docx", "张三2021"),
    ("张三_2021_实验五代码.zip", "code", "张三2021"),
    ("2021_张三_实验五支撑材料(1).zip", "support", "2021张三"),
    ("实验五_张三_2021_docx", "docx", "张三2021"),
    ("实验五代码_张三_2021.zip_", "code", "张三2021"),
])
def test_names_in_another_order_and_other_letters(name: str, kind: str, who: str) -> None:
    found = NAMING.read(name)
    assert isinstance(found, Named)
    assert (found.kind, person(found.authors[0])) == (kind, who)


def test_the_number_of_a_download_is_later_and_a_copy_earlier() -> None:
    marks = [" - 副本", "", "(1)", " (12)"]
    versions = [assert_read(names("docx", WHO, behind=mark), "docx").version for mark in marks]
    assert versions == sorted(versions)
    assert len(set(versions)) == 4


def test_names_of_files_that_systems_leave_behind() -> None:
    for path in ("__MACOSX/a/._实验五_张三_2021.docx", ".DS_Store", "a/Thumbs.db", "DESKTOP.INI",
                 "~$实验五_张三_2021.docx", "a/~$b.docx", ".~lock.实验五_张三_2021.docx#",
                 "._a.zip", "~WRL0005.tmp", "a.docx.crdownload", "__macosx\\a"):  # fmt: skip
        assert system_file(path), path
    for name in (KINDS["docx"].format(WHO), "notes.txt", "a/b.docx"):
        assert not system_file(name)


def test_names_of_archives_that_do_not_say_their_encoding() -> None:
    for name in ("张三/实验五_张三_2021.docx", "期末", "plain.docx"):
        for encoding in ("gbk", "utf-8"):
            assert unflagged(name.encode(encoding).decode("cp437")) == name
    assert unflagged("Zoë.docx") == "Zoë.docx"  # as code page 437 has it


@pytest.mark.parametrize("pattern", ["{id}-{name}", "{name}({id})", "{id}_{name}"])
def test_templates_of_other_shapes(pattern: str) -> None:
    naming = Naming(Template(names={
        "docx": f"Lab 3.1 {pattern}.docx", "code": f"Lab 3.1 code {pattern}.zip",
        "support": f"{pattern} images of lab 3.1.zip",
    }))
    who = pattern.format(name="张三", id="42")
    for name, kind in (
        (f"Lab 3.1 {who}.docx", "docx"), (f"lab_3.1_{who} (2).DOCX", "docx"),
        (f"x_Lab 3.1 code {who}.zip", "code"), (f"{who}_images_of_lab_3.1 - Copy.zip", "support"),
    ):
        found = naming.read(name)
        assert isinstance(found, Named), (name, found)
        assert (found.kind, person(found.authors[0])) == (kind, person(who)), name
