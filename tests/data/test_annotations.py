"""Rectangles beside pictures: where they are found, which squares they give, what is refused."""

import json
import zipfile

from pathlib import Path

import numpy as np
import pytest

from cases.command import run_command
from PIL import Image

import genlab.data

from genlab.common.errors import InputError
from genlab.data.crops.annotations import Rectangle, around
from genlab.data.crops.squares import Box
from genlab.data.files.pictures import FilePictures
from genlab.data.image_set import load_images

VOC = """<annotation>
  <folder>dogs</folder><filename>{stem}</filename>
  <size><width>60</width><height>40</height><depth>3</depth></size>
  {objects}
</annotation>
"""


def voc(*rectangles: tuple[float, float, float, float], stem: str = "any") -> str:
    objects = "".join(
        "<object><name>dog</name><bndbox>"
        f"<xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
        for a, b, c, d in rectangles
    )
    return VOC.format(stem=stem, objects=objects)


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    Image.fromarray(random.integers(0, 256, (40, 60, 3)).astype(np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))
    for index in range(4):
        picture(tmp_path / "set" / "Images" / f"{index}.png", index)
    return tmp_path / "set"


def opened(source: Path, size: int = 20) -> FilePictures:
    found = genlab.data.images(source, size, "boxes")
    assert isinstance(found, FilePictures)
    return found


def cut(folder: Path, index: int, box: Box) -> np.ndarray:
    left, top, side = box
    whole = np.asarray(Image.open(folder / "Images" / f"{index}.png"))
    return whole[top : top + side, left : left + side]


# squares


@pytest.mark.parametrize(
    ("rectangle", "box"),
    [
        ((10, 5, 30, 25), Box(10, 5, 20)),  # a square
        ((10, 10, 30, 20), Box(10, 5, 20)),  # wide: the same middle
        ((0, 10, 30, 20), Box(0, 0, 30)),  # moved until the image holds it
        ((2, 1, 58, 39), Box(10, 0, 40)),  # wider than the image is high
        ((-5, -5, 20, 20), Box(0, 0, 20)),  # what lies outside does not count
        ((50, 30, 61, 41), Box(50, 30, 10)),
    ],
)
def test_the_square_is_around_the_rectangle(
    rectangle: tuple[float, float, float, float], box: Box
) -> None:
    assert around(Rectangle(*rectangle), 60, 40, "a.png") == box


def test_a_rectangle_outside_of_its_picture_is_refused() -> None:
    with pytest.raises(InputError, match=r"a\.png: its rectangle \(60, 0, 70, 10\) lies outside"):
        around(Rectangle(60, 0, 70, 10), 60, 40, "a.png")


# where they lie


@pytest.mark.parametrize("place", ["Images/{}.xml", "Annotations/{}.xml", "Annotation/n02/{}"])
def test_annotations_are_found_beside_the_pictures(
    folder: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a suffix or, as those of Stanford Dogs, without; 3 has none, and 2 has two objects."""
    rectangles = {0: [(10, 5, 30, 25)], 1: [(20, 10, 40, 30)], 2: [(0, 0, 9, 9), (30, 10, 50, 30)]}
    for index, several in rectangles.items():
        note = folder / place.format(index)
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(voc(*several))
    found = opened(folder)
    assert list(found.paths) == ["Images/0.png", "Images/1.png", "Images/2.png"]
    for index, corner in enumerate(((10, 5), (20, 10), (30, 10))):
        pixels = found.read(index).permute(1, 2, 0).numpy()
        np.testing.assert_array_equal(pixels, cut(folder, index, Box(*corner, 20)))
    assert found.left_out == ("Images/3.png",)
    assert (found.identity.crop, found.identity.without_square) == ("boxes", 1)
    said = capsys.readouterr().err
    assert "3 of 4 images have a rectangle beside them" in said
    assert "xml" not in said  # they are of use


def test_a_table_gives_rectangles_by_name_or_path(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture(folder / "more" / "9.png", 9)
    (folder / "boxes.csv").write_text(
        "Filename,width,height,class,xmin,ymin,xmax,ymax\n"
        "0.png,60,40,dog,10,5,30,25\n\n"
        "Images/1.png,60,40,dog,20,10,40,30\n"
        "0.png,60,40,cat,0,0,5,5\n"
        'more\\9.png,60,40,"a, b",30,10,50,30\n'
        "gone.png,60,40,dog,0,0,5,5\n", encoding="utf-8-sig",
    )
    (folder / "other.csv").write_text("name,age\nRex,3\n")
    found = opened(folder)
    assert list(found.paths) == ["Images/0.png", "Images/1.png", "more/9.png"]
    assert found.rectangles == (
        Rectangle(10, 5, 30, 25), Rectangle(20, 10, 40, 30), Rectangle(30, 10, 50, 30)
    )
    assert "left out: 1 .csv" in capsys.readouterr().err


def test_annotations_of_one_name_belong_to_the_folder_of_their_name(folder: Path) -> None:
    for breed, left in (("pug", 0), ("lab", 20)):
        picture(folder / "Images" / breed / "a.png", left)
        note = folder / "Annotation" / breed / "a"
        note.parent.mkdir(parents=True)
        note.write_text(voc((left, 0, left + 20, 20)))
    found = opened(folder)
    given = dict(zip(found.paths, found.rectangles or ()))
    assert {path: one.left for path, one in given.items()} == {
        "Images/lab/a.png": 20, "Images/pug/a.png": 0
    }
    picture(folder / "Images" / "a.png", 5)
    with pytest.raises(InputError, match=r"a\.png: has two annotations, .*lab/a and .*pug/a"):
        opened(folder)


def test_a_zip_gives_the_same_squares(folder: Path, tmp_path: Path) -> None:
    for index in range(3):
        (folder / "Images" / f"{index}.xml").write_text(voc((10, 5 + index, 30, 25 + index)))
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in sorted(folder.rglob("*.*")):
            archive.write(path, path.relative_to(folder).as_posix())
    one, other = opened(folder), opened(tmp_path / "set.zip")
    assert one.identity.sha256 == other.identity.sha256
    assert (one.stack() == other.stack()).all()


def test_other_rectangles_are_another_set(folder: Path) -> None:
    """Of the identity, of the squares in the cache, and of the features of a selection."""
    note, seen = folder / "Images" / "0.xml", []
    for top in (0, 10, 0):
        note.write_text(voc((10, top, 30, top + 20)))
        found = opened(folder)
        seen.append((found.identity.sha256, found.stack().sum().item(), found.way))
    assert seen[0] == seen[2]
    assert all(one != other for one, other in zip(seen[0], seen[1]))
    plain = genlab.data.images(folder, 20).identity
    assert plain.sha256 not in (seen[0][0], seen[1][0])
    whole = load_images(str(folder), 20, crop="boxes")
    assert (whole.images[0] == found.read(0)).all()


# what is refused


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<annotation><object>", "0.xml: no XML"),
        ("", "0.xml: no XML"),
        (voc((30, 5, 10, 25)), "0.xml: no rectangle \\(xmin 30, ymin 5, xmax 10, ymax 25\\)"),
        (voc((float("nan"), 5, 10, 25)), "0.xml: no rectangle"),
        (voc((0, 0, 9, 9)).replace("<xmin>0</xmin>", ""), "0.xml: no rectangle \\(xmin None"),
        ('<!DOCTYPE a [<!ENTITY b "c">]>' + voc((0, 0, 9, 9)), "0.xml: declares a document type"),
        (voc((100, 0, 110, 10)), "0.png: its rectangle .* lies outside of its 60x40 pixels"),
    ],
)
def test_damaged_annotations_are_named(folder: Path, text: str, says: str) -> None:
    (folder / "Images" / "0.xml").write_text(text)
    with pytest.raises(InputError, match=says):
        opened(folder).stack()


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("0.png,a,0,9,9", "boxes.csv, line 2: no rectangle \\(xmin a"),
        ("0.png,0,0,9", "boxes.csv, line 2: no rectangle .*ymax None"),
        ('0.png,0,0,9,"9', "boxes.csv: no table of rectangles"),
    ],
)
def test_damaged_tables_are_named(folder: Path, rows: str, says: str) -> None:
    (folder / "boxes.csv").write_text(f"filename,xmin,ymin,xmax,ymax\n{rows}\n")
    with pytest.raises(InputError, match=says):
        opened(folder)


def test_a_name_that_two_pictures_have_is_refused(folder: Path) -> None:
    picture(folder / "more" / "0.png", 9)
    (folder / "boxes.csv").write_text("filename,xmin,ymin,xmax,ymax\n0.png,0,0,9,9\n")
    with pytest.raises(InputError, match=r"line 2: 2 pictures are called 0\.png"):
        opened(folder)


def test_without_rectangles_it_is_said_what_to_give(folder: Path, tmp_path: Path) -> None:
    ended = run_command("data", "prepare", str(folder), "made", "--crop", "boxes", cwd=tmp_path)
    assert ended.returncode == 2
    assert "no rectangles beside the pictures; give the folder or zip" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_prepared_folder_is_of_these_squares(folder: Path, tmp_path: Path) -> None:
    for index in range(3):
        (folder / "Images" / f"{index}.xml").write_text(voc((10, 5, 30, 25)))
    ended = run_command(
        "data", "prepare", str(folder), "made", "--crop", "boxes", "--size", "20", cwd=tmp_path
    )
    assert ended.returncode == 0, ended.stderr
    assert "3 of 4 images taken" in ended.stdout
    made = np.asarray(Image.open(tmp_path / "made" / "Images" / "1.png"))
    np.testing.assert_array_equal(made, cut(folder, 1, Box(10, 5, 20)))
    assert json.loads((tmp_path / "made" / "results.json").read_text())["without_square"] == 1
    page = (tmp_path / "made.html").read_text()
    assert "the square around the rectangle that is given" in page
    assert "Left out: no rectangle is given" in page
