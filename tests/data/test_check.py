"""The check of a folder, on folders whose every defect is known."""

import hashlib
import json
import os
import re
import zipfile

from pathlib import Path

import numpy as np
import pytest

from cases.command import refused, run_command, run_process
from PIL import Image, ImageOps

import genlab.data

from genlab.common.errors import InputError
from genlab.data.check.advice import advice
from genlab.data.check.clean import clean_copy, require_clean_target, require_page_target
from genlab.data.check.folder import check_folder
from genlab.data.check.page import check_page
from genlab.data.check.probe import look_at
from genlab.data.image_set import load_images
from genlab.data.toydogs.draw import draw_dog


def dog(index: int, size: int = 96) -> Image.Image:
    return Image.fromarray(draw_dog(index, size))


def state(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        p.relative_to(folder).as_posix(): (
            hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns
        )
        for p in folder.rglob("*") if p.is_file()
    }


@pytest.fixture
def ward(tmp_path: Path) -> Path:
    """Twenty healthy dogs, and one image or file of each complaint."""
    folder = tmp_path / "ward"
    (folder / "deep").mkdir(parents=True)
    for index in range(20):
        dog(index).save(folder / f"dog{index:02d}.png")
    dog(3).save(folder / "deep" / "copy.bmp")  # the same pixels in another format
    dog(4).save(folder / "deep" / "dog04.JPG", quality=60)
    ImageOps.grayscale(dog(5)).save(folder / "dog05-grey.png")  # mode L
    dog(6, 120).crop((2, 1, 118, 117)).save(folder / "dog06-cut.webp", quality=90)
    exif = Image.Exif()
    exif[0x0112] = 6
    dog(30).transpose(Image.Transpose.ROTATE_90).save(folder / "turned.jpg", exif=exif, quality=95)
    dog(31).convert("P").save(folder / "palette.gif", save_all=True, append_images=[
        dog(32).convert("P")
    ])
    dog(33).convert("CMYK").save(folder / "print.tif")
    clear = dog(34).convert("RGBA")
    clear.putalpha(200)
    clear.save(folder / "clear.png")
    wide = Image.new("RGB", (400, 100), "white")
    wide.paste(dog(35, 100), (300, 0))
    wide.save(folder / "wide.png")
    Image.new("RGB", (80, 80), (2, 2, 2)).save(folder / "black.png")
    dog(36, 40).save(folder / "small.png")
    (folder / "text.jpg").write_text("no picture")
    (folder / "empty.png").write_bytes(b"")
    data = (folder / "dog00.png").read_bytes()
    (folder / "cut.png").write_bytes(data[: len(data) // 2])
    Image.new("RGB", (5, 50)).save(folder / "thin.png")
    (folder / "phone.heic").write_bytes(b"x")
    (folder / "notes.txt").write_text("x")
    return folder


def test_every_complaint_is_found(ward: Path) -> None:
    before = state(ward)
    f = check_folder(ward)
    assert state(ward) == before, "the folder was changed"
    assert f["files"] == 35
    assert f["images"] == 31
    assert f["other_files"] == {".heic": 1, ".txt": 1}
    reasons = {entry["file"]: entry["reason"] for entry in f["unusable"]}
    assert set(reasons) == {"text.jpg", "empty.png", "cut.png", "thin.png"}
    assert "5x50 pixels" in reasons["thin.png"]
    assert all("not a readable image" in reasons[n] for n in ("text.jpg", "empty.png", "cut.png"))
    assert str(ward) not in json.dumps(f)
    assert f["formats"] == {"PNG": 25, "JPEG": 2, "BMP": 1, "WEBP": 1, "GIF": 1, "TIFF": 1}
    assert {m: f["modes"][m] for m in ("L", "P", "CMYK", "RGBA")} == {
        "L": 1, "P": 1, "CMYK": 1, "RGBA": 1,
    }
    wanted = {
        "turned_by_exif": 1, "several_frames": 1, "transparent": 1, "twice_as_long": 1,
        "dark": 1, "flat": 1, "under_64_pixels": 1, "bright": 0,
    }
    assert {key: f[key] for key in wanted} == wanted
    assert f["copies"] == [["deep/copy.bmp", "dog03.png"]]
    near = {frozenset(entry["files"]) for entry in f["near_duplicates"]}
    assert near == {
        frozenset(("deep/dog04.JPG", "dog04.png")),
        frozenset(("dog05-grey.png", "dog05.png")),
        frozenset(("dog06-cut.webp", "dog06.png")),
    }
    assert ["dog05.png", "dog05-grey.png"] in f["groups"], "the one in colour is to be kept"
    assert ["dog06-cut.webp", "dog06.png"] in f["groups"], "the larger one is to be kept"
    assert ["dog04.png", "deep/dog04.JPG"] in f["groups"], "the less compressed is to be kept"
    assert f["outliers"]["longest"][0] == {"file": "wide.png", "value": 4.0}
    assert f["outliers"]["darkest"][0] == {"file": "black.png", "value": 2.0}
    assert f["outliers"]["smallest"][0] == {"file": "small.png", "value": 40.0}
    json.dumps(f, allow_nan=False)


def test_advice_names_what_was_found_and_no_more(ward: Path, tmp_path: Path) -> None:
    text = "\n".join(check_folder(ward)["advice"])
    for words in ("4 files cannot be used", "1 .heic", "1 image is an exact copy", "3 pairs",
                  "`crop` subject", "under 64 pixels", "EXIF", "transparency", "several frames",
                  "1 image is very dark", "31 usable images are few"):
        assert words in text, words
    healthy = tmp_path / "healthy"
    healthy.mkdir()
    for index in range(16):
        dog(index).save(healthy / f"{index}.png")
    f = check_folder(healthy)
    allowed = ("usable images are few", "EfficientNet-Lite0 recognises")
    assert all(any(words in line for words in allowed) for line in f["advice"]), f["advice"]
    many = {**f, "images": 400, "dogs": {**f["dogs"], "share": 0.95}}
    assert advice(many) == ["Nothing to mend."]
    # what a central square cuts off: heads are for dogs alone
    for share, crop in ((0.95, "face"), (0.2, "subject")):
        cut = {**many, "dogs": {"share": share}, "twice_as_long": 30}
        (line,) = [line for line in advice(cut) if "central square" in line]
        assert re.findall("`crop` (.+?) ", line)[0] == crop


def test_probe_of_a_turned_file_is_of_the_upright_picture(tmp_path: Path) -> None:
    picture = dog(1).crop((0, 0, 96, 60))
    exif = Image.Exif()
    exif[0x0112] = 8
    picture.transpose(Image.Transpose.ROTATE_270).save(tmp_path / "a.png", exif=exif)
    picture.save(tmp_path / "b.png")
    turned, plain = (
        look_at((tmp_path / name).read_bytes(), name).probe for name in ("a.png", "b.png")
    )
    assert (turned.width, turned.height) == (96, 60)
    assert turned.turned
    assert not plain.turned
    assert turned.sha256 == plain.sha256


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "JPEG", "PNG", "BMP", "PPM"])
def test_spoiled_files_are_refused_or_read_never_a_crash(kind: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    path = tmp_path / "x"  # its name in messages
    frames = {"save_all": True, "append_images": [dog(1, 48)]} if kind in ("GIF", "TIFF") else {}
    dog(0, 48).save(path, kind, **frames)
    data = np.frombuffer(path.read_bytes(), np.uint8)
    messages = []
    for trial in range(60):
        spoiled = data[: random.integers(1, len(data))] if trial % 2 else data.copy()
        spoiled = spoiled.copy()
        places = random.integers(0, min(len(spoiled), 300), 6)
        spoiled[places] = random.integers(0, 256, 6)
        try:
            look_at(spoiled.tobytes(), str(path))
        except InputError as error:
            messages.append(str(error))
    assert len(messages) > 5
    assert all(message.startswith(f"{path}: ") for message in messages)


def test_clean_copies_the_rest(ward: Path, tmp_path: Path) -> None:
    f = check_folder(ward)
    target = tmp_path / "clean"
    done = clean_copy(f, ward, target)
    there = state(target)
    assert done == {"copied": len(there), "left_out": 8}
    left_out = {"dog03.png", "deep/dog04.JPG", "dog05-grey.png", "dog06.png", "text.jpg",
                "empty.png", "cut.png", "thin.png"}
    assert set(there) == {n for n in state(ward) if n not in left_out} - {
        "notes.txt", "phone.heic",
    }
    assert all(state(ward)[name][0] == digest for name, (digest, _) in there.items())
    again = check_folder(target)
    assert again["groups"] == again["unusable"] == []
    (target / "dog00.png").unlink()  # as if the copying had been stopped
    assert clean_copy(f, ward, target) == done
    assert state(target).keys() == there.keys()
    (target / "dog03.png").write_bytes((ward / "dog03.png").read_bytes())
    with pytest.raises(InputError, match=r"holds 'dog03\.png', which is left out"):
        clean_copy(f, ward, target)
    (target / "dog03.png").write_bytes(b"another")
    with pytest.raises(InputError, match=r"holds 'dog03\.png', which is not an image of"):
        require_clean_target(target, ward)
    with pytest.raises(InputError, match="not changed"):
        clean_copy(f, ward, ward / "inside")


def test_page_is_whole_and_safe(tmp_path: Path) -> None:
    """Everything is within the file; names of files are text, never markup."""
    folder = tmp_path / "a & <b>"
    folder.mkdir()
    for index in range(4):
        dog(index, 64).save(folder / f"<i>{index}.png")
    dog(0, 64).save(folder / "same.png")
    (folder / "<script>.jpg").write_text("x")
    page = check_page(check_folder(folder), folder)
    assert "<script" not in page
    assert "<i>" not in page
    assert "a &amp; &lt;b&gt;" in page
    assert "&lt;script&gt;.jpg" in page
    assert "Exact copies: 1" in page
    sources = re.findall(r"src='([^']*)'", page)
    assert len(sources) >= 10
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert not re.findall(r"https?://", page)


def test_names_count_as_in_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Links, links to folders, and the notes of macOS."""
    folder, other = tmp_path / "folder", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    for index in range(4):
        dog(index, 48).save(folder / f"{index}.png")
        (folder / f"._{index}.png").write_bytes(b"\0\5")
    dog(9, 48).save(other / "9.png")
    (folder / "again.png").symlink_to("0.png")
    (folder / "more").symlink_to(other)
    f = check_folder(folder)
    assert (f["files"], f["images"], f["copies"], f["unusable"]) == (4, 4, [], [])
    assert list(genlab.data.images(folder).paths) == [f"{index}.png" for index in range(4)]
    said = capsys.readouterr().err
    for words in ("4 hidden or system files", "1 name of", "1 link to folders, as more"):
        assert words in said, words
        assert any(words in line for line in f["advice"]), words
    (folder / "lost.png").symlink_to("nowhere")
    f = check_folder(folder)
    assert (f["files"], f["images"]) == (5, 4)
    assert [entry["file"] for entry in f["unusable"]] == ["lost.png"]
    assert "a link to nothing" in f["unusable"][0]["reason"]
    assert "lost.png" in check_page(f, folder)
    with pytest.raises(InputError, match=r"lost\.png: a link to nothing"):
        genlab.data.images(folder)
    assert clean_copy(f, folder, tmp_path / "clean") == {"copied": 4, "left_out": 1}
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "more").symlink_to(other)
    with pytest.raises(InputError, match="no images in it.*1 link to folders, as more"):
        check_folder(tmp_path / "links")


def test_zip_is_the_folder(ward: Path, tmp_path: Path) -> None:
    path = tmp_path / "ward.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(p for p in ward.rglob("*") if p.is_file()):
            archive.write(file, file.relative_to(ward))
    f = check_folder(path)
    assert f == check_folder(ward)
    assert check_page(f, path) == check_page(f, ward)
    assert clean_copy(f, path, tmp_path / "a") == clean_copy(f, ward, tmp_path / "b")
    digests = [{n: s for n, (s, _) in state(tmp_path / x).items()} for x in "ab"]
    assert digests[0] == digests[1]


def test_damaged_members_of_a_zip_are_listed(tmp_path: Path) -> None:
    """Whatever is wrong with one, the others are examined; what is no zip is said to be none."""
    path = tmp_path / "some.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(4):
            dog(index, 48).save(tmp_path / "x.png")
            kind = zipfile.ZIP_LZMA if index == 1 else zipfile.ZIP_STORED
            archive.write(tmp_path / "x.png", f"{index}.png", kind)
        archive.write(tmp_path / "x.png", "n" * 300 + ".png")  # more than a file's name may have
        archive.write(tmp_path / "x.png", "3.png/inside.png")  # a file and a folder
        archive.write(tmp_path / "x.png", "../out.png")
    with zipfile.ZipFile(path) as archive:
        places = [(m.header_offset, m.filename) for m in archive.infolist()[:3]]
    data = bytearray(path.read_bytes())
    for offset, _ in places[1:]:
        data[offset + 60 : offset + 70] = bytes(10)
    path.write_bytes(data)
    f = check_folder(path)
    assert [entry["file"] for entry in f["unusable"]] == ["1.png", "2.png"]
    assert all("cannot be read from the archive" in e["reason"] for e in f["unusable"])
    assert (f["files"], f["images"]) == (7, 5)
    assert "1.png" in check_page(f, path)
    with pytest.raises(InputError, match=r"'\.\./out\.png', which leads out"):
        clean_copy(f | {"groups": []}, path, tmp_path / "clean")
    assert not (tmp_path / "clean").exists()
    (tmp_path / "text.zip").write_text("x")
    with pytest.raises(InputError, match=r"text\.zip: not a readable zip"):
        check_folder(tmp_path / "text.zip")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with pytest.raises(InputError, match=r"empty\.zip: no images in it"):
        check_folder(tmp_path / "empty.zip")


def test_a_zips_impossible_names_are_named_by_clean(tmp_path: Path) -> None:
    dog(0, 48).save(tmp_path / "x.png")
    with zipfile.ZipFile(tmp_path / "long.zip", "w") as archive:
        archive.write(tmp_path / "x.png", "n" * 300 + ".png")
    f = check_folder(tmp_path / "long.zip")
    with pytest.raises(InputError, match=r"`clean` .*nnn\.png' cannot be written there"):
        clean_copy(f, tmp_path / "long.zip", tmp_path / "clean")


def test_places_that_hold_something_are_refused(tmp_path: Path) -> None:
    folder, run, page = tmp_path / "folder", tmp_path / "run", tmp_path / "page"
    for place in (folder, run, page):
        place.mkdir()
    require_page_target(page, folder)
    require_page_target(tmp_path / "new" / "deep", folder)
    (page / "check.html").write_text("x")
    (page / "results.json").write_text("x")
    require_page_target(page, folder)
    (run / "results.json").write_text("x")
    with pytest.raises(InputError, match="`out` .*run: the folder holds 'results.json'"):
        require_page_target(run, folder)
    (page / "DONE").write_text("x")
    with pytest.raises(InputError, match="`out` .*page: the folder holds 'DONE'"):
        require_page_target(page, folder)
    for file in (page / "DONE", page / "DONE" / "deep"):
        with pytest.raises(InputError, match="`out` .*: a file is in the way"):
            require_page_target(file, folder)
        with pytest.raises(InputError, match="`clean` .*: a file is in the way"):
            require_clean_target(file, folder)
    with pytest.raises(InputError, match="`out` .*: lies in `clean`"):
        require_page_target(tmp_path / "good" / "page", folder, tmp_path / "good")


def test_no_images_or_none_readable(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        check_folder(tmp_path / "nothing")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match=r"notes\.txt: a file of text; a SOURCE is"):
        check_folder(tmp_path / "notes.txt")
    with pytest.raises(InputError, match="no images in it"):
        check_folder(tmp_path)
    (tmp_path / "a.png").write_text("x")
    with pytest.raises(InputError, match=r"none of its 1 images.*a\.png: not a readable"):
        check_folder(tmp_path)


def test_command(ward: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")  # not UTF-8
    dog(40).save(ward / name)
    before = state(ward)
    result = run_process("data", "check", "ward", "--clean", "good", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    printed = json.loads(result.stdout)
    kept = json.loads((tmp_path / "runs" / "check-ward" / "results.json").read_text())
    assert printed == kept
    assert name in state(tmp_path / "good")
    assert len(load_images(str(tmp_path / "good"), 32).images) == kept["clean"]["copied"]
    assert kept["clean"]["copied"] == len(state(tmp_path / "good"))
    assert (tmp_path / "runs" / "check-ward" / "check.html").stat().st_size > 20_000
    assert state(ward) == before
    inside = run_command("data", "check", "ward", "--out", "ward/report", cwd=tmp_path)
    refused(inside, "not changed")
    assert state(ward) == before
