"""The square of dogs' photographs that a lab takes by itself, and what its report says of it."""

from pathlib import Path

import numpy as np
import pytest

from cases.report import make_lab_run, plain_spaces
from PIL import Image

import genlab.data

from genlab.configs.lab import LabConfig
from genlab.data.crops.heads import Head, HeadFinder
from genlab.data.crops.squares import Box
from genlab.figures.preparation import LINE, TILE, preparation_sheet
from genlab.lab import crop as choice
from genlab.lab import sheet
from genlab.lab.crop import chosen_crop
from genlab.lab.report.numbers.facts import PREPARATION, missing
from genlab.lab.report.text.text import write_markdown
from genlab.runs.run import Run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten photographs of 100 x 80 pixels; image i has the grey value 20 i."""
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "photos"
    path.mkdir()
    for index in range(10):
        Image.new("RGB", (100, 80), (20 * index,) * 3).save(path / f"{index}.png")
    return path


def heads(monkeypatch: pytest.MonkeyPatch, small: int, large: int, *, side: int = 40) -> None:
    """Some images have a small head, some a large one, the others none."""

    def find(_: HeadFinder, image: Image.Image) -> Head:
        index = np.asarray(image)[0, 0, 0] // 20
        if index < small:
            return Head(Box(10, 5, side), 2.0)
        return Head(Box(0, 0, 80), 2.0 if index < small + large else -1.0)

    monkeypatch.setattr(HeadFinder, "find", find)


# the choice


@pytest.mark.parametrize(
    ("small", "large", "crop"),
    [(10, 0, "face"), (4, 2, "face"), (3, 3, "centre"), (0, 10, "centre"), (5, 0, "centre")],
)
def test_whole_photographs_of_dogs_are_known(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    small: int, large: int, crop: str,
) -> None:
    """In most a head must be found, and most heads must fill less than half of the picture."""
    heads(monkeypatch, small, large)
    assert chosen_crop(str(folder)) == crop
    said = capsys.readouterr().err
    assert ("--crop face" in said) == (crop == "face")
    if crop == "face":
        found = small + large
        assert f"of 10 images looked at, {found} show a dog's head, and in {small} it" in said


@pytest.mark.parametrize(("side", "crop"), [(63, "face"), (64, "centre")])
def test_half_of_the_picture_is_not_less_than_half(
    folder: Path, monkeypatch: pytest.MonkeyPatch, side: int, crop: str
) -> None:
    """Of 8,000 pixels 63 x 63 are 3,969, and 64 x 64 are 4,096."""
    heads(monkeypatch, 10, 0, side=side)
    assert chosen_crop(str(folder)) == crop


def test_only_a_sample_is_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = list[int]()

    def find(_: HeadFinder, image: Image.Image) -> Head:
        looked.append(int(np.asarray(image)[0, 0, 0]) // 20)
        return Head(Box(0, 0, 10), 1.0)

    monkeypatch.setattr(HeadFinder, "find", find)
    monkeypatch.setattr(choice, "SAMPLE", 4)
    assert chosen_crop(str(folder)) == "face"
    assert len(set(looked)) == len(looked) == 4
    assert sorted(looked) != [0, 1, 2, 3]


def test_what_is_no_file_of_photographs_is_taken_as_it_is(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 32, 32, 3), np.uint8))
    assert chosen_crop("toydogs:8") == "centre"
    assert chosen_crop(str(tmp_path / "a.npy")) == "centre"


def test_without_the_network_nothing_is_looked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "at_hand", lambda: False)
    monkeypatch.setattr(HeadFinder, "__init__", None)
    assert chosen_crop(str(folder)) == "centre"


@pytest.mark.slow
def test_of_real_dogs_whole_photographs_are_told_from_faces(real_data: Path) -> None:
    found = {name: chosen_crop(str(real_data / "dogs" / name)) for name in ("photos", "faces")}
    assert found == {"photos": "face", "faces": "centre"}


# the lab


def test_the_lab_plans_with_the_crop(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads(monkeypatch, 10, 0)
    given = {"mnist": "mnist-5k", "dogs": str(folder)}
    for crop, planned in ((None, "face"), ("centre", "centre"), ("subject", "subject")):
        found = sheet.plan(LabConfig(**given, crop=crop), tmp_path / "run")
        assert (found["lab"]["crop"], found["gan"]["crop"]) == (crop, planned)
    began = make_lab_run(tmp_path / "run", crop="subject")  # it goes on with what it took
    assert sheet.plan(LabConfig(**given), began)["gan"]["crop"] == "subject"


def test_the_sheet_outlines_the_squares(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heads(monkeypatch, 8, 1)
    photos = genlab.data.images(folder, 32, "face")
    found = preparation_sheet(photos)  # pyright: ignore[reportArgumentType]
    scale, band, gap = TILE / 100, (TILE - round(0.8 * TILE)) // 2, 2
    for index in range(8):  # in their order, each outlined where its head is
        left = gap + index * (TILE + gap)
        photo = found[gap : gap + TILE, left : left + TILE]
        assert tuple(photo[0, 0]) == (255, 255, 255)
        assert tuple(photo[band + round(5 * scale), round(10 * scale)]) == LINE
        assert tuple(photo[band + round(25 * scale), round(30 * scale)]) == (20 * index,) * 3
        assert (found[2 * gap + TILE : -gap, left : left + TILE] == 20 * index).all()
    assert photos.identity.without_square == 1


# the report


@pytest.mark.parametrize("crop", ["face", "boxes", "subject"])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_report_says_what_was_taken(tmp_path: Path, crop: str, lang: str) -> None:
    run = make_lab_run(tmp_path, crop=crop, lang=lang)
    text = plain_spaces(write_markdown(Run(run), lang))
    assert f"gan/{PREPARATION}" in text
    assert ("1,217" in text) == (crop != "subject")
    assert {"zh": "所取的正方形", "en": "the square outlined in red"}[lang] in text
    (run / "gan" / PREPARATION).unlink()
    assert missing(run) == [f"gan/{PREPARATION}"]


def test_of_central_squares_nothing_is_said(tmp_path: Path) -> None:
    run = make_lab_run(tmp_path)
    assert PREPARATION not in write_markdown(Run(run), "en")
    assert not (run / "gan" / PREPARATION).exists()
    assert missing(run) == []
