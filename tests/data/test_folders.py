"""Folders as people have them: hidden files, odd suffixes, splits, other files beside them."""

import hashlib
import io
import json
import os
import shutil
import zipfile

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cases.command import run_command
from PIL import Image, PngImagePlugin

import genlab.data

from genlab.common.errors import InputError
from genlab.configs.gan import scratch
from genlab.data.check.clean import clean_copy
from genlab.data.check.folder import check_folder
from genlab.data.classes import by_folder
from genlab.data.image_set import load_images
from genlab.data.pictures import shorter_sides
from genlab.data.split_names import split_of
from genlab.features.extraction import extract
from genlab.features.registry import load_extractor
from genlab.gan.training.time_budget import describe_run
from genlab.gan.training.train import train_gan


def picture(index: int, side: int = 24) -> Image.Image:
    coarse = np.random.default_rng(index).integers(0, 256, (4, 4, 3)).astype(np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


def encoded(index: int, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    picture(index).save(buffer, form)
    return buffer.getvalue()


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def zipped(folder: Path) -> Path:
    path = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder).as_posix())
    return path


HIDDEN_FOLDERS = (
    ".ipynb_checkpoints", ".git", "__MACOSX", "@eaDir", "$RECYCLE.BIN", ".thumbnails",
    "System Volume Information", "lost+found", ".Trash-1000", "#recycle",
)  # fmt: skip
HIDDEN_FILES = (".hidden.png", "._a.png", "Thumbs.db", "desktop.ini", ".DS_Store", "THUMBS.DB")


@pytest.fixture
def littered(tmp_path: Path) -> Path:
    """Four pictures of two classes, and what systems and programs leave beside them."""
    root = tmp_path / "set"
    for index in range(4):
        put(root / "ab"[index % 2] / f"{index}.png", encoded(index))
    for name in HIDDEN_FOLDERS:
        put(root / name / "0.png", encoded(50))
        put(root / "a" / name / "deep" / "0-checkpoint.png", encoded(0))
    for name in HIDDEN_FILES:
        put(root / "b" / name, encoded(60))
    return root


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_hidden_and_system_files_are_never_data(
    littered: Path, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = littered if kind == "folder" else zipped(littered)
    pictures = genlab.data.images(source)
    assert list(pictures.paths) == ["a/0.png", "a/2.png", "b/1.png", "b/3.png"]
    said = capsys.readouterr().err
    assert "2 hidden folders .ipynb_checkpoints with 2 files" in said
    assert f"{len(HIDDEN_FILES)} hidden or system files" in said
    genlab.data.images(source)
    assert capsys.readouterr().err == "", "it is said once"
    assert by_folder(pictures.paths, "set").names == ("a", "b")
    found = check_folder(source)
    assert (found["images"], found["groups"]) == (4, [])
    clean_copy(found, source, tmp_path / "clean")
    kept = [p for p in (tmp_path / "clean").rglob("*") if p.is_file()]
    assert sorted(p.relative_to(tmp_path / "clean").as_posix() for p in kept) == [
        "a/0.png", "a/2.png", "b/1.png", "b/3.png",
    ]  # fmt: skip


def test_a_source_below_a_hidden_folder_is_a_source(littered: Path, tmp_path: Path) -> None:
    place = tmp_path / ".cache" / "__MACOSX" / ".set"
    shutil.copytree(littered, place)
    assert len(genlab.data.images(place)) == 4


def test_what_pillow_reads_is_read_by_content(tmp_path: Path) -> None:
    """Whatever the suffix: the format's own, in capitals, another format's, or none."""
    folder, wanted = tmp_path / "set", []
    forms = {"JPEG": "jfif", "PNG": "PNG", "GIF": "gif", "WEBP": "WebP", "BMP": "bmp",
             "TIFF": "TIF", "PPM": "ppm", "AVIF": "avif", "JPEG2000": "jp2", "QOI": "qoi",
             "TGA": "tga"}  # fmt: skip
    for index, (form, suffix) in enumerate(forms.items()):
        data = encoded(index, form)
        names = [f"{index:02d}-own.{suffix}"]
        if form != "TGA":  # it has no signature to know it by
            names += [f"{index:02d}-wrong.jpg", f"{index:02d}-none", f"{index:02d}-odd.dat"]
        for name in names:
            put(folder / name, data)
            wanted.append((name, np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))))
    for source in (folder, zipped(folder)):
        pictures = genlab.data.images(source)
        assert sorted(pictures.paths) == sorted(name for name, _ in wanted)
        seen = dict(zip(pictures.paths, range(len(pictures))))
        for name, pixels in wanted:
            np.testing.assert_array_equal(
                pictures.read(seen[name]).numpy().transpose(1, 2, 0), pixels, err_msg=name
            )


def test_what_is_left_out_is_counted_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "set"
    for index in range(20):
        put(folder / f"{index:02d}.png", encoded(index))
        put(folder / f"{index:02d}.heic", b"\0\0\0\x18ftypheic" + bytes(40))
        put(folder / f"{index:02d}.json", json.dumps({"n": index}).encode())
    for name, data in {
        "BMW.txt": b"BMW is no bitmap", "P1.txt": b"P1 is no bitmap either", "a.csv": b"1,2",
        "raw.NEF": encoded(0, "TIFF"), "notes": b"", "x.zip": b"PK\3\4", "b.xml": b"<?xml",
        "doc.pdf": b"%PDF-1.4", "film.mp4": b"\0\0\0\x18ftypmp42", "s.h5": b"\x89HDF\r\n\x1a\n",
    }.items():
        put(folder / name, data)
    for source in (folder, zipped(folder)):
        assert len(genlab.data.images(source, 24)) == 20
        assert len(load_images(str(source), 24).images) == 20
        assert len(extract(str(source), load_extractor("pixels"), cache=False)) == 20
        said = capsys.readouterr().err
        assert said.count("left out") == 1
        for words in ("20 .heic (this Pillow cannot read them; install pillow-heif)", "20 .json",
                      "2 .txt", "1 .csv", "1 .nef (a camera's raw data", "1 without a suffix"):
            assert words in said, words
        found = check_folder(source)
        assert sum(found["other_files"].values()) == 50
        assert any("20 .heic" in line for line in found["advice"])


def test_a_plugin_of_pillow_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pillow-heif registers HEIC: a format's opener, its signature and its suffix."""
    class Wrapped(PngImagePlugin.PngImageFile):
        format = "HEIF"

        def _open(self) -> None:
            self.fp.seek(16)
            self.fp = io.BytesIO(self.fp.read())
            super()._open()

    Image.init()
    monkeypatch.setattr(Image, "ID", [*Image.ID, "HEIF"])
    monkeypatch.setitem(Image.OPEN, "HEIF", (Wrapped, lambda head: head[4:12] == b"ftypheic"))
    monkeypatch.setitem(Image.EXTENSION, ".heic", "HEIF")
    for name in ("a.HEIC", "b.jpg", "c"):
        put(tmp_path / "set" / name, b"\0\0\0\x10ftypheic\0\0\0\0" + encoded(1))
    pictures = genlab.data.images(tmp_path / "set")
    assert list(pictures.paths) == ["a.HEIC", "b.jpg", "c"]
    assert (pictures.read(0).numpy().transpose(1, 2, 0) == np.asarray(picture(1))).all()


def test_unreadable_pictures_are_one_list(tmp_path: Path) -> None:
    """Links to nothing, no header, truncation: all in the first error, whoever asks."""
    folder, whole = tmp_path / "set", encoded(1, "BMP")
    for index in range(12):
        put(folder / f"{index:02d}.png", encoded(index))
    bad = {"a.jpg": b"", "b.png": b"<html>404</html>", "c.bmp": whole[: len(whole) // 2],
           "d.png": encoded(1)[:60], "e.jpg": b"\0\0\0\x18ftypheic" + bytes(40)}  # fmt: skip
    for name, data in bad.items():
        put(folder / name, data)
    pictures = genlab.data.images(folder)
    for refused in (lambda: shorter_sides(pictures), lambda: load_images(str(folder), 16)):
        with pytest.raises(InputError, match="5 of 17 images cannot be used") as caught:
            refused()
        for words in ("a.jpg: not a readable image (an empty file)", "b.png", "c.bmp", "d.png",
                      "e.jpg: not a readable image (HEIC by content"):
            assert words in str(caught.value)
    (folder / "f.png").symlink_to(folder / "gone.png")
    with pytest.raises(InputError, match="6 of 18 images cannot be used") as caught:
        genlab.data.images(folder)
    assert "f.png: a link to nothing" in str(caught.value)
    assert "c.bmp" in str(caught.value)


def test_names_in_zips_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Backslashes of old programs; UTF-8 and GBK without the flag that says so."""
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for index in range(3):
            archive.writestr(zipfile.ZipInfo("X" * 9 + f"{index}"), encoded(index))
    data = (tmp_path / "set.zip").read_bytes()
    written = b"cls\\000.png", "狗/00.png".encode(), "猫咪/0.png".encode("gbk")
    for index, name in enumerate(written):
        data = data.replace(b"X" * 9 + str(index).encode(), name.ljust(10, b"0")[:10])
    (tmp_path / "set.zip").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        assert len(archive.namelist()) == 3
    found = by_folder(genlab.data.images(tmp_path / "set.zip").paths, "zip")
    assert set(found.names) == {"cls", "狗", "猫咪"}


@pytest.mark.parametrize("split", [
    "train", "Training", "trn", "tr", "TRAIN", "train_set", "train-images", "TrainingSet",
    "train2017", "training_data", "images_train", "imagesTr", "训练集",
])  # fmt: skip
def test_names_of_training_splits(split: str) -> None:
    assert split_of(split) == "train"


def test_names_of_other_splits_and_of_none() -> None:
    for name in ("test", "testing", "tst", "test_set", "Test-Images", "eval", "测试集"):
        assert split_of(name) == "test", name
    for name in ("val", "valid", "validation", "dev", "val_256", "valset", "验证集"):
        assert split_of(name) == "valid", name
    for name in ("images", "data", "dataset", "all_images", "photos", "JPEGImages"):
        assert split_of(name) == "whole", name
    for name in ("trainer", "terrier", "devon-rex", "latest", "0", "n02086240", "training-wheels",
                 "database", "trees", "images of dogs", "valley", "testa"):
        assert split_of(name) is None, name


def test_classes_are_looked_for_past_splits() -> None:
    def classes(*paths: str) -> dict[str, int]:
        found = by_folder(paths, "DIR")
        return dict(zip(found.names, found.counts))

    two = {"a": 2, "b": 2}
    assert classes("train/a/1", "train/b/2", "testing/a/3", "testing/b/4") == two
    assert classes("Train_Set/a/1", "Train_Set/b/2", "Val/b/3", "dev/a/4") == two
    assert classes("set/images/train/a/1", "set/images/train/b/2", "set/images/a/3",
                   "set/images/b/4") == {"a": 1, "b": 1, "train": 2}  # fmt: skip
    assert classes("x/y/train/a/1", "x/y/train/b/2", "x/y/test/images/a/3", "x/y/test/b/4") == {
        "a": 1, "b": 2, "images": 1,
    }  # fmt: skip
    assert classes("data/data/a/1", "data/data/a/2", "data/data/b/1/1", "data/data/b/2/2") == two
    assert classes("train/1", "car/2") == {"car": 1, "train": 1}, "a class beside others"
    for paths, words in (
        (["train/a/1", "train/b/2", "test/3"], "test/3: in no sub-folder"),
        (["train/1", "test/2"], "in no sub-folder"),
        (["train/a/1", "test/a/2"], "every image lies in a"),
    ):
        with pytest.raises(InputError, match=words):
            by_folder(paths, "DIR")


def test_classes_and_counts_are_shown_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "set"
    for index in range(18):
        split = ("train", "testing")[index // 3 % 2]
        put(folder / split / "abc"[index % 3] / f"{index}", encoded(index))
    config = scratch(str(folder), epochs=1)
    config = replace(config, classes="folders", measure_every=0, batch=64)
    found = describe_run(load_images(config.data, 64), config, None, tmp_path / "run")
    assert found["classes"] == {"a": 6, "b": 6, "c": 6}
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="in the way"):
        train_gan(config, tmp_path / "file")
    assert "3 classes by folders, with their training images: a 6, b 6, c 6" in (
        capsys.readouterr().err
    )


def test_surrogate_names_and_unreadable_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path / "set" / os.fsdecode(b"caf\xe9.png"), encoded(0))
    put(tmp_path / "set" / os.fsdecode(b"x.\xe9\n"), b"x")
    pictures = genlab.data.images(tmp_path / "set")
    assert all(name.isprintable() for name in pictures.names)
    assert len(capsys.readouterr().err.splitlines()) == 1
    if os.geteuid() == 0:
        pytest.skip("root opens every folder")
    put(tmp_path / "set" / "shut" / "1.png", encoded(1))
    (tmp_path / "set" / "shut").chmod(0)
    with pytest.raises(InputError, match=r"shut: a folder that cannot be opened \(Permission"):
        genlab.data.images(tmp_path / "set")


def test_pipes_circles_and_locked_members(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "set"
    for index in range(3):
        put(folder / f"{index}.png", encoded(index))
    os.mkfifo(folder / "pipe.png")
    (folder / "up").symlink_to("..")
    assert len(genlab.data.images(folder)) == 3
    said = capsys.readouterr().err
    with pytest.raises(InputError, match=r"pipe\.png: a pipe or a device"):
        genlab.data.images(folder / "pipe.png")
    assert "1 pipe, device or link to nothing, 1 link to folders, as up (not followed" in said
    (folder / "circle.png").symlink_to("circle.png")
    with pytest.raises(InputError, match=r"circle\.png: a link to nothing"):
        genlab.data.images(folder)
    (folder / "circle.png").unlink()
    (folder / "pipe.png").unlink()
    (folder / "up").unlink()
    data = bytearray(zipped(folder).read_bytes())
    for signature, place in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        data[data.index(signature) + place] |= 1
    (tmp_path / "locked.zip").write_bytes(data)
    with pytest.raises(InputError, match=r"0\.png: .*encrypted: unpack the zip with its password"):
        genlab.data.images(tmp_path / "locked.zip")


def test_commands_say_what_is_left_out_and_the_classes(tmp_path: Path) -> None:
    for index in range(18):
        put(tmp_path / "set" / "ab"[index % 2] / f"{index}.avif", encoded(index, "AVIF"))
        put(tmp_path / "set" / "ab"[index % 2] / f"{index}.heic", b"x")
    train = ("gan", "train", "set", "--recipe", "scratch", "--classes", "folders", "--dry-run")
    dry = run_command(*train, "--measure-every", "0", "--json", cwd=tmp_path)
    assert dry.returncode == 0, dry.stderr
    assert json.loads(dry.stdout)["classes"] == {"a": 9, "b": 9}
    fid = run_command("fid", "set/a", "set/b", "--features", "pixels", cwd=tmp_path)
    for ended in (dry, fid):
        assert "left out: " in ended.stderr
        assert ".heic (this Pillow cannot read them; install pillow-heif)" in ended.stderr


def test_a_folder_that_genlab_drew_into_is_read_as_it_was_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {f"{index:03d}.png": encoded(index) for index in range(4)}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    record = json.dumps({"gan": "dogs", "n": 4, "files": digests})

    def again() -> None:
        shutil.rmtree(tmp_path / "drawn", ignore_errors=True)
        for name, data in files.items():
            put(tmp_path / "drawn" / name, data)
        put(tmp_path / "drawn" / "results.json", record.encode())

    def read() -> None:
        load_images(str(tmp_path / "drawn"), 16)

    again()
    read()
    assert "left out" not in capsys.readouterr().err
    put(tmp_path / "drawn" / "002.png", encoded(9))
    with pytest.raises(InputError, match=r"drawn/002\.png: changed since genlab drew it"):
        read()
    again()
    put(tmp_path / "drawn" / "dog.jpg", encoded(9, "JPEG"))
    with pytest.raises(InputError, match=r"drawn/dog\.jpg: none of the 4 images that genlab"):
        read()
    again()
    (tmp_path / "drawn" / "003.png").unlink()
    with pytest.raises(InputError, match=r"lacks 1 of the 4 images that .* as 003\.png"):
        read()
    (tmp_path / "drawn" / "results.json").write_text('{"files": 4}')  # another program's
    read()
