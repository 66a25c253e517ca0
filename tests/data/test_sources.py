"""Every source by name: opened, located, described, replaced where it cannot be had."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pooch
import pytest
import torch

from cases.small_data import write_mnist
from PIL import Image

import genlab.data

from genlab.cli.doctor import check_machine
from genlab.common.errors import InputError
from genlab.configs.gan import scratch
from genlab.data.arrays.pictures import ArrayPictures
from genlab.data.crops.crop import Crop
from genlab.data.files.idx import FILES
from genlab.data.identity import Origin
from genlab.data.image_set import load_images
from genlab.data.inventory import inventory
from genlab.data.open import identity_of
from genlab.data.sources import SOURCES, at_hand, imagewoof, named
from genlab.data.sources.base import DigitSource, ImageSource
from genlab.data.sources.imagewoof import Imagewoof
from genlab.data.sources.toydogs import ToyDogs
from genlab.lab.report.text.data_words import data_name
from genlab.lab.report.writer import Writer
from genlab.lab.verify.bench import Bench
from genlab.lab.verify.readers.record import SubmittedRecord


def test_toydogs_source() -> None:
    few = load_images("toydogs:5", 32)
    more = load_images("toydogs:7", 32)
    assert torch.equal(more.images[:5], few.images)
    assert few.identity.stand_in
    with pytest.raises(InputError, match="toydogs:500, not 'many'"):
        load_images("toydogs:many", 32)


def test_unknown_source_says_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mnist-5k.*genlab data"):
        genlab.data.splits("nmist")
    with pytest.raises(InputError, match=r"toydogs.*genlab data"):
        load_images(str(tmp_path / "nothing"), 64)


def test_a_name_that_is_too_long_for_a_file_is_of_no_source() -> None:
    for open_source in (genlab.data.splits, genlab.data.images, identity_of):
        with pytest.raises(InputError, match="no such"):
            open_source("x" * 5000)


def test_what_is_no_source_of_images_says_what_is(tmp_path: Path) -> None:
    (tmp_path / "some.zip").write_bytes(b"x")
    (tmp_path / "some.txt").write_bytes(b"x")
    for source, words in (
        (str(tmp_path / "some.zip"), "not a readable zip"),
        (str(tmp_path / "some.txt"), "some.txt: a file of text; a SOURCE is a name"),
        (str(tmp_path / "none"), "no such file, folder or name; the names are "),
    ):
        with pytest.raises(InputError, match=words):
            load_images(source, 64)
    with pytest.raises(InputError, match="^mnist:5: its images are taken whole; give mnist"):
        genlab.data.splits("mnist:5")


def test_a_partial_imagewoof_is_noticed_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path))
    monkeypatch.setattr(imagewoof, "PHOTOGRAPHS", 2)
    breaks = True

    def retrieve(*_: object, processor: pooch.Untar) -> None:
        folder = Path(processor.extract_dir)
        folder.mkdir()
        Image.new("RGB", (20, 20)).save(folder / "0.JPEG")
        if breaks:
            raise KeyboardInterrupt
        Image.new("RGB", (20, 20)).save(folder / "1.JPEG")

    monkeypatch.setattr("pooch.retrieve", retrieve)
    with pytest.raises(KeyboardInterrupt):
        Imagewoof().fetch()
    assert Imagewoof().locate() is None
    place = tmp_path / "imagewoof2-160" / "train"
    place.mkdir(parents=True)  # as an interrupted copy leaves it: one photograph, one empty
    (place / "0.JPEG").write_bytes(b"x")
    (place / "1.JPEG").write_bytes(b"")
    assert Imagewoof().locate() is None
    with pytest.raises(KeyboardInterrupt):
        Imagewoof().fetch()
    assert place.exists(), "what is there stays until there is something better"
    assert "has 1 of 2 photographs" in capsys.readouterr().err
    breaks = False
    folder = Imagewoof().fetch()
    assert sorted(p.name for p in folder.iterdir()) == ["0.JPEG", "1.JPEG"]
    assert Imagewoof().locate() == str(folder)
    assert [p.name for p in tmp_path.iterdir()] == [folder.name]


def test_one_unusable_source_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENLAB_DATA", str(tmp_path))
    monkeypatch.setattr(ToyDogs, "count", 3)
    (tmp_path / "dogs").mkdir()
    write_mnist(tmp_path / "mnist")
    (tmp_path / "mnist" / f"{FILES['test labels']}.gz").unlink()
    rows = {row["name"]: row for row in inventory()}
    checks = {check["what"]: check for check in check_machine()}
    assert set(rows) == set(SOURCES)
    for name, words in (("dogs", "no images in it"), ("mnist", "t10k-labels-idx1-ubyte is miss")):
        assert words in rows[name]["problem"]
        assert words in checks[f"data {name}"]["found"]
        assert not checks[f"data {name}"]["ok"]
    assert rows["toydogs"]["problem"] is None
    assert checks["data toydogs"]["ok"]


def test_fallback_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GENLAB_DATA", raising=False)

    def offline(*arguments: object, **options: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("pooch.retrieve", offline)
    assert at_hand("mnist") == "mnist-5k"
    said = capsys.readouterr().err
    assert "mnist is not at hand; mnist-5k stands in for it" in said
    assert "GENLAB_DATA" in said
    assert at_hand("mnist-5k") == "mnist-5k"
    assert at_hand("dogs") == "toydogs:1500"
    said = capsys.readouterr().err
    assert "dogs is not at hand; imagewoof-160 stands in for it" in said
    assert "imagewoof-160 is not at hand; toydogs:1500 stands in for it" in said
    (tmp_path / "dogs").mkdir()
    monkeypatch.setenv("GENLAB_DATA", str(tmp_path))
    assert at_hand("dogs") == "dogs"  # empty: an error later, and no silent stand-in
    assert capsys.readouterr().err == ""


def test_every_source_says_what_it_is_and_how_to_get_it() -> None:
    for name, source in SOURCES.items():
        assert source.name == name
        assert source.kind == ("digits" if isinstance(source, DigitSource) else "images")
        assert source.zh
        assert source.en
        assert source.licence
        assert source.contents
        assert source.how or source.locate(), name
        assert source.fallback is None or named(source.fallback)[0] is not None


class Squares(ImageSource):
    """Sixty squares, one grey level each: a kind of data in two places, this class and a row."""

    name = "squares"
    zh, en = "{count}个方块", "{count} squares"
    contents, licence, how = "60 squares", "CC0", "they are always there"

    def locate(self) -> str:
        return "made by a test"

    def check(self) -> None:
        pass

    def open(self, source: str, size: int | None, crop: Crop, limit: int | None) -> ArrayPictures:
        del crop
        levels = np.arange(60, dtype=np.uint8)[:limit, None, None]
        images = np.broadcast_to(4 * levels, (len(levels), 16, 16))
        return ArrayPictures.open(images, Origin(source, "squares", self.licence), size)


def test_a_source_is_its_class_and_a_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Opening, training, the inventory, the doctor, the report and the verifier follow."""
    monkeypatch.setitem(SOURCES, "squares", Squares())
    pictures = genlab.data.images("squares:5", 16)
    assert [int(pictures.read(i).max()) for i in range(len(pictures))] == [0, 4, 8, 12, 16]
    assert load_images("squares", 16, limit=50).images.shape == (50, 3, 16, 16)
    assert genlab.data.splits("squares:50").train.shape == (45, 64, 64)
    row = {row["name"]: row for row in inventory()}["squares"]
    assert (row["kind"], row["place"]) == ("images", "made by a test")
    check = {check["what"]: check for check in check_machine()}["data squares"]
    assert check["ok"]
    assert data_name(Writer("en"), pictures.identity) == "5 squares"
    config = replace(scratch("squares"), size=64, images=20)
    env = {"data": {"images": asdict(load_images("squares", 64, limit=20).identity)}}
    assert len(Bench().dogs(SubmittedRecord(tmp_path / "env.json", env), config)) == 20
    assert capsys.readouterr().out == ""
