"""Hostile submissions are survived: refused in words, with exit code 2, and nothing is written."""

import hashlib
import io
import json
import os
import stat
import struct
import zipfile
import zlib

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import save

from genlab.common.errors import InputError
from genlab.common.formats.json_text import read_object
from genlab.common.formats.plain_zip import LIMITS, PlainZip
from genlab.common.formats.word import parse_xml
from genlab.lab.handin.archive import MANIFEST, pack
from genlab.lab.verify.check import verify
from genlab.lab.verify.readers.archive_reader import Archive
from genlab.lab.verify.readers.configs import gan_of, vae_of
from genlab.lab.verify.readers.pictures import read_picture, size_of
from genlab.lab.verify.readers.tensors import read_shapes, read_weights
from genlab.lab.verify.results.findings import Refused, Verdict, exit_code

NAMES = ("实验五_甲_1.docx", "实验五代码_甲_1.zip", "实验五支撑材料_甲_1.zip")
RECORD = b'{"kind": "gan"}'


def png(width: int = 4, height: int = 4) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (9, 9, 9)).save(buffer, format="PNG")
    return buffer.getvalue()


def zipped(entries: list[tuple[zipfile.ZipInfo | str, bytes]], manifest: bool = True) -> bytes:
    """An archive of any entries, with the manifest that belongs to them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
        if manifest:
            names = [n if isinstance(n, str) else n.filename for n, _ in entries]
            digests = [hashlib.sha256(data).hexdigest() for _, data in entries]
            lines = "".join(f"{digest}  {name}\n" for digest, name in zip(digests, names))
            archive.writestr(MANIFEST, lines.encode("utf-8", "replace"))
    return buffer.getvalue()


def special(name: str, kind: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    return info


def overlapping() -> bytes:
    """Two entries of the directory that share one entry's bytes."""
    data = bytearray(zipped([("models/a.json", b"{}" * 50), ("models/b.json", b"{}" * 50)]))
    at = data.index(b"PK\x01\x02")
    first = struct.unpack("<L", data[at + 42 : at + 46])[0]
    second = data.index(b"PK\x01\x02", at + 4)
    data[second + 42 : second + 46] = struct.pack("<L", first)
    return bytes(data)


def flagged(bit: int) -> bytes:
    """An archive that says that its first entry is encrypted."""
    data = bytearray(zipped([("models/a.json", b"{}")]))
    at = data.index(b"PK\x01\x02")
    data[6] |= bit
    data[at + 8] |= bit
    return bytes(data)


def lying() -> bytes:
    """A bomb whose headers say that it is small."""
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = bomb.compress(b"0" * (64 << 20)) + bomb.flush()
    data = bytearray(zipped([("models/a.json", b"{}")]))
    with_bomb = io.BytesIO()
    with zipfile.ZipFile(with_bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("models/a.json", b"0" * (64 << 20))
        archive.writestr(MANIFEST, b"")
    data = bytearray(with_bomb.getvalue())
    assert packed[:8] in data
    for at, field in ((0, 22), (data.index(b"PK\x01\x02"), 24)):
        data[at + field : at + field + 4] = struct.pack("<L", 1000)
    return bytes(data)


HOSTILE = {
    "traversal": lambda: zipped([("../../evil.json", RECORD)]),
    "deep traversal": lambda: zipped([("models/../../../evil.json", RECORD)]),
    "absolute": lambda: zipped([("/tmp/evil.json", RECORD)]),
    "drive": lambda: zipped([("C:/evil.json", RECORD)]),
    "backslash": lambda: zipped([("models\\..\\evil.json", RECORD)]),
    "not ascii": lambda: zipped([("models/图.json", RECORD)]),
    "control letter": lambda: zipped([("models/\x1b[2J.json", RECORD)]),
    "case twice": lambda: zipped([("models/a.json", RECORD), ("models/A.json", RECORD)]),
    "link": lambda: zipped([(special("models/a.json", stat.S_IFLNK), b"/etc/passwd")]),
    "pipe": lambda: zipped([(special("models/a.json", stat.S_IFIFO), b"")]),
    "device": lambda: zipped([(special("models/a.json", stat.S_IFCHR), b"")]),
    "bomb": lambda: zipped([("models/a.json", b"0" * (64 << 20))]),
    "lying bomb": lying,
    "overlap": overlapping,
    "encrypted": lambda: flagged(0x1),
    "strongly encrypted": lambda: flagged(0x41),
    "many": lambda: zipped([(f"m/{i}", b"") for i in range(LIMITS.entries + 1)], False),
    "comment": lambda: zipped([("models/a.json", RECORD)])[:-2] + b"\x04\0evil",
    "before": lambda: b"MZ evil" + zipped([("models/a.json", RECORD)]),
    "behind": lambda: zipped([("models/a.json", RECORD)]) + b"evil",
    "truncated": lambda: zipped([("models/a.json", RECORD)])[:-40],
    "empty": lambda: b"",
    "no zip": lambda: b"PK\x03\x04" + bytes(500),
    "no manifest": lambda: zipped([("models/a.json", RECORD)], False),
    "file in the way": lambda: zipped([("models/a", b""), ("models/a/b.json", RECORD)]),
    "a program": lambda: zipped([("models/run.py", b"raise SystemExit")]),
    "nested JSON": lambda: zipped([("models/a.json", b"[" * 200_000 + b"]" * 200_000)]),
    "NaN": lambda: zipped([("models/a.json", b'{"elbo": NaN}')]),
    "infinity": lambda: zipped([("models/a.json", b'{"elbo": 1e999}')]),
    "huge integer": lambda: zipped([("models/a.json", b'{"n": ' + b"9" * 5000 + b"}")]),
    "key twice": lambda: zipped([("models/a.json", b'{"a": 1, "a": 2}')]),
    "no JSON": lambda: zipped([("models/a.json", b"\xff\xfe{")]),
    "long JSON": lambda: zipped([("models/a.json", b'{"a": "' + os.urandom(5 << 20).hex().encode()
                                  + b'"}')]),
    "picture bomb": lambda: zipped([("models/a.png", bomb_png())]),
    "no picture": lambda: zipped([("models/a.png", b"GIF89a" + bytes(40))]),
    "tensors": lambda: zipped([("models/a.safetensors", tensors({"shape": [1 << 40]}))]),
}  # fmt: skip


def bomb_png() -> bytes:
    """A PNG of 50,000 x 50,000 pixels in a few bytes."""
    head = b"IHDR" + struct.pack(">2L5B", 50_000, 50_000, 8, 2, 0, 0, 0)
    body = struct.pack(">L", 13) + head + struct.pack(">L", zlib.crc32(head))
    return b"\x89PNG\r\n\x1a\n" + body


def tensors(changes: dict[str, object], second: dict[str, object] | None = None) -> bytes:
    """A file of two tensors with a header changed by hand."""
    one = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes
    two = {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]} | (second or {})
    header = json.dumps({"a": one, "b": two}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(16)


def make_submission(folder: Path) -> Path:
    """The least that passes the first level."""
    folder.mkdir()
    gan = {name: RECORD for name in ("config.json", "results.json")} | {"metrics.jsonl": b""}
    code: dict[str, Path | bytes] = {f"models/gan/{name}": data for name, data in gan.items()}
    (folder / NAMES[0]).write_bytes(zipped([("word/document.xml", b"<a/>")], False))
    (folder / NAMES[1]).write_bytes(pack(code))
    (folder / NAMES[2]).write_bytes(pack({**gan, "generated/000.png": png()}))
    return folder


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_the_least_submission_passes_the_first_level(tmp_path: Path, temporary: Path) -> None:
    (report,) = verify([make_submission(tmp_path / "in")], "integrity")
    assert report.verdict is Verdict.LOOK, report.findings  # it has no source
    assert {f.verdict for f in report.findings} == {Verdict.PASS, Verdict.LOOK}


@pytest.mark.parametrize("which", [1, 2], ids=["code", "support"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_archives_are_refused_and_write_nothing(
    kind: str, which: int, tmp_path: Path, temporary: Path
) -> None:
    folder = make_submission(tmp_path / "in")
    data = HOSTILE[kind]()
    if which == 2:  # the supporting archive has no models/
        data = data.replace(b"models/", b"sample/") if kind != "lying bomb" else data
        (folder / NAMES[2]).write_bytes(data)
    else:
        (folder / NAMES[1]).write_bytes(data)
    before = snapshot(tmp_path)
    (report,) = verify([folder], "replay")
    assert exit_code(report.verdict) == 2, report.findings
    assert {f.level for f in report.findings} == {"integrity"}  # nothing is looked at further
    assert snapshot(tmp_path) == before
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("kind", ["traversal", "bomb", "overlap", "encrypted", "no zip", "link"])
def test_hostile_documents_are_refused(kind: str, tmp_path: Path, temporary: Path) -> None:
    folder = make_submission(tmp_path / "in")
    (folder / NAMES[0]).write_bytes(HOSTILE[kind]())
    (report,) = verify([folder], "integrity")
    assert exit_code(report.verdict) == 2


def test_duplicate_names_are_refused(tmp_path: Path) -> None:
    data = zipped([("models/a.json", RECORD), ("models/b.json", RECORD)], False)
    path = tmp_path / "a.zip"
    path.write_bytes(data.replace(b"b.json", b"a.json"))
    with pytest.raises(InputError, match="twice"):
        Archive(path.read_bytes(), path.name, MANIFEST)


def test_limits_hold_for_the_stream_not_the_header(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped([("a.txt", b"0" * 1000), ("b.txt", b"1" * 1000)], False))
    assert Archive(path.read_bytes(), path.name, MANIFEST).read("a.txt") == b"0" * 1000
    with pytest.raises(InputError, match="more than 500"):
        Archive(path.read_bytes(), path.name, MANIFEST).read("a.txt", 500)
    plain = PlainZip(path.read_bytes(), path.name, replace(LIMITS, total=2500))
    for _ in range(2):
        plain.read(plain.paths["a.txt"])
    with pytest.raises(InputError, match="more than 500"):
        plain.read(plain.paths["b.txt"])
    path.write_bytes(lying())
    with pytest.raises(InputError):
        Archive(path.read_bytes(), path.name, MANIFEST).read("models/a.json")


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 400), st.integers(0, 255), st.booleans())
@example(at=256, value=255, cut=False)  # a version that zipfile does not know
def test_any_damage_is_refused_or_harmless(at: int, value: int, cut: bool) -> None:
    good = zipped([("models/a.json", RECORD), ("models/b.json", RECORD)])
    data = good[:at] if cut else good[:at] + bytes([value]) + good[at + 1 :]
    path = Path(os.environ["GENLAB_CACHE"] + "-damaged.zip")
    path.write_bytes(data)
    try:
        archive = Archive(path.read_bytes(), path.name, MANIFEST)
        read = {name: archive.read(name) for name in archive.names}
    except InputError:
        return
    assert all(len(content) < 1000 for content in read.values())


XML = {
    "entities": b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    "external": b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
    "utf-16": '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a><a/>'.encode("utf-16"),
    "utf-7": b'<?xml version="1.0" encoding="utf-7"?>+ADw-!DOCTYPE a+AD4-<a/>',
    "deep": b"<a>" * 5000 + b"</a>" * 5000,
    "broken": b"<a><b></a>",
    "empty": b"",
}


@pytest.mark.parametrize("kind", XML)
def test_dangerous_xml_is_refused(kind: str) -> None:
    with pytest.raises(InputError):
        parse_xml(XML[kind], "word/document.xml")
    assert parse_xml(b'<?xml version="1.0" encoding="UTF-8"?><a>b</a>', "a").text == "b"


HEADERS = {
    "shape": tensors({"shape": [3]}), "negative": tensors({"shape": [-2]}),
    "overflow": tensors({"shape": [1 << 33, 1 << 33]}), "dtype": tensors({"dtype": "F128"}),
    "past the end": tensors({}, {"shape": [4], "data_offsets": [8, 24]}),
    "overlap": tensors({}, {"data_offsets": [0, 8]}),
    "hole": tensors({}, {"shape": [1], "data_offsets": [12, 16]}),
    "backwards": tensors({"data_offsets": [8, 0]}), "true": tensors({"shape": [True, 2]}),
    "further": tensors({"extra": 1}), "no list": tensors({"shape": "2"}),
    "longer": tensors({}) + b"0", "shorter": tensors({})[:-1], "long": struct.pack("<Q", 1 << 62),
    "none": b"", "no object": struct.pack("<Q", 2) + b"[]",
}  # fmt: skip


@pytest.mark.parametrize("kind", HEADERS)
def test_malformed_safetensors_are_refused(kind: str) -> None:
    with pytest.raises(Refused):
        read_shapes(HEADERS[kind], kind)


def test_safetensors_of_the_library_are_read() -> None:
    data = save({"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros(0, np.int64)})
    assert read_shapes(data, "x") == {"a": ("F32", (2, 3)), "b": ("I64", (0,))}
    assert read_weights(data, "x")["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(Refused, match="not finite"):
        read_weights(save({"a": np.array([np.nan], np.float32)}), "x")


def test_pictures_are_limited_before_they_are_decoded() -> None:
    assert size_of(png(7, 5), "a") == (7, 5)
    assert read_picture(png(7, 5), "a").shape == (5, 7, 3)
    for data in (bomb_png(), png()[:40], b""):
        with pytest.raises(Refused):
            read_picture(data, "a")


def test_configurations_are_of_this_version_and_of_reasonable_size() -> None:
    from dataclasses import asdict

    from genlab.configs.gan import RECIPES
    from genlab.configs.vae import VaeConfig

    def record(kind: str, config: object, **changes: object) -> dict[str, object]:
        values = asdict(config) | changes  # pyright: ignore[reportArgumentType]
        return read_object(json.dumps({"kind": kind, "config": values}).encode(), "config.json")

    gan, vae = RECIPES["projected"]("toydogs"), VaeConfig()
    assert gan_of(record("gan", gan)) == gan
    student = (1 << 63) - 1  # a student number may be longer than a float can hold
    assert gan_of(record("gan", gan, seed=student)).seed == student
    assert vae_of(record("vae", vae, seed=student)).seed == student
    assert vae_of(record("vae", vae)) == vae
    for changes in ({"design_options": {"width": 10**9}}, {"design": "os"}, {"latent": "128"},
                    {"mirror": 1}, {"augment": ["x"]}, {"snapshots": list(range(1, 100))}):
        with pytest.raises(Refused):
            gan_of(record("gan", gan, **changes))
    for changes in ({"hidden": [10**9]}, {"latent": True}, {"draws": 10**6}, {"prior": "os"},
                    {"prior_options": []}, {"prior_options": {"components": 3}},
                    {"prior": "vamp", "prior_options": {"components": 10**9}},
                    {"prior": "gtm", "prior_options": {"hidden": [64] * 100}},
                    {"prior": "spline", "prior_options": {"bound": "5"}}):
        with pytest.raises(Refused):
            vae_of(record("vae", vae, **changes))
    with pytest.raises(InputError, match="another version"):
        gan_of(record("gan", gan, further=1))
    with pytest.raises(Refused):
        gan_of(record("vae", gan))
